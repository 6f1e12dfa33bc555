//! Answers that come a few bytes at a time: just enough that something moves, and never enough.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tagferry::event::{RunOutcome, RunSummary};
use tagferry::oci::Digest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::fake::{Action, Face, Fault, Match, Registry, image, random_image};
use crate::world::clock::hurry;
use crate::world::{APP, Side, assert_says, assert_succeeded, mirror, mirror_error, sync, tag_error};

/// Settings as they are by default: the tests have time at their hands.
const DEFAULTS: &str = "timeouts: {connect: 1m, stall: 30s}";
/// Inside of `stall`, by more than what a busy machine takes to carry a byte.
const SELDOM: Duration = Duration::from_secs(25);

fn configured(source: impl Into<Side>, target: &Registry) -> String {
    mirror(source, target, APP).replace(crate::world::TIMEOUTS.trim_end(), DEFAULTS)
}

/// A server that begins to answer a list of tags, and then gives a little again and again.
struct Answer {
    what: &'static str,
    seen: &'static str,
    first: &'static str,
    then: &'static str,
    every: Duration,
    /// How the mirror fails.
    says: &'static [&'static str],
}

fn answers() -> Vec<Answer> {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    let second = Duration::from_secs(1);
    let row = |what, seen, first, then, every, says| Answer { what, seen, first, then, every, says };
    vec![
        row(
            "a byte of the list each 25 s",
            "encode/httpx#1450",
            "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n{",
            " ",
            SELDOM,
            &[
                "cannot read the tags",
                "the answer was not whole within 1m (`timeouts.metadata`): 3 bytes came",
            ],
        ),
        row(
            "a list without a length that never ends",
            "dolthub/doltlite#1761",
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{",
            " ",
            second,
            &["the answer was not whole within 1m"],
        ),
        row(
            "chunks of a byte",
            "none found; brother of the above",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "1\r\n \r\n",
            second,
            &["the answer was not whole within 1m"],
        ),
        row(
            "an error whose body drips is still that error",
            "none found; brother of the above",
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\nno",
            "!",
            second,
            &["403 Forbidden"],
        ),
        row(
            "lines of the head",
            "warmcat/libwebsockets#2154",
            OK,
            "X-More: b\r\n",
            second,
            &["no data for 30s"],
        ),
        row(
            "answers that announce an answer",
            "none found; brother of the above",
            "",
            "HTTP/1.1 102 Processing\r\n\r\n",
            second,
            &["no data for 30s"],
        ),
    ]
}

impl Answer {
    async fn run(self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let Self { first, then, every, says, .. } = self;
        let mut server = JoinSet::new();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(drip(stream, first, then, every));
            }
        });
        let target = Registry::start(Face::Open).await;
        let source = Side { host, settings: "{plain_http: true}".to_owned() };
        let summary = hurry(sync(&configured(source, &target))).await;
        assert_says(mirror_error(&summary), says);
    }
}

/// Answers until the client leaves.
async fn drip(mut stream: TcpStream, first: &str, then: &str, every: Duration) {
    let mut request = [0; 4096];
    let asked = stream.read(&mut request).await;
    if !asked.is_ok_and(|bytes| bytes > 0) || stream.write_all(first.as_bytes()).await.is_err() {
        return;
    }
    loop {
        tokio::time::sleep(every).await;
        if stream.write_all(then.as_bytes()).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn an_answer_that_drips_has_an_end() {
    let mut faults = Vec::new();
    for row in answers() {
        let (what, seen) = (row.what, row.seen);
        if let Err(panic) = AssertUnwindSafe(row.run()).catch_unwind().await {
            let words = panic.downcast_ref::<String>().map_or("it panics", String::as_str);
            faults.push(format!("{what} ({seen}): {words}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// A tag with one layer of so many bytes, whose source has this fault.
async fn one_layer(bytes: usize, fault: Fault) -> (RunSummary, Registry) {
    let (source, target) = (Registry::start(Face::Token).await, Registry::start(Face::Open).await);
    source.push("app", "1.0", &random_image(1, &[bytes]));
    source.fault(fault);
    (hurry(sync(&configured(&source, &target))).await, source)
}

/// Requests for a layer of so many bytes.
fn layer(bytes: usize) -> Match {
    let layer = Digest::of(&random_image(1, &[bytes]).blobs[1]);
    Match::blob_get().containing(layer.to_string())
}

/// The layer comes with so many bytes a second.
fn at(rate: usize, bytes: usize) -> Fault {
    Fault::new(layer(bytes), Action::Drip { bytes: rate, every: Duration::from_secs(1) })
}

#[tokio::test]
async fn tokens_and_manifests_that_drip_fail_their_request() {
    let drip = |requests| Fault::new(requests, Action::Drip { bytes: 1, every: SELDOM });
    let (summary, _) = one_layer(1000, drip(Match::token())).await;
    assert_says(mirror_error(&summary), &["/token", "not whole within 1m (`timeouts.metadata`)"]);
    let (summary, _) = one_layer(1000, drip(Match::manifest_get())).await;
    assert_says(tag_error(&summary, "1.0"), &["read manifest", "not whole within 1m (`timeouts.metadata`)"]);
    // What breaks off once is asked for again.
    let (summary, source) = one_layer(1000, drip(Match::manifest_get()).once()).await;
    assert_succeeded(&summary);
    assert_eq!(source.count(&Match::manifest_get()), 2);
}

#[tokio::test]
async fn a_blob_at_a_hundred_bytes_a_second_is_resumed_and_then_fails() {
    // containerd/containerd#11650: for an hour there was some progress in each window.
    let (summary, source) = one_layer(200_000, at(100, 200_000)).await;
    assert_says(tag_error(&summary, "1.0"), &["bytes moved within 1m, less than `timeouts.pace`"]);
    assert_eq!(source.count(&layer(200_000)), 5);
}

#[tokio::test]
async fn a_blob_that_is_slow_once_is_resumed_where_it_was() {
    let (summary, source) = one_layer(200_000, at(100, 200_000).once()).await;
    assert_succeeded(&summary);
    let ranges = source
        .requests()
        .into_iter()
        .filter_map(|seen| Some(seen.head.headers.get("range")?.to_str().unwrap().to_owned()));
    let ranges: Vec<_> = ranges.collect();
    assert_eq!(ranges.len(), 1, "{ranges:?}");
    assert_ne!(ranges[0], "bytes=0-");
}

#[tokio::test]
async fn a_slow_and_steady_blob_arrives() {
    // matrixorigin/matrixone#26671: 25 KB a second, longer than any time of the whole.
    let (summary, source) = one_layer(3_000_000, at(25_000, 3_000_000)).await;
    assert_succeeded(&summary);
    assert!(source.requests().iter().all(|seen| !seen.head.headers.contains_key("range")));
}

#[tokio::test]
async fn the_time_of_an_upload_is_not_that_of_its_answer() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1.0", &random_image(1, &[3_000_000]));
    source.fault(at(25_000, 3_000_000));
    // It comes when all bytes have, two minutes later.
    target.fault(Fault::new(Match::upload_put(), Action::error(403, "DENIED", "the team has no room left")));
    let summary = hurry(sync(&configured(&source, &target))).await;
    assert_says(tag_error(&summary, "1.0"), &["the team has no room left"]);
}

#[tokio::test]
async fn two_sources_that_drip_do_not_hold_up_a_third_for_ever() {
    // projectbluefin/lab#556: all places were held by pulls that never ended.
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    for name in ["a", "b", "c"] {
        source.push(name, "1", &image(&[name]));
    }
    for name in ["a", "b"] {
        let list = Match::tags().containing(format!("/{name}/"));
        source.fault(Fault::new(list, Action::Drip { bytes: 1, every: SELDOM }));
    }
    let mirrors = ["a", "b", "c"].map(|name| APP.replace("app", name)).concat();
    let config = mirror(&source, &target, &mirrors).replace(crate::world::TIMEOUTS.trim_end(), DEFAULTS);
    let summary = hurry(sync(&(config + "concurrency: {mirrors: 2}\n"))).await;
    let outcomes: Vec<_> = summary.mirrors.iter().map(|mirror| mirror.outcome).collect();
    assert_eq!(outcomes, [RunOutcome::Failed, RunOutcome::Failed, RunOutcome::Succeeded]);
    assert_eq!(target.tags("c"), source.tags("c"));
}
