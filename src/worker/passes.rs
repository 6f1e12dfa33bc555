//! The passes of a worker by their numbers, for whoever asked for one.

use std::collections::VecDeque;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{Fault, RunOutcome};
use crate::pass::{Stop, StopReason};

/// The most passes that are remembered.
const PASSES_MAX: usize = 50;

/// How far a pass is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PassState {
    /// It has not begun.
    Waiting,
    /// It is under way.
    Running,
    /// It has ended.
    Finished {
        /// Whether all that was selected is in the target.
        outcome: RunOutcome,
        /// Why the mirror as a whole failed, if it did.
        error: Option<String>,
    },
    /// It is too long ago to be known, so it does not count as succeeded.
    Forgotten,
}

/// The pass under way, and those that ended.
#[derive(Debug, Default)]
pub(super) struct Passes {
    running: Option<Running>,
    /// The newest first.
    ended: VecDeque<Ended>,
}

#[derive(Debug)]
struct Running {
    number: u64,
    stop: Stop,
}

#[derive(Debug)]
struct Ended {
    number: u64,
    outcome: RunOutcome,
    error: Option<Fault>,
}

impl Passes {
    /// Begins a pass, which this stops.
    pub(super) fn begin(&mut self, number: u64, stop: Stop) {
        self.running = Some(Running { number, stop });
    }

    /// Whether one is under way.
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Ends the pass under way after this time, and gives its number.
    pub(super) fn stop_in(&self, time: Duration, reason: StopReason) -> Option<u64> {
        let Running { number, stop } = self.running.as_ref()?;
        stop.end_in(time, reason);
        Some(*number)
    }

    /// Ends the pass under way. `error` is why it failed as a whole, if it did.
    pub(super) fn end(&mut self, outcome: RunOutcome, error: Option<Fault>) {
        let Some(Running { number, .. }) = self.running.take() else { return };
        self.remember(Ended { number, outcome, error });
    }

    /// Ends a pass that never began.
    pub(super) fn dropped(&mut self, number: u64, error: Fault) {
        self.remember(Ended { number, outcome: RunOutcome::Failed, error: Some(error) });
    }

    fn remember(&mut self, ended: Ended) {
        self.ended.truncate(PASSES_MAX - 1);
        self.ended.push_front(ended);
    }

    /// How far the pass of this number is.
    pub(super) fn state(&self, number: u64) -> PassState {
        if self.running.as_ref().is_some_and(|running| running.number == number) {
            return PassState::Running;
        }
        match self.ended.iter().find(|ended| ended.number == number) {
            Some(Ended { outcome, error, .. }) => {
                PassState::Finished { outcome: *outcome, error: error.as_ref().map(Fault::to_string) }
            }
            None if self.ended.iter().any(|ended| ended.number > number) => PassState::Forgotten,
            None => PassState::Waiting,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::fault;

    #[test]
    fn a_pass_is_found_by_its_number_as_long_as_it_is_remembered() {
        let mut passes = Passes::default();
        assert_eq!(passes.state(1), PassState::Waiting);
        passes.begin(1, Stop::default());
        assert_eq!([passes.state(1), passes.state(2)], [PassState::Running, PassState::Waiting]);
        passes.end(RunOutcome::Failed, Some(fault::sample("503 try later\nhint: wait")));
        let error = Some("503 try later\nhint: wait".to_owned());
        assert_eq!(passes.state(1), PassState::Finished { outcome: RunOutcome::Failed, error });
        for number in 2..=PASSES_MAX as u64 + 1 {
            passes.begin(number, Stop::default());
            passes.end(RunOutcome::Succeeded, None);
        }
        assert_eq!(passes.state(1), PassState::Forgotten);
        let succeeded = PassState::Finished { outcome: RunOutcome::Succeeded, error: None };
        assert_eq!([passes.state(2), passes.state(PASSES_MAX as u64 + 2)], [succeeded, PassState::Waiting]);
    }
}
