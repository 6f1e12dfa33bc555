//! What is counted of a mirror and one of its targets. Counters only grow, as long as the record lasts.

use std::time::Duration;

use jiff::Timestamp;

use crate::event::Blobs;

/// Upper bounds for the time of a pass, in seconds. One with nothing to do takes a few; the first one over large
/// images takes hours.
const DURATION_BOUNDS: [f64; 12] =
    [1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1_800.0, 3_600.0, 10_800.0, 21_600.0];

/// The counts of a record. Passes that were told to stop are not among the passes.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Passes that succeeded.
    pub succeeded: u64,
    /// Passes that failed.
    pub failed: u64,
    /// Passes that tried a failed one again.
    pub retried: u64,
    /// Failed passes since the last success, without those that tried one again.
    pub failed_in_a_row: u64,
    /// When the last pass ended.
    pub last_pass_at: Option<Timestamp>,
    /// How long passes took.
    pub durations: Durations,
    /// Tags that were copied and verified.
    pub copied_tags: u64,
    /// Bytes of blobs sent to the target, again where a transfer had to start over.
    pub copied_bytes: u64,
    /// How blobs came into the target.
    pub blobs: Blobs,
}

/// How many passes took how long.
#[derive(Clone, Debug, Default)]
pub struct Durations {
    /// The seconds of all of them.
    pub sum: f64,
    /// How many there are.
    pub count: u64,
    /// How many are within each bound, and not within the one before.
    within: [u64; DURATION_BOUNDS.len()],
}

impl Durations {
    pub(super) fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.sum += seconds;
        self.count += 1;
        if let Some(bucket) = DURATION_BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.within[bucket] += 1;
        }
    }

    /// Each bound in seconds with how many are within it and not within the one before; the last has no bound.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let bounded = DURATION_BOUNDS.into_iter().zip(self.within);
        let beyond = self.count - self.within.iter().sum::<u64>();
        bounded.chain([(f64::INFINITY, beyond)]).collect()
    }
}
