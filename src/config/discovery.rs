//! Mirrors of all repositories under a path of a registry. Which these are is found out when a configuration is taken.

use std::collections::BTreeMap;

use regex::bytes::Regex;

use crate::config::mirror::{Endpoint, Mirror, Mirrors};
use crate::config::written::{Common, Form, Written};
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
}

impl Discovery {
    /// Reads such a mirror; none where it is faulty.
    pub(super) fn read(written: &Written, common: &Common<'_>, document: &mut Document) -> Option<Self> {
        let (mirror, path) = (&written.mirror, &written.path);
        if mirror.name.is_some() {
            document.report(
                &path.key("name"),
                "has no meaning here: each repository is a mirror, and called by its path",
            );
        }
        let except_path = path.key("except");
        let except = mirror.except.as_ref().and_then(|pattern| {
            let compiled = select::compile(pattern);
            compiled.map_err(|error| document.report(&except_path, error.to_string())).ok()
        });
        let targets = mirror.target.as_ref().or(common.defaults.target.as_ref());
        let targets = targets.map(|targets| targets.clone().placed(&path.key("target"))).unwrap_or_default();
        for (path, text) in &targets {
            if !["{path}", "{name}"].iter().any(|part| text.contains(part)) {
                document.report(path, "one target for all repositories: write `{path}` or `{name}` in it");
            }
        }
        let example = written.of(EXAMPLE, Form::Mapping)?;
        let Mirrors { first, .. } = Mirrors::new(example, common, document)?;
        let source_path = path.key("source");
        let Endpoint::Registry(name) = &first.source else {
            document.report(&source_path, "a directory lists no repositories: write a mirror for each");
            return None;
        };
        let host = name.host.clone();
        if Host::lists_nothing(host.as_str()) {
            document.report_shown(
                &source_path,
                format!("{host} lists its repositories to nobody: write a mirror for each that you want"),
            );
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
            prefix,
        })
    }

    /// Those of the repositories that are meant, in the order of their paths, without what all begin with.
    pub(super) fn meant<'a>(&self, found: &'a Found, path: &Path, document: &mut Document) -> Vec<&'a str> {
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
            document.report_shown(path, what);
        }
        if count > REPOSITORIES_MAX {
            let what = format!(
                "{count} repositories are under {source}, of {REPOSITORIES_MAX} at the most: leave some out by `except`, or name \
                 a longer path"
            );
            document.report_shown(path, what);
            return Vec::new();
        }
        under.iter().map(|path| &path[self.prefix.len()..]).collect()
    }
}
