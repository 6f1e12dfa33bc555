//! One mirror of a daemon, into one of its targets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::app::App;
use crate::event::{Fault, Pair, RunOutcome};
use crate::ledger::{Entry, Record, State};
use crate::pass::{Mode, Stop, StopReason};
use crate::worker::passes::Passes;
use crate::worker::run::PassState;
use crate::worker::trigger::Trigger;

/// One mirror of a daemon, into one of its targets: makes its passes, one after the other, when its trigger is fired.
#[derive(Debug)]
pub struct Worker {
    /// Asks for a pass.
    pub trigger: Trigger,
    /// What is known of it.
    pub entry: Arc<Entry>,
    /// Held for updates and look-ups only.
    passes: Mutex<Passes>,
}

/// Why a pass never came to its turn.
#[derive(Debug, thiserror::Error)]
enum Dropped {
    #[error("the mirror is no longer configured")]
    Gone,
    #[error("tagferry was told to stop before its turn")]
    Stopped,
    #[error("it was cancelled before its turn")]
    Cancelled,
}

/// Differs from one before whenever what is known does. Much cheaper than all that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    version: u64,
    is_asked: bool,
}

impl Dropped {
    fn fault(&self) -> Fault {
        Fault::new("pass", "dropped", self)
    }
}

impl Worker {
    pub(super) fn new(entry: Arc<Entry>) -> Self {
        Self { trigger: Trigger::default(), entry, passes: Mutex::default() }
    }

    /// The mirror, and which of its targets.
    pub fn pair(&self) -> &Pair {
        &self.entry.pair
    }

    /// Makes passes until told to stop; a pass under way comes to its end first. Each takes the newest configuration.
    ///
    /// Passes tell what they do as events; `changed` is called after each.
    pub async fn work(&self, mut apps: watch::Receiver<Arc<App>>, stop: &Stop, changed: impl Fn()) {
        loop {
            tokio::select! {
                biased;
                () = stop.soft.cancelled() => break,
                () = self.trigger.asked() => {}
            }
            let app = Arc::clone(&apps.borrow_and_update());
            let slot = tokio::select! {
                biased;
                () = stop.soft.cancelled() => break,
                changed = apps.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                slot = app.slot() => slot,
            };
            let stop = stop.of_pass();
            let Some(number) = self.begin(&stop) else { continue };
            if let Some(pass) = app.pass(&slot, self.pair(), number) {
                let summary = pass.run(Mode::Sync, &stop).await;
                self.passes().end(summary.outcome, summary.error);
            } else {
                self.passes().end(RunOutcome::Failed, Some(Dropped::Gone.fault()));
            }
            changed();
        }
        // Those who wait for the pass learn that it will not come.
        self.drop_asked(&Dropped::Stopped);
        changed();
    }

    /// Ends the pass under way, and drops the one that waits for its turn. Gives their numbers.
    pub(super) fn cancel(&self) -> Vec<u64> {
        let running = self.stop_in(Duration::ZERO, StopReason::Cancelled);
        running.into_iter().chain(self.drop_asked(&Dropped::Cancelled)).collect()
    }

    /// Ends the pass under way after this time, and gives its number.
    pub(super) fn stop_in(&self, time: Duration, reason: StopReason) -> Option<u64> {
        self.passes().stop_in(time, reason)
    }

    /// What is known of it, and whether it waits for its turn.
    pub fn record(&self) -> Record {
        let record = self.entry.record();
        let is_waiting = record.state == State::Idle && self.trigger.is_asked();
        Record { state: if is_waiting { State::Waiting } else { record.state }, ..record }
    }

    /// Whether a pass is under way.
    pub fn is_running(&self) -> bool {
        self.entry.look(|record| record.state == State::Running)
    }

    /// Of what is known now.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint { version: self.entry.version(), is_asked: self.trigger.is_asked() }
    }

    /// How far the pass of this number is.
    pub(super) fn pass_state(&self, number: u64) -> PassState {
        self.passes().state(number)
    }

    fn begin(&self, stop: &Stop) -> Option<u64> {
        let mut passes = self.passes();
        let number = self.trigger.begin()?;
        passes.begin(number, stop.clone());
        Some(number)
    }

    /// Drops the pass that waits for its turn, and gives its number. It found out nothing.
    fn drop_asked(&self, reason: &Dropped) -> Option<u64> {
        let mut passes = self.passes();
        let number = self.trigger.begin()?;
        passes.dropped(number, reason.fault());
        Some(number)
    }

    fn passes(&self) -> MutexGuard<'_, Passes> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
