//! Is `/healthz` answered in time, whatever others do at the control plane? As many listeners as are let in are told of a
//! mirror of sixty thousand tags that goes on changing, 300 connections ask for all of it and read nothing, and 100 send a
//! byte a second. Each of those that is closed comes again.
//!
//! `cargo bench --bench health` prints how long a new connection took to be answered, and fails where one in a hundred
//! took 100 ms or more.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on fails, it prints, and its clients end with it"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tagferry::config::Config;
use tagferry::control::{Access, Changes, Configuration, Control, Hosts, Latest, Pieces, WrongTokens, serve};
use tagferry::event::{Blobs, Event, EventKind, Observer, Pair, PassId, TagOutcome, TagSummary};
use tagferry::ledger::Ledger;
use tagferry::oci::{Digest, Reference};
use tagferry::plan::{Action, Root, Step};
use tagferry::worker::Workers;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

const TAGS: usize = 60_000;
/// As many as are let in.
const LISTENERS: usize = 128;
const SILENT: usize = 300;
const DRIPPING: usize = 100;
/// The mirror changes so often.
const CHANGE: Duration = Duration::from_millis(5);
const WARM_UP: Duration = Duration::from_secs(15);
const ASKED: usize = 1000;
const PAUSE: Duration = Duration::from_millis(20);
const GOAL: Duration = Duration::from_millis(100);

fn main() {
    let ledger = Arc::new(Ledger::new(Timestamp::now()));
    let workers = Workers::new(Arc::clone(&ledger));
    let yaml = "mirrors: [{source: quay.io/a, target: registry.test/a, tags: [{match: .}]}]";
    let config = Config::parse("bench.yaml", yaml, &|_| None).unwrap();
    workers.configure(&ledger.configure(&config.mirrors, 1, Timestamp::now()), Duration::ZERO);
    let is_over = Arc::new(AtomicBool::new(false));
    let changing = thread::spawn({
        let (ledger, is_over) = (Arc::clone(&ledger), Arc::clone(&is_over));
        move || change(&ledger, &is_over)
    });
    // The daemon has threads of its own, as it does in a process of its own.
    let daemon = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = daemon.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let control = Control {
        ledger,
        workers,
        shard: None,
        changes: Changes::new(Timestamp::now()),
        pieces: Pieces::default(),
        metrics: Latest::default(),
        hosts: Hosts::new(address, None),
        access: Access::Local,
        wrong_tokens: WrongTokens::default(),
        stopping: CancellationToken::new(),
        configuration: Mutex::new(Configuration { loaded_at: Timestamp::now(), error: None }),
    };
    daemon.spawn(serve(listener, Arc::new(control), CancellationToken::new()));
    let crowd = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut took = crowd.block_on(measure(address));
    is_over.store(true, Relaxed);
    changing.join().unwrap();
    took.sort();
    let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)];
    println!("`/healthz` beside {LISTENERS} listeners, {SILENT} that do not read and {DRIPPING} that drip:");
    println!("median {:?}, 99th percentile {:?}, longest {:?}", at(50), at(99), at(100));
    assert!(at(99) < GOAL, "the 99th percentile is not below {GOAL:?}");
    crowd.shutdown_background();
    daemon.shutdown_background();
}

/// A pass over a mirror of many tags, each of which fails, one after the other, again and again.
fn change(ledger: &Ledger, is_over: &AtomicBool) {
    let pair = Pair::new("a", &"registry.test/a");
    let tags: Vec<Reference> =
        (0..TAGS).map(|number| format!("21.0.{number}-slim").parse().unwrap()).collect();
    let digest = Digest::of(b"image");
    let step = |tag: &Reference| Step {
        tag: tag.clone(),
        source_tag: tag.tag().cloned(),
        root: Root::Source(digest),
        previous: None,
        action: Action::Copy,
        reason: "missing in target".to_owned(),
    };
    let steps: Vec<_> = tags.iter().map(step).collect();
    for number in 1.. {
        let pass = PassId { pair: pair.clone(), generation: 1, number, retry: 0, tag: None };
        tell(ledger, &pass, EventKind::PassStarted);
        tell(ledger, &pass, EventKind::TagsPlanned { steps: &steps, failed: &[], stored: &BTreeMap::new() });
        for tag in &tags {
            if is_over.load(Relaxed) {
                return;
            }
            let summary = TagSummary {
                tag: tag.clone(),
                source_tag: None,
                digest: Some(digest),
                previous_digest: None,
                action: Some(Action::Copy),
                outcome: Some(TagOutcome::Copied),
                reason: String::new(),
                bytes: 0,
                blobs: Blobs::default(),
                error: None,
            };
            tell(ledger, &pass, EventKind::TagFinished { summary: &summary });
            thread::sleep(CHANGE);
        }
    }
}

fn tell(ledger: &Ledger, pass: &PassId, kind: EventKind<'_>) {
    ledger.observe(&Event { at: Timestamp::now(), pass: Some(pass), kind });
}

async fn measure(address: SocketAddr) -> Vec<Duration> {
    for _ in 0..LISTENERS {
        tokio::spawn(again(move || listen(address)));
    }
    for _ in 0..SILENT {
        tokio::spawn(again(move || ask_and_read_nothing(address)));
    }
    for _ in 0..DRIPPING {
        tokio::spawn(again(move || drip(address)));
    }
    tokio::time::sleep(WARM_UP).await;
    let mut took = Vec::new();
    for _ in 0..ASKED {
        let start = Instant::now();
        ask(address).await.unwrap();
        took.push(start.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    took
}

/// Comes again whenever it was closed, a little later.
async fn again<F: Future<Output = std::io::Result<()>>>(client: impl Fn() -> F) {
    loop {
        let _ = client().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn ask(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Ok(())
}

async fn listen(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    let mut buffer = vec![0; 64 * 1024];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

async fn ask_and_read_nothing(address: SocketAddr) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let mut stream = socket.connect(address).await?;
    stream.write_all(b"GET /api/v1/mirrors HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
    // Whether it was closed shows only to who reads.
    tokio::time::sleep(Duration::from_secs(5)).await;
    Ok(())
}

async fn drip(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    for byte in b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".iter().cycle() {
        stream.write_all(&[*byte]).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    Ok(())
}
