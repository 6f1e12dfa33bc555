//! Metrics for Prometheus: how fresh the mirrors are, what the passes did and what they cost.
//!
//! A page of text in the format `OpenMetrics`, written from the ledger at each scrape; of a run that nobody can scrape, the
//! same is pushed, left in a file, or written as lines for CloudWatch. Counts nothing itself; serving the page is
//! `control`'s business. `docs/metrics.md` explains each metric to its readers.

mod emf;
mod export;
mod page;
mod plain;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use crate::config::Shard;
use crate::ledger::Ledger;
use crate::metrics::page::Page;

pub use export::{Destination, Error, Exporter, Scope};

/// The media type of the page that [`encode`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every name on the page begins with this word.
const PREFIX: &str = "tagferry";

/// Writes the page for a scrape, of the media type [`CONTENT_TYPE`].
///
/// It is meant for passes that copy. A mirror is on it from the configuration on that brings it, with counters of zero, so
/// that rates and alerts work from its first pass on; one that is gone is on no page any more. `shard` is the part of the
/// mirrors that this process has; none for all of them. `wrong_tokens` came to its control plane, where it has one.
pub fn encode(ledger: &Ledger, shard: Option<Shard>, wrong_tokens: Option<u64>, now: Timestamp) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Page::new(ledger, shard, wrong_tokens, now)));
    let mut text = String::new();
    // Writing to a string does not fail. If it ever did, the mark of the page's end would be missing, and Prometheus
    // would refuse the page.
    let _ = text::encode(&mut text, &registry);
    text
}
