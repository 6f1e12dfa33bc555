//! The passes of a worker by their numbers, for whoever asked for one.

use std::collections::VecDeque;

use crate::event::RunOutcome;
use crate::fault::Fault;
use crate::worker::run::PassState;

/// So many passes are remembered.
const PASSES_MAX: usize = 50;

/// The pass under way, and those that ended.
#[derive(Debug, Default)]
pub(super) struct Passes {
    running: Option<u64>,
    /// The newest first.
    ended: VecDeque<Ended>,
}

#[derive(Debug)]
struct Ended {
    number: u64,
    outcome: RunOutcome,
    error: Option<Fault>,
}

impl Passes {
    pub(super) fn begin(&mut self, number: u64) {
        self.running = Some(number);
    }

    /// Ends the pass under way. `error` is why it failed as a whole, if it did.
    pub(super) fn end(&mut self, outcome: RunOutcome, error: Option<Fault>) {
        let Some(number) = self.running.take() else { return };
        self.ended.truncate(PASSES_MAX - 1);
        self.ended.push_front(Ended { number, outcome, error });
    }

    /// How far the pass of this number is.
    pub(super) fn state(&self, number: u64) -> PassState {
        if self.running == Some(number) {
            return PassState::Running;
        }
        match self.ended.iter().find(|ended| ended.number == number) {
            Some(Ended { outcome, error, .. }) => {
                PassState::Finished { outcome: *outcome, error: error.as_ref().map(Fault::to_string) }
            }
            None if self.ended.front().is_some_and(|last| last.number >= number) => PassState::Forgotten,
            None => PassState::Waiting,
        }
    }
}
