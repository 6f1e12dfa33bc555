//! Mirrors of all repositories under a path of a registry. Which these are is found out when a configuration is taken.

use regex::bytes::Regex;

use crate::config::mirror::{Endpoint, Mirror, Mirrors};
use crate::config::raw;
use crate::config::written::{Common, MARK, Written};
use crate::oci::{Host, Name, Repository};
use crate::select;
use crate::yaml::{Document, Path};

/// A repository that need not exist: what is wrong with its mirror is wrong with all of them.
const EXAMPLE: &str = "example";

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
            let what = "has no meaning here: each repository is a mirror, called by its host and path";
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
        let under = mirror.source.take()?.only()?.strip_suffix(MARK)?.to_owned();
        mirror.source = Some(raw::OneOrMore::One(format!("{under}/{EXAMPLE}")));
        let mirrors = Mirrors::new(written, common, document)?;
        let source_path = path.key("source");
        let Endpoint::Registry(name) = &mirrors.first.source else {
            document.report(&source_path, "a directory lists no repositories: write a mirror for each");
            return None;
        };
        let host = name.host.clone();
        if Host::lists_nothing(host.as_str()) {
            let what = format!(
                "{host} does not offer a list of its repositories: write a mirror for each that you want"
            );
            document.report(&source_path, what);
            return None;
        }
        let prefix = name.repository.as_str().strip_suffix(EXAMPLE).unwrap_or_default().to_owned();
        let is_left_out = |path: &str| except.as_ref().is_some_and(|except| except.is_match(path.as_bytes()));
        let is_under = |Name { host: other, repository }: &Name| {
            *other == host && repository.as_str().starts_with(&prefix) && !is_left_out(repository.as_str())
        };
        // That one is the source itself is told already.
        let is_own = mirrors
            .targets()
            .filter(|target| *target != mirrors.first.source)
            .any(|target| matches!(target, Endpoint::Registry(name) if is_under(&name)));
        if is_own {
            let what = "under the source: each copy would be discovered and copied again; leave the copies out with `except`";
            document.report(&path.key("target"), what);
        }
        Some(Self {
            source: format!("{host}/{prefix}*"),
            host,
            asker: name.repository.clone(),
            example: mirrors.first,
            targets: targets.into_iter().map(|(_, text)| text).collect(),
            except,
            path,
            under,
            prefix,
            target,
        })
    }

    /// What the paths of the repositories begin with; empty for all of the registry.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The mirror of a repository under the path.
    pub(super) fn mirror(&self, path: &str, document: &mut Document) -> Option<Mirrors> {
        let source = format!("{}/{}", self.under, path.strip_prefix(&self.prefix)?);
        let (by, target) = (&self.source, self.target.clone());
        Mirrors::of_discovered(&self.example, by, source, target, &self.path, document)
    }
}
