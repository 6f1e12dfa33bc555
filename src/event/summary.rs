//! What became of a run, of each of its mirrors and of each tag.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::Fault;
use crate::oci::{Digest, Reference, Tag};
use crate::plan::Action;
use crate::select;
use crate::select::{Note, Selection};

/// What became of a run. With its mirrors this is the document that `sync --output json` and `plan --output json` print.
#[derive(Clone, Debug, Serialize)]
pub struct RunSummary {
    /// A summary for each mirror, in the order of the configuration. Empty where each was given away as it ended.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<MirrorSummary>,
    /// Whether everything selected is in the target.
    pub outcome: RunOutcome,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// Sums over all mirrors.
    pub totals: Totals,
    /// What looks wrong and is no failure, of all mirrors.
    pub warnings: Vec<Warning>,
}

/// What looks wrong and is no failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// One word for scripts.
    pub code: &'static str,
    /// The rule that it is about, such as `tags[0]`; none where it is about no rule.
    pub rule: Option<String>,
    /// What was seen, and what to do.
    pub message: String,
}

impl From<&select::Warning> for Warning {
    fn from(warning: &select::Warning) -> Self {
        let rule = Some(format!("tags[{}]", warning.rule));
        Self { code: warning.code(), rule, message: warning.to_string() }
    }
}

/// The rule and the message.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = &self.rule {
            write!(f, "{rule}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Whether a run or a pass reached its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Everything selected is in the target; for a plan: nothing stands in the way.
    Succeeded,
    /// At least one tag or mirror failed.
    Failed,
}

/// What became of one mirror.
#[derive(Clone, Debug, Serialize)]
pub struct MirrorSummary {
    /// The mirror's name.
    pub name: String,
    /// Where from; of several sources the first.
    pub source: String,
    /// All sources, in the order of preference.
    pub sources: Vec<String>,
    /// Where to.
    pub target: String,
    /// Whether all of its tags arrived.
    pub outcome: RunOutcome,
    /// Why the mirror as a whole failed, if it did.
    #[serde(serialize_with = "Fault::as_text_or_none")]
    pub error: Option<Fault>,
    /// How many tags the rules chose.
    #[serde(skip)]
    pub selected: u64,
    /// The selected tags, as far as the pass came.
    pub tags: Vec<TagSummary>,
    /// What looks wrong and is no failure.
    pub warnings: Vec<Warning>,
    /// All tags of a plan with the reasons why they are kept or left out; none where the list could not be read.
    #[serde(skip)]
    pub selection: Option<Selection>,
    /// What a plan has to say of the rules.
    #[serde(skip)]
    pub notes: Vec<Note>,
    /// How far the pass went.
    #[serde(skip)]
    pub ending: Ending,
}

/// How far a pass went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// To the plan, as it was meant to: nothing was written.
    Planned,
    /// To its end, whatever came of it.
    Finished,
    /// It was told to stop, and fails for no other reason.
    Stopped,
}

/// What became of one tag.
#[derive(Clone, Debug, Serialize)]
pub struct TagSummary {
    /// The name in the target: a tag, or a digest for an image that gets none.
    pub tag: Reference,
    /// The source's tag, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_tag: Option<Tag>,
    /// The digest at the source; none where it could not be asked.
    pub digest: Option<Digest>,
    /// The digest that the target had under this name before, where it was another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_digest: Option<Digest>,
    /// What the plan says; none where it was not reached.
    pub action: Option<Action>,
    /// What came of it; none in a plan.
    pub outcome: Option<TagOutcome>,
    /// Why the plan says so.
    pub reason: String,
    /// Bytes of blobs sent to the target.
    pub bytes: u64,
    /// How its blobs arrived.
    pub blobs: Blobs,
    /// Why it failed, if it did.
    #[serde(serialize_with = "Fault::as_text_or_none")]
    pub error: Option<Fault>,
}

/// What came of a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TagOutcome {
    /// It was copied and verified.
    Copied,
    /// The target had it.
    UpToDate,
    /// It is not in the target as it should be.
    Failed,
    /// Nothing was tried: the run was told to stop, or access was denied for another tag. Documents count it as failed.
    #[serde(rename = "failed")]
    NotStarted,
}

/// How the blobs of a tag arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Blobs {
    /// Sent.
    pub uploaded: u64,
    /// Taken from another repository of the target.
    pub mounted: u64,
    /// There before.
    pub present: u64,
}

/// Sums over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Tags that the rules chose.
    pub selected: u64,
    /// Tags copied.
    pub copied: u64,
    /// Tags that needed nothing.
    pub up_to_date: u64,
    /// Tags that failed.
    pub failed: u64,
    /// Bytes of blobs sent.
    pub bytes: u64,
    /// Requests to registries and to the AWS API.
    pub requests: u64,
}

impl MirrorSummary {
    /// How many tags ended so.
    pub fn count(&self, outcome: TagOutcome) -> u64 {
        self.tags.iter().filter(|tag| tag.outcome == Some(outcome)).count() as u64
    }

    /// The warnings as they read among those of other mirrors.
    fn named_warnings(&self) -> impl Iterator<Item = Warning> {
        let named = |warning: &Warning| Warning {
            message: format!("{}: {}", self.name, warning.message),
            ..warning.clone()
        };
        self.warnings.iter().map(named)
    }

    /// Whether it failed, and some of that may pass by itself.
    pub fn is_worth_a_retry(&self) -> bool {
        let of_tags = self.tags.iter().filter_map(|tag| tag.error.as_ref());
        self.ending == Ending::Finished && self.error.iter().chain(of_tags).any(|fault| fault.is_transient)
    }

    /// How many tags are not in the target as they should be, be it that nothing was tried.
    pub fn failed(&self) -> u64 {
        self.count(TagOutcome::Failed) + self.count(TagOutcome::NotStarted)
    }
}

impl TagSummary {
    /// The source's tag; none where the image was chosen by its digest.
    pub fn chosen_by(&self) -> Option<&Tag> {
        self.source_tag.as_ref().or_else(|| self.tag.tag())
    }
}

impl RunSummary {
    /// A run that begins now, before its first mirror.
    pub fn begin() -> Self {
        let now = Timestamp::now();
        Self {
            mirrors: Vec::new(),
            outcome: RunOutcome::Succeeded,
            started_at: now,
            finished_at: now,
            totals: Totals::default(),
            warnings: Vec::new(),
        }
    }

    /// Adds what came of a mirror to the sums.
    pub fn add(&mut self, mirror: &MirrorSummary) {
        if mirror.outcome == RunOutcome::Failed {
            self.outcome = RunOutcome::Failed;
        }
        self.warnings.extend(mirror.named_warnings());
        self.totals.add(&Totals::of(mirror));
    }
}

impl Totals {
    /// Those of one mirror. What it cost in requests is only known of a run.
    pub fn of(mirror: &MirrorSummary) -> Self {
        Self {
            selected: mirror.selected,
            copied: mirror.count(TagOutcome::Copied),
            up_to_date: mirror.count(TagOutcome::UpToDate),
            failed: mirror.failed(),
            bytes: mirror.tags.iter().map(|tag| tag.bytes).sum(),
            requests: 0,
        }
    }

    fn add(&mut self, other: &Self) {
        self.selected += other.selected;
        self.copied += other.copied;
        self.up_to_date += other.up_to_date;
        self.failed += other.failed;
        self.bytes += other.bytes;
        self.requests += other.requests;
    }
}
