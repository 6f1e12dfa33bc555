//! What is counted of one mirror. Plain values: no clock, no lock, no text.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::metrics::histogram::Histogram;

use crate::event::{Arrival, Blobs, PassId, RunOutcome, TagOutcome, TagSummary};
use crate::oci::Tag;
use crate::plan::{Action, Step};

/// Upper bounds for the time of a pass, in seconds. One with nothing to do takes a few; the first one over large
/// images takes hours.
const DURATION_BUCKETS: [f64; 12] =
    [1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1_800.0, 3_600.0, 10_800.0, 21_600.0];

/// The counts of one mirror.
#[derive(Clone, Debug)]
pub(super) struct Mirror {
    /// The configuration since which it has its source and its target: passes of those before were about another.
    since: u64,
    /// Since when the process knows it.
    pub(super) configured_at: Timestamp,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    /// Failed passes since the last success.
    pub(super) failed_in_a_row: u64,
    pub(super) last_pass_at: Option<Timestamp>,
    pub(super) last_success_at: Option<Timestamp>,
    pub(super) durations: Histogram,
    /// None before the source's list was read.
    pub(super) selected: Option<u64>,
    /// Selected tags that are not in the target as they should be; none before they were compared.
    stale: Option<BTreeSet<Tag>>,
    /// Tags whose copy began and did not end yet. Others end too: those that need no copy.
    in_flight: BTreeSet<Tag>,
    pub(super) copied_tags: u64,
    pub(super) copied_bytes: u64,
    pub(super) blobs: Blobs,
}

impl Mirror {
    pub(super) fn new(now: Timestamp, generation: u64) -> Self {
        Self {
            since: generation,
            configured_at: now,
            succeeded: 0,
            failed: 0,
            failed_in_a_row: 0,
            last_pass_at: None,
            last_success_at: None,
            durations: Histogram::new(DURATION_BUCKETS),
            selected: None,
            stale: None,
            in_flight: BTreeSet::new(),
            copied_tags: 0,
            copied_bytes: 0,
            blobs: Blobs::default(),
        }
    }

    pub(super) fn stale(&self) -> Option<u64> {
        self.stale.as_ref().map(|tags| tags.len() as u64)
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.len() as u64
    }

    /// Seconds since the last success. Before the first one: since the process knows the mirror, so that a limit
    /// catches a mirror that never succeeds.
    pub(super) fn freshness(&self, now: Timestamp) -> f64 {
        let since = self.last_success_at.unwrap_or(self.configured_at);
        // A clock may be set back.
        now.duration_since(since).as_secs_f64().max(0.0)
    }

    pub(super) fn start(&mut self) {
        // A pass that was dropped said nothing of its end.
        self.in_flight.clear();
    }

    /// Forgets the pass under way.
    pub(super) fn abandon(&mut self) {
        self.in_flight.clear();
    }

    /// Whether a pass is about this mirror as it is configured now.
    pub(super) fn is_concerned(&self, pass: &PassId) -> bool {
        pass.generation >= self.since
    }

    pub(super) fn select(&mut self, selected: usize) {
        self.selected = Some(selected as u64);
    }

    pub(super) fn plan(&mut self, steps: &[Step], failed: &[TagSummary]) {
        let differing = steps.iter().filter(|step| step.action != Action::Skip).map(|step| &step.tag);
        self.stale = Some(differing.chain(failed.iter().map(|tag| &tag.tag)).cloned().collect());
    }

    pub(super) fn start_tag(&mut self, tag: &Tag) {
        self.in_flight.insert(tag.clone());
    }

    pub(super) fn arrive(&mut self, arrival: Arrival) {
        let Blobs { uploaded, mounted, present } = &mut self.blobs;
        *match arrival {
            Arrival::Uploaded => uploaded,
            Arrival::Mounted => mounted,
            Arrival::Present => present,
        } += 1;
    }

    pub(super) fn finish_tag(&mut self, summary: &TagSummary) {
        self.in_flight.remove(&summary.tag);
        self.copied_tags += u64::from(summary.outcome == Some(TagOutcome::Copied));
        let Some(stale) = &mut self.stale else { return };
        match summary.outcome {
            Some(TagOutcome::Copied | TagOutcome::UpToDate) => {
                stale.remove(&summary.tag);
            }
            Some(TagOutcome::Failed) => {
                stale.insert(summary.tag.clone());
            }
            // What the plan said still holds.
            Some(TagOutcome::NotStarted) | None => {}
        }
    }

    pub(super) fn finish(&mut self, outcome: RunOutcome, now: Timestamp, took: Duration) {
        self.in_flight.clear();
        self.durations.observe(took.as_secs_f64());
        self.last_pass_at = Some(now);
        match outcome {
            RunOutcome::Succeeded => {
                self.succeeded += 1;
                self.failed_in_a_row = 0;
                self.last_success_at = Some(now);
            }
            RunOutcome::Failed => {
                self.failed += 1;
                self.failed_in_a_row += 1;
            }
        }
    }
}
