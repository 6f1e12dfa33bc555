//! How events become a record. Plain values: no clock, no lock, no text of its own.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use crate::event::{
    Action, Arrival, Blobs, Ending, EventKind, Fault, MirrorSummary, PassId, RunOutcome, Step, TagOutcome,
    TagSummary,
};
use crate::ledger::counts::Counts;
use crate::ledger::progress::Progress;
use crate::ledger::record::{Failure, PassRecord, Record, State, TagState, TagStatus, Transition, Troubles};
use crate::oci::{Reference, Stored, Tag};

/// The most failures that a record remembers.
const FAILURES_MAX: usize = 20;

impl Record {
    /// Takes an event of a pass over this mirror and target.
    ///
    /// Only the pass under way is heard: one that was dropped may still send what it held. Of a pass by a configuration
    /// in which the mirror had another source, the progress is taken and nothing else.
    pub(super) fn fold(&mut self, pass: &PassId, at: Timestamp, kind: &EventKind<'_>) {
        if matches!(kind, EventKind::PassStarted) {
            self.state = State::Running;
            self.progress = Some(Progress::new(pass, at));
            self.next_retry = None;
            return;
        }
        let is_about_this = pass.generation >= self.since;
        let is_whole = pass.tag.is_none();
        let Some(progress) = self.progress.as_mut().filter(|progress| progress.pass == *pass) else { return };
        let size = progress.fold(kind, at);
        if is_about_this && is_whole {
            self.learn(kind, size, at);
        } else if is_about_this {
            self.learn_of_tag(kind, size, at);
        }
        if matches!(kind, EventKind::PassFinished { .. }) {
            (self.state, self.progress) = (State::Idle, None);
        }
    }

    /// Takes what the pass under way found out; `size` is that of a tag which is done.
    fn learn(&mut self, kind: &EventKind<'_>, size: Option<u64>, at: Timestamp) {
        match *kind {
            EventKind::TagsSelected { selected, newest_first, .. } => {
                self.selected = Some(selected);
                self.newest_first = newest_first.iter().copied().cloned().collect();
            }
            EventKind::TagsPlanned { steps, failed, stored } => self.planned(steps, failed, stored, at),
            EventKind::TagStarted { tag } => self.tag(tag, at, |tag| tag.state = TagState::Copying),
            EventKind::BytesCopied { bytes, .. } => self.counts.copied_bytes += bytes,
            EventKind::BlobArrived { arrival, .. } => self.counts.arrived(arrival),
            EventKind::TagFinished { summary } => self.tag_finished(summary, size, at),
            EventKind::PassFinished { summary, took } => self.pass_finished(summary, took, at),
            EventKind::PassStarted
            | EventKind::TagSized { .. }
            | EventKind::BlobQueued { .. }
            | EventKind::BlobStarted { .. }
            | EventKind::Exchange(_) => {}
        }
    }

    /// The same of a pass over one tag alone: it says nothing of the others, and is not the mirror's last one.
    fn learn_of_tag(&mut self, kind: &EventKind<'_>, size: Option<u64>, at: Timestamp) {
        match *kind {
            EventKind::BytesCopied { bytes, .. } => self.counts.copied_bytes += bytes,
            EventKind::BlobArrived { arrival, .. } => self.counts.arrived(arrival),
            EventKind::TagFinished { summary } => {
                self.index();
                self.tag_finished(summary, size, at);
                self.by_name = Vec::new();
            }
            EventKind::PassFinished { summary, .. } => {
                let is_known = summary.tags.iter().any(|tag| tag.error == summary.error);
                if let Some(error) = summary.error.as_ref().filter(|_| !is_known) {
                    self.failed(None, error, at);
                }
            }
            _ => {}
        }
    }

    fn index(&mut self) {
        self.by_name = (0..self.tags.len()).collect();
        self.by_name.sort_unstable_by_key(|&place| &self.tags[place].tag);
    }

    fn planned(
        &mut self,
        steps: &[Step],
        failed: &[TagSummary],
        stored: &BTreeMap<Tag, Stored>,
        at: Timestamp,
    ) {
        let known: HashMap<_, _> =
            self.tags.drain(..).map(|tag| ((tag.tag.clone(), tag.digest), tag)).collect();
        let tag = |(name, source_tag): (&Reference, Option<&Tag>), digest, state, error| {
            let before = known.get(&(name.clone(), digest));
            let stored =
                name.tag().and_then(|tag| stored.get(tag)).filter(|stored| digest == Some(stored.digest));
            // Of what was copied here the size is that of all blobs, and is known better.
            let size = before.and_then(|before| before.size).or(stored.and_then(|stored| stored.size));
            let pushed_at = stored.and_then(|stored| stored.pushed_at);
            TagStatus {
                tag: name.clone(),
                source_tag: source_tag.filter(|tag| name.tag() != Some(tag)).cloned(),
                digest,
                state,
                size,
                pushed_at: pushed_at.or(before.and_then(|before| before.pushed_at)),
                copied_at: before.and_then(|before| before.copied_at),
                error,
            }
        };
        let step = |step: &Step| {
            let state = if step.action == Action::Skip { TagState::Current } else { TagState::Stale };
            tag((&step.tag, step.source_tag.as_ref()), Some(step.digest()), state, None)
        };
        let unplanned = |failed: &TagSummary| {
            tag((&failed.tag, failed.source_tag.as_ref()), None, TagState::Failed, failed.error.clone())
        };
        self.tags = steps.iter().map(step).chain(failed.iter().map(unplanned)).collect();
        self.index();
        let stale = self.tags.iter().filter(|tag| tag.state != TagState::Current).count();
        self.set_stale(stale, at);
    }

    fn tag_finished(&mut self, summary: &TagSummary, size: Option<u64>, at: Timestamp) {
        self.counts.copied_tags += u64::from(summary.outcome == Some(TagOutcome::Copied));
        let mut has_failed = false;
        self.tag(&summary.tag, at, |tag| {
            match summary.outcome {
                Some(TagOutcome::Copied) => {
                    (tag.state, tag.size) = (TagState::Current, size);
                    (tag.pushed_at, tag.copied_at) = (Some(at), Some(at));
                }
                Some(TagOutcome::UpToDate) => tag.state = TagState::Current,
                // What the plan said still holds.
                Some(TagOutcome::NotStarted) => {}
                Some(TagOutcome::Failed) | None => tag.state = TagState::Failed,
            }
            tag.error.clone_from(&summary.error);
            has_failed = tag.state == TagState::Failed;
        });
        if let Some(error) = summary.error.as_ref().filter(|_| has_failed) {
            self.failed(Some(summary.tag.clone()), error, at);
        }
    }

    fn pass_finished(&mut self, summary: &MirrorSummary, took: Duration, at: Timestamp) {
        self.transition = Transition::None;
        if summary.ending == Ending::Planned {
            return;
        }
        // What was told of a tag is not told again.
        let is_known = summary.tags.iter().any(|tag| tag.error == summary.error);
        if let Some(error) = summary.error.as_ref().filter(|_| !is_known) {
            self.failed(None, error, at);
        }
        let order: HashMap<&Reference, usize> = summary.tags.iter().map(|tag| &tag.tag).zip(0..).collect();
        self.tags.sort_by_cached_key(|tag| order.get(&tag.tag).copied().unwrap_or(usize::MAX));
        self.by_name = Vec::new();
        self.last_run = self.progress.as_ref().map(|progress| PassRecord {
            pass: progress.pass.number,
            retry: progress.pass.retry,
            started_at: progress.started_at,
            finished_at: at,
            outcome: summary.outcome,
            error: summary.error.clone(),
            copied: summary.count(TagOutcome::Copied),
            failed: summary.failed(),
        });
        // One that only failed because it was told to stop says nothing of the mirror.
        if summary.ending == Ending::Finished {
            let is_retry = self.last_run.as_ref().is_some_and(|run| run.retry > 0);
            self.counts.pass_finished(summary.outcome, is_retry, took, at);
            self.conclude(summary, at);
        }
    }

    /// Compares what came of a pass with what came of the one before.
    ///
    /// A failure is one to tell when the pass before did not fail, or is not known, and when something fails that did not
    /// fail then or fails otherwise.
    fn conclude(&mut self, summary: &MirrorSummary, at: Timestamp) {
        let before = std::mem::take(&mut self.troubles);
        match summary.outcome {
            RunOutcome::Succeeded => {
                self.last_success_at = Some(at);
                self.set_late_at();
                if !before.is_empty() | std::mem::take(&mut self.is_told_late) {
                    self.transition = Transition::Recovered;
                }
            }
            RunOutcome::Failed => {
                self.troubles = troubles(summary);
                if !self.troubles.is_subset(&before) {
                    self.transition = Transition::Failing;
                }
            }
        }
    }

    /// Changes what is known of a tag. Thousands of them end in a pass, each of which looks at itself alone.
    fn tag(&mut self, tag: &Reference, at: Timestamp, change: impl FnOnce(&mut TagStatus)) {
        let found = self.by_name.binary_search_by_key(&tag, |&place| &self.tags[place].tag);
        let Some(known) = found.ok().map(|found| &mut self.tags[self.by_name[found]]) else { return };
        let was_stale = known.state != TagState::Current;
        change(known);
        let is_stale = known.state != TagState::Current;
        let stale = self.stale.unwrap_or_default() + usize::from(is_stale) - usize::from(was_stale);
        self.set_stale(stale, at);
    }

    fn failed(&mut self, tag: Option<Reference>, error: &Fault, at: Timestamp) {
        self.failures.truncate(FAILURES_MAX - 1);
        self.failures.insert(0, Failure { at, tag, error: error.clone() });
    }

    fn set_stale(&mut self, stale: usize, at: Timestamp) {
        self.stale = Some(stale);
        self.stale_since = (stale > 0).then(|| self.stale_since.unwrap_or(at));
    }
}

impl Counts {
    fn pass_finished(&mut self, outcome: RunOutcome, is_retry: bool, took: Duration, at: Timestamp) {
        self.durations.add(took);
        self.retried += u64::from(is_retry);
        self.last_pass_at = Some(at);
        match outcome {
            RunOutcome::Succeeded => {
                self.succeeded += 1;
                self.failed_in_a_row = 0;
            }
            RunOutcome::Failed => {
                self.failed += 1;
                self.failed_in_a_row += u64::from(!is_retry);
            }
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let Blobs { uploaded, mounted, present } = &mut self.blobs;
        *match arrival {
            Arrival::Uploaded => uploaded,
            Arrival::Mounted => mounted,
            Arrival::Present => present,
        } += 1;
    }
}

/// Tags that were not started fail for something that is told already.
fn troubles(summary: &MirrorSummary) -> Troubles {
    let tags = summary.tags.iter().filter(|tag| tag.outcome == Some(TagOutcome::Failed));
    let of_tags = tags.filter_map(|tag| Some((Some(tag.tag.clone()), tag.error.as_ref()?.kind())));
    of_tags.chain(summary.error.iter().map(|error| (None, error.kind()))).collect()
}
