//! What happens during a pass, when, and in which.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::event::summary::{MirrorSummary, TagSummary};
use crate::oci::{Digest, Reference, Stored, Tag};
use crate::plan::Step;
use crate::registry::Exchange;

/// Something that happened.
#[derive(Debug)]
pub struct Event<'a> {
    /// When. Observers have no clock of their own.
    pub at: Timestamp,
    /// In which pass; none where it belongs to none, such as a request of `check --online`.
    pub pass: Option<&'a PassId>,
    /// What.
    pub kind: EventKind<'a>,
}

/// A mirror and one of its targets: what a pass, a record and a metric are about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Pair {
    /// The mirror's name.
    pub mirror: String,
    /// The target, as summaries have it.
    pub target: String,
}

/// Which pass it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassId {
    /// The mirror, and which of its targets.
    pub pair: Pair,
    /// The configuration by which the pass is made: they are counted from 1, from the start of the program.
    pub generation: u64,
    /// Passes over one pair are counted from 1, from the start of the program.
    pub number: u64,
    /// Which try of one that failed it is; 0 for a pass that was asked for.
    pub retry: usize,
    /// The source's tag, where it is about that alone; then it says nothing of the mirror as a whole.
    pub tag: Option<Tag>,
}

impl Pair {
    /// A mirror by its name, and its target.
    pub fn new(mirror: &str, target: &impl ToString) -> Self {
        Self { mirror: mirror.to_owned(), target: target.to_string() }
    }
}

/// What happens during a pass.
#[derive(Debug)]
pub enum EventKind<'a> {
    /// The pass began.
    PassStarted,
    /// The source's tags were read and judged.
    TagsSelected {
        /// How many tags the source has.
        listed: usize,
        /// How many of them the rules chose.
        selected: usize,
        /// Those of them that have a version, the newest first.
        newest_first: &'a [&'a Tag],
    },
    /// The source was asked what the selected tags are, and the target what it has.
    TagsPlanned {
        /// What is to be done, the newest tags first.
        steps: &'a [Step],
        /// The tags that cannot be planned.
        failed: &'a [TagSummary],
        /// What the target tells of what it has, of some or none.
        stored: &'a BTreeMap<Tag, Stored>,
    },
    /// The copy of a tag began.
    TagStarted {
        /// The name in the target.
        tag: &'a Reference,
    },
    /// The size of what is to be moved for a tag became known, or grew: blobs that the target lacks.
    TagSized {
        /// The name in the target.
        tag: &'a Reference,
        /// Bytes to add to what was known before.
        bytes: u64,
    },
    /// A blob waits for a slot to be moved.
    BlobQueued {
        /// The tag that it is copied for.
        tag: &'a Reference,
        /// The blob.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
    },
    /// A blob got its slot.
    BlobStarted {
        /// The tag that it is copied for.
        tag: &'a Reference,
        /// The blob.
        digest: Digest,
    },
    /// Bytes of a blob went to the target.
    BytesCopied {
        /// The name in the target.
        tag: &'a Reference,
        /// The blob.
        digest: Digest,
        /// How many; these are counted again where a transfer has to start over.
        bytes: u64,
    },
    /// A blob is in the target.
    BlobArrived {
        /// The name in the target that it was copied for.
        tag: &'a Reference,
        /// The blob.
        digest: Digest,
        /// Its size in bytes.
        size: u64,
        /// How it got there.
        arrival: Arrival,
    },
    /// A tag is done, for better or worse.
    TagFinished {
        /// What became of it.
        summary: &'a TagSummary,
    },
    /// The pass ended.
    PassFinished {
        /// What became of it.
        summary: &'a MirrorSummary,
        /// How long it took, by a clock that nobody sets.
        took: Duration,
    },
    /// A request to a registry or to the AWS API was answered, failed, waits, or is tried again.
    Exchange(Exchange<'a>),
}

/// How a blob got into the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Its bytes were sent.
    Uploaded,
    /// The target took it from another of its repositories.
    Mounted,
    /// It was there.
    Present,
}
