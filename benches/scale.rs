//! How long a pass over ten thousand mirrors takes, on one, four and sixteen shards: a discrete-event model with the
//! program's own limits and Amazon's published quotas. It moves no bytes and opens no socket; the same every time.
//!
//! `cargo bench --bench scale` prints the table of `docs/performance.md`.
//!
//! What is modelled: every request of a pass, the slots that each host gives, the pace of writing manifests, and the
//! quotas of the account, which all shards share. What is not: the bytes of layers, failures, start-up, and that a
//! throttled request is tried again (here it waits for its turn, which takes as long and costs nothing).
#![allow(clippy::unwrap_used, reason = "a model that cannot go on has nothing to say")]
#![allow(clippy::cast_precision_loss, reason = "figures have fewer digits than an f64")]

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use tagferry::config::Config;

const MIRRORS: usize = 10_000;
const TAGS: u32 = 50;
/// The source is far away; ECR is in the region where we run.
const SOURCE_LATENCY_US: u64 = 50_000;
const ECR_LATENCY_US: u64 = 10_000;
const SECOND_US: u64 = 1_000_000;

/// What is asked of whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Ask {
    /// Tokens, lists, `HEAD`s and manifests, all of one source.
    Source,
    DescribeImages,
    BatchCheckLayerAvailability,
    InitiateLayerUpload,
    CompleteLayerUpload,
    PutImage,
    /// The tag, read again after a copy.
    Verify,
}

impl Ask {
    /// Calls a second that Amazon allows an account in a region by default (ECR guide, service quotas).
    fn quota(self) -> Option<u64> {
        match self {
            // Of `DescribeImages` no figure is published.
            Self::Source | Self::Verify | Self::DescribeImages => None,
            Self::BatchCheckLayerAvailability => Some(1000),
            Self::InitiateLayerUpload | Self::CompleteLayerUpload => Some(100),
            Self::PutImage => Some(10),
        }
    }

    /// The host whose slots it takes. The API has none, and a layer's upload takes one of `concurrency.blobs`, of
    /// which no more are here than fit.
    fn host(self) -> Option<usize> {
        match self {
            Self::Source => Some(0),
            Self::InitiateLayerUpload | Self::PutImage | Self::Verify => Some(1),
            Self::DescribeImages | Self::BatchCheckLayerAvailability | Self::CompleteLayerUpload => None,
        }
    }

    fn latency_us(self) -> u64 {
        if self == Self::Source { SOURCE_LATENCY_US } else { ECR_LATENCY_US }
    }
}

/// Requests that are under way together; the next phase begins when all are answered.
type Phase = (Ask, u32);

/// A token and the list; what the target has; what the tags are now.
const OBSERVE: &[Phase] =
    &[(Ask::Source, 1), (Ask::Source, 1), (Ask::DescribeImages, 1), (Ask::Source, TAGS)];
/// The same where upstream never moves a tag.
const OBSERVE_IMMUTABLE: &[Phase] = &[(Ask::Source, 1), (Ask::Source, 1), (Ask::DescribeImages, 1)];
/// An index of two platforms: a config and a new layer each; their base is there.
const COPY: &[Phase] = &[
    (Ask::Source, 1),
    (Ask::Source, 2),
    (Ask::BatchCheckLayerAvailability, 1),
    (Ask::InitiateLayerUpload, 4),
    (Ask::CompleteLayerUpload, 4),
    (Ask::PutImage, 2),
    (Ask::PutImage, 1),
    (Ask::Verify, 1),
];

/// A kind of pass: what every mirror asks, and how many tags in how many mirrors are copied.
struct Pass {
    name: &'static str,
    observe: &'static [Phase],
    /// Of every thousand tags, so many.
    moved: u32,
}

const PASSES: [Pass; 4] = [
    Pass { name: "nothing to do, `immutable` rules", observe: OBSERVE_IMMUTABLE, moved: 0 },
    Pass { name: "nothing to do", observe: OBSERVE, moved: 0 },
    Pass { name: "1 in 1,000 tags moved", observe: OBSERVE, moved: 1 },
    Pass { name: "the first pass, all tags new", observe: OBSERVE, moved: 1000 },
];

/// The program's limits, from its own code.
struct Limits {
    mirrors: usize,
    tags: u32,
    slots: usize,
    manifests_per_second: u64,
}

impl Limits {
    /// What one of so many shards writes in a second: its part, and one at least.
    fn pace(&self, shards: usize) -> u64 {
        (self.manifests_per_second / shards as u64).max(1)
    }

    fn of_the_program() -> Self {
        let config = Config::default();
        let host = "registry.example".parse().unwrap();
        Self {
            mirrors: config.concurrency.mirrors.get(),
            tags: u32::try_from(config.concurrency.tags.get()).unwrap(),
            slots: config.registry(&host).limits.concurrent.get(),
            manifests_per_second: constant(
                include_str!("../src/app/clients.rs"),
                "const ECR_MANIFESTS_PER_SECOND",
            ),
        }
    }
}

/// The number of a private constant that is written as `const NAME: … = NUMBER;`.
fn constant(source: &str, name: &str) -> u64 {
    let (_, definition) = source.split_once(name).unwrap();
    let (_, number) = definition.split_once("= ").unwrap();
    number.split_once(';').unwrap().0.parse().unwrap()
}

/// Lets one through at a time, so many a second.
#[derive(Clone, Copy, Default)]
struct Pace(u64);

impl Pace {
    fn turn(&mut self, now: u64, per_second: u64) -> u64 {
        let start = self.0.max(now);
        self.0 = start + SECOND_US / per_second;
        start
    }
}

/// A row of phases, for a mirror or one of its tags.
struct Job {
    shard: usize,
    mirror: usize,
    phases: &'static [Phase],
    phase: usize,
    unanswered: u32,
}

/// One process.
struct Shard {
    mirrors: VecDeque<usize>,
    manifests: Pace,
    /// Free slots of the source and of ECR's data plane, and who waits for one.
    hosts: [(usize, VecDeque<(usize, Ask)>); 2],
}

/// What happens to a request of a job, by time and then in the order in which it was arranged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Event {
    at: u64,
    sequence: u64,
    step: Step,
    job: usize,
    ask: Ask,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Start,
    Answer,
}

/// The state of the model.
struct Model<'a> {
    limits: &'a Limits,
    pass: &'a Pass,
    now: u64,
    events: BinaryHeap<Reverse<Event>>,
    sequence: u64,
    jobs: Vec<Job>,
    shards: Vec<Shard>,
    quotas: HashMap<Ask, Pace>,
    counts: HashMap<Ask, u64>,
    /// Tags of each mirror that wait to be copied, and that are being copied.
    tags: Vec<(u32, u32)>,
}

impl<'a> Model<'a> {
    fn new(limits: &'a Limits, pass: &'a Pass, shards: usize) -> Self {
        let mirrors_of = |shard| (0..MIRRORS).filter(|mirror| mirror % shards == shard).collect();
        let shard = |shard| Shard {
            mirrors: mirrors_of(shard),
            manifests: Pace::default(),
            hosts: [(limits.slots, VecDeque::new()), (limits.slots, VecDeque::new())],
        };
        // What moved is spread over the mirrors as evenly as whole tags can be.
        let moved = |mirror: usize| {
            let until = |mirror: usize| mirror as u64 * u64::from(TAGS * pass.moved) / 1000;
            u32::try_from(until(mirror + 1) - until(mirror)).unwrap()
        };
        Self {
            limits,
            pass,
            now: 0,
            events: BinaryHeap::new(),
            sequence: 0,
            jobs: Vec::new(),
            shards: (0..shards).map(shard).collect(),
            quotas: HashMap::new(),
            counts: HashMap::new(),
            tags: (0..MIRRORS).map(|mirror| (moved(mirror), 0)).collect(),
        }
    }

    /// Runs to the end and gives its time in seconds.
    fn run(&mut self) -> f64 {
        for shard in 0..self.shards.len() {
            for _ in 0..self.limits.mirrors {
                self.next_mirror(shard);
            }
        }
        while let Some(Reverse(Event { at, step, job, ask, .. })) = self.events.pop() {
            self.now = at;
            match step {
                Step::Start => self.start(job, ask),
                Step::Answer => self.answered(job, ask),
            }
        }
        self.now as f64 / SECOND_US as f64
    }

    fn next_mirror(&mut self, shard: usize) {
        if let Some(mirror) = self.shards[shard].mirrors.pop_front() {
            self.begin(shard, mirror, self.pass.observe);
        }
    }

    fn begin(&mut self, shard: usize, mirror: usize, phases: &'static [Phase]) {
        self.jobs.push(Job { shard, mirror, phases, phase: 0, unanswered: 0 });
        self.ask_phase(self.jobs.len() - 1);
    }

    fn ask_phase(&mut self, job: usize) {
        let Job { phases, phase, .. } = self.jobs[job];
        let (ask, count) = phases[phase];
        self.jobs[job].unanswered = count;
        for _ in 0..count {
            *self.counts.entry(ask).or_default() += 1;
            let pace = self.limits.pace(self.shards.len());
            let shard = &mut self.shards[self.jobs[job].shard];
            let mut at = self.now;
            if ask == Ask::PutImage {
                at = shard.manifests.turn(at, pace);
            }
            if let Some(quota) = ask.quota() {
                at = self.quotas.entry(ask).or_default().turn(at, quota);
            }
            self.event(at, Step::Start, job, ask);
        }
    }

    fn event(&mut self, at: u64, step: Step, job: usize, ask: Ask) {
        self.sequence += 1;
        let sequence = self.sequence;
        self.events.push(Reverse(Event { at, sequence, step, job, ask }));
    }

    fn start(&mut self, job: usize, ask: Ask) {
        if let Some(host) = ask.host() {
            let (free, waiting) = &mut self.shards[self.jobs[job].shard].hosts[host];
            let Some(fewer) = free.checked_sub(1) else {
                waiting.push_back((job, ask));
                return;
            };
            *free = fewer;
        }
        self.event(self.now + ask.latency_us(), Step::Answer, job, ask);
    }

    fn answered(&mut self, job: usize, ask: Ask) {
        if let Some(host) = ask.host() {
            let (free, waiting) = &mut self.shards[self.jobs[job].shard].hosts[host];
            *free += 1;
            if let Some((next, ask)) = waiting.pop_front() {
                self.start(next, ask);
            }
        }
        let state = &mut self.jobs[job];
        state.unanswered -= 1;
        if state.unanswered > 0 {
            return;
        }
        state.phase += 1;
        if state.phase < state.phases.len() {
            return self.ask_phase(job);
        }
        let Job { shard, mirror, phases, .. } = self.jobs[job];
        let (waiting, copying) = &mut self.tags[mirror];
        if std::ptr::eq(phases, COPY) {
            *copying -= 1;
        }
        let more = (*waiting).min(self.limits.tags - *copying);
        (*waiting, *copying) = (*waiting - more, *copying + more);
        let is_over = *copying == 0;
        for _ in 0..more {
            self.begin(shard, mirror, COPY);
        }
        if is_over {
            self.next_mirror(shard);
        }
    }

    /// What is busiest, and to which part of what it can do.
    fn bottleneck(&self, seconds: f64) -> String {
        let count = |ask| self.counts.get(&ask).copied().unwrap_or_default() as f64;
        let shards = self.shards.len() as f64;
        let slots = SECOND_US as f64 / SOURCE_LATENCY_US as f64 * self.limits.slots as f64 * shards;
        let account = Ask::PutImage.quota().unwrap() as f64;
        let ours = self.limits.pace(self.shards.len()) as f64 * shards;
        let busy = [
            ("the source's `limits.concurrent`", count(Ask::Source) / slots / seconds),
            ("our pace of `PutImage`, 8/s in all", count(Ask::PutImage) / ours / seconds),
            ("the account's `PutImage`, 10/s", count(Ask::PutImage) / account / seconds),
        ];
        let (name, part) = busy.into_iter().max_by(|one, other| one.1.total_cmp(&other.1)).unwrap();
        if part < 0.5 {
            return "round trips: `concurrency.mirrors`".to_owned();
        }
        format!("{name} ({:.0} %)", part * 100.0)
    }
}

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn main() {
    let limits = Limits::of_the_program();
    println!("| pass | shards | minutes | source requests/s | `PutImage`/s | what limits |");
    println!("|---|---:|---:|---:|---:|---|");
    for pass in &PASSES {
        for shards in [1, 4, 16] {
            let mut model = Model::new(&limits, pass, shards);
            let seconds = model.run();
            let rate = |ask| model.counts.get(&ask).copied().unwrap_or_default() as f64 / seconds;
            println!(
                "| {} | {shards} | {:.1} | {:.0} | {:.1} | {} |",
                pass.name,
                seconds / 60.0,
                rate(Ask::Source),
                rate(Ask::PutImage),
                model.bottleneck(seconds)
            );
        }
    }
}
