//! One mirror of a daemon, into one of its targets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::app::App;
use crate::config::Schedule;
use crate::event::{Fault, Pair, RunOutcome};
use crate::ledger::{Entry, Record, State};
use crate::pass::{Mode, Pass, Stop, StopReason};
use crate::worker::parts::Parts;
use crate::worker::passes::PassState;
use crate::worker::passes::Passes;
use crate::worker::retry::Retry;
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
    /// What is asked for of one tag alone.
    pub(super) parts: Parts,
    /// Its mirror is no longer configured, and nobody asks it for anything any more.
    pub(super) dismissed: CancellationToken,
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
        Self {
            trigger: Trigger::default(),
            entry,
            passes: Mutex::default(),
            parts: Parts::default(),
            dismissed: CancellationToken::new(),
        }
    }

    /// The mirror, and which of its targets.
    pub fn pair(&self) -> &Pair {
        &self.entry.pair
    }

    /// Makes passes until told to stop or dismissed; a pass under way comes to its end first. Each takes the newest
    /// configuration.
    ///
    /// One that failed, and may go better in a while, is tried again as `schedule.retry` says. Whatever else starts a pass,
    /// and a reload, ends that.
    ///
    /// Passes tell what they do as events; `changed` is called after each.
    pub async fn work(&self, mut apps: watch::Receiver<Arc<App>>, stop: &Stop, changed: impl Fn()) {
        let mut retry = Retry::default();
        loop {
            tokio::select! {
                biased;
                () = stop.soft.cancelled() => break,
                () = self.dismissed.cancelled() => return,
                reloaded = apps.changed() => match reloaded {
                    Ok(()) => {
                        self.entry.set_next_retry(None);
                        retry = Retry::default();
                        continue;
                    }
                    Err(_) => return,
                },
                () = self.trigger.asked() => {}
                () = self.parts.asked() => {}
                () = retry.wait() => {}
            }
            let app = Arc::clone(&apps.borrow());
            let slot = tokio::select! {
                biased;
                () = stop.soft.cancelled() => break,
                reloaded = apps.changed() => match reloaded {
                    Ok(()) => {
                        // What that ends is said above.
                        apps.mark_changed();
                        continue;
                    }
                    Err(_) => return,
                },
                slot = app.slot() => slot,
            };
            let stop = stop.of_pass();
            let Some((number, tried)) = self.begin(&stop, retry) else {
                if let Some((number, tag)) = self.parts.begin(&stop) {
                    self.work_on_part(app.part(&slot, self.pair(), number, tag), &stop).await;
                    changed();
                }
                continue;
            };
            retry = Retry::default();
            if let Some(pass) = app.pass(&slot, self.pair(), number, tried) {
                // A pass is a large future; it need not be in those around it.
                let summary = Box::pin(pass.run(Mode::Sync, &stop)).await;
                if summary.is_worth_a_retry() {
                    retry = self.retry(tried, pass.mirror.schedule.as_ref());
                }
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

    /// Makes a pass over one tag alone; none where the mirror is no longer configured.
    async fn work_on_part(&self, pass: Option<Pass<'_>>, stop: &Stop) {
        match pass {
            Some(pass) => {
                let summary = Box::pin(pass.run(Mode::Sync, stop)).await;
                self.parts.end(summary.outcome, summary.error);
            }
            None => self.parts.end(RunOutcome::Failed, Some(Dropped::Gone.fault())),
        }
    }

    /// Ends the pass under way, and drops the one that waits for its turn. Gives their numbers.
    pub(super) fn cancel(&self) -> Vec<u64> {
        // In this order: the end of the one under way would let the other one begin.
        let waiting = self.drop_asked(&Dropped::Cancelled);
        let running = self.stop_in(Duration::ZERO, StopReason::Cancelled);
        running.into_iter().chain(waiting).collect()
    }

    /// Ends the pass under way after this time, and gives its number.
    pub(super) fn stop_in(&self, time: Duration, reason: StopReason) -> Option<u64> {
        self.parts.stop_in(time, reason);
        self.passes().stop_in(time, reason)
    }

    /// What is known of it, and whether it waits for its turn.
    pub fn record(&self) -> Record {
        let record = self.entry.record(Timestamp::now());
        Record { state: self.shown(record.state), ..record }
    }

    /// What it does.
    pub fn state(&self) -> State {
        self.shown(self.entry.glance().state)
    }

    fn shown(&self, state: State) -> State {
        let is_waiting = state == State::Idle && (self.trigger.is_asked() || self.parts.is_asked());
        if is_waiting { State::Waiting } else { state }
    }

    /// Whether somebody waits for it, or a pass is under way, over the whole or a part.
    pub(super) fn is_busy(&self) -> bool {
        self.trigger.is_asked() || self.passes().is_running() || self.parts.is_busy()
    }

    /// Whether a pass is under way.
    pub fn is_running(&self) -> bool {
        self.entry.glance().state == State::Running
    }

    /// Of what is known now.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            version: self.entry.version(),
            is_asked: self.trigger.is_asked() || self.parts.is_asked(),
        }
    }

    /// How far the pass of this number is.
    pub(super) fn pass_state(&self, number: u64) -> PassState {
        self.passes().state(number)
    }

    /// Begins the pass that was asked for, or else this retry; gives its number, and which try it is. None where it is
    /// time for neither.
    fn begin(&self, stop: &Stop, retry: Retry) -> Option<(u64, usize)> {
        let mut passes = self.passes();
        let asked = self.trigger.begin().map(|number| (number, 0));
        let unasked = || retry.is_due().then(|| (self.trigger.begin_unasked(), retry.number));
        let (number, tried) = asked.or_else(unasked)?;
        passes.begin(number, stop.clone());
        Some((number, tried))
    }

    /// The next try after this one, or a pass that was asked for, failed; none that would come after the next run.
    fn retry(&self, failed: usize, schedule: Option<&Schedule>) -> Retry {
        let spans = schedule.map(|schedule| &*schedule.retry).unwrap_or_default();
        let Some((retry, span)) = Retry::after(failed, spans) else { return Retry::default() };
        let Ok(at) = Timestamp::now().checked_add(span) else { return Retry::default() };
        if self.entry.look(|record| record.next_run.is_some_and(|next| next <= at)) {
            return Retry::default();
        }
        let (mirror, number, of) = (&self.pair().mirror, retry.number, spans.len());
        let span = humantime::format_duration(span);
        info!(mirror, "Trying {mirror} again in {span}, as it may go better then (retry {number} of {of})");
        self.entry.set_next_retry(Some(at));
        retry
    }

    /// Drops the pass that waits for its turn, and gives its number. It found out nothing.
    fn drop_asked(&self, reason: &Dropped) -> Option<u64> {
        self.parts.drop_asked(&reason.fault());
        let mut passes = self.passes();
        let number = self.trigger.begin()?;
        passes.dropped(number, reason.fault());
        Some(number)
    }

    fn passes(&self) -> MutexGuard<'_, Passes> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
