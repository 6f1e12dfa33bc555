//! Blobs and manifests to any registry.

use crate::fake::Action;
use crate::fake::Action::{CutUpload, LoseAnswer, Reset, Stall, StallUpload, WithoutHeader};
use crate::faults::page;
use crate::faults::scenario::Ends::{Copied, MirrorFails, TagFails, TagsFail};
use crate::faults::scenario::When::{Always, Once, Twice};
use crate::faults::scenario::{Scenario, assert_all, row};
use crate::faults::stage::Way::Plain;
use crate::faults::stage::What::{
    ChildPut, LayerGet, LayerHead, LayerPut, Look, LookGet, TagPut, UploadStart,
};

fn uploads() -> Vec<Scenario> {
    let starts_over = |name, action| {
        row(name, Plain, LayerPut, action, Once, Copied)
            // Of four blobs, this one twice.
            .counts([(LayerPut, 2), (UploadStart, 5), (LayerGet, 2)])
    };
    let passes = |name, what, action| row(name, Plain, what, action, Twice, Copied).counts([(what, 3)]);
    let fails = |name, what, action, words| {
        row(name, Plain, what, action, Always, TagFails(words)).counts([(what, 1), (TagPut, 0)])
    };
    let nowhere = || WithoutHeader("location");
    let stall = || StallUpload { after: 100_000 };
    let missing = || Action::error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
    let unsupported = || Action::error(405, "UNSUPPORTED", "no such type");
    let words = &["target: cannot write manifest 2.0", "405 Method Not Allowed: UNSUPPORTED: no such type"];
    vec![
        row("look: 503 twice", Plain, Look, page(503), Twice, Copied).counts([(Look, 4)]),
        row(
            "look: refused",
            Plain,
            Look,
            page(403),
            Always,
            TagFails(&["target: cannot ask for the tag", "403"]),
        )
        .and(LookGet, page(403), Always)
        .counts([(Look, 1), (LookGet, 1), (TagPut, 0)]),
        passes("blob: reset", LayerHead, Reset),
        passes("blob: throttled", LayerHead, Action::throttle(None)),
        row("start: no answer once", Plain, UploadStart, Stall, Once, Copied),
        row("start: 500 twice", Plain, UploadStart, page(500), Twice, Copied).counts([(UploadStart, 6)]),
        row("start: lost answer", Plain, UploadStart, LoseAnswer, Once, Copied).counts([(UploadStart, 5)]),
        row("start: nowhere", Plain, UploadStart, nowhere(), Always, TagsFail(&["not say where to upload"])),
        starts_over("upload: cut", CutUpload { after: 100_000 }),
        starts_over("upload: 408", Action::status(408)),
        starts_over("upload: 429", Action::throttle(Some(0))),
        starts_over("upload: 500 with a page", page(500)),
        starts_over("upload: 503", Action::status(503)),
        starts_over("upload: unknown", Action::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown")),
        starts_over("upload: invalid", Action::error(400, "BLOB_UPLOAD_INVALID", "blob upload invalid")),
        starts_over("upload: lost answer", LoseAnswer),
        row("upload: reset", Plain, LayerPut, Reset, Once, Copied).counts([(LayerPut, 2), (UploadStart, 5)]),
        row("upload: stalled", Plain, LayerPut, stall(), Once, Copied)
            .large()
            .counts([(LayerPut, 2), (UploadStart, 5)]),
        fails("upload: 413", LayerPut, page(413), &["cannot write blob sha256:", "413"]),
        row("upload: 503 each time", Plain, LayerPut, page(503), Always, TagFails(&["503 Service"]))
            .counts([(LayerPut, 5), (ChildPut, 0)]),
        row("upload: refused", Plain, LayerPut, page(403), Always, MirrorFails(&["403 Forbidden"]))
            .counts([(LayerPut, 1), (ChildPut, 0)]),
        passes("child: 500", ChildPut, page(500)),
        fails(
            "child: 400",
            ChildPut,
            Action::error(400, "MANIFEST_INVALID", "bad"),
            &["MANIFEST_INVALID: bad"],
        ),
        passes("tag: throttled", TagPut, Action::throttle(None)),
        row("tag: lost answer", Plain, TagPut, LoseAnswer, Once, Copied).counts([(TagPut, 2)]),
        row("tag: 405", Plain, TagPut, unsupported(), Always, TagFails(words)).counts([(TagPut, 1)]),
        row("tag: something is missing once", Plain, TagPut, missing(), Once, Copied)
            .counts([(TagPut, 2), (ChildPut, 2)]),
        row("tag: something stays missing", Plain, TagPut, missing(), Always, TagFails(&["BLOB_UNKNOWN"]))
            .counts([(TagPut, 3)]),
    ]
}

#[tokio::test]
async fn uploads_end_as_they_must() {
    assert_all(uploads()).await;
}
