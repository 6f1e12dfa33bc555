//! What is known of a mirror.

use jiff::Timestamp;
use serde::Serialize;

use crate::oci::{Digest, Tag};
use crate::worker::history::PassRecord;

/// What is known of a mirror. This is what `GET /api/v1/mirrors` answers for each.
///
/// What no pass of this process has found out yet is none or empty.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Its name.
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
    /// The last pass that ended.
    pub last_run: Option<PassRecord>,
    /// When everything selected was last found or put into the target.
    pub last_success_at: Option<Timestamp>,
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
}

/// What a mirror does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing.
    Idle,
    /// It was asked to run, and waits for its turn.
    Waiting,
    /// It makes a pass.
    Running,
}

/// The newest version among the selected tags.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Newest {
    /// At the source.
    pub source: Option<Tag>,
    /// Of those that the target has as the source has them.
    pub target: Option<Tag>,
}

/// How far a pass is.
#[derive(Clone, Debug, Serialize)]
pub struct Progress {
    /// When it began.
    pub started_at: Timestamp,
    /// Bytes sent to the target. Those of a transfer that starts over count again.
    pub bytes: u64,
    /// Bytes to send, as far as known.
    pub size: u64,
    /// Tags that are done.
    pub tags_done: usize,
    /// Tags to see to; none before the plan is made.
    pub tags: Option<usize>,
}

/// What is known of a selected tag.
#[derive(Clone, Debug, Serialize)]
pub struct TagStatus {
    /// The tag.
    pub tag: Tag,
    /// Its digest at the source; none where it could not be asked.
    pub digest: Option<Digest>,
    /// How the target has it.
    pub state: TagState,
    /// The bytes of all its blobs, known of what this process copied.
    pub size: Option<u64>,
    /// When this process copied it.
    pub copied_at: Option<Timestamp>,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

/// How the target has a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// The tag; none where it was the whole mirror.
    pub tag: Option<Tag>,
    /// Why, and what to do.
    pub error: String,
}
