//! The place of one record.

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
    page: Mutex<Page>,
}

#[derive(Debug)]
struct Page {
    record: Record,
    /// Counts the updates.
    version: u64,
}

impl Entry {
    pub(super) fn new(pair: Pair, record: Record) -> Self {
        Self { pair, page: Mutex::new(Page { record, version: 0 }) }
    }

    /// A copy of the record as it is now.
    pub fn record(&self) -> Record {
        // The rest of it is done while events go on.
        let record = self.page().record.clone();
        record.shown()
    }

    /// Looks at the record where it is; events wait meanwhile.
    pub fn look<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&self.page().record)
    }

    /// Differs from one before whenever the record does. Much cheaper than a copy.
    pub fn version(&self) -> u64 {
        self.page().version
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
        let mut page = self.page();
        page.version += 1;
        update(&mut page.record)
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
