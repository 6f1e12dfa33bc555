//! One fault scenario: a small world of two tags, what strikes one of them, and how that must end.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use tagferry::event::{RunSummary, TagOutcome};

use crate::fake::{Action, Fault, Gate, Seen};
use crate::faults::stage::{LAYER_BYTES, OTHER, STRUCK, Target, Way, What, World};
use crate::world::clock::{STALL, outlast};
use crate::world::{APP, assert_says, assert_succeeded, mirror, mirror_error, only, sync, tag, tag_error};

/// A layer that no socket buffer holds.
pub(crate) const LARGE_BYTES: usize = 8_500_000;
/// How many scenarios run at the same time.
const CONCURRENT: usize = 8;
/// A scenario that takes longer never ends.
const PATIENCE: Duration = Duration::from_mins(5);
/// More requests that hang than any scenario has.
const HANGS_MAX: u32 = 20;

/// What happens to them.
pub(crate) enum How {
    Fault(Action),
    /// They are held while this happens to the world.
    Meanwhile(fn(&World)),
}

impl From<Action> for How {
    fn from(action: Action) -> Self {
        Self::Fault(action)
    }
}

/// To how many of them.
#[derive(Clone, Copy)]
pub(crate) enum When {
    Once,
    Twice,
    Always,
    /// Only to this one, counted from 1.
    Nth(usize),
    /// To this one and all after it.
    From(usize),
}

/// How it must end. Whatever happens, no tag of the target points at anything incomplete.
pub(crate) enum Ends {
    /// Both tags are copied.
    Copied,
    /// The struck tag fails with these words, the other is copied.
    TagFails(&'static [&'static str]),
    /// Each tag fails with these words.
    TagsFail(&'static [&'static str]),
    /// The mirror fails with these words.
    MirrorFails(&'static [&'static str]),
}

type Before = Box<dyn FnOnce(&World)>;

/// One line of the table.
pub(crate) struct Scenario {
    name: &'static str,
    way: Way,
    strikes: Vec<(What, How, When)>,
    ends: Ends,
    counts: Vec<(What, usize)>,
    before: Option<Before>,
    layer_bytes: usize,
}

/// A line: its name, who is involved, what is struck, by what, how often, and how it must end.
pub(crate) fn row(
    name: &'static str,
    way: Way,
    what: What,
    how: impl Into<How>,
    when: When,
    ends: Ends,
) -> Scenario {
    Scenario {
        name,
        way,
        strikes: vec![(what, how.into(), when)],
        ends,
        counts: Vec::new(),
        before: None,
        layer_bytes: LAYER_BYTES,
    }
}

/// A line in which something was wrong before.
pub(crate) fn given(
    name: &'static str,
    way: Way,
    before: impl FnOnce(&World) + 'static,
    ends: Ends,
) -> Scenario {
    let harmless = Action::Delay(Duration::ZERO);
    Scenario { before: Some(Box::new(before)), ..row(name, way, What::List, harmless, When::Once, ends) }
}

impl Scenario {
    /// One more fault.
    pub(crate) fn and(mut self, what: What, how: impl Into<How>, when: When) -> Self {
        self.strikes.push((what, how.into(), when));
        self
    }

    /// So often these requests must have been made.
    pub(crate) fn counts<const N: usize>(mut self, counts: [(What, usize); N]) -> Self {
        self.counts.extend(counts);
        self
    }

    /// The layer is larger than any socket buffer.
    pub(crate) fn large(mut self) -> Self {
        self.layer_bytes = LARGE_BYTES;
        self
    }

    /// Which requests hang, if any do.
    fn hanging(&self) -> Option<What> {
        let hangs = |how: &How| {
            matches!(how, How::Fault(Action::Stall | Action::StallBody { .. } | Action::StallUpload { .. }))
        };
        self.strikes.iter().find_map(|(what, how, _)| hangs(how).then_some(*what))
    }

    async fn run(self) {
        let world = World::start(self.way, self.layer_bytes).await;
        let hanging = self.hanging();
        if let Some(before) = self.before {
            before(&world);
        }
        let meanwhile: Vec<_> = self.strikes.into_iter().filter_map(|strike| world.strike(strike)).collect();
        let meddle = async {
            for Held { what, count, change, gate } in meanwhile {
                let (server, pattern) = what.at(&world);
                server.wait_for(&pattern, count).await;
                change(&world);
                gate.open();
            }
        };
        let config = mirror(&world.source, world.side(self.way), APP);
        // While one request hangs, no other waits.
        let config = if hanging.is_some() { config + "concurrency: {tags: 1, blobs: 1}\n" } else { config };
        let run = Box::pin(async { tokio::join!(sync(&config), meddle).0 });
        let run = async {
            let Some(what) = hanging else { return tokio::time::timeout(PATIENCE, run).await };
            let (server, pattern) = what.at(&world);
            tokio::select! {
                summary = tokio::time::timeout(HANGS_MAX * STALL, run) => summary,
                never = outlast(server, &pattern) => match never {},
            }
        };
        let summary = run.await.unwrap_or_else(|_| panic!("it never ends"));
        world.check(&self.ends, &summary);
        for (what, expected) in self.counts {
            let (server, pattern) = what.at(&world);
            let lines: Vec<_> = server.requests().iter().map(Seen::line).collect();
            assert_eq!(server.count(&pattern), expected, "{what:?} of {lines:#?}");
        }
    }
}

/// Requests that wait for a change: once so many of them are there, it happens.
struct Held {
    what: What,
    count: usize,
    change: fn(&World),
    gate: Gate,
}

/// Runs all lines, and fails the test with the names of those that do not end as they must.
#[track_caller]
#[expect(clippy::print_stdout, reason = "`scripts/reliability` reads it")]
pub(crate) fn assert_all(scenarios: Vec<Scenario>) -> impl Future<Output = ()> {
    assert!(!scenarios.is_empty());
    println!("{} fault scenarios", scenarios.len());
    // The clock is one for all of them, and where requests hang it is moved.
    let (alone, together): (Vec<_>, Vec<_>) =
        scenarios.into_iter().partition(|scenario| scenario.hanging().is_some());
    async {
        let mut wrong = run_all(together, CONCURRENT).await;
        wrong.extend(run_all(alone, 1).await);
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }
}

/// Runs so many at the same time; gives the names of those that do not end as they must, with the reasons.
async fn run_all(scenarios: Vec<Scenario>, concurrent: usize) -> Vec<String> {
    let runs = scenarios.into_iter().map(|scenario| async {
        let name = scenario.name;
        let ended = AssertUnwindSafe(Box::pin(scenario.run())).catch_unwind().await;
        ended.err().map(|panic| format!("{name}: {}", words(&*panic)))
    });
    let ended = futures_util::stream::iter(runs).buffer_unordered(concurrent);
    ended.filter_map(std::future::ready).collect().await
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panics")
}

impl World {
    /// Adds a fault; of one during which something happens, gives what is to be waited for.
    fn strike(&self, (what, how, when): (What, How, When)) -> Option<Held> {
        let (server, pattern) = what.at(self);
        let gate = Gate::closed();
        let (action, change) = match how {
            How::Fault(action) => (action, None),
            How::Meanwhile(change) => (Action::Hold(gate.clone()), Some(change)),
        };
        let fault = Fault::new(pattern, action);
        let (fault, count) = match when {
            When::Once => (fault.once(), 1),
            When::Twice => (fault.times(2), 1),
            When::Always => (fault, 1),
            When::Nth(nth) => (fault.skip(nth - 1).once(), nth),
            When::From(nth) => (fault.skip(nth - 1), nth),
        };
        server.fault(fault);
        change.map(|change| Held { what, count, change, gate })
    }

    fn check(&self, ends: &Ends, summary: &RunSummary) {
        let (wanted, held) = (self.source.tags("app"), self.target.tags());
        match ends {
            Ends::Copied => {
                assert_succeeded(summary);
                assert_eq!(held, wanted);
            }
            Ends::TagFails(words) => {
                assert_says(tag_error(summary, STRUCK), words);
                assert_eq!(only(summary).error, None);
                assert_eq!(tag(summary, OTHER).outcome, Some(TagOutcome::Copied), "{summary:#?}");
                assert_eq!(held[OTHER], wanted[OTHER]);
            }
            Ends::TagsFail(words) => {
                assert_says(tag_error(summary, STRUCK), words);
                assert_says(tag_error(summary, OTHER), words);
                assert_eq!(only(summary).error, None);
            }
            Ends::MirrorFails(words) => assert_says(mirror_error(summary), words),
        }
        if !matches!(ends, Ends::Copied) {
            assert_ne!(held.get(STRUCK), Some(&wanted[STRUCK]), "it failed and is there");
        }
        let told = serde_json::to_string(summary).unwrap();
        assert!(!told.contains("<html") && !told.contains("X-Amz-"), "{told}");
        match &self.target {
            Target::Plain(registry) => registry.assert_consistent(),
            Target::Ecr(ecr) => ecr.assert_consistent(),
        }
    }
}
