//! Where notices of new tags, failures and recoveries are sent.

use std::collections::{BTreeSet, HashSet};

use crate::config::destination::{Destination, Given, Place, SecretUrl};
use crate::config::raw;
use crate::config::raw::NoticeKind;
use crate::yaml::{Document, Path, suggest};

/// With more mirrors than these, the message about an unknown name does not list them.
const NAMED_MAX: usize = 50;

/// A destination of notices, and what is sent to it.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The destination.
    pub destination: Destination,
    /// Which kinds of notices are sent; not empty.
    pub on: BTreeSet<NoticeKind>,
    /// The names of the mirrors that it is about. None: all.
    pub mirrors: Option<BTreeSet<String>>,
}

/// A watch that expects signs of life.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// The address of the check.
    pub url: SecretUrl,
    /// The names of the mirrors that have to be well. None: all.
    pub mirrors: Option<BTreeSet<String>>,
}

/// The names of the mirrors.
#[derive(Clone, Copy)]
pub(super) enum Names<'a> {
    /// Not all of them are known.
    Unknown,
    /// There are no others.
    All(&'a [&'a str]),
    /// Others may come and go: some of these were discovered.
    Today(&'a [&'a str]),
}

/// Reads all entries.
pub(super) fn notices(
    raw: Vec<raw::Notice>,
    names: Names<'_>,
    path: &Path,
    document: &mut Document,
) -> (Vec<Notice>, Vec<Heartbeat>) {
    let known = match names {
        Names::Unknown => None,
        Names::All(names) | Names::Today(names) => Some(names.iter().copied().collect()),
    };
    let (mut notices, mut heartbeats) = (Vec::new(), Vec::new());
    for (index, raw) in raw.into_iter().enumerate() {
        let path = path.index(index);
        let on = kinds(raw.on.as_deref(), &path.key("on"), document);
        let mirrors =
            raw.mirrors.map(|mirrors| named(mirrors, names, known.as_ref(), &path.key("mirrors"), document));
        let given = Given {
            heartbeat: raw.heartbeat,
            webhook: raw.webhook,
            slack: raw.slack,
            sns: raw.sns,
            eventbridge: raw.eventbridge,
        };
        match given.destination(&path, document) {
            Some(Place::Notices(destination)) => notices.push(Notice { destination, on, mirrors }),
            Some(Place::Heartbeat(url)) => {
                if raw.on.is_some() {
                    document
                        .report_key(&path.key("on"), "a heartbeat is sent whatever happens: leave this out");
                }
                heartbeats.push(Heartbeat { url, mirrors });
            }
            None => {}
        }
    }
    (notices, heartbeats)
}

fn kinds(words: Option<&[String]>, path: &Path, document: &mut Document) -> BTreeSet<NoticeKind> {
    let Some(words) = words else { return NoticeKind::DEFAULT.into() };
    if words.is_empty() {
        document.report(path, "empty: leave it out to be told of copied, failed and recovered");
    }
    let mut kinds = BTreeSet::new();
    for (index, word) in words.iter().enumerate() {
        let kind = NoticeKind::ALL.into_iter().find(|kind| kind.as_str() == word);
        if kind.is_none() {
            let known = NoticeKind::ALL.map(NoticeKind::as_str).join(", ");
            document.report(&path.index(index), format!("expected one of {known}"));
        }
        kinds.extend(kind);
    }
    kinds
}

/// `known` are the names of the mirrors, to look one up.
fn named(
    mirrors: Vec<String>,
    names: Names<'_>,
    known: Option<&HashSet<&str>>,
    path: &Path,
    document: &mut Document,
) -> BTreeSet<String> {
    if mirrors.is_empty() {
        document.report(path, "empty: leave it out to be told of all mirrors");
    }
    for (index, mirror) in mirrors.iter().enumerate() {
        if known.is_none_or(|known| known.contains(mirror.as_str())) {
            continue;
        }
        let path = path.index(index);
        match names {
            Names::Today(_) => {
                let what = "no mirror has this name now: no repository of this path was discovered";
                document.warn(&path, "unknown_mirror", what);
            }
            _ if document.is_full() => document.report(&path, ""),
            Names::All(names) => document.report(&path, unknown(mirror, names)),
            Names::Unknown => {}
        }
    }
    mirrors.into_iter().collect()
}

fn unknown(mirror: &str, names: &[&str]) -> String {
    match suggest(mirror, names) {
        Some(meant) => format!("no mirror is named `{mirror}`, did you mean `{meant}`?"),
        None if names.len() <= NAMED_MAX => {
            format!("no mirror is named `{mirror}`; there are: {}", names.join(", "))
        }
        None => format!("no mirror is named `{mirror}`"),
    }
}
