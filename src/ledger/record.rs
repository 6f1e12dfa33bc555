//! The record: what is known of one mirror and one of its targets.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::{Mirror, Schedule};
use crate::event::fault;
use crate::event::{Fault, Pair, PassId, RunOutcome};
use crate::ledger::counts::Counts;
use crate::ledger::progress::Progress;
use crate::ledger::verdict::{Limits, Verdict};
use crate::oci::{Digest, Reference, Tag};

/// What is known of a mirror and one of its targets. Serialized, it is what `GET /api/v1/mirrors` answers for each.
///
/// What no pass of this process has found out yet is none or empty.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Mirror")]
pub struct Record {
    /// The mirror's name.
    pub name: String,
    /// Where from.
    pub source: String,
    /// Where to.
    pub target: String,
    /// When it runs, as configured; none where it only runs when asked.
    pub schedule: Option<String>,
    /// What it does now.
    pub state: State,
    /// When it runs next by its schedule, jitter included.
    pub next_run: Option<Timestamp>,
    /// When the last pass, which failed, is tried again; none where it is not before the next run.
    pub next_retry: Option<Timestamp>,
    /// The last pass that ended.
    pub last_run: Option<PassRecord>,
    /// When everything selected was last found or put into the target.
    pub last_success_at: Option<Timestamp>,
    /// Whether that is as it should be.
    pub verdict: Verdict,
    /// How many tags the rules chose.
    pub selected: Option<usize>,
    /// How many of them are missing or different in the target.
    pub stale: Option<usize>,
    /// Since when there are such tags, as far as this process knows; none where there are none.
    pub stale_since: Option<Timestamp>,
    /// The newest version on each side.
    pub newest: Newest,
    /// How far the pass is that runs.
    pub progress: Option<Progress>,
    /// The selected tags, in the order of the selection: of each variant the newest first.
    pub tags: Vec<TagStatus>,
    /// What failed last, the newest first.
    pub failures: Vec<Failure>,
    /// Since when the process knows the mirror.
    #[serde(skip)]
    pub configured_at: Timestamp,
    /// When it is late without another success; none where it never is.
    #[serde(skip)]
    pub(crate) late_at: Option<Timestamp>,
    /// Whether it was told that it is late, since the last success.
    #[serde(skip)]
    pub(crate) is_told_late: bool,
    /// How old a success may become.
    #[serde(skip)]
    pub(crate) limits: Limits,
    /// What is counted, for metrics.
    #[serde(skip)]
    pub counts: Counts,
    /// What the end of the last pass changed, for notices.
    #[serde(skip)]
    pub transition: Transition,
    /// What the last pass failed with; empty after a success.
    #[serde(skip)]
    pub(crate) troubles: Troubles,
    /// The configuration since which it has this source: what passes of those before found out says nothing of it.
    #[serde(skip)]
    pub(crate) since: u64,
    /// The selected tags that have a version.
    #[serde(skip)]
    pub(crate) newest_first: Vec<Tag>,
    /// The places of `tags` in the order of their names, to look one up. During a pass alone.
    #[serde(skip)]
    pub(crate) by_name: Vec<usize>,
}

/// What failed: tags, and the mirror as a whole, each with the kind of its fault.
pub(crate) type Troubles = BTreeSet<(Option<Reference>, fault::Kind)>;

/// What a mirror does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing.
    Idle,
    /// It was asked to run, and waits for its turn.
    Waiting,
    /// It makes a pass.
    Running,
}

/// What became of a pass.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Pass")]
pub struct PassRecord {
    /// The number of the pass.
    pub pass: u64,
    /// Which try of one that failed it was; 0 for a pass that was asked for, by a schedule or a person.
    pub retry: usize,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Whether all that was selected is in the target.
    pub outcome: RunOutcome,
    /// Why the mirror as a whole failed, if it did.
    #[serde(serialize_with = "Fault::as_text_or_none")]
    #[schemars(with = "Option<String>")]
    pub error: Option<Fault>,
    /// How many tags were copied.
    pub copied: u64,
    /// How many tags failed.
    pub failed: u64,
}

/// What the end of a pass changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transition {
    /// Nothing: it succeeded as the one before, or failed as the one before, or says nothing of the mirror.
    #[default]
    None,
    /// Something fails that did not fail in the pass before, or fails otherwise.
    Failing,
    /// It succeeded after one that had failed.
    Recovered,
}

/// The newest version among the selected tags.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct Newest {
    /// At the source.
    pub source: Option<Tag>,
    /// Of those that the target has as the source has them.
    pub target: Option<Tag>,
    /// When the target got that one.
    pub pushed_at: Option<Timestamp>,
}

/// What is known of a selected tag.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Tag")]
pub struct TagStatus {
    /// The name in the target: a tag, or a digest for an image that gets none.
    pub tag: Reference,
    /// The source's tag, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_tag: Option<Tag>,
    /// Its digest at the source; none where it could not be asked.
    pub digest: Option<Digest>,
    /// How the target has it.
    pub state: TagState,
    /// Its bytes: of what this process copied those of all its blobs, else what ECR says, which of an index is its largest
    /// image.
    pub size: Option<u64>,
    /// When the target got it, by ECR or by this process.
    pub pushed_at: Option<Timestamp>,
    /// When this process copied it.
    pub copied_at: Option<Timestamp>,
    /// Why it failed, if it did.
    #[serde(serialize_with = "Fault::as_text_or_none")]
    #[schemars(with = "Option<String>")]
    pub error: Option<Fault>,
}

/// How the target has a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TagState {
    /// As the source has it.
    Current,
    /// Not at all, or another image: it is to be copied.
    Stale,
    /// Not yet: it is being copied.
    Copying,
    /// Not: copying it failed, or the target forbids it.
    Failed,
}

/// Something that failed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// The tag; none where it was the whole mirror.
    pub tag: Option<Reference>,
    /// Why, and what to do.
    #[serde(serialize_with = "Fault::as_text")]
    #[schemars(with = "String")]
    pub error: Fault,
}

impl TagStatus {
    /// The source's tag; none where the image was chosen by its digest.
    fn chosen_by(&self) -> Option<&Tag> {
        self.source_tag.as_ref().or_else(|| self.tag.tag())
    }
}

impl Record {
    /// A mirror as this configuration has it, and nothing else.
    pub(super) fn new(mirror: &Mirror, generation: u64, now: Timestamp) -> Self {
        let mut record = Self {
            name: mirror.name.clone(),
            source: mirror.source.to_string(),
            target: mirror.target.to_string(),
            schedule: mirror.schedule.as_ref().map(Schedule::to_string),
            state: State::Idle,
            next_run: None,
            next_retry: None,
            last_run: None,
            last_success_at: None,
            verdict: Verdict::default(),
            selected: None,
            stale: None,
            stale_since: None,
            newest: Newest::default(),
            progress: None,
            tags: Vec::new(),
            failures: Vec::new(),
            configured_at: now,
            late_at: None,
            is_told_late: false,
            limits: Limits::of(mirror),
            counts: Counts::default(),
            transition: Transition::None,
            troubles: Troubles::new(),
            since: generation,
            newest_first: Vec::new(),
            by_name: Vec::new(),
        };
        record.set_late_at();
        record
    }

    /// What it is about.
    pub fn pair(&self) -> Pair {
        Pair { mirror: self.name.clone(), target: self.target.clone() }
    }

    /// Takes what a new configuration says of the mirror. What was known of another source is forgotten, and told so.
    pub(super) fn configure(&mut self, new: Self) -> bool {
        let is_same = self.source == new.source;
        if is_same {
            (self.schedule, self.limits) = (new.schedule, new.limits);
            self.set_late_at();
            // Whoever keeps the schedules says it again, if there still is one.
            (self.next_run, self.next_retry) = (None, None);
        } else {
            let troubles = std::mem::take(&mut self.troubles);
            self.replace(new, troubles);
        }
        !is_same
    }

    /// Starts anew, with what failed so far. A pass under way is, be it about something else now.
    pub(super) fn replace(&mut self, new: Self, troubles: Troubles) {
        let (state, progress) = (self.state, self.progress.take());
        *self = Self { state, progress, troubles, ..new };
    }

    /// What the end of this pass changed, if it is the last one.
    pub(super) fn transition_of(&self, pass: &PassId) -> Transition {
        let is_last = self.last_run.as_ref().is_some_and(|last| last.pass == pass.number);
        if is_last && pass.generation >= self.since { self.transition } else { Transition::None }
    }

    /// For how many seconds the target has had its newest selected version; none where that is not known.
    pub fn newest_age(&self, now: Timestamp) -> Option<f64> {
        Some(now.duration_since(self.newest().pushed_at?).as_secs_f64().max(0.0))
    }

    /// Made ready to be shown at this time.
    pub(super) fn shown(self, now: Timestamp) -> Self {
        let (newest, verdict) = (self.newest(), self.verdict(now));
        let progress = self.progress.map(|progress| progress.shown(now));
        Self { verdict, newest, progress, ..self }
    }

    fn newest(&self) -> Newest {
        let current = self.tags.iter().filter(|tag| tag.state == TagState::Current);
        let current: HashMap<&Tag, &TagStatus> =
            current.filter_map(|tag| Some((tag.chosen_by()?, tag))).collect();
        let in_target = self.newest_first.iter().find_map(|tag| current.get(tag));
        Newest {
            source: self.newest_first.first().cloned(),
            target: in_target.and_then(|tag| tag.chosen_by().cloned()),
            pushed_at: in_target.and_then(|tag| tag.pushed_at),
        }
    }
}
