//! Copies through connections that cut, stall, delay and corrupt at random: whatever arrives is right, and in the
//! end everything arrives.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tagferry::event::RunOutcome;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::fake::{Ecr, Face, Format, Image, Registry, attested_index, index, random_image};
use crate::world::{Side, mirror, sync};

/// Runs with chaos before one without; most copies are done by then.
const ROUNDS_MAX: usize = 6;
/// After so many pieces without any harm the next one is cut off: a test without chaos shows nothing.
const CALM_MAX: u64 = 40;

const MIRROR: &str = r"
  - source: SOURCE/app
    target: TARGET/mirrored/app
    tags: [{match: '.*'}]
";

#[expect(clippy::print_stdout, reason = "the seed of a failed test is worth knowing")]
#[tokio::test]
async fn what_arrives_through_chaos_is_right_and_in_the_end_all_of_it_arrives() {
    let seed = std::env::var("TAGFERRY_SEED").map_or_else(|_| rand(), |seed| seed.parse().unwrap());
    println!("TAGFERRY_SEED={seed} repeats this test");
    let (source, ecr) = (Registry::start(Face::Token).await, Ecr::start().await);
    for (tag, image) in images(seed) {
        source.push("app", tag, &image);
    }
    let mut rolls = Rolls(seed);
    // Answers of the source may be corrupted anywhere; what we send is not: a flipped bit in a request line
    // would be another request, and on a real wire TLS sees to that.
    let bad_source = Chaos::start(source.host(), Arc::new(Dice::new(rolls.next(), Corrupt::Answers))).await;
    let bad_target = Chaos::start(ecr.host(), Arc::new(Dice::new(rolls.next(), Corrupt::Nothing))).await;
    let (mut from, mut to) = (Side::from(&source), Side::from(&ecr));
    (from.host, to.host) = (bad_source.host.clone(), bad_target.host.clone());

    // What hangs in chaos ends soon.
    let chaotic = mirror(from, to, MIRROR).replace("stall: 10m", "stall: 300ms");
    let mut copied = 0;
    for _ in 0..ROUNDS_MAX {
        let summary = sync(&chaotic).await;
        // Whatever happened: no tag points at anything incomplete or wrong.
        ecr.assert_consistent();
        for (tag, digest) in ecr.tags("mirrored/app") {
            assert_eq!(source.tags("app").get(&tag), Some(&digest), "{tag}");
        }
        copied += summary.totals.copied;
        if summary.outcome == RunOutcome::Succeeded {
            break;
        }
    }
    let harmed = bad_source.harmed() + bad_target.harmed();
    println!("{copied} tags copied in chaos\n{harmed} harms done");
    assert!(harmed > 0, "no chaos, no test");

    let calm = sync(&mirror(&source, &ecr, MIRROR)).await;
    assert_eq!(calm.outcome, RunOutcome::Succeeded, "{calm:#?}");
    let (wanted, held) = (source.repository("app").unwrap(), ecr.repository("mirrored/app").unwrap());
    assert_eq!(wanted.tags, held.tags);
    for (digest, manifest) in &wanted.manifests {
        assert_eq!(held.manifests[digest].bytes, manifest.bytes);
    }
    for (digest, blob) in &wanted.blobs {
        assert_eq!(&held.blobs[digest], blob);
    }
}

fn images(seed: u64) -> Vec<(&'static str, Image)> {
    let small = random_image(seed, &[10_000, 200_000]);
    let large = random_image(seed.wrapping_add(100), &[1_000_000, 1, 700_000]);
    let both = index(Format::Docker, &[("linux/amd64", small.clone()), ("linux/arm64", large.clone())]);
    vec![("small", small), ("large", large), ("both", both), ("attested", attested_index(&["linux/amd64"]))]
}

/// A proxy in front of a server, over which the dice decide.
struct Chaos {
    host: String,
    dice: Arc<Dice>,
    /// Ends all connections with it.
    _tasks: JoinSet<()>,
}

/// What may be corrupted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Corrupt {
    Answers,
    Nothing,
}

struct Dice {
    rolls: std::sync::Mutex<Rolls>,
    rolled: AtomicU64,
    corrupt: Corrupt,
    harmed: AtomicU64,
}

impl Chaos {
    async fn start(upstream: String, dice: Arc<Dice>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let mut tasks = JoinSet::new();
        let accept = accept(listener, upstream, Arc::clone(&dice));
        tasks.spawn(accept);
        Self { host, dice, _tasks: tasks }
    }

    fn harmed(&self) -> u64 {
        self.dice.harmed.load(Relaxed)
    }
}

async fn accept(listener: TcpListener, upstream: String, dice: Arc<Dice>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(&upstream).await else { continue };
        connections.spawn(relay(client, server, Arc::clone(&dice)));
    }
}

/// Carries bytes both ways until one side ends or the dice say so.
async fn relay(client: TcpStream, server: TcpStream, dice: Arc<Dice>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::select! {
        () = carry(&mut from_client, &mut to_server, &dice, false) => {}
        () = carry(&mut from_server, &mut to_client, &dice, dice.corrupt == Corrupt::Answers) => {}
    }
}

async fn carry(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    dice: &Dice,
    may_corrupt: bool,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        match dice.roll(may_corrupt) {
            Fate::Pass => {}
            Fate::Delay => tokio::time::sleep(Duration::from_millis(3)).await,
            Fate::Cut => return,
            // Until the client has waited long enough and goes.
            Fate::Stall => std::future::pending().await,
            Fate::Corrupt(at) => buffer[at % count] ^= 1 << (at % 8),
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

enum Fate {
    Pass,
    Delay,
    Cut,
    Stall,
    Corrupt(usize),
}

impl Dice {
    fn new(seed: u64, corrupt: Corrupt) -> Self {
        Self {
            rolls: std::sync::Mutex::new(Rolls(seed)),
            rolled: AtomicU64::new(0),
            corrupt,
            harmed: AtomicU64::new(0),
        }
    }

    fn roll(&self, may_corrupt: bool) -> Fate {
        let roll = self.rolls.lock().unwrap().next();
        let is_overdue = self.rolled.fetch_add(1, Relaxed) >= CALM_MAX && self.harmed.load(Relaxed) == 0;
        let fate = match roll % 1000 {
            _ if is_overdue => Fate::Cut,
            0..9 => Fate::Cut,
            9..10 => Fate::Stall,
            10..18 if may_corrupt => Fate::Corrupt(usize::try_from(roll >> 32).unwrap()),
            18..40 => return Fate::Delay,
            _ => return Fate::Pass,
        };
        self.harmed.fetch_add(1, Relaxed);
        fate
    }
}

/// Numbers from a seed (splitmix64).
struct Rolls(u64);

impl Rolls {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

fn rand() -> u64 {
    std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0)
}
