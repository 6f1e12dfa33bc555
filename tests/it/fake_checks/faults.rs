//! Faults strike the requests that they name, as often as they say.

use std::time::Duration;

use http::Method;
use tagferry::oci::Digest;

use crate::fake::{self, Action, Face, Fault, Gate, Match, Registry};

use super::{ask, get, try_ask};

const LAYER_BYTES: usize = 300_000;

/// A registry with one layer, and the layer's address.
async fn registry() -> (Registry, String) {
    let registry = Registry::start(Face::Open).await;
    let layer = fake::random_bytes(1, LAYER_BYTES);
    let url = format!("http://{}/v2/a/blobs/{}", registry.host(), Digest::of(&layer));
    registry.push("a", "1", &fake::Draft::new(fake::Format::Oci).layer(layer).build());
    (registry, url)
}

/// Reads until the body ends or fails, and gives the bytes and whether it failed.
async fn read(url: &str) -> (usize, bool) {
    let mut response = reqwest::get(url).await.unwrap();
    let mut bytes = 0;
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => bytes += piece.len(),
            Ok(None) => return (bytes, false),
            Err(_) => return (bytes, true),
        }
    }
}

#[tokio::test]
async fn a_fault_strikes_after_its_skip_and_as_often_as_it_says() {
    let (registry, url) = registry().await;
    registry.fault(Fault::new(Match::blob_get(), Action::status(503)).skip(1).times(2));
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(get(&url).await.status);
    }
    assert_eq!(statuses, [200, 503, 503, 200, 200]);
}

#[tokio::test]
async fn a_fault_strikes_only_what_it_names() {
    let (registry, url) = registry().await;
    registry.fault(Fault::new(Match::blob_get().containing("sha256:other"), Action::status(500)));
    registry.fault(Fault::new(Match::blob_head(), Action::throttle(Some(7))));
    assert_eq!(get(&url).await.status, 200);
    let throttled = ask(Method::HEAD, &url, &[], "").await;
    assert_eq!((throttled.status, throttled.header("retry-after")), (429, "7"));
    registry.heal();
    assert_eq!(ask(Method::HEAD, &url, &[], "").await.status, 200);
}

#[tokio::test]
async fn a_body_is_cut_after_just_so_many_bytes() {
    let (registry, url) = registry().await;
    for after in [0, 1, 4096, 200_000] {
        registry.fault(Fault::new(Match::blob_get(), Action::CutBody { after }).once());
        assert_eq!(read(&url).await, (after, true));
    }
    assert_eq!(read(&url).await, (LAYER_BYTES, false));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_gives_no_byte_more() {
    let (registry, url) = registry().await;
    registry.fault(Fault::new(Match::blob_get(), Action::StallBody { after: 1000 }));
    let mut response = reqwest::get(&url).await.unwrap();
    let mut bytes = 0;
    while bytes < 1000 {
        bytes += response.chunk().await.unwrap().unwrap().len();
    }
    assert_eq!(bytes, 1000);
    // The rest is pending, not at its end.
    let rest = tokio::time::timeout(Duration::from_hours(1), response.chunk()).await;
    assert!(rest.is_err());
}

#[tokio::test]
async fn bytes_and_headers_can_be_wrong() {
    let (registry, url) = registry().await;
    let good = get(&url).await.body;
    let strike = async |action: Action| {
        registry.fault(Fault::new(Match::blob_get(), action).once());
        get(&url).await
    };
    let corrupt = strike(Action::Corrupt { at: 5 }).await.body;
    assert_eq!(corrupt.len(), good.len());
    assert_eq!(corrupt.iter().zip(&good).filter(|(a, b)| a != b).count(), 1);
    assert_eq!(strike(Action::Resize { to: 10 }).await.body, good[..10]);
    assert_eq!(strike(Action::Resize { to: LAYER_BYTES + 1 }).await.body.len(), LAYER_BYTES + 1);
    assert_eq!(strike(Action::Header("etag", "\"x\"".to_owned())).await.header("etag"), "\"x\"");
    assert_eq!(
        strike(Action::WithoutHeader("docker-content-digest")).await.header("docker-content-digest"),
        ""
    );
    registry.fault(Fault::new(Match::blob_get(), Action::IgnoreRange));
    assert_eq!(ask(Method::GET, &url, &[("range", "bytes=5-")], "").await.status, 200);
}

#[tokio::test]
async fn a_reset_has_no_effect_and_a_lost_answer_has() {
    let registry = Registry::start(Face::Open).await;
    let put = |tag: &str| {
        let image = fake::image(&[]);
        registry.push_untagged("a", &image);
        let url = format!("http://{}/v2/a/manifests/{tag}", registry.host());
        async move { try_ask(Method::PUT, &url, &[("content-type", &image.media_type)], image.bytes).await }
    };
    registry.fault(Fault::new(Match::manifest_put(), Action::Reset).once());
    registry.fault(Fault::new(Match::manifest_put(), Action::LoseAnswer).skip(1).once());
    assert!(put("reset").await.is_err());
    assert!(put("lost").await.is_err());
    assert_eq!(registry.tags("a").into_keys().collect::<Vec<_>>(), ["lost"]);
    assert!(registry.requests().iter().all(|seen| seen.status.is_none()));
}

#[tokio::test]
async fn an_upload_is_cut_and_leaves_nothing() {
    let registry = Registry::start(Face::Open).await;
    let base = format!("http://{}", registry.host());
    let start = ask(Method::POST, &format!("{base}/v2/a/blobs/uploads/"), &[], "").await;
    registry.fault(Fault::new(Match::upload_put(), Action::CutUpload { after: 1000 }));
    let layer = fake::random_bytes(1, LAYER_BYTES);
    let url = format!("{base}{}&digest={}", start.header("location"), Digest::of(&layer));
    assert!(try_ask(Method::PUT, &url, &[], layer).await.is_err());
    assert!(registry.repository("a").unwrap().blobs.is_empty());
}

#[tokio::test]
async fn a_gate_holds_requests_until_it_opens() {
    let (registry, url) = registry().await;
    let gate = Gate::closed();
    registry.fault(Fault::new(Match::blob_get(), Action::Hold(gate.clone())));
    let open = async {
        registry.wait_for(&Match::blob_get(), 2).await;
        assert_eq!(registry.requests()[0].status, None);
        gate.open();
    };
    let (first, second, ()) = tokio::join!(get(&url), get(&url), open);
    assert_eq!((first.status, second.status, registry.in_flight_max()), (200, 200, 2));
}

#[tokio::test(start_paused = true)]
async fn delays_and_slow_bodies_take_the_time_that_they_say() {
    let (registry, url) = registry().await;
    let delay = Duration::from_secs(50);
    registry.fault(Fault::new(Match::blob_get(), Action::Delay(delay)));
    registry.fault(Fault::new(Match::blob_get(), Action::SlowBody { bytes_per_second: 10_000 }));
    let start = tokio::time::Instant::now();
    assert_eq!(read(&url).await, (LAYER_BYTES, false));
    // 30 seconds for the layer.
    assert!(start.elapsed() >= delay + Duration::from_secs(30));
}
