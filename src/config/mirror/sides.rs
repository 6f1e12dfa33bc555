//! What a mirror is between: repositories as they are written, one or several on each side.

use crate::config::ecr;
use crate::config::mirror::Endpoint;
use crate::config::mirror::target::target;
use crate::config::raw;
use crate::config::registry::normal;
use crate::config::written::MARK;
use crate::oci::Name;
use crate::yaml::{Document, Path};

/// What a mirror is between; none of a side that is faulty.
pub(super) struct Sides {
    pub(super) sources: Option<Vec<Endpoint>>,
    pub(super) targets: Option<Vec<Endpoint>>,
}

/// Reads both sides.
pub(super) fn sides(
    source: Option<raw::OneOrMore>,
    targets: Option<raw::OneOrMore>,
    source_path: &Path,
    target_path: &Path,
    document: &mut Document,
) -> Sides {
    let hint = "write the repository to read, such as `source: container-registry.oracle.com/java/jdk`";
    let sources = all(source, source_path, hint, document, self::source);
    let hint = "write the repository to fill, such as \
                `target: 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/oracle/jdk`, here or in `defaults`";
    let of = sources.as_ref().and_then(|sources| sources.first());
    let read = |text: &str, path: &Path, document: &mut Document| target(text, of, path, document);
    let targets = all(targets, target_path, hint, document, read);
    let is_source =
        |target: &Endpoint| sources.iter().flatten().any(|source| source.place() == target.place());
    if targets.iter().flatten().any(is_source) {
        document.report(target_path, "the source itself: write the repository that is to hold the copies");
    }
    Sides { sources, targets }
}

/// Reads one or several repositories; none where any of them is faulty.
fn all(
    raw: Option<raw::OneOrMore>,
    path: &Path,
    hint: &str,
    document: &mut Document,
    read: impl Fn(&str, &Path, &mut Document) -> Option<Endpoint>,
) -> Option<Vec<Endpoint>> {
    let placed = document.required(raw, path, hint)?.placed(path);
    if placed.is_empty() {
        document.report(path, format!("empty: {hint}"));
        return None;
    }
    let mut all: Vec<Option<Endpoint>> = Vec::with_capacity(placed.len());
    for (path, text) in &placed {
        let endpoint = read(text, path, document);
        let is_known = endpoint.as_ref().is_some_and(|endpoint| {
            all.iter().flatten().any(|known: &Endpoint| known.place() == endpoint.place())
        });
        if is_known {
            document.report(path, "is in the list twice");
        }
        all.push(endpoint);
    }
    all.into_iter().collect()
}

fn source(text: &str, path: &Path, document: &mut Document) -> Option<Endpoint> {
    if text.ends_with(MARK) {
        document.report(path, "a source such as `HOST/PATH/*` stands alone: write a mirror for each");
        return None;
    }
    match Endpoint::layout(text) {
        Some(layout) => layout.map_err(|fault| document.report(path, fault)).ok(),
        None => repository(text, path, document),
    }
}

pub(in crate::config) fn repository(text: &str, path: &Path, document: &mut Document) -> Option<Endpoint> {
    if let Some((scheme, rest)) = text.split_once("://") {
        // What follows is not repeated: a user name and password may be in it.
        let hint = if names_user(rest) { ", and put the login under `registries`" } else { "" };
        let scheme: String = scheme.chars().take(10).collect();
        document.report(path, format!("write HOST/PATH without `{scheme}://`{hint}"));
        return None;
    }
    if names_user(text) {
        document.report(path, "write HOST/PATH alone, and put the login under `registries`, `credentials`");
        return None;
    }
    if text.trim().is_empty() {
        document.report_empty(path);
        return None;
    }
    if let Some(fault) = slip(text) {
        document.report(path, fault);
        return None;
    }
    let mut name: Name = document.parsed(text, path)?;
    name.host = normal(name.host);
    ecr::check_host(&name.host, path, document);
    Some(Endpoint::Registry(name))
}

/// What cannot be a name, though a part of it may look like one.
fn slip(text: &str) -> Option<String> {
    if let Some(quote) = text.chars().find(|c| "\u{201c}\u{201d}\u{2018}\u{2019}".contains(*c)) {
        return Some(format!("a typographic quote (`{quote}`) is part of it: leave it out, or use \" or '"));
    }
    if text.contains(['<', '>']) {
        return Some("`<` and `>` stand around a placeholder: write what is meant by it".to_owned());
    }
    // Docker Hub has no repository of such a name, and would be meant by Docker's rules.
    let is_host = !text.contains(['/', '@'])
        && (text.contains('.') && !text.contains(':') || text == "localhost" || has_port(text));
    is_host.then(|| format!("is a host without a repository: write `{text}/PATH`"))
}

/// Whether it ends in a port rather than in a tag: `registry:5000`.
fn has_port(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(host, port)| (host.contains('.') || port.len() >= 3) && port.parse::<u16>().is_ok())
}

/// Whether it is `USER@HOST/…` rather than `PATH@DIGEST`.
fn names_user(text: &str) -> bool {
    text.split_once('/').is_some_and(|(host, _)| host.contains('@'))
}
