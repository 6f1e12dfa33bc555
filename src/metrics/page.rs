//! The page: the name, the unit, the help and the labels of every metric.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;

use crate::config::Shard;
use crate::ledger::{Entry, Exchanges, Freshness, Ledger, Record, RequestKey, RetryKey};

/// What one scrape sees.
#[derive(Debug)]
pub(super) struct Page {
    at: Timestamp,
    started_at: Timestamp,
    /// Which part of the mirrors the process has.
    shard: Option<Shard>,
    /// That came to the control plane, where there is one.
    wrong_tokens: Option<u64>,
    /// By mirror and target.
    entries: Vec<Arc<Entry>>,
    exchanges: Exchanges,
}

impl Page {
    pub(super) fn new(
        ledger: &Ledger,
        shard: Option<Shard>,
        wrong_tokens: Option<u64>,
        at: Timestamp,
    ) -> Self {
        let mut entries = ledger.entries();
        entries.sort_by(|one, other| one.pair.cmp(&other.pair));
        Self {
            at,
            started_at: ledger.started_at,
            shard,
            wrong_tokens,
            entries,
            exchanges: ledger.exchanges(),
        }
    }
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer { encoder, entries: &self.entries };
        self.process(&mut writer)?;
        self.freshness(&mut writer)?;
        passes(&mut writer)?;
        copies(&mut writer)?;
        self.exchanges(&mut writer)
    }
}

impl Page {
    fn process(&self, writer: &mut Writer<'_, '_>) -> fmt::Result {
        writer
            .encoder
            .encode_descriptor("build", "The program that runs; always 1", None, MetricType::Info)?
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        let help = "When the process started, in seconds since 1970";
        writer
            .encoder
            .encode_descriptor("start_time", help, Some(&Unit::Seconds), MetricType::Gauge)?
            .encode_gauge(&seconds(self.started_at))?;
        let help = "How many shards the mirrors are split into; the label says which one this process has";
        let (index, count) = self.shard.map_or((0, NonZeroU64::MIN), |shard| (shard.index(), shard.count()));
        writer
            .encoder
            .encode_descriptor("shards", help, None, MetricType::Gauge)?
            .encode_family(&[("shard", index.to_string())])?
            .encode_gauge(&count.get())?;
        let Some(wrong_tokens) = self.wrong_tokens else { return Ok(()) };
        let help = "Requests to start a run that came with a wrong token";
        ConstCounter::new(wrong_tokens).encode(writer.encoder.encode_descriptor(
            "wrong_tokens",
            help,
            None,
            MetricType::Counter,
        )?)
    }

    fn freshness(&self, writer: &mut Writer<'_, '_>) -> fmt::Result {
        writer.gauge(
            "configured_timestamp",
            "When the process first knew the mirror, by its start or a reload, in seconds since 1970",
            Some(&Unit::Seconds),
            |record| Some(seconds(record.configured_at)),
        )?;
        writer.gauge(
            "last_success_timestamp",
            "When a pass last ended with every selected tag in the target, in seconds since 1970; no sample before",
            Some(&Unit::Seconds),
            |record| record.last_success_at.map(seconds),
        )?;
        writer.gauge(
            "freshness",
            "Seconds since the last success; no sample before",
            Some(&Unit::Seconds),
            |record| record.freshness(self.at),
        )?;
        writer.gauge(
            "late",
            "1 where a success was due by the schedule of the mirror, or by `fresh_within`, and did not come, else 0",
            None,
            |record| Some(u64::from(record.verdict(self.at).freshness == Freshness::Late)),
        )?;
        writer.gauge(
            "pass_idle",
            "For how many seconds the pass under way has not moved; 0 where there is none",
            Some(&Unit::Seconds),
            |record| Some(record.idle(self.at).as_secs_f64()),
        )?;
        writer.gauge(
            "selected_tags",
            "Tags that the rules chose when the source was last read; no sample before",
            None,
            |record| record.selected.map(count),
        )?;
        writer.gauge(
            "stale_tags",
            "Selected tags that are missing or different in the target, or failed; no sample before they were compared",
            None,
            |record| record.stale.map(count),
        )
    }

    fn exchanges(&self, writer: &mut Writer<'_, '_>) -> fmt::Result {
        let help = "Requests to registries and to the AWS API, by host, method and status class; `none` had no answer";
        let requests = self.exchanges.requests.iter().map(|(request, number)| {
            let RequestKey { registry, method, status } = request;
            ([("registry", registry.as_str()), ("method", method), ("status", status)], *number)
        });
        writer.counters("requests", help, requests)?;
        let retries = self.exchanges.retries.iter().map(|(RetryKey { registry, reason }, number)| {
            ([("registry", registry.as_str()), ("reason", reason)], *number)
        });
        writer.counters("retries", "Requests that were tried again, by host and reason", retries)
    }
}

fn passes(writer: &mut Writer<'_, '_>) -> fmt::Result {
    writer.counter_by("passes", "Passes that ended, by outcome", "outcome", |record| {
        [("succeeded", record.counts.succeeded), ("failed", record.counts.failed)]
    })?;
    let help = "Passes that tried a failed one again, by `schedule.retry`; they are among those that ended";
    writer.counter("retried_passes", help, None, |record| record.counts.retried)?;
    writer.gauge(
        "consecutive_failed_passes",
        "Passes that failed since the last success, without those that tried one again",
        None,
        |record| Some(record.counts.failed_in_a_row),
    )?;
    writer.gauge(
        "last_pass_timestamp",
        "When a pass last ended, whatever its outcome, in seconds since 1970; no sample before",
        Some(&Unit::Seconds),
        |record| record.counts.last_pass_at.map(seconds),
    )?;
    writer.durations("pass_duration", "How long passes took, whatever their outcome")
}

fn copies(writer: &mut Writer<'_, '_>) -> fmt::Result {
    writer.gauge("copies_in_flight", "Tags that are being copied now", None, |record| {
        Some(record.progress.as_ref().map_or(0, |progress| count(progress.copying.len())))
    })?;
    writer.counter("copied_tags", "Tags that were copied and verified", None, |record| {
        record.counts.copied_tags
    })?;
    writer.counter(
        "copied",
        "Bytes of blobs sent to the target, again where a transfer had to start over",
        Some(&Unit::Bytes),
        |record| record.counts.copied_bytes,
    )?;
    writer.counter_by(
        "blobs",
        "Blobs of copied images, by how they came into the target",
        "arrival",
        |record| {
            let blobs = record.counts.blobs;
            [("uploaded", blobs.uploaded), ("mounted", blobs.mounted), ("present", blobs.present)]
        },
    )
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

fn count(number: usize) -> u64 {
    number as u64
}

/// Writes one metric after another, each for every mirror and target.
///
/// A unit becomes the end of the metric's name, and the library puts `_total` after that of a counter.
struct Writer<'e, 'm> {
    encoder: DescriptorEncoder<'e>,
    entries: &'m [Arc<Entry>],
}

impl Writer<'_, '_> {
    /// A gauge; where nothing is known there is no sample.
    fn gauge<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl Fn(&Record) -> Option<V>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for entry in self.entries {
            if let Some(value) = entry.look(&value) {
                metric.encode_family(&labels(entry))?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl Fn(&Record) -> u64,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, unit, MetricType::Counter)?;
        for entry in self.entries {
            ConstCounter::new(entry.look(&value)).encode(metric.encode_family(&labels(entry))?)?;
        }
        Ok(())
    }

    /// A counter with one more label.
    fn counter_by<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl Fn(&Record) -> [(&'static str, u64); N],
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for entry in self.entries {
            let [mirror, target] = labels(entry);
            for (word, value) in entry.look(&values) {
                let labels = [mirror, target, (label, word)];
                ConstCounter::new(value).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    /// A counter that belongs to no mirror.
    fn counters<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = ([(&'static str, &'l str); N], u64)>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            ConstCounter::new(value).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn durations(&mut self, name: &str, help: &str) -> fmt::Result {
        let kind = MetricType::Histogram;
        let mut metric = self.encoder.encode_descriptor(name, help, Some(&Unit::Seconds), kind)?;
        for entry in self.entries {
            let durations = entry.look(|record| record.counts.durations.clone());
            let labels = labels(entry);
            let mut samples = metric.encode_family(&labels)?;
            samples.encode_histogram::<NoLabelSet>(
                durations.sum,
                durations.count,
                &durations.buckets(),
                None,
            )?;
        }
        Ok(())
    }
}

fn labels(entry: &Entry) -> [(&'static str, &str); 2] {
    [("mirror", &entry.pair.mirror), ("target", &entry.pair.target)]
}
