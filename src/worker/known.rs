//! How events become knowledge of a mirror.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use crate::config::{Mirror, Schedule};
use crate::event::{MirrorSummary, PassId, RunOutcome, TagOutcome, TagSummary};
use crate::oci::Tag;
use crate::plan::{Action, Step};
use crate::worker::history::{History, PassRecord};
use crate::worker::status::{Failure, Newest, Progress, State, Status, TagState, TagStatus};

/// So many failures of a mirror are remembered.
const FAILURES_MAX: usize = 20;

/// What is known of a mirror. The clock is passed in.
#[derive(Debug)]
pub(super) struct Known {
    /// The configuration since which it has this source and this target: passes of those before were about another.
    since: u64,
    source: String,
    target: String,
    schedule: Option<String>,
    pub(super) next_run: Option<Timestamp>,
    pub(super) running: Option<Running>,
    pub(super) history: History,
    /// The last pass from this source to this target; `history` has others too.
    last_run: Option<PassRecord>,
    last_success_at: Option<Timestamp>,
    selected: Option<usize>,
    stale: Option<usize>,
    stale_since: Option<Timestamp>,
    newest_first: Vec<Tag>,
    tags: Vec<TagStatus>,
    /// The newest first.
    failures: VecDeque<Failure>,
}

/// A pass under way.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) pass: u64,
    started_at: Timestamp,
    tags: Option<usize>,
    tags_done: usize,
    /// The bytes of all blobs so far of each tag that is being copied.
    sizes: HashMap<Tag, u64>,
}

impl Known {
    pub(super) fn new(mirror: &Mirror, generation: u64) -> Self {
        Self {
            since: generation,
            source: mirror.source.to_string(),
            target: mirror.target.to_string(),
            schedule: mirror.schedule.as_ref().map(Schedule::to_string),
            next_run: None,
            running: None,
            history: History::default(),
            last_run: None,
            last_success_at: None,
            selected: None,
            stale: None,
            stale_since: None,
            newest_first: Vec::new(),
            tags: Vec::new(),
            failures: VecDeque::new(),
        }
    }

    /// Takes what a new configuration says of the mirror. What was known of another source or target is forgotten.
    pub(super) fn configure(&mut self, mirror: &Mirror, generation: u64) {
        let new = Self::new(mirror, generation);
        if (&new.source, &new.target) == (&self.source, &self.target) {
            self.schedule = new.schedule;
            // Whoever keeps the schedules says it again, if there still is one.
            self.next_run = None;
        } else {
            let (running, history) = (self.running.take(), std::mem::take(&mut self.history));
            *self = Self { running, history, ..new };
        }
    }

    pub(super) fn begin(&mut self, pass: u64, now: Timestamp) {
        self.running =
            Some(Running { pass, started_at: now, tags: None, tags_done: 0, sizes: HashMap::new() });
    }

    /// Whether a pass is about this mirror as it is configured now.
    pub(super) fn is_concerned(&self, pass: &PassId) -> bool {
        pass.generation >= self.since
    }

    pub(super) fn selected(&mut self, selected: usize, newest_first: &[&Tag]) {
        self.selected = Some(selected);
        self.newest_first = newest_first.iter().copied().cloned().collect();
    }

    pub(super) fn planned(&mut self, steps: &[Step], failed: &[TagSummary], now: Timestamp) {
        let known: HashMap<_, _> =
            self.tags.drain(..).map(|tag| ((tag.tag.clone(), tag.digest), tag)).collect();
        let tag = |tag: &Tag, digest, state, error| {
            let before = known.get(&(tag.clone(), digest));
            let (size, copied_at) = before.map_or((None, None), |before| (before.size, before.copied_at));
            TagStatus { tag: tag.clone(), digest, state, size, copied_at, error }
        };
        let step = |step: &Step| {
            let state = if step.action == Action::Skip { TagState::Current } else { TagState::Stale };
            tag(&step.tag, Some(step.digest()), state, None)
        };
        let unplanned = |failed: &TagSummary| tag(&failed.tag, None, TagState::Failed, failed.error.clone());
        self.tags = steps.iter().map(step).chain(failed.iter().map(unplanned)).collect();
        if let Some(running) = &mut self.running {
            running.tags = Some(self.tags.len());
        }
        self.count_stale(now);
    }

    pub(super) fn tag_started(&mut self, tag: &Tag) {
        if let Some(tag) = self.tag(tag) {
            tag.state = TagState::Copying;
        }
        if let Some(running) = &mut self.running {
            running.sizes.insert(tag.clone(), 0);
        }
    }

    pub(super) fn blob_arrived(&mut self, tag: &Tag, bytes: u64) {
        if let Some(size) = self.running.as_mut().and_then(|running| running.sizes.get_mut(tag)) {
            *size += bytes;
        }
    }

    pub(super) fn tag_finished(&mut self, summary: &TagSummary, now: Timestamp) {
        let size = self.running.as_mut().and_then(|running| {
            running.tags_done += 1;
            running.sizes.remove(&summary.tag)
        });
        let Some(tag) = self.tag(&summary.tag) else { return };
        match summary.outcome {
            Some(TagOutcome::Copied) => {
                (tag.state, tag.size, tag.copied_at) = (TagState::Current, size, Some(now));
            }
            Some(TagOutcome::UpToDate) => tag.state = TagState::Current,
            Some(TagOutcome::NotStarted) => tag.state = TagState::Stale,
            Some(TagOutcome::Failed) | None => tag.state = TagState::Failed,
        }
        tag.error.clone_from(&summary.error);
        if let (TagState::Failed, Some(error)) = (tag.state, &summary.error) {
            self.failed(Some(summary.tag.clone()), error, now);
        }
        self.count_stale(now);
    }

    pub(super) fn finished(&mut self, pass: &PassId, summary: &MirrorSummary, now: Timestamp) {
        let is_concerned = self.is_concerned(pass);
        if is_concerned {
            self.conclude(summary, now);
        }
        let counts = [summary.count(TagOutcome::Copied), summary.failed()];
        let record = self.end(summary.outcome, summary.error.clone(), counts, now);
        if is_concerned {
            self.last_run = record;
        }
    }

    fn conclude(&mut self, summary: &MirrorSummary, now: Timestamp) {
        // What was told of a tag is not told again.
        let is_known = summary.tags.iter().any(|tag| tag.error == summary.error);
        if let Some(error) = summary.error.as_ref().filter(|_| !is_known) {
            self.failed(None, error, now);
        }
        let order: HashMap<&Tag, usize> = summary.tags.iter().map(|tag| &tag.tag).zip(0..).collect();
        self.tags.sort_by_key(|tag| order.get(&tag.tag).copied().unwrap_or(usize::MAX));
        if summary.outcome == RunOutcome::Succeeded {
            self.last_success_at = Some(now);
        }
    }

    /// A pass was asked for that for this reason never came to its turn. It found out nothing.
    pub(super) fn dropped(&mut self, reason: &str, now: Timestamp) -> Option<PassRecord> {
        self.end(RunOutcome::Failed, Some(reason.to_owned()), [0, 0], now)
    }

    /// Records the end of the pass under way. `copied` and `failed` count its tags.
    fn end(
        &mut self,
        outcome: RunOutcome,
        error: Option<String>,
        [copied, failed]: [u64; 2],
        now: Timestamp,
    ) -> Option<PassRecord> {
        let Running { pass, started_at, .. } = self.running.take()?;
        let record = PassRecord { pass, started_at, finished_at: now, outcome, error, copied, failed };
        self.history.push(record.clone());
        Some(record)
    }

    pub(super) fn status(&self, name: &str, is_asked: bool, bytes: u64, size: u64) -> Status {
        let state = match &self.running {
            Some(_) => State::Running,
            None if is_asked => State::Waiting,
            None => State::Idle,
        };
        let progress = |running: &Running| Progress {
            started_at: running.started_at,
            bytes,
            size,
            tags_done: running.tags_done,
            tags: running.tags,
        };
        Status {
            name: name.to_owned(),
            source: self.source.clone(),
            target: self.target.clone(),
            schedule: self.schedule.clone(),
            state,
            next_run: self.next_run,
            last_run: self.last_run.clone(),
            last_success_at: self.last_success_at,
            selected: self.selected,
            stale: self.stale,
            stale_since: self.stale_since,
            newest: self.newest(),
            progress: self.running.as_ref().map(progress),
            tags: self.tags.clone(),
            failures: self.failures.iter().cloned().collect(),
        }
    }

    fn newest(&self) -> Newest {
        let is_current =
            |tag: &&Tag| self.tags.iter().any(|known| known.tag == **tag && known.state == TagState::Current);
        Newest {
            source: self.newest_first.first().cloned(),
            target: self.newest_first.iter().find(is_current).cloned(),
        }
    }

    fn tag(&mut self, tag: &Tag) -> Option<&mut TagStatus> {
        self.tags.iter_mut().find(|known| known.tag == *tag)
    }

    fn failed(&mut self, tag: Option<Tag>, error: &str, at: Timestamp) {
        self.failures.truncate(FAILURES_MAX - 1);
        self.failures.push_front(Failure { at, tag, error: error.to_owned() });
    }

    fn count_stale(&mut self, now: Timestamp) {
        let stale = self.tags.iter().filter(|tag| tag.state != TagState::Current).count();
        self.stale = Some(stale);
        self.stale_since = (stale > 0).then(|| self.stale_since.unwrap_or(now));
    }
}
