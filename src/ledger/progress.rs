//! How far the pass is that runs: its phase, what it moves, what it tries again and what it waits for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::event::{EventKind, Exchange, PassId};
use crate::oci::{Digest, Reference};

/// How far a pass is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Progress {
    /// When it began.
    pub started_at: Timestamp,
    /// When it last moved: a byte, an answer, a step.
    pub moved_at: Timestamp,
    /// What it does.
    pub phase: Phase,
    /// Bytes sent to the target. Those of a transfer that starts over count again.
    pub bytes: u64,
    /// Bytes to send, as far as known.
    pub size: u64,
    /// Tags that are done.
    pub tags_done: usize,
    /// Tags to see to; none before the plan is made.
    pub tags: Option<usize>,
    /// The blobs that are being moved, and those that wait for a slot.
    pub blobs: Vec<BlobProgress>,
    /// How often requests were tried again, by registry and reason.
    pub retries: Vec<RetryCount>,
    /// Which registries hold it up, and until when.
    pub waits: Vec<Wait>,
    /// Which pass.
    #[serde(skip)]
    pub pass: PassId,
    /// The tags that are being copied, each with the bytes of all its blobs that are in the target so far.
    #[serde(skip)]
    pub copying: BTreeMap<Reference, u64>,
}

/// What a pass does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It reads the tags of the source.
    Listing,
    /// It asks both sides what the selected tags are.
    Comparing,
    /// It copies what differs.
    Copying,
}

/// How far a blob is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BlobProgress {
    /// The blob.
    pub digest: Digest,
    /// The tag that it is copied for.
    pub tag: Reference,
    /// Its size in bytes.
    pub size: u64,
    /// Bytes sent to the target. Those of a transfer that starts over count again.
    pub bytes: u64,
    /// When it began to move; none where it waits for a slot among `concurrency.blobs`.
    pub started_at: Option<Timestamp>,
    /// Bytes a second since then.
    pub pace: Option<u64>,
}

/// How often requests were tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RetryCount {
    /// The host.
    pub registry: String,
    /// Why, one of the words of the metric `tagferry_retries_total`.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// A registry that holds a pass up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Wait {
    /// The host.
    pub registry: String,
    /// Why: the reason of a retry, or `limited`: a limit, or a pause that the registry asked of all requests.
    pub reason: String,
    /// Until when.
    pub until: Timestamp,
}

impl Progress {
    pub(super) fn new(pass: &PassId, at: Timestamp) -> Self {
        Self {
            started_at: at,
            moved_at: at,
            phase: Phase::Listing,
            bytes: 0,
            size: 0,
            tags_done: 0,
            tags: None,
            blobs: Vec::new(),
            retries: Vec::new(),
            waits: Vec::new(),
            pass: pass.clone(),
            copying: BTreeMap::new(),
        }
    }

    /// Takes what the pass does. Gives the bytes of all blobs of a tag that is done, if it was copied.
    pub(super) fn fold(&mut self, kind: &EventKind<'_>, at: Timestamp) -> Option<u64> {
        if moves(kind) {
            self.moved_at = at;
        }
        match *kind {
            EventKind::TagsSelected { .. } => self.phase = Phase::Comparing,
            EventKind::TagsPlanned { steps, failed, .. } => {
                (self.phase, self.tags) = (Phase::Copying, Some(steps.len() + failed.len()));
            }
            EventKind::TagStarted { tag } => {
                self.copying.insert(tag.clone(), 0);
            }
            EventKind::TagSized { bytes, .. } => self.size += bytes,
            EventKind::BlobQueued { tag, digest, size } => {
                let blob =
                    BlobProgress { digest, tag: tag.clone(), size, bytes: 0, started_at: None, pace: None };
                self.blobs.push(blob);
            }
            EventKind::BlobStarted { tag, digest } => {
                self.with_blob(tag, digest, |blob| blob.started_at = Some(at));
            }
            EventKind::BytesCopied { tag, digest, bytes } => {
                self.bytes += bytes;
                self.with_blob(tag, digest, |blob| blob.bytes += bytes);
            }
            EventKind::BlobArrived { tag, digest, size, .. } => {
                self.blobs.retain(|blob| blob.digest != digest || blob.tag != *tag);
                if let Some(copied) = self.copying.get_mut(tag) {
                    *copied += size;
                }
            }
            EventKind::TagFinished { summary } => {
                self.tags_done += 1;
                self.blobs.retain(|blob| blob.tag != summary.tag);
                return self.copying.remove(&summary.tag);
            }
            EventKind::Exchange(exchange) => self.exchanged(exchange, at),
            EventKind::PassStarted | EventKind::PassFinished { .. } => {}
        }
        None
    }

    fn with_blob(&mut self, tag: &Reference, digest: Digest, change: impl FnOnce(&mut BlobProgress)) {
        if let Some(blob) = self.blobs.iter_mut().find(|blob| blob.digest == digest && blob.tag == *tag) {
            change(blob);
        }
    }

    fn exchanged(&mut self, exchange: Exchange<'_>, at: Timestamp) {
        match exchange {
            Exchange::Requested { .. } => {}
            Exchange::Retried { host, reason } => {
                let is_same = |retry: &&mut RetryCount| retry.registry == host && retry.reason == reason;
                match self.retries.iter_mut().find(is_same) {
                    Some(retry) => retry.count += 1,
                    None => self.retries.push(RetryCount {
                        registry: host.to_owned(),
                        reason: reason.to_owned(),
                        count: 1,
                    }),
                }
            }
            Exchange::Held { host, reason, pause } => {
                let Ok(until) = at.checked_add(pause) else { return };
                // Of those of one registry the one that lasts longest.
                self.waits.retain(|wait| wait.until > at);
                match self.waits.iter_mut().find(|wait| wait.registry == host) {
                    Some(wait) if wait.until >= until => {}
                    Some(wait) => (wait.until, wait.reason) = (until, reason.to_owned()),
                    None => {
                        let (registry, reason) = (host.to_owned(), reason.to_owned());
                        self.waits.push(Wait { registry, reason, until });
                    }
                }
            }
        }
    }

    /// Made ready to be shown at this time.
    pub(super) fn shown(mut self, now: Timestamp) -> Self {
        self.waits.retain(|wait| wait.until > now);
        for blob in &mut self.blobs {
            let millis = blob.started_at.map(|start| now.duration_since(start).as_millis());
            let millis = millis.and_then(|millis| u64::try_from(millis).ok()).filter(|millis| *millis > 0);
            blob.pace = millis.map(|millis| blob.bytes.saturating_mul(1000) / millis);
        }
        self
    }
}

/// Whether the pass gets on by it. A request that failed, or is refused for now, changes nothing, and neither does a pause.
fn moves(kind: &EventKind<'_>) -> bool {
    match *kind {
        EventKind::Exchange(Exchange::Requested { status, .. }) => {
            status.is_some_and(|status| status < 500 && status != 429 && status != 408)
        }
        EventKind::Exchange(Exchange::Retried { .. } | Exchange::Held { .. }) => false,
        _ => true,
    }
}
