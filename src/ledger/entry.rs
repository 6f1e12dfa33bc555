//! The place of one record.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::event::Pair;
use crate::ledger::record::Record;

/// The place of one record. It stays where it is while what it holds changes.
#[derive(Debug)]
pub struct Entry {
    /// What the record is about.
    pub pair: Pair,
    /// Held for updates and copies only.
    record: Mutex<Record>,
    /// Counts the updates. Whoever looks at it alone waits for nobody.
    version: AtomicU64,
}

impl Entry {
    pub(super) fn new(pair: Pair, record: Record) -> Self {
        Self { pair, record: Mutex::new(record), version: AtomicU64::default() }
    }

    /// A copy of the record as it is now.
    pub fn record(&self) -> Record {
        // The rest of it is done while events go on.
        let record = self.lock().clone();
        record.shown()
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
        // After it: whoever sees the number finds what it stands for.
        self.version.fetch_add(1, Release);
        updated
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
