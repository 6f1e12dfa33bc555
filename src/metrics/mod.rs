//! Metrics for Prometheus: how fresh the mirrors are, what the passes did and what they cost.
//!
//! Events are counted as they happen, and a scrape writes the counts as a page of text in the format `OpenMetrics`.
//! Knows no HTTP: serving the page is `control`'s business. `docs/metrics.md` explains each metric to its readers.

mod mirror;
mod page;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use crate::event::{Ending, Event, EventKind, Observer, PassId};
use crate::metrics::mirror::Mirror;
use crate::metrics::page::Page;

/// The media type of the page that [`Metrics::encode`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every name on the page begins with this word.
const PREFIX: &str = "tagferry";

/// Counts what the daemon's passes do.
///
/// It is meant for passes that copy: one that only plans ends as one that copied does, and would count as a success.
#[derive(Debug)]
pub struct Metrics {
    now: fn() -> Timestamp,
    started_at: Timestamp,
    /// Which part of the mirrors the process has, and of how many.
    shard: OnceLock<(u64, NonZeroU64)>,
    /// Guards all counts. Held for a few additions, or to take a copy of them; never while a page is written.
    counts: Mutex<Counts>,
}

/// All that was counted.
#[derive(Clone, Debug, Default)]
struct Counts {
    /// The mirrors that the configuration names now, by name. Events of any other are not counted.
    mirrors: BTreeMap<String, Mirror>,
    requests: BTreeMap<RequestLabels, u64>,
    retries: BTreeMap<RetryLabels, u64>,
}

/// What requests are told apart by. As many as the configuration's hosts, times a few.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct RequestLabels {
    registry: String,
    method: String,
    status: &'static str,
}

/// What retries are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EncodeLabelSet)]
struct RetryLabels {
    registry: String,
    reason: &'static str,
}

impl Metrics {
    /// Starts to count, without any mirror. `now` is the wall clock.
    pub fn new(now: fn() -> Timestamp) -> Self {
        Self { now, started_at: now(), shard: OnceLock::new(), counts: Mutex::default() }
    }

    /// Says which part of the mirrors this process has, where several share them: that of the first call counts.
    pub fn set_shard(&self, index: u64, count: NonZeroU64) {
        let _ = self.shard.set((index, count));
    }

    /// Says which mirrors there are, at the start and after a reload.
    ///
    /// A new one is on the next page, with counters of zero, so that rates and alerts work from its first pass on. One
    /// that is gone is on no page any more, even if a pass over it is still under way. The others go on.
    pub fn set_mirrors<'a>(&self, names: impl IntoIterator<Item = &'a str>, generation: u64) {
        let names: BTreeSet<&str> = names.into_iter().collect();
        let now = (self.now)();
        let mirrors = &mut self.counts().mirrors;
        mirrors.retain(|name, _| names.contains(name.as_str()));
        for name in names {
            mirrors.entry(name.to_owned()).or_insert_with(|| Mirror::new(now, generation));
        }
    }

    /// Starts to count anew for this mirror: its source or its target is another one now.
    pub fn reset_mirror(&self, name: &str, generation: u64) {
        let new = Mirror::new((self.now)(), generation);
        if let Some(mirror) = self.counts().mirrors.get_mut(name) {
            *mirror = new;
        }
    }

    /// Writes the page for a scrape, of the media type [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        let counts = self.counts().clone();
        let shard = self.shard.get().copied().unwrap_or((0, NonZeroU64::MIN));
        let page = Page { at: (self.now)(), started_at: self.started_at, shard, counts };
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(page));
        let mut text = String::new();
        // Writing to a string does not fail. If it ever did, the mark of the page's end would be missing, and
        // Prometheus would refuse the page.
        let _ = text::encode(&mut text, &registry);
        text
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, pass: Option<&PassId>, act: impl FnOnce(&mut Mirror)) {
        let Some(pass) = pass else { return };
        let mut counts = self.counts();
        let mirror = counts.mirrors.get_mut(&pass.pair.mirror);
        if let Some(mirror) = mirror.filter(|mirror| mirror.is_concerned(pass)) {
            act(mirror);
        }
    }
}

impl Observer for Metrics {
    fn observe(&self, event: &Event<'_>) {
        let Event { at, pass, ref kind } = *event;
        match *kind {
            EventKind::PassStarted => self.count(pass, Mirror::start),
            EventKind::TagsSelected { selected, .. } => self.count(pass, |counts| counts.select(selected)),
            EventKind::TagsPlanned { steps, failed } => self.count(pass, |counts| counts.plan(steps, failed)),
            EventKind::TagStarted { tag } => self.count(pass, |counts| counts.start_tag(tag)),
            EventKind::TagSized { .. } => {}
            EventKind::BytesCopied { bytes, .. } => self.count(pass, |counts| counts.copied_bytes += bytes),
            EventKind::BlobArrived { arrival, .. } => self.count(pass, |counts| counts.arrive(arrival)),
            EventKind::TagFinished { summary } => self.count(pass, |counts| counts.finish_tag(summary)),
            // One that was told to stop, or only planned, says nothing of the mirror.
            EventKind::PassFinished { summary, .. } if summary.ending != Ending::Finished => {
                self.count(pass, Mirror::abandon);
            }
            EventKind::PassFinished { summary, took } => {
                self.count(pass, |counts| counts.finish(summary.outcome, at, took));
            }
            EventKind::Requested { host, method, status } => {
                let (registry, method) = (host.to_owned(), method.to_owned());
                let labels = RequestLabels { registry, method, status: status_class(status) };
                *self.counts().requests.entry(labels).or_default() += 1;
            }
            EventKind::Retried { host, reason } => {
                let labels = RetryLabels { registry: host.to_owned(), reason };
                *self.counts().retries.entry(labels).or_default() += 1;
            }
        }
    }
}

/// The class of a status; a status of no known class is taken for a fault of the server (RFC 9110, section 15).
fn status_class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(_) => "5xx",
    }
}
