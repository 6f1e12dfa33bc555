//! Layers whose source is slow are fetched in parts beside one another, and arrive as if they were not.

use std::sync::Arc;
use std::time::Duration;

use http::header::RANGE;
use tagferry::app::{App, Options};
use tagferry::config::Config;
use tagferry::event::{Event, Observer, RunSummary};
use tagferry::oci::Digest;
use tagferry::pass::{Mode, Stop};
use tagferry::registry::Slow;

use crate::fake::{Action, Face, Fault, Gate, Image, Kind, Match, Registry, random_image};
use crate::world::{APP, assert_succeeded, mirror, tag_error};

const MIB: usize = 1024 * 1024;
/// Large enough to be worth it.
const LAYER: usize = 27 * MIB;
/// Every source counts as slow, from its first bytes on.
const AT_ONCE: Slow = Slow { after: Duration::ZERO, bytes_per_second: u64::MAX };

struct Blind;

impl Observer for Blind {
    fn observe(&self, _: &Event<'_>) {}
}

/// A source of one large layer, and a target.
struct Way {
    source: Registry,
    target: Registry,
    image: Image,
}

impl Way {
    async fn new() -> Self {
        let (source, target) = (Registry::start(Face::Token).await, Registry::start(Face::Open).await);
        let image = random_image(7, &[LAYER]);
        source.push("app", "1", &image);
        Self { source, target, image }
    }

    async fn run(&self, more: &str) -> RunSummary {
        let config = mirror(&self.source, &self.target, APP) + more;
        let config = Config::parse("test.yaml", &config, &|_| None).unwrap();
        let app =
            Box::pin(App::new(config, Options { slow: AT_ONCE, ..Options::default() }, Arc::new(Blind)));
        let app = app.await.unwrap();
        Box::pin(app.run(Mode::Sync, &Stop::default())).await
    }

    /// Reading the layer.
    fn get(&self) -> Match {
        let layer = self.image.blobs.iter().find(|blob| blob.len() == LAYER).unwrap();
        Match::blob_get().containing(Digest::of(layer).to_string())
    }

    /// The parts of the layer that were asked for.
    fn parts(&self) -> Vec<String> {
        let requests = self.source.requests().into_iter().filter(|seen| self.get().matches(&seen.head));
        requests.filter_map(|seen| Some(seen.head.headers.get(RANGE)?.to_str().unwrap().to_owned())).collect()
    }

    /// Fails the test unless everything arrived, in so many uploads of the layer.
    fn assert_arrived(&self, summary: &RunSummary) {
        assert_succeeded(summary);
        self.target.assert_consistent();
        assert_eq!(self.target.tags("app"), self.source.tags("app"));
        let uploads = self.target.requests().into_iter().filter(|seen| seen.route().kind == Kind::Upload);
        let whole = uploads.filter(|seen| {
            seen.head.headers.get("content-length").is_some_and(|length| length == &*LAYER.to_string())
        });
        assert_eq!(whole.count(), 1);
    }
}

#[tokio::test]
async fn parts_cover_the_rest_of_the_layer_once() {
    let way = Way::new().await;
    way.assert_arrived(&way.run("").await);
    let mut parts: Vec<(usize, usize)> = way
        .parts()
        .iter()
        .map(|part| part.strip_prefix("bytes=").unwrap().split_once('-').unwrap())
        .map(|(first, last)| (first.parse().unwrap(), last.parse().unwrap()))
        .collect();
    // They are asked for beside one another, and may arrive in any order.
    parts.sort_unstable();
    // The first four mebibytes and what came before the decision are those of the first request.
    let (first, last) = (parts[0].0, parts[parts.len() - 1].1);
    assert!(first >= 4 * MIB && last == LAYER - 1, "{parts:?}");
    assert_eq!(parts.len(), (LAYER - first).div_ceil(4 * MIB), "{parts:?}");
    assert!(parts.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0), "{parts:?}");
}

#[tokio::test]
async fn one_range_is_one_stream() {
    let way = Way::new().await;
    way.assert_arrived(&way.run("concurrency: {ranges: 1}\n").await);
    assert_eq!(way.parts(), [""; 0]);
}

#[tokio::test]
async fn no_more_parts_are_under_way_than_configured() {
    let way = Way::new().await;
    let gate = Gate::closed();
    way.source.fault(Fault::new(way.get(), Action::Hold(gate.clone())).skip(1));
    let run = way.run("concurrency: {ranges: 3}\n");
    let opened = async {
        way.source.wait_for(&way.get(), 4).await;
        // The first stream is at its end by now, or soon: it asks for no more.
        let asked = way.source.count(&way.get());
        gate.open();
        asked
    };
    let (summary, asked) = tokio::join!(run, opened);
    assert_eq!(asked, 4);
    way.assert_arrived(&summary);
}

#[tokio::test]
async fn a_source_without_ranges_loses_nothing() {
    let way = Way::new().await;
    way.source.fault(Fault::new(way.get(), Action::IgnoreRange));
    way.assert_arrived(&way.run("").await);
    assert!(!way.parts().is_empty());
}

#[tokio::test]
async fn a_part_that_fails_is_read_without_ranges() {
    for (part, action) in [
        (1, Action::status(503)),
        (3, Action::status(503)),
        (2, Action::status(429)),
        (1, Action::Reset),
        (3, Action::CutBody { after: MIB }),
        (2, Action::Header("etag", "\"another\"".to_owned())),
        (1, Action::Header("content-range", "bytes 0-1/2".to_owned())),
    ] {
        let way = Way::new().await;
        way.source.fault(Fault::new(way.get(), action).skip(part).once());
        way.assert_arrived(&way.run("").await);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_before_the_parts_is_resumed_up_to_them() {
    let way = Way::new().await;
    way.source.fault(Fault::new(way.get(), Action::CutBody { after: 2 * MIB }).once());
    way.assert_arrived(&way.run("").await);
}

#[tokio::test]
async fn a_wrong_byte_in_a_part_is_never_tagged() {
    let way = Way::new().await;
    way.source.fault(Fault::new(way.get(), Action::Corrupt { at: MIB }).skip(2));
    let summary = way.run("").await;
    assert!(tag_error(&summary, "1").contains("wrong content"), "{summary:#?}");
    assert!(way.target.tags("app").is_empty());
}
