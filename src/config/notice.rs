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

/// Reads all entries. `names` are those of the mirrors; none where not all of them are known.
pub(super) fn notices(
    raw: Vec<raw::Notice>,
    names: Option<&[&str]>,
    path: &Path,
    document: &mut Document,
) -> (Vec<Notice>, Vec<Heartbeat>) {
    let known = names.map(|names| names.iter().copied().collect::<HashSet<&str>>());
    let names = names.zip(known.as_ref());
    let (mut notices, mut heartbeats) = (Vec::new(), Vec::new());
    for (index, raw) in raw.into_iter().enumerate() {
        let path = path.index(index);
        let on = kinds(raw.on.as_deref(), &path.key("on"), document);
        let mirrors = raw.mirrors.map(|mirrors| named(mirrors, names, &path.key("mirrors"), document));
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

/// `known` are the names of the mirrors, in their order and to look one up.
fn named(
    mirrors: Vec<String>,
    known: Option<(&[&str], &HashSet<&str>)>,
    path: &Path,
    document: &mut Document,
) -> BTreeSet<String> {
    if mirrors.is_empty() {
        document.report(path, "empty: leave it out to be told of all mirrors");
    }
    for (index, mirror) in mirrors.iter().enumerate() {
        if let Some((names, known)) = known
            && !known.contains(mirror.as_str())
        {
            if document.is_full() {
                document.report(&path.index(index), "");
                continue;
            }
            let what = match suggest(mirror, names) {
                Some(meant) => format!("no mirror is named `{mirror}`, did you mean `{meant}`?"),
                None if names.len() <= NAMED_MAX => {
                    format!("no mirror is named `{mirror}`; there are: {}", names.join(", "))
                }
                None => format!("no mirror is named `{mirror}`"),
            };
            document.report(&path.index(index), what);
        }
    }
    mirrors.into_iter().collect()
}
