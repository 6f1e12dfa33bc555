//! Mirrors: a source, a target and the rules between them.

mod sides;
mod target;

use std::fmt;
use std::path::{Component, PathBuf};
use std::time::Duration;

use crate::config::raw;
use crate::config::rule::rules;
use crate::config::schedule::Schedule;
use crate::config::written::{Common, Form, Written};
use crate::oci::{Host, LayoutName, Name, Platform, Tag};
use crate::select;
use crate::yaml::{Document, Path};

pub(super) use self::sides::repository;
use self::sides::{Sides, sides};

/// Marks a directory in the OCI image layout where a repository may stand.
const LAYOUT_PREFIX: &str = "oci:";
/// Stands before the name of a repository in such a directory.
const LAYOUT_NAME_MARK: char = '#';
/// Names are labels of metrics and part of addresses.
const NAME_MAX_CHARS: usize = 128;

/// Source repositories, a target repository, and the rules that choose the tags. A mirror with several targets is one of these
/// for each.
#[derive(Clone, Debug)]
pub struct Mirror {
    /// What it is called; unique, but for the targets of one mirror.
    pub name: String,
    /// The name that says in which shard it is: that of the first mirror with which it shares a target, if any.
    pub shard: String,
    /// Where images come from.
    pub source: Endpoint,
    /// Where they come from as far as those before do not have them, in the order of preference.
    pub other_sources: Vec<Endpoint>,
    /// Where they go.
    pub target: Endpoint,
    /// The first target of several, where this is a further one: it is filled from that.
    pub first_target: Option<Endpoint>,
    /// What chooses tags; at least one.
    pub rules: Vec<select::Rule>,
    /// Fewer selected tags fail the mirror; what was selected is copied all the same.
    pub at_least: usize,
    /// Only these platforms are kept; all, when empty.
    pub platforms: Vec<Platform>,
    /// Whether signatures, SBOMs and attestations are copied too.
    pub referrers: bool,
    /// When the daemon runs it; only when asked, when none.
    pub schedule: Option<Schedule>,
    /// How old its last success may become; as the schedule says, when none.
    pub fresh_within: Option<Duration>,
    /// The source as it is written, `HOST/PATH/*`, where this one was discovered.
    pub discovered_by: Option<String>,
    /// Why not all repositories that the source stands for are mirrors. There is nothing to copy then: each pass fails with this.
    pub undiscovered: Option<String>,
    /// The only tag of the source that this run is about; none for all that the rules choose.
    pub only: Option<Tag>,
}

/// A side of a mirror.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// A repository in a registry.
    Registry(Name),
    /// A directory in the OCI image layout.
    Layout {
        /// The directory.
        dir: PathBuf,
        /// Which of the repositories in it; none for the one whose tags have no name before them.
        name: Option<LayoutName>,
    },
    /// Repositories of which it is not known which there are.
    Pattern {
        /// How it is written: `HOST/PATH/*`, or a target with `{path}` in it.
        text: String,
        /// A place that it stands for, which need not exist.
        example: Box<Endpoint>,
    },
}

impl Endpoint {
    /// Reads `oci:DIR` or `oci:DIR#NAME`; none for what is not written so. An address, `oci://…`, is none of ours.
    pub fn layout(text: &str) -> Option<Result<Self, String>> {
        let rest = text.strip_prefix(LAYOUT_PREFIX).filter(|rest| !rest.starts_with("//"))?;
        let (dir, name) = match rest.rsplit_once(LAYOUT_NAME_MARK) {
            Some((dir, name)) => (dir, Some(name.parse::<LayoutName>())),
            None => (rest, None),
        };
        if dir.is_empty() {
            return Some(Err("no directory: write `oci:DIR` or `oci:DIR#NAME`".to_owned()));
        }
        let layout = name.transpose().map(|name| Self::Layout { dir: dir.into(), name });
        Some(layout.map_err(|error| error.to_string()))
    }

    /// Which repository it is, without where: a path, its name in a layout, or else that of the directory.
    pub fn path(&self) -> String {
        match self {
            Self::Registry(name) => name.repository.to_string(),
            Self::Layout { name: Some(name), .. } => name.to_string(),
            Self::Layout { dir, name: None } => {
                dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy().into_owned()
            }
            Self::Pattern { text, .. } => text.clone(),
        }
    }

    /// The registry's host; a directory has none.
    pub fn host(&self) -> Option<&Host> {
        match self {
            Self::Registry(name) => Some(&name.host),
            Self::Layout { .. } => None,
            Self::Pattern { example, .. } => example.host(),
        }
    }
}

impl Endpoint {
    /// Equal for all ways to write one place: `oci:./x/` is `oci:x`.
    pub(super) fn place(&self) -> Self {
        match self {
            Self::Registry(_) | Self::Pattern { .. } => self.clone(),
            Self::Layout { dir, name } => {
                let dir = dir.components().filter(|part| *part != Component::CurDir).collect();
                Self::Layout { dir, name: name.clone() }
            }
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(name) => name.fmt(f),
            Self::Layout { dir, name } => {
                write!(f, "{LAYOUT_PREFIX}{}", dir.display())?;
                name.iter().try_for_each(|name| write!(f, "{LAYOUT_NAME_MARK}{name}"))
            }
            Self::Pattern { text, .. } => f.write_str(text),
        }
    }
}

impl Mirror {
    /// A mirror of what one rule chooses, all else as by default.
    pub fn of(source: Endpoint, target: Endpoint, rule: select::Rule) -> Self {
        Self {
            name: source.path(),
            shard: source.path(),
            source,
            other_sources: Vec::new(),
            target,
            first_target: None,
            rules: vec![rule],
            at_least: 1,
            platforms: Vec::new(),
            referrers: false,
            schedule: None,
            fresh_within: None,
            discovered_by: None,
            undiscovered: None,
            only: None,
        }
    }

    /// Whether it is called so, or a mirror of this name may be one of those that could not be discovered.
    pub(super) fn may_be(&self, name: &str) -> bool {
        let is_under = |all: &str| all.strip_suffix('*').is_some_and(|under| name.starts_with(under));
        self.name == name || self.undiscovered.is_some() && is_under(&self.name)
    }

    /// Where images come from, in the order of preference.
    pub fn sources(&self) -> impl Iterator<Item = &Endpoint> {
        std::iter::once(&self.source).chain(&self.other_sources)
    }
}

/// A mirror as it is written: one for each of its targets.
pub(super) struct Mirrors {
    pub(super) name: String,
    pub(super) first: Mirror,
    pub(super) others: Vec<Mirror>,
}

impl Mirrors {
    /// Reads one mirror.
    pub(super) fn new(written: Written, common: &Common<'_>, document: &mut Document) -> Option<Self> {
        let Written { mirror: raw, path, tags, form } = written;
        let is_image = form == Form::Images;
        let raw::Defaults { target, at_least, platforms, referrers, fresh_within } = common.defaults;
        let name = name(raw.name, &path.key("name"), document);
        if raw.except.is_some() {
            document.report_key(
                &path.key("except"),
                "has no meaning without a source such as `HOST/PATH/*`; rules of `tags` have an `except` of their own",
            );
        }
        // What is wrong with a text is told of itself.
        let source_path = if is_image { path.clone() } else { path.key("source") };
        let target_path = path.key("target");
        let target = raw.target.or_else(|| target.clone());
        let Sides { sources, targets } = sides(raw.source, target, &source_path, &target_path, document);
        let at_least = raw.at_least.or(*at_least);
        let tags_path = if is_image { path.clone() } else { path.key("tags") };
        let rules = rules(tags, at_least, &tags_path, document);
        let is_layout = |target: &Endpoint| matches!(target, Endpoint::Layout { .. });
        if targets.iter().flatten().any(is_layout) && rules.iter().any(select::Rule::is_nameless) {
            document.report(
                &tags_path,
                "an image in a directory cannot be found without a tag: add `as` to each `digest` without `tag`",
            );
        }
        let platforms_path = path.key("platforms");
        let platforms =
            self::platforms(raw.platforms.as_ref().or(platforms.as_ref()), &platforms_path, document);
        let fresh_within = raw.fresh_within.or_else(|| fresh_within.clone());
        let fresh_within = self::fresh_within(fresh_within, &path.key("fresh_within"), document);
        let schedule = match raw.schedule {
            Some(own) => Schedule::new(own, &path.key("schedule"), document),
            None => common.schedule.cloned(),
        };
        let (mut sources, mut targets) = (sources?.into_iter(), targets?.into_iter());
        let (source, target) = (sources.next()?, targets.next()?);
        let name = name.unwrap_or_else(|| source.path());
        let first = Mirror {
            name: name.clone(),
            shard: name,
            source,
            other_sources: sources.collect(),
            target,
            first_target: None,
            rules,
            at_least: at_least.map_or(1, |least| usize::try_from(least).unwrap_or(usize::MAX)),
            platforms,
            referrers: raw.referrers.or(*referrers).unwrap_or(false),
            schedule,
            fresh_within,
            discovered_by: None,
            undiscovered: None,
            only: None,
        };
        Some(Self::new_for(first, targets))
    }

    /// The same mirror of another source, which `by` discovered. It is called by host and path.
    pub(super) fn of_discovered(
        example: &Mirror,
        by: &str,
        source: String,
        target: Option<raw::OneOrMore>,
        path: &Path,
        document: &mut Document,
    ) -> Option<Self> {
        let source = Some(raw::OneOrMore::One(source));
        let Sides { sources, targets } =
            sides(source, target, &path.key("source"), &path.key("target"), document);
        let (source, mut targets) = (sources?.into_iter().next()?, targets?.into_iter());
        // By the file alone: a name that depended on what other registries list would move from one mirror to another.
        let name = source.to_string();
        let first = Mirror {
            name: name.clone(),
            shard: name,
            source,
            target: targets.next()?,
            discovered_by: Some(by.to_owned()),
            ..example.clone()
        };
        Some(Self::new_for(first, targets))
    }

    /// Where it goes.
    pub(super) fn targets(&self) -> impl Iterator<Item = Endpoint> {
        std::iter::once(&self.first).chain(&self.others).map(|mirror| mirror.target.place())
    }

    /// A mirror into its first target, and into further ones.
    fn new_for(first: Mirror, further: impl Iterator<Item = Endpoint>) -> Self {
        let of = |target| Mirror { target, first_target: Some(first.target.clone()), ..first.clone() };
        let others = further.map(of).collect();
        Self { name: first.name.clone(), first, others }
    }
}

fn fresh_within(text: Option<String>, path: &Path, document: &mut Document) -> Option<Duration> {
    let span = document.duration(text, path);
    if span.is_some_and(|span| span.is_zero()) {
        document.report(path, "0 is always too old: write a span such as `26h`");
    }
    span
}

fn platforms(texts: Option<&Vec<String>>, path: &Path, document: &mut Document) -> Vec<Platform> {
    let mut platforms = Vec::new();
    for (index, text) in texts.into_iter().flatten().enumerate() {
        let platform = document.parsed::<Platform>(text, &path.index(index));
        // `linux/arm64` and `linux/arm64/v8` are one wish, which gives its manifest alone.
        platforms.extend(platform.filter(|platform| !platforms.contains(platform)));
    }
    platforms
}

fn name(name: Option<String>, path: &Path, document: &mut Document) -> Option<String> {
    let name = document.text(name, path)?;
    let is_odd = |letter: char| letter.is_whitespace() || letter.is_control();
    if name.contains(is_odd) || name.chars().count() > NAME_MAX_CHARS {
        document.report(path, format!("expected at most {NAME_MAX_CHARS} characters without spaces"));
        return None;
    }
    Some(name)
}
