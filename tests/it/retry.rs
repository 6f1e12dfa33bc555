//! Faults of the way: what passes is retried, what does not ends soon, and nothing wrong is ever tagged.

use std::fmt::Debug;

use http::Method;
use http::header::RANGE;
use tagferry::event::RunSummary;
use tagferry::oci::Digest;

use crate::fake::{Action, Face, Fault, Image, Match, Registry, random_bytes, random_image};
use crate::world::clock::outlast;
use crate::world::{APP, assert_says, assert_succeeded, copy, mirror, plan, sync, tag_error};

/// Large enough to arrive in many pieces.
const LAYER_BYTES: usize = 600_000;
/// So often a request is tried, by the tests' settings as in real life.
const TRIES: usize = 5;

/// An image with one large layer, at a source; an empty target; and what matches the layer.
struct Way {
    source: Registry,
    target: Registry,
    image: Image,
    layer: Digest,
}

impl Way {
    async fn new() -> Self {
        Self::over(Registry::start(Face::Open).await).await
    }

    async fn over(source: Registry) -> Self {
        let image = random_image(7, &[LAYER_BYTES]);
        source.push("app", "latest", &image);
        let layer = Digest::of(&random_bytes(7, LAYER_BYTES));
        Self { source, target: Registry::start(Face::Open).await, image, layer }
    }

    /// The layer's download.
    fn get(&self) -> Match {
        Match::blob_get().containing(self.layer.hex())
    }

    /// The layer's upload.
    fn put(&self) -> Match {
        Match::upload_put().containing(self.layer.hex())
    }

    async fn run(&self) -> RunSummary {
        copy(&self.source, &self.target).await
    }

    /// Runs, and fails the test unless the image arrives.
    async fn arrives(&self, case: impl Debug) -> RunSummary {
        let summary = self.run().await;
        assert_eq!(
            self.target.tags("app").get("latest"),
            Some(&self.image.digest()),
            "{case:?}: {summary:#?}"
        );
        assert_succeeded(&summary);
        self.target.assert_consistent();
        summary
    }

    /// Runs, and fails the test unless the image arrives although four requests of this side hang.
    async fn outlasts_four(&self, side: &Registry) {
        let config = mirror(&self.source, &self.target, APP) + "concurrency: {blobs: 1}\n";
        let any = Match::any();
        let summary = tokio::select! {
            summary = Box::pin(sync(&config)) => summary,
            never = outlast(side, &any) => match never {},
        };
        assert_succeeded(&summary);
        assert_eq!(side.hangs(), 4);
        self.target.assert_consistent();
    }

    /// Runs, and fails the test unless the tag fails with these words and is not there.
    async fn fails(&self, words: &[&str]) {
        let summary = self.run().await;
        assert_says(tag_error(&summary, "latest"), words);
        assert!(self.target.tags("app").is_empty());
        let blobs = self.target.repository("app").unwrap_or_default().blobs;
        assert!(blobs.iter().all(|(digest, blob)| Digest::of(blob) == *digest));
    }

    /// Where downloads of the layer began.
    fn ranges(&self) -> Vec<Option<String>> {
        let gets = self.source.requests().into_iter().filter(|seen| self.get().matches(&seen.head));
        gets.map(|seen| seen.head.header(RANGE).map(str::to_owned)).collect()
    }
}

fn passing_faults() -> Vec<Action> {
    vec![
        Action::throttle(None),
        Action::throttle(Some(0)),
        Action::status(408),
        Action::status(500),
        Action::status(502),
        Action::error(503, "UNAVAILABLE", "come back later"),
        Action::status(504),
        Action::Reset,
        Action::LoseAnswer,
    ]
}

#[tokio::test]
async fn every_request_survives_every_fault_that_passes() {
    for action in passing_faults() {
        let way = Way::new().await;
        for pattern in [Match::tags(), Match::manifest_head(), Match::manifest_get(), Match::blob_get()] {
            way.source.fault(Fault::new(pattern, action.clone()).times(2));
        }
        for pattern in [
            Match::manifest_head(),
            Match::blob_head(),
            Match::upload_start(),
            Match::upload_put(),
            Match::manifest_put(),
        ] {
            way.target.fault(Fault::new(pattern, action.clone()).times(2));
        }
        way.arrives(&action).await;
    }
}

#[tokio::test]
async fn a_token_realm_may_stumble_too() {
    for action in passing_faults() {
        let way = Way::over(Registry::start(Face::Token).await).await;
        way.source.fault(Fault::new(Match::token(), action.clone()).times(2));
        way.arrives(&action).await;
    }
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    let way = Way::new().await;
    way.source.fault(Fault::new(Match::tags(), Action::throttle(Some(1))).once());
    let start = std::time::Instant::now();
    way.arrives("a second").await;
    assert!(start.elapsed().as_secs() >= 1);
}

#[tokio::test]
async fn retry_after_is_waited_for_where_a_body_was_sent() {
    let way = Way::new().await;
    way.target.fault(Fault::new(way.put(), Action::throttle(Some(1))).once());
    let start = std::time::Instant::now();
    way.arrives("a second").await;
    assert!(start.elapsed().as_secs() >= 1);
}

#[tokio::test]
async fn who_does_not_answer_is_asked_again() {
    let way = Way::new().await;
    for pattern in [Match::tags(), Match::manifest_head(), Match::manifest_get(), Match::blob_get()] {
        way.source.fault(Fault::new(pattern, Action::Stall).once());
    }
    way.outlasts_four(&way.source).await;

    let way = Way::new().await;
    for pattern in [Match::manifest_head(), Match::blob_head(), Match::upload_start(), Match::manifest_put()]
    {
        way.target.fault(Fault::new(pattern, Action::Stall).once());
    }
    way.outlasts_four(&way.target).await;
}

#[tokio::test]
async fn a_fault_that_stays_ends_after_the_tries() {
    for action in passing_faults().into_iter().filter(|action| !matches!(action, Action::LoseAnswer)) {
        let way = Way::new().await;
        way.source.fault(Fault::new(Match::any(), action.clone()));
        let summary = plan(&mirror(&way.source, &way.target, APP)).await;
        assert!(summary.mirrors[0].error.is_some(), "{action:?}");
        assert_eq!(way.source.count(&Match::tags()), TRIES, "{action:?}");
    }
}

#[tokio::test]
async fn a_cut_download_is_resumed_where_it_broke_without_starting_the_upload_over() {
    let way = Way::new().await;
    way.source.fault(Fault::new(way.get(), Action::CutBody { after: 100_000 }).once());
    way.source.fault(Fault::new(way.get(), Action::CutBody { after: 200_000 }).skip(1).once());
    let summary = way.arrives("cut").await;
    let ranges = way.ranges();
    assert_eq!(ranges, [None, Some("bytes=100000-".to_owned()), Some("bytes=300000-".to_owned())]);
    assert_eq!(way.target.count(&way.put()), 1);
    assert_eq!(summary.totals.bytes, way.image.blobs.iter().map(|blob| blob.len() as u64).sum::<u64>());
}

#[tokio::test]
async fn a_download_from_another_origin_is_resumed_by_a_new_address() {
    let way = Way::over(Registry::builder(Face::Oracle).blobs_elsewhere().start().await).await;
    let get = Match::verb(Method::GET, crate::fake::Kind::Other).containing(way.layer.hex());
    way.source.storage().fault(Fault::new(get.clone(), Action::CutBody { after: 100_000 }).once());
    way.arrives("cut").await;
    let links: Vec<_> = way
        .source
        .storage()
        .requests()
        .into_iter()
        .filter(|seen| get.matches(&seen.head))
        .map(|seen| (seen.head.raw_query.clone(), seen.head.header(RANGE).map(str::to_owned)))
        .collect();
    assert_eq!(links.len(), 2);
    assert_ne!(links[0].0, links[1].0);
    assert_eq!(links[1].1.as_deref(), Some("bytes=100000-"));
}

#[tokio::test]
async fn wrong_content_never_reaches_the_target_and_is_asked_for_once_more() {
    let wrong = || {
        [
            Action::Corrupt { at: 0 },
            Action::Corrupt { at: LAYER_BYTES - 1 },
            Action::Resize { to: LAYER_BYTES + 1 },
        ]
    };
    for action in wrong() {
        let way = Way::new().await;
        way.source.fault(Fault::new(way.get(), action.clone()).once());
        way.arrives(&action).await;
        assert_eq!(way.source.count(&way.get()), 2, "{action:?}");
    }
    for action in wrong() {
        let way = Way::new().await;
        way.source.fault(Fault::new(way.get(), action.clone()));
        way.fails(&["source: cannot read blob sha256:", "wrong"]).await;
        assert_eq!(way.source.count(&way.get()), 2, "{action:?}");
        // The target saw the beginning, and waited in vain for the end.
        let uploads = way.target.requests().into_iter().filter(|seen| way.put().matches(&seen.head));
        assert!(uploads.into_iter().all(|seen| seen.status.is_none_or(|status| status >= 400)), "{action:?}");
        assert_eq!(way.target.count(&Match::manifest_put()), 0);
    }
}

#[tokio::test]
async fn a_tag_that_does_not_answer_as_it_was_written_fails() {
    let way = Way::new().await;
    let other = Digest::of(b"other").to_string();
    let pattern = Match::manifest_head().containing("manifests/latest");
    way.target.fault(Fault::new(pattern, Action::Header("docker-content-digest", other)).skip(1));
    let summary = way.run().await;
    assert_says(tag_error(&summary, "latest"), &["the tag is not what was written: expected sha256:"]);
}
