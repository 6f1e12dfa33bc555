//! Who asked for which passes.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{Pair, RunOutcome};
use crate::oci::Tag;
use crate::worker::parts::TooManyTags;
use crate::worker::passes::PassState;
use crate::worker::work::Worker;

/// The most runs that are remembered.
const RUNS_MAX: usize = 1000;
/// The bytes of all of them together: a run of ten thousand mirrors has a quarter of a megabyte. The newest is kept in any case.
const RUNS_MAX_BYTES: usize = 4 * 1024 * 1024;

/// The passes that answer one request to run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its name in addresses.
    pub id: String,
    requested_at: Timestamp,
    /// For each mirror and target the number of the pass that answers.
    passes: Vec<(Arc<Worker>, u64)>,
    /// The tag that it is about alone; then the passes are those over parts.
    tag: Option<Tag>,
}

/// How far a run is. This is what `GET /api/v1/runs/ID` answers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Run")]
pub struct RunStatus {
    /// Its name in addresses.
    pub run: String,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Whether all of its passes have ended.
    pub state: RunState,
    /// What came of it; none before its end.
    pub outcome: Option<RunOutcome>,
    /// Each mirror with the pass that answers.
    pub mirrors: Vec<MirrorPass>,
}

/// Whether a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Some passes have not ended.
    Running,
    /// All have.
    Finished,
}

/// A pass of a run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MirrorPass {
    /// The mirror.
    pub name: String,
    /// Where to: a mirror with several targets has a pass into each.
    pub target: String,
    /// The number of the pass.
    pub pass: u64,
    /// The source's tag, where the pass is about that alone: such passes are counted by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<Tag>,
    /// How far it is.
    #[serde(flatten)]
    pub state: PassState,
}

impl MirrorPass {
    /// The pass of this number, as far as it is now.
    pub(super) fn of(worker: &Worker, pass: u64) -> Self {
        Self::in_state(worker, pass, None, worker.pass_state(pass))
    }

    /// The same of a pass over this tag alone.
    fn of_part(worker: &Worker, pass: u64, tag: &Tag) -> Self {
        Self::in_state(worker, pass, Some(tag.clone()), worker.parts.pass_state(pass))
    }

    fn in_state(worker: &Worker, pass: u64, tag: Option<Tag>, state: PassState) -> Self {
        let Pair { mirror, target } = worker.pair().clone();
        Self { name: mirror, target, pass, tag, state }
    }
}

impl Run {
    /// Fires the triggers of these mirrors.
    pub(super) fn start(workers: Vec<Arc<Worker>>) -> Self {
        let passes = workers.into_iter().map(|worker| {
            let pass = worker.trigger.fire();
            (worker, pass)
        });
        Self::of(passes.collect(), None)
    }

    /// Asks these mirrors for one tag. Fails with the first of them for which too many wait.
    pub(super) fn start_part(workers: Vec<Arc<Worker>>, tag: &Tag) -> Result<Self, TooManyTags> {
        let fire = |worker: Arc<Worker>| match worker.parts.fire(tag) {
            Some(pass) => Ok((worker, pass)),
            None => Err(TooManyTags(worker.pair().mirror.clone())),
        };
        let passes = workers.into_iter().map(fire).collect::<Result<_, _>>()?;
        Ok(Self::of(passes, Some(tag.clone())))
    }

    fn of(passes: Vec<(Arc<Worker>, u64)>, tag: Option<Tag>) -> Self {
        Self { id: format!("{:016x}", fastrand::u64(..)), requested_at: Timestamp::now(), passes, tag }
    }

    /// What it holds on the heap.
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.id.capacity() + self.passes.capacity() * size_of::<(Arc<Worker>, u64)>()
    }

    /// How far it is.
    pub fn status(&self) -> RunStatus {
        let pass = |(worker, pass): &(Arc<Worker>, u64)| match &self.tag {
            None => MirrorPass::of(worker, *pass),
            Some(tag) => MirrorPass::of_part(worker, *pass, tag),
        };
        let mirrors: Vec<_> = self.passes.iter().map(pass).collect();
        let is_open = |pass: &MirrorPass| matches!(pass.state, PassState::Waiting | PassState::Running);
        let has_succeeded = |pass: &MirrorPass| {
            matches!(pass.state, PassState::Finished { outcome: RunOutcome::Succeeded, .. })
        };
        let is_finished = !mirrors.iter().any(is_open);
        let outcome =
            if mirrors.iter().all(has_succeeded) { RunOutcome::Succeeded } else { RunOutcome::Failed };
        RunStatus {
            run: self.id.clone(),
            requested_at: self.requested_at,
            state: if is_finished { RunState::Finished } else { RunState::Running },
            outcome: is_finished.then_some(outcome),
            mirrors,
        }
    }
}

/// The last runs, the newest first.
#[derive(Debug, Default)]
pub(super) struct Runs(VecDeque<Run>);

impl Runs {
    pub(super) fn push(&mut self, run: Run) {
        let mut bytes = run.bytes();
        let fits = |run: &Run| {
            bytes += run.bytes();
            bytes <= RUNS_MAX_BYTES
        };
        let kept = self.0.iter().take(RUNS_MAX - 1).map(fits).take_while(|fits| *fits).count();
        self.0.truncate(kept);
        self.0.push_front(run);
    }

    pub(super) fn get(&self, id: &str) -> Option<Run> {
        self.0.iter().find(|run| run.id == id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::samples;
    use crate::worker;

    #[test]
    fn runs_are_remembered_by_number_and_by_bytes() {
        let workers = worker::sample(&samples::mirrors(&["a"]));
        let worker = &workers.all()[0];
        let run = |id: usize, passes| Run {
            id: id.to_string(),
            requested_at: Timestamp::UNIX_EPOCH,
            passes: vec![(Arc::clone(worker), 1); passes],
            tag: None,
        };
        let mut runs = Runs::default();
        for (passes, at_most) in [(1, RUNS_MAX), (10_000, RUNS_MAX), (1_000_000, 1)] {
            for id in 0..2 * RUNS_MAX {
                runs.push(run(id, passes));
                let bytes: usize = runs.0.iter().map(Run::bytes).sum();
                assert!(runs.0.len() == 1 || bytes <= RUNS_MAX_BYTES, "{bytes}");
                assert!(runs.0.len() <= at_most && runs.get(&id.to_string()).is_some());
                if passes > 10_000 {
                    break;
                }
            }
        }
    }
}
