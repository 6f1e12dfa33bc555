//! Blobs from the source: resumed, started over, given up.

use crate::fake::Action;
use crate::fake::Action::{CutBody, Header, IgnoreRange, LoseAnswer, Reset, Stall, StallBody, WithoutHeader};
use crate::faults::scenario::Ends::{Copied, TagFails};
use crate::faults::scenario::When::{Always, Nth, Once, Twice};
use crate::faults::scenario::{Scenario, assert_all, row};
use crate::faults::stage::Way::{Elsewhere, Plain};
use crate::faults::stage::What::{LayerGet, LayerPut, StorageGet};
use crate::faults::{CUT, NOWHERE, page, range, redirect};

fn downloads() -> Vec<Scenario> {
    let reads: &[&str] = &["source: cannot read blob sha256:"];
    let once_more = |name, action| {
        row(name, Plain, LayerGet, action, Once, Copied).counts([(LayerGet, 2), (LayerPut, 1)])
    };
    let passes = |name, action| {
        row(name, Plain, LayerGet, action, Twice, Copied).counts([(LayerGet, 3), (LayerPut, 1)])
    };
    let starts_over = |name, action| {
        row(name, Plain, LayerGet, CUT, Once, Copied)
            .and(LayerGet, action, Nth(2))
            .counts([(LayerGet, 3), (LayerPut, 2)])
    };
    let fails = |name, action, gets| {
        row(name, Plain, LayerGet, action, Always, TagFails(reads)).counts([(LayerGet, gets), (LayerPut, 1)])
    };
    vec![
        once_more("reset before the answer", Reset),
        once_more("cut in the body", CUT),
        once_more("answer lost", LoseAnswer),
        once_more("no answer", Stall),
        once_more("stalled in the body", StallBody { after: 100_000 }),
        passes("408", Action::status(408)),
        passes("429", Action::throttle(None)),
        passes("499", Action::status(499)),
        passes("500 with a page", page(500)),
        passes("502 with a page", page(502)),
        passes("503", Action::error(503, "UNAVAILABLE", "come back later")),
        passes("504 with a page", page(504)),
        passes("522", Action::status(522)),
        starts_over("cut, and the source has no ranges", IgnoreRange),
        starts_over("cut, and another `ETag` then", Header("etag", "\"other\"".to_owned())),
        starts_over("cut, and no `ETag` then", WithoutHeader("etag")),
        starts_over("cut, and no `Content-Range` then", WithoutHeader("content-range")),
        starts_over("cut, and another size then", range("bytes 100000-699999/700000")),
        starts_over("cut, and another start then", range("bytes 1-599999/600000")),
        starts_over("cut, and nothing left then", Action::status(416)),
        fails("cut each time after a little", CutBody { after: 1000 }, 5),
        fails("reset each time", Reset, 5),
        fails("503 each time", page(503), 5),
        fails("never an answer", Stall, 5),
        fails("404", Action::error(404, "BLOB_UNKNOWN", "blob unknown to registry"), 1),
        fails("410", Action::status(410), 1),
        fails("redirected in circles", redirect("?again"), 6),
        fails("redirected to another protocol", redirect("ftp://127.0.0.1/x"), 1),
        fails("redirected to where nobody listens", redirect(NOWHERE), 5),
        row("cut each time after much", Plain, LayerGet, CutBody { after: 1_500_000 }, Always, Copied)
            .large()
            .counts([(LayerGet, 6), (LayerPut, 1)]),
        row("presigned link expired", Elsewhere, StorageGet, page(403), Once, Copied).counts([
            (LayerGet, 2),
            (StorageGet, 2),
            (LayerPut, 1),
        ]),
        row("presigned links always expired", Elsewhere, StorageGet, page(403), Always, TagFails(reads))
            .counts([(LayerGet, 5), (LayerPut, 1)]),
        row("cut at another origin", Elsewhere, StorageGet, CUT, Once, Copied).counts([
            (LayerGet, 2),
            (StorageGet, 2),
            (LayerPut, 1),
        ]),
        row("gone at another origin", Elsewhere, StorageGet, page(404), Always, TagFails(reads))
            .counts([(LayerGet, 1), (LayerPut, 1)]),
    ]
}

#[tokio::test]
async fn downloads_end_as_they_must() {
    assert_all(downloads()).await;
}
