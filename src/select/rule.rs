//! A rule: one way of choosing tags.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use regex::bytes::{CaptureLocations, Regex};

use crate::oci::{Digest, Tag};
use crate::select::pattern::{PatternError, compile};
use crate::select::reading::parse;
use crate::select::reading::place::Conventions;
use crate::select::template::{NameFault, Template, TemplateError};
use crate::select::version::Reading;

/// What one way of choosing tags may say; [`Rule::new`] checks it.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// A regular expression over the whole tag, anchored only where it anchors itself. A group named `version` is
    /// all that gets compared; what a group named `revision` matched counts rebuilds; a group named `variant` replaces
    /// the detected variant, and where it matches nothing there is none.
    ///
    /// It counts where neither `tag` nor `digest` says what is wanted.
    pub pattern: String,
    /// The one tag that is wanted, by its name.
    pub tag: Option<Tag>,
    /// The digest that the image has to have, whatever `tag` points at; without `tag`, the image of this digest.
    pub digest: Option<Digest>,
    /// The names in the target, of which each may hold `{tag}` and named groups of `pattern`; none for the tag's own.
    pub names: Vec<String>,
    /// Tags that also match this are left out.
    pub except: Option<String>,
    /// How many versions to keep, per variant and per value of `per`.
    pub newest: Option<NonZeroUsize>,
    /// How many builds of each version count for `newest`: rebuilds, dates and commits, the newest of them.
    pub revisions: Option<NonZeroUsize>,
    /// Named groups of `pattern`. Without `newest` they have no effect.
    pub per: Vec<String>,
    /// A requirement on the first three numbers of the version.
    pub range: Option<semver::VersionReq>,
    /// Whether `newest` and `range` may choose pre-releases.
    pub prereleases: bool,
    /// Whether upstream never moves these tags.
    pub immutable: bool,
    /// How many tags the rule has to select, counted alone; 1 where nothing is said.
    pub at_least: Option<usize>,
}

/// What is wrong with a [`Spec`]. The text leaves out the field, which [`RuleError::field`] names.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum RuleError {
    /// `match` is not a regular expression.
    #[error(transparent)]
    Match(PatternError),
    /// `except` is not a regular expression.
    #[error(transparent)]
    Except(PatternError),
    /// `per` names a group that `match` does not have.
    #[error("no group named `{group}` in `match`")]
    Per {
        /// The name.
        group: String,
        /// Where it stands in `per`, from 0.
        index: usize,
    },
    /// A name in the target is none.
    #[error("{error}")]
    As {
        /// Where it stands in `as`, from 0.
        index: usize,
        /// Why.
        error: TemplateError,
    },
}

impl RuleError {
    /// The configuration key at fault.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Match(_) => "match",
            Self::Except(_) => "except",
            Self::Per { .. } => "per",
            Self::As { .. } => "as",
        }
    }
}

/// One way of choosing tags, checked and compiled.
#[derive(Clone, Debug)]
pub struct Rule {
    what: What,
    names: Vec<Template>,
    except: Option<Regex>,
    pub(super) newest: Option<NonZeroUsize>,
    pub(super) revisions: Option<NonZeroUsize>,
    at_least: Option<usize>,
    pub(super) range: Option<Arc<semver::VersionReq>>,
    pub(super) prereleases: bool,
    immutable: bool,
    groups: Groups,
}

/// What a rule asks for.
#[derive(Clone, Debug)]
enum What {
    /// Tags that match.
    Matching(Regex),
    /// A tag by its name, of this digest where one is given.
    Tag(Tag, Option<Digest>),
    /// An image by its digest.
    Digest(Digest),
}

/// The groups of `pattern` that mean something to us, by their index in it.
#[derive(Clone, Debug)]
struct Groups {
    version: Option<usize>,
    revision: Option<usize>,
    variant: Option<usize>,
    per: Vec<(String, usize)>,
}

/// What a rule's groups matched of one tag, in room that serves for all.
pub(super) struct Matched<'a> {
    spans: Option<CaptureLocations>,
    /// What each of the `per` groups matched.
    pub(super) per: Vec<&'a str>,
}

/// What a rule's patterns say of a tag.
pub(super) enum Outcome {
    /// `match` does not match.
    Unmatched,
    /// `except` does too.
    Excepted,
    /// The tag is the rule's business.
    Matched {
        /// How the rule's groups read the tag; `None` where they leave the tag as it reads itself.
        reading: Option<Box<Reading>>,
    },
}

impl Rule {
    /// Checks and compiles a rule. Fails with every fault of it.
    pub fn new(spec: Spec) -> Result<Self, Vec<RuleError>> {
        let mut errors = Vec::new();
        let what = match (spec.tag, spec.digest) {
            (Some(tag), digest) => Some(What::Tag(tag, digest)),
            (None, Some(digest)) => Some(What::Digest(digest)),
            (None, None) => {
                let pattern = compile(&spec.pattern).map_err(|error| errors.push(RuleError::Match(error)));
                pattern.ok().map(What::Matching)
            }
        };
        let except = spec.except.as_deref().map(compile).transpose();
        let except = except.map_err(|error| errors.push(RuleError::Except(error))).unwrap_or_default();
        let Some(what) = what else { return Err(errors) };
        let find = |name: &str| what.pattern()?.capture_names().position(|group| group == Some(name));
        let [version, revision, variant] = ["version", "revision", "variant"].map(find);
        let mut groups = Groups { version, revision, variant, per: Vec::new() };
        for (index, group) in spec.per.into_iter().enumerate() {
            match find(&group) {
                Some(position) => groups.per.push((group, position)),
                None => errors.push(RuleError::Per { group, index }),
            }
        }
        let mut names = Vec::with_capacity(spec.names.len());
        for (index, text) in spec.names.iter().enumerate() {
            match Template::parse(text, find, !matches!(what, What::Digest(_))) {
                Ok(template) => names.push(template),
                Err(error) => errors.push(RuleError::As { index, error }),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            what,
            names,
            except,
            newest: spec.newest,
            revisions: spec.revisions,
            at_least: spec.at_least,
            range: spec.range.map(Arc::new),
            prereleases: spec.prereleases,
            immutable: spec.immutable,
            groups,
        })
    }

    /// Whether upstream never moves the tags that this rule selects.
    pub fn immutable(&self) -> bool {
        self.immutable
    }

    /// `match`, as it was written; none where a tag or a digest is named.
    pub(super) fn pattern(&self) -> Option<&str> {
        self.what.pattern().map(Regex::as_str)
    }

    /// Whether `match` finds this text and `except` does not.
    pub(super) fn finds(&self, text: &str) -> bool {
        let is_match = |pattern: &Regex| pattern.is_match(text.as_bytes());
        self.what.pattern().is_some_and(is_match) && !self.except.as_ref().is_some_and(is_match)
    }

    /// The tag that it names.
    pub fn tag(&self) -> Option<&Tag> {
        match &self.what {
            What::Tag(tag, _) => Some(tag),
            What::Matching(_) | What::Digest(_) => None,
        }
    }

    /// The digest that it names, with a tag or without.
    pub fn digest(&self) -> Option<Digest> {
        match self.what {
            What::Tag(_, digest) => digest,
            What::Digest(digest) => Some(digest),
            What::Matching(_) => None,
        }
    }

    /// The digest that it names without a tag.
    pub fn only_digest(&self) -> Option<Digest> {
        self.digest().filter(|_| self.tag().is_none())
    }

    /// Whether it wants an image that gets no tag in the target.
    pub fn is_nameless(&self) -> bool {
        self.only_digest().is_some() && self.names.is_empty()
    }

    /// Whether it needs the list of tags: it names none.
    pub fn needs_list(&self) -> bool {
        self.what.pattern().is_some()
    }

    /// Whether it may give a tag this name in the target: false only where it never does.
    pub fn may_name(&self, name: &Tag) -> bool {
        if !self.names.is_empty() {
            return self.names.iter().any(|template| template.may_give(name.as_str()));
        }
        match &self.what {
            What::Matching(pattern) => {
                let matches = |pattern: &Regex| pattern.is_match(name.as_str().as_bytes());
                matches(pattern) && !self.except.as_ref().is_some_and(matches)
            }
            What::Tag(tag, _) => tag == name,
            What::Digest(_) => false,
        }
    }

    /// What a tag that it selects is called in the target.
    pub(super) fn names(&self, tag: &Tag) -> Result<Vec<Tag>, NameFault> {
        if self.names.is_empty() {
            return Ok(vec![tag.clone()]);
        }
        let pattern = self.what.pattern().filter(|_| self.names.iter().any(Template::has_groups));
        let captures = pattern.and_then(|pattern| pattern.captures(tag.as_str().as_bytes()));
        let group = |index| Some(&tag.as_str()[captures.as_ref()?.get(index)?.range()]);
        self.names.iter().map(|template| template.name(tag, group)).collect()
    }

    /// The names in the target of an image without a tag.
    pub(super) fn fixed_names(&self) -> impl Iterator<Item = Tag> {
        self.names.iter().filter_map(Template::fixed)
    }

    /// How many tags it has to select, counted alone.
    pub fn at_least(&self) -> usize {
        self.at_least.unwrap_or(1)
    }

    /// Whether versions are what groups of `match` say.
    pub(super) fn reads_version(&self) -> bool {
        self.groups.version.is_some() || self.groups.revision.is_some()
    }

    /// The names of the `per` groups.
    pub(super) fn per(&self) -> impl Iterator<Item = &str> {
        self.groups.per.iter().map(|(name, _)| name.as_str())
    }

    /// Room for [`Rule::read`].
    pub(super) fn matched<'a>(&self) -> Matched<'a> {
        Matched { spans: self.what.pattern().map(Regex::capture_locations), per: Vec::new() }
    }

    /// Asks `match` and `except`. `whole` is the tag as it reads itself among the others. What the groups matched is in
    /// `matched` then.
    pub(super) fn read<'a>(
        &self,
        tag: &'a Tag,
        whole: &Reading,
        conventions: &Conventions<'_>,
        matched: &mut Matched<'a>,
    ) -> Outcome {
        matched.per.clear();
        let text = tag.as_str();
        let Some(pattern) = self.what.pattern() else { return Outcome::Unmatched };
        let is_excepted = || self.except.as_ref().is_some_and(|except| except.is_match(text.as_bytes()));
        if !self.groups.are_used() {
            return match pattern.is_match(text.as_bytes()) {
                false => Outcome::Unmatched,
                true if is_excepted() => Outcome::Excepted,
                true => Outcome::Matched { reading: None },
            };
        }
        let Matched { spans: Some(spans), per } = matched else { return Outcome::Unmatched };
        if pattern.captures_read(spans, text.as_bytes()).is_none() {
            return Outcome::Unmatched;
        }
        if is_excepted() {
            return Outcome::Excepted;
        }
        // A tag is ASCII: every byte is a character.
        let span = |index| spans.get(index).map(|(start, end)| start..end);
        let group = |index| span(index).map_or("", |range| &text[range]);
        let revision = self.groups.revision.and_then(span);
        let mut reading = match (self.groups.version, revision) {
            (Some(index), revision) => {
                let version = parse::parse_version(group(index), revision.map_or("", |range| &text[range]));
                Some(Reading { version, ..Reading::default() })
            }
            (None, Some(revision)) => {
                let rest = [&text[..revision.start], &text[revision.end..]].concat();
                Some(parse::parse_parts(&rest, &text[revision], conventions))
            }
            (None, None) => None,
        };
        if let Some(index) = self.groups.variant {
            let reading = reading.get_or_insert_with(|| whole.clone());
            group(index).clone_into(&mut reading.variant);
        }
        per.extend(self.groups.per.iter().map(|&(_, index)| group(index)));
        Outcome::Matched { reading: reading.map(Box::new) }
    }
}

/// The keys of a rule and their values, as people write them: `match ^21$; newest 3 per line`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Matching(pattern) => write!(f, "match {pattern}")?,
            What::Tag(tag, None) => write!(f, "tag {tag}")?,
            What::Tag(tag, Some(digest)) => write!(f, "tag {tag}; digest {digest}")?,
            What::Digest(digest) => write!(f, "digest {digest}")?,
        }
        if let Some(except) = &self.except {
            write!(f, "; except {except}")?;
        }
        if let Some(newest) = self.newest {
            write!(f, "; newest {newest}")?;
            for (index, group) in self.per().enumerate() {
                write!(f, "{}{group}", if index == 0 { " per " } else { ", " })?;
            }
        }
        if let Some(revisions) = self.revisions {
            write!(f, "; revisions {revisions}")?;
        }
        if let Some(range) = &self.range {
            write!(f, "; range {range}")?;
        }
        if let Some(at_least) = self.at_least {
            write!(f, "; at_least {at_least}")?;
        }
        for (index, name) in self.names.iter().enumerate() {
            write!(f, "{}{name}", if index == 0 { "; as " } else { ", " })?;
        }
        let flags = [(self.prereleases, "prereleases"), (self.immutable, "immutable")];
        flags.iter().filter(|(is_set, _)| *is_set).try_for_each(|(_, flag)| write!(f, "; {flag}"))
    }
}

impl What {
    fn pattern(&self) -> Option<&Regex> {
        match self {
            Self::Matching(pattern) => Some(pattern),
            Self::Tag(..) | Self::Digest(_) => None,
        }
    }
}

impl Groups {
    fn are_used(&self) -> bool {
        let fixed = [self.version, self.revision, self.variant];
        fixed.iter().any(Option::is_some) || !self.per.is_empty()
    }
}
