//! A row of what a registry, or something before it, does: it runs through the real program, against the registries of
//! `tests/fake`. Where a report shows more than one form, the row has the strangest.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use serde_json::Value;

use crate::fake::{Action, Builder, Face, Fault, Image, Match, Registry, Reply, image};
use crate::world::{assert_says, assert_succeeded, copy, mirror, mirror_error, only, plan, tag_error};

/// Lists and judges all tags, and selects none.
const NONE: &str = "  - {source: SOURCE/app, target: TARGET/app, tags: [{match: ^none$}]}\n";

/// No list here needs more requests.
const REQUESTS_MAX: usize = 20;

/// What must come out.
pub(crate) enum Ends {
    /// Every tag of the source is in the target.
    Copied,
    /// The list has these tags.
    Lists(Vec<String>),
    /// Tag `1.0` fails with these words.
    TagFails(&'static [&'static str]),
    /// The mirror fails with these words.
    MirrorFails(&'static [&'static str]),
}

type Given = Box<dyn FnOnce(&Registry, &Registry)>;

/// One report.
pub(crate) struct Row {
    id: &'static str,
    seen: &'static str,
    source: Builder,
    target: Builder,
    given: Given,
    ends: Ends,
    then: Given,
}

/// A row: what it is, where it was seen (`owner/repository#number`), what is given at source and target, and what must
/// come out.
pub(crate) fn row(
    id: &'static str,
    seen: &'static str,
    given: impl FnOnce(&Registry, &Registry) + 'static,
    ends: Ends,
) -> Row {
    let open = || Registry::builder(Face::Open);
    let (source, target) = (open(), open());
    Row { id, seen, source, target, given: Box::new(given), ends, then: Box::new(|_, _| {}) }
}

impl Row {
    /// The source is this one.
    pub(crate) fn source(self, source: Builder) -> Self {
        Self { source, ..self }
    }

    /// The target is this one.
    pub(crate) fn target(self, target: Builder) -> Self {
        Self { target, ..self }
    }

    /// And this has to hold then.
    pub(crate) fn then(self, then: impl FnOnce(&Registry, &Registry) + 'static) -> Self {
        Self { then: Box::new(then), ..self }
    }

    async fn run(self) {
        let Self { source, target, given, ends, then, .. } = self;
        let (source, target) = (source.start().await, target.start().await);
        given(&source, &target);
        match ends {
            Ends::Lists(tags) => {
                let summary = plan(&mirror(&source, &target, NONE)).await;
                let selection = only(&summary).selection.as_ref();
                let selection = selection.unwrap_or_else(|| panic!("{}", mirror_error(&summary)));
                let mut listed: Vec<_> = selection.verdicts.iter().map(|v| v.tag.to_string()).collect();
                let mut tags = tags;
                listed.sort();
                tags.sort();
                assert_eq!(listed, tags);
            }
            Ends::Copied => {
                assert_succeeded(&copy(&source, &target).await);
                assert_eq!(target.tags("app"), source.tags("app"));
                target.assert_consistent();
            }
            Ends::TagFails(words) => assert_says(tag_error(&copy(&source, &target).await, "1.0"), words),
            Ends::MirrorFails(words) => assert_says(mirror_error(&copy(&source, &target).await), words),
        }
        let count = source.count(&Match::tags());
        assert!(count <= REQUESTS_MAX, "{count} requests for tags");
        then(&source, &target);
    }
}

/// Runs all rows, and fails with those that do not come out.
pub(crate) async fn check(rows: Vec<Row>) {
    let mut faults = Vec::new();
    for row in rows {
        let (id, seen) = (row.id, row.seen);
        let ended = AssertUnwindSafe(row.run()).catch_unwind().await;
        if let Err(panic) = ended {
            let words = panic.downcast_ref::<String>().map_or("it panics", String::as_str);
            faults.push(format!("{id} ({seen}): {words}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// Lets a registry answer these requests so.
pub(crate) fn answer(registry: &Registry, requests: Match, reply: Reply) {
    registry.fault(Fault::new(requests, Action::Answer(reply)));
}

/// An image under `1.0` at the source.
pub(crate) fn one(source: &Registry) {
    source.push("app", "1.0", &image(&["layer"]));
}

/// An image with another document.
pub(crate) fn rewritten(image: &Image, change: impl FnOnce(&mut Value)) -> Image {
    let mut document = serde_json::from_slice(&image.bytes).unwrap();
    change(&mut document);
    Image { bytes: document.to_string().into(), ..image.clone() }
}
