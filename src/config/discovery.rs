//! Mirrors of all repositories under a path of a registry. Which these are is found out when a configuration is taken.

use std::collections::{BTreeMap, HashSet};

use regex::bytes::Regex;

use crate::config::mirror::{Endpoint, Mirror, Mirrors};
use crate::config::raw;
use crate::config::written::{Common, MARK, Written};
use crate::oci::{Host, Repository};
use crate::select;
use crate::yaml::{Document, Path};

/// A repository as there may be one, to check what goes for all of them.
const EXAMPLE: &str = "example";
/// More than these are most likely not meant: each is looked at in every run, and its target may be created.
const REPOSITORIES_MAX: usize = 500;

/// The repositories that registries list, by what was to be discovered: [`Discovery::source`].
pub type Found = BTreeMap<String, Vec<Repository>>;

/// All repositories under a path, before it is known which there are.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// What is discovered: `HOST/PATH/*`.
    pub source: String,
    /// The registry that lists them.
    pub host: Host,
    /// A repository that may be there, by which a login can be asked for.
    pub asker: Repository,
    /// What each of them becomes, as a mirror of one that need not be there.
    pub example: Mirror,
    /// The targets as they are written.
    pub targets: Vec<String>,
    /// Repositories whose path matches this are left out.
    pub except: Option<Regex>,
    /// A path begins with this; empty for all of the registry.
    prefix: String,
    /// Where it is written.
    path: Path,
    /// The source as it is written, without the mark.
    under: String,
    /// The targets, its own or those of `defaults`.
    target: Option<raw::OneOrMore>,
}

impl Discovery {
    /// Reads a mirror that stands for all repositories under a path; none where it is faulty.
    pub(super) fn read(mut written: Written, common: &Common<'_>, document: &mut Document) -> Option<Self> {
        let (mirror, path) = (&mut written.mirror, written.path.clone());
        if mirror.name.take().is_some() {
            let what = "has no meaning here: each repository is a mirror, and called by its path";
            document.report(&path.key("name"), what);
        }
        let except_path = path.key("except");
        let except = mirror.except.take().and_then(|pattern| {
            let compiled = select::compile(&pattern);
            compiled.map_err(|error| document.report(&except_path, error.to_string())).ok()
        });
        let target = mirror.target.clone().or_else(|| common.defaults.target.clone());
        let targets = target.clone().map(|target| target.placed(&path.key("target"))).unwrap_or_default();
        for (path, text) in &targets {
            if !["{path}", "{name}"].iter().any(|part| text.contains(part)) {
                document.report(path, "one target for all repositories: write `{path}` or `{name}` in it");
            }
        }
        let Some(raw::OneOrMore::One(text)) = mirror.source.take() else { return None };
        let under = text.strip_suffix(MARK)?.to_owned();
        mirror.source = Some(raw::OneOrMore::One(format!("{under}/{EXAMPLE}")));
        let Mirrors { first, .. } = Mirrors::new(written, common, document)?;
        let source_path = path.key("source");
        let Endpoint::Registry(name) = &first.source else {
            document.report(&source_path, "a directory lists no repositories: write a mirror for each");
            return None;
        };
        let host = name.host.clone();
        if Host::lists_nothing(host.as_str()) {
            let what =
                format!("{host} lists its repositories to nobody: write a mirror for each that you want");
            document.report_shown(&source_path, what);
            return None;
        }
        let prefix = name.repository.as_str().strip_suffix(EXAMPLE).unwrap_or_default().to_owned();
        Some(Self {
            source: format!("{host}/{prefix}*"),
            host,
            asker: name.repository.clone(),
            example: first,
            targets: targets.into_iter().map(|(_, text)| text).collect(),
            except,
            path,
            under,
            prefix,
            target,
        })
    }

    /// The mirrors of those repositories that are meant, by their paths, as far as they are without fault.
    pub(super) fn mirrors(&self, found: &Found, document: &mut Document) -> Vec<Mirrors> {
        let mut targets = HashSet::new();
        let mut mirrors = Vec::new();
        for repository in self.meant(found, document) {
            document.about = Some(repository.to_owned());
            let source = format!("{}/{repository}", self.under);
            let (by, target) = (&self.source, self.target.clone());
            if let Some(read) =
                Mirrors::of_discovered(&self.example, by, source, target, &self.path, document)
            {
                for Mirror { target, .. } in std::iter::once(&read.first).chain(&read.others) {
                    if !targets.insert(target.place()) {
                        let what =
                            format!("its target {target} is that of another one too: write `{{path}}`");
                        document.report(&self.path.key("target"), what);
                    }
                }
                mirrors.push(read);
            }
            document.about = None;
        }
        mirrors
    }

    /// Those of the repositories that are meant, by their paths, without what all begin with.
    fn meant<'a>(&self, found: &'a Found, document: &mut Document) -> Vec<&'a str> {
        let source_path = self.path.key("source");
        let all = found.get(&self.source).map(Vec::as_slice).unwrap_or_default();
        let under = all.iter().map(Repository::as_str).filter(|path| path.starts_with(&self.prefix));
        let mut under: Vec<&str> = under.collect();
        let listed = under.len();
        under.retain(|path| !self.except.as_ref().is_some_and(|except| except.is_match(path.as_bytes())));
        under.sort_unstable();
        under.dedup();
        let (source, count) = (&self.source, under.len());
        if count == 0 && self.example.at_least > 0 {
            let left_out = match listed {
                0 => format!("of the {} that this login may see", all.len()),
                _ => format!("that `except` does not leave out of {listed}"),
            };
            let what =
                format!("no repository is under {source} {left_out}; `at_least: 0` where that is right");
            document.report_shown(&source_path, what);
        }
        if count > REPOSITORIES_MAX {
            let what = format!(
                "{count} repositories are under {source}, of {REPOSITORIES_MAX} at the most: leave some out by `except`, or name \
                 a longer path"
            );
            document.report_shown(&source_path, what);
            return Vec::new();
        }
        under.iter().map(|path| &path[self.prefix.len()..]).collect()
    }
}
