//! The place of one record.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::event::{Pair, RunOutcome};
use crate::ledger::record::{Record, State};

/// The place of one record. It stays where it is while what it holds changes.
#[derive(Debug)]
pub struct Entry {
    /// What the record is about.
    pub pair: Pair,
    /// Held for updates and copies only. A copy of tens of thousands of tags takes a while.
    record: Mutex<Record>,
    /// Held for one assignment: whoever looks at it waits for no copy of the record.
    glance: Mutex<Glance>,
    /// Counts the updates. Whoever looks at it alone waits for nobody.
    version: AtomicU64,
}

/// What is asked of a record again and again.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// What the mirror does.
    pub state: State,
    /// What came of its last pass.
    pub last_outcome: Option<RunOutcome>,
    /// How many of its tags are missing or different in the target.
    pub stale: Option<usize>,
    /// How many tags it has.
    pub tags: usize,
    /// Whether it has a schedule.
    pub is_scheduled: bool,
    /// Whether a pass of this process succeeded.
    pub(super) has_succeeded: bool,
    /// When it is late without another success; none where it never is.
    pub(super) late_at: Option<Timestamp>,
    /// When the pass under way last moved; none where there is none.
    pub(super) moved_at: Option<Timestamp>,
}

impl Glance {
    /// What is to be seen of this record.
    pub fn of(record: &Record) -> Self {
        Self {
            state: record.state,
            last_outcome: record.last_run.as_ref().map(|run| run.outcome),
            stale: record.stale,
            tags: record.tags.len(),
            is_scheduled: record.schedule.is_some(),
            has_succeeded: record.last_success_at.is_some(),
            late_at: record.late_at,
            moved_at: record.progress.as_ref().map(|progress| progress.moved_at),
        }
    }
}

impl Entry {
    pub(super) fn new(pair: Pair, record: Record) -> Self {
        let glance = Mutex::new(Glance::of(&record));
        // What was seen of an entry before, of the same mirror and target, is never taken for this one.
        let version = AtomicU64::new(record.since << u32::BITS);
        Self { pair, record: Mutex::new(record), glance, version }
    }

    /// What is asked again and again, without waiting for a copy of the record.
    pub fn glance(&self) -> Glance {
        *self.glance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of the record as it is now.
    pub fn record(&self, now: Timestamp) -> Record {
        // The rest of it is done while events go on.
        let record = self.lock().clone();
        record.shown(now)
    }

    /// Looks at the record where it is; events wait meanwhile.
    pub fn look<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&self.lock())
    }

    /// Differs from one before whenever the record does. Much cheaper than a copy.
    pub fn version(&self) -> u64 {
        self.version.load(Acquire)
    }

    /// Says when the mirror runs next by its schedule.
    pub fn set_next_run(&self, next: Option<Timestamp>) {
        self.update(|record| record.next_run = next);
    }

    /// Says when the last pass is tried again, if it is.
    pub fn set_next_retry(&self, next: Option<Timestamp>) {
        self.update(|record| record.next_retry = next);
    }

    pub(super) fn update<T>(&self, update: impl FnOnce(&mut Record) -> T) -> T {
        let mut record = self.lock();
        let updated = update(&mut record);
        *self.glance.lock().unwrap_or_else(PoisonError::into_inner) = Glance::of(&record);
        // After it: whoever sees the number finds what it stands for.
        self.version.fetch_add(1, Release);
        updated
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
