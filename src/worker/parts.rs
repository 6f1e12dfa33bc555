//! Passes over one tag alone, for whoever asks for it by its name, as an event of its registry does.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::event::{Fault, RunOutcome};
use crate::oci::Tag;
use crate::pass::{Stop, StopReason};
use crate::worker::passes::{PassState, Passes};

/// The most tags of one mirror that wait for their turn: who wants more, wants all of it.
const WAITING_MAX: usize = 100;

/// The tags that are asked for, and what became of them. Their passes are counted by themselves, from 1.
#[derive(Debug, Default)]
pub(super) struct Parts {
    state: Mutex<State>,
    fired: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(u64, Tag)>,
    /// The last number that was given.
    last: u64,
    passes: Passes,
}

/// Too many tags of a mirror wait already.
#[derive(Debug, thiserror::Error)]
#[error("{WAITING_MAX} tags of {0} wait for their turn already: ask for the whole mirror instead")]
pub struct TooManyTags(pub(super) String);

impl Parts {
    /// Asks for a tag, and gives the number of the pass that will answer; none where too many wait.
    pub(super) fn fire(&self, tag: &Tag) -> Option<u64> {
        let mut state = self.state();
        if let Some((number, _)) = state.waiting.iter().find(|(_, waiting)| waiting == tag) {
            return Some(*number);
        }
        if state.waiting.len() >= WAITING_MAX {
            return None;
        }
        state.last += 1;
        let number = state.last;
        state.waiting.push_back((number, tag.clone()));
        self.fired.notify_one();
        Some(number)
    }

    /// Waits until a tag is asked for. Cancel safe.
    pub(super) async fn asked(&self) {
        while !self.is_asked() {
            self.fired.notified().await;
        }
    }

    /// Whether a tag waits for its turn.
    pub(super) fn is_asked(&self) -> bool {
        !self.state().waiting.is_empty()
    }

    /// Whether a tag waits for its turn, or a pass is under way.
    pub(super) fn is_busy(&self) -> bool {
        let state = self.state();
        !state.waiting.is_empty() || state.passes.is_running()
    }

    /// Begins the pass over the tag that waits longest.
    pub(super) fn begin(&self, stop: &Stop) -> Option<(u64, Tag)> {
        let mut state = self.state();
        let (number, tag) = state.waiting.pop_front()?;
        state.passes.begin(number, stop.clone());
        Some((number, tag))
    }

    /// Ends the pass under way.
    pub(super) fn end(&self, outcome: RunOutcome, error: Option<Fault>) {
        self.state().passes.end(outcome, error);
    }

    /// Ends the pass under way after this time.
    pub(super) fn stop_in(&self, time: Duration, reason: StopReason) {
        self.state().passes.stop_in(time, reason);
    }

    /// Ends what waits for its turn.
    pub(super) fn drop_asked(&self, fault: &Fault) {
        let state = &mut *self.state();
        for (number, _) in state.waiting.drain(..) {
            state.passes.dropped(number, fault.clone());
        }
    }

    /// How far the pass of this number is.
    pub(super) fn pass_state(&self, number: u64) -> PassState {
        self.state().passes.state(number)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_waits_is_asked_for_once_and_not_too_many_wait() {
        let parts = Parts::default();
        let tag = |number: usize| format!("t{number}").parse::<Tag>().unwrap();
        let numbers: Vec<_> = [0, 1, 0].map(|number| parts.fire(&tag(number))).into();
        assert_eq!(numbers, [Some(1), Some(2), Some(1)]);
        for number in 2..WAITING_MAX {
            assert!(parts.fire(&tag(number)).is_some());
        }
        assert_eq!(parts.fire(&tag(WAITING_MAX)), None);
        assert_eq!(parts.begin(&Stop::default()), Some((1, tag(0))));
        assert_eq!(parts.pass_state(1), PassState::Running);
        parts.end(RunOutcome::Succeeded, None);
        assert_eq!(parts.pass_state(1), PassState::Finished { outcome: RunOutcome::Succeeded, error: None });
        // Asked for after its pass began, it means one more.
        assert_eq!(parts.fire(&tag(0)), Some(WAITING_MAX as u64 + 1));
    }
}
