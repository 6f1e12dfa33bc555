//! The passes that a mirror made.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;

use crate::event::RunOutcome;

/// So many of a mirror's passes are remembered.
const PASSES_MAX: usize = 50;

/// What became of a pass.
#[derive(Clone, Debug, Serialize)]
pub struct PassRecord {
    /// The passes of a mirror are counted from 1, from the start of the program.
    pub pass: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Whether all that was selected is in the target.
    pub outcome: RunOutcome,
    /// Why the mirror as a whole failed, if it did.
    pub error: Option<String>,
    /// How many tags were copied.
    pub copied: u64,
    /// How many tags failed.
    pub failed: u64,
}

/// The last passes of a mirror, the newest first.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<PassRecord>);

impl History {
    pub(super) fn push(&mut self, record: PassRecord) {
        self.0.truncate(PASSES_MAX - 1);
        self.0.push_front(record);
    }

    pub(super) fn last(&self) -> Option<&PassRecord> {
        self.0.front()
    }

    pub(super) fn get(&self, pass: u64) -> Option<&PassRecord> {
        self.0.iter().find(|record| record.pass == pass)
    }
}
