//! Killed without a warning, at every request of a run and in the middle of every layer: no tag points at anything
//! incomplete, and the next run brings the rest, and only the rest.

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use tagferry::oci::Digest;

use crate::fake::{
    Action, Draft, Ecr, Face, Fault, Format, Gate, Image, Match, Registry, Route, Server, index, random_bytes,
};
use crate::world::program::Program;
use crate::world::{APP, mirror};

const SYNC: &[&str] = &["sync", "--output", "json"];
/// Fewer of them, or of blobs that had arrived there, would mean that this test has lost its subject.
const POINTS_MIN: usize = 25;
/// How many are tried at a time.
const POINTS_AT_ONCE: usize = 8;
const LAYER_BYTES: usize = 100_000;

/// When the program is killed.
#[derive(Clone, Debug)]
enum Point {
    /// When this many requests have arrived at a side, the last of them unanswered.
    Request(Side, usize),
    /// While this layer is uploaded, of which the source has sent half.
    Layer(Digest),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Target,
}

/// Two registries, and the program between them.
struct World {
    source: Registry,
    ecr: Ecr,
    program: Program,
}

impl World {
    async fn new() -> Self {
        let (source, ecr) = (Registry::start(Face::Token).await, Ecr::start().await);
        for (tag, image) in images() {
            source.push("app", tag, &image);
        }
        let program = Program::configured(&mirror(&source, &ecr, APP)).aws();
        Self { source, ecr, program }
    }

    fn side(&self, side: Side) -> &Server {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.ecr,
        }
    }

    /// Runs the program up to a point and kills it. False if it was done before it got there.
    async fn killed(&self, point: &Point) -> bool {
        let (side, pattern, number) = self.arm(point);
        let mut running = self.program.start(SYNC);
        let is_there = tokio::select! {
            () = self.side(side).wait_for(&pattern, number) => true,
            () = running.closed() => false,
        };
        running.kill().await;
        self.source.heal();
        self.ecr.heal();
        is_there
    }

    /// Makes the run stop at a point. Gives the requests that show that it is there.
    fn arm(&self, point: &Point) -> (Side, Match, usize) {
        match point {
            Point::Request(side, number) => {
                let hold = Fault::new(Match::any(), Action::Hold(Gate::closed())).skip(number - 1);
                self.side(*side).fault(hold);
                (*side, Match::any(), *number)
            }
            Point::Layer(digest) => {
                let stall = Action::StallBody { after: LAYER_BYTES / 2 };
                self.source.fault(Fault::new(Match::blob_get().containing(digest.to_string()), stall));
                (Side::Target, Match::upload_put().containing(digest.hex()), 1)
            }
        }
    }

    /// Blobs whose upload the target has confirmed.
    fn arrived(&self) -> BTreeSet<Digest> {
        let confirmed = self
            .ecr
            .requests()
            .into_iter()
            .filter(|seen| Match::upload_put().matches(&seen.head) && seen.status == Some(201));
        confirmed.map(|seen| seen.head.query("digest").unwrap().parse().unwrap()).collect()
    }

    /// Blobs that were asked for at the source, after so many requests.
    fn fetched(&self, after: usize) -> BTreeSet<Digest> {
        let requests = self.source.requests().into_iter().skip(after);
        let fetches = requests.filter(|seen| Match::blob_get().matches(&seen.head));
        fetches.map(|seen| Route::of(&seen.head).reference.parse().unwrap()).collect()
    }

    /// Runs the program to its end.
    async fn finish(&self) {
        self.program.run_online(SYNC).await.assert_code(0);
        self.ecr.assert_consistent();
        assert_eq!(self.ecr.tags("app"), self.source.tags("app"));
    }
}

/// An image of several layers and an index of two platforms, with one layer in all of them.
fn images() -> [(&'static str, Image); 2] {
    let single = Draft::new(Format::Docker).layer(base()).layer(layer(1)).layer(layer(2)).build();
    let platform = |name: &str, seed| {
        let config = format!(r#"{{"architecture":"{name}","os":"linux"}}"#);
        Draft::new(Format::Oci).config(config).layer(base()).layer(layer(seed)).build()
    };
    let both = [("linux/amd64", platform("amd64", 3)), ("linux/arm64", platform("arm64", 4))];
    [("single", single), ("both", index(Format::Oci, &both))]
}

fn base() -> bytes::Bytes {
    layer(0)
}

fn layer(seed: u64) -> bytes::Bytes {
    random_bytes(seed, LAYER_BYTES)
}

/// Every request of a run that nobody disturbs, and the middle of every layer.
async fn points() -> Vec<Point> {
    let calm = World::new().await;
    calm.finish().await;
    let requests = [Side::Source, Side::Target].into_iter().flat_map(|side| {
        (1..=calm.side(side).requests().len()).map(move |number| Point::Request(side, number))
    });
    let layers = (0..=4).map(|seed| Point::Layer(Digest::of(&layer(seed))));
    requests.chain(layers).collect()
}

/// Kills the program at a point and runs it again. Gives the number of blobs that had arrived before, none if the
/// program was done before it got there.
async fn survive(point: Point) -> Option<usize> {
    let world = World::new().await;
    if !world.killed(&point).await {
        return None;
    }
    world.ecr.assert_consistent();
    let (arrived, before) = (world.arrived(), world.source.requests().len());
    world.finish().await;
    let twice: Vec<_> = world.fetched(before).intersection(&arrived).copied().collect();
    assert!(twice.is_empty(), "killed at {point:?}, fetched again: {twice:?}");
    Some(arrived.len())
}

#[expect(clippy::print_stdout, reason = "`scripts/reliability` reads it")]
#[tokio::test]
async fn a_killed_run_leaves_no_wrong_tag_and_the_next_one_fetches_only_what_is_missing() {
    let points = stream::iter(points().await).map(survive).buffer_unordered(POINTS_AT_ONCE);
    let arrived: Vec<_> = points.filter_map(std::future::ready).collect().await;
    let (killed, saved) = (arrived.len(), arrived.iter().sum::<usize>());
    println!("{killed} kill points");
    println!("{saved} blobs had arrived");
    assert!(
        killed >= POINTS_MIN && saved >= POINTS_MIN,
        "killed at {killed} points, {saved} blobs had arrived"
    );
}
