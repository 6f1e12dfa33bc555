//! One mirror of a daemon.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::app::App;
use crate::config::Mirror;
use crate::event::{EventKind, PassId};
use crate::pass::{Mode, Stop};
use crate::worker::known::Known;
use crate::worker::run::PassState;
use crate::worker::status::Status;
use crate::worker::trigger::Trigger;

/// One mirror of a daemon: makes its passes, one after the other, when its trigger is fired.
#[derive(Debug)]
pub struct Worker {
    /// The mirror's name.
    pub name: String,
    /// Asks for a pass.
    pub trigger: Trigger,
    /// What is known of the mirror. Held for updates and copies only.
    known: Mutex<Known>,
    /// Bytes that the pass under way has sent, and those that it has to; counted for every chunk, so outside the lock.
    bytes: AtomicU64,
    size: AtomicU64,
    /// Counts the updates of what is known.
    updates: AtomicU64,
}

/// Differs from one before whenever what is known of a mirror does. Much cheaper than its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    updates: u64,
    is_asked: bool,
    bytes: u64,
    size: u64,
}

impl Worker {
    pub(super) fn new(mirror: &Mirror, generation: u64) -> Self {
        Self {
            name: mirror.name.clone(),
            trigger: Trigger::default(),
            known: Mutex::new(Known::new(mirror, generation)),
            bytes: AtomicU64::default(),
            size: AtomicU64::default(),
            updates: AtomicU64::default(),
        }
    }

    /// Makes passes until told to stop; a pass under way comes to its end first. Each takes the newest configuration.
    ///
    /// Passes tell what they do as events; `changed` is called after one that could not even begin.
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
            let number = self.begin();
            if let Some(pass) = app.pass(&slot, &self.name, number) {
                pass.run(Mode::Sync, stop).await;
            } else {
                self.drop_pass("the mirror is no longer configured");
                changed();
            }
        }
        // Whoever waits for the pass is told that it never comes.
        if self.trigger.is_asked() {
            self.begin();
            self.drop_pass("tagferry was told to stop before its turn");
            changed();
        }
    }

    /// What is known of the mirror.
    pub fn status(&self) -> Status {
        let (bytes, size) = (self.bytes.load(Relaxed), self.size.load(Relaxed));
        self.known().status(&self.name, self.trigger.is_asked(), bytes, size)
    }

    /// Whether a pass is under way.
    pub fn is_running(&self) -> bool {
        self.known().running.is_some()
    }

    /// Of what is known of the mirror now.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            updates: self.updates.load(Relaxed),
            is_asked: self.trigger.is_asked(),
            bytes: self.bytes.load(Relaxed),
            size: self.size.load(Relaxed),
        }
    }

    /// Says when the mirror runs next by its schedule.
    pub fn set_next_run(&self, next: Option<Timestamp>) {
        self.update(|known| known.next_run = next);
    }

    /// How far the pass of this number is.
    pub(super) fn pass_state(&self, pass: u64) -> PassState {
        let known = self.known();
        match (known.history.get(pass), &known.running) {
            (Some(record), _) => PassState::Finished { outcome: record.outcome, error: record.error.clone() },
            (None, Some(running)) if running.pass == pass => PassState::Running,
            (None, _) if known.history.last().is_some_and(|last| last.pass >= pass) => PassState::Forgotten,
            (None, _) => PassState::Waiting,
        }
    }

    pub(super) fn configure(&self, mirror: &Mirror, generation: u64) {
        self.update(|known| known.configure(mirror, generation));
    }

    /// Takes an event of a pass over this mirror.
    pub(super) fn observe(&self, pass: &PassId, at: Timestamp, kind: &EventKind<'_>) {
        match *kind {
            EventKind::TagSized { bytes, .. } => drop(self.size.fetch_add(bytes, Relaxed)),
            EventKind::BytesCopied { bytes, .. } => drop(self.bytes.fetch_add(bytes, Relaxed)),
            EventKind::TagsSelected { selected, newest_first, .. } => {
                self.learn(pass, |known| known.selected(selected, newest_first));
            }
            EventKind::TagsPlanned { steps, failed, .. } => {
                self.learn(pass, |known| known.planned(steps, failed, at));
            }
            EventKind::TagStarted { tag } => self.learn(pass, |known| known.tag_started(tag)),
            EventKind::BlobArrived { tag, size, .. } => {
                self.learn(pass, |known| known.blob_arrived(tag, size));
            }
            EventKind::TagFinished { summary } => self.learn(pass, |known| known.tag_finished(summary, at)),
            EventKind::PassFinished { summary, .. } => {
                self.update(|known| known.finished(pass, summary, at));
            }
            EventKind::PassStarted | EventKind::Requested { .. } | EventKind::Retried { .. } => {}
        }
    }

    fn begin(&self) -> u64 {
        let pass = self.trigger.begin();
        self.bytes.store(0, Relaxed);
        self.size.store(0, Relaxed);
        self.update(|known| known.begin(pass, Timestamp::now()));
        pass
    }

    fn drop_pass(&self, reason: &str) {
        self.update(|known| drop(known.dropped(reason, Timestamp::now())));
    }

    /// Takes what a pass found out.
    fn learn(&self, pass: &PassId, learn: impl FnOnce(&mut Known)) {
        self.update(|known| {
            if known.is_concerned(pass) {
                learn(known);
            }
        });
    }

    fn update(&self, update: impl FnOnce(&mut Known)) {
        update(&mut self.known());
        self.updates.fetch_add(1, Relaxed);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
