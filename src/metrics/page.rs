//! The page: the name, the unit, the help and the labels of every metric.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::registry::Unit;

use crate::metrics::Counts;
use crate::metrics::mirror::Mirror;

/// What one scrape sees.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) at: Timestamp,
    pub(super) started_at: Timestamp,
    pub(super) shard: (u64, NonZeroU64),
    pub(super) counts: Counts,
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut writer = Writer { encoder, mirrors: &self.counts.mirrors };
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
        let help = "Into how many parts the mirrors are shared; the label says which of them the process has";
        let (index, count) = self.shard;
        writer
            .encoder
            .encode_descriptor("shards", help, None, MetricType::Gauge)?
            .encode_family(&[("shard", index.to_string())])?
            .encode_gauge(&count.get())
    }

    fn freshness(&self, writer: &mut Writer<'_, '_>) -> fmt::Result {
        writer.gauge(
            "configured_timestamp",
            "Since when the process knows the mirror, by its start or a reload, in seconds since 1970",
            Some(&Unit::Seconds),
            |mirror| Some(seconds(mirror.configured_at)),
        )?;
        writer.gauge(
            "last_success_timestamp",
            "When a pass last ended with every selected tag in the target, in seconds since 1970; no sample before",
            Some(&Unit::Seconds),
            |mirror| mirror.last_success_at.map(seconds),
        )?;
        writer.gauge(
            "freshness",
            "Seconds since the last success; before the first one, seconds since the process knows the mirror",
            Some(&Unit::Seconds),
            |mirror| Some(mirror.freshness(self.at)),
        )?;
        writer.gauge(
            "selected_tags",
            "Tags that the rules chose when the source was last read; no sample before",
            None,
            |mirror| mirror.selected,
        )?;
        writer.gauge(
            "stale_tags",
            "Selected tags that are missing or different in the target, or failed; no sample before they were compared",
            None,
            Mirror::stale,
        )
    }

    fn exchanges(&self, writer: &mut Writer<'_, '_>) -> fmt::Result {
        writer.counters(
            "requests",
            "Requests to registries and to the AWS API, by host, method and status class; `none` had no answer",
            &self.counts.requests,
        )?;
        writer.counters("retries", "Requests that were tried again, by host and reason", &self.counts.retries)
    }
}

fn passes(writer: &mut Writer<'_, '_>) -> fmt::Result {
    writer.counter_by("passes", "Passes that ended, by outcome", "outcome", |mirror| {
        [("succeeded", mirror.succeeded), ("failed", mirror.failed)]
    })?;
    writer.gauge(
        "consecutive_failed_passes",
        "Passes that failed since the last success",
        None,
        |mirror| Some(mirror.failed_in_a_row),
    )?;
    writer.gauge(
        "last_pass_timestamp",
        "When a pass last ended, whatever its outcome, in seconds since 1970; no sample before",
        Some(&Unit::Seconds),
        |mirror| mirror.last_pass_at.map(seconds),
    )?;
    writer.durations("pass_duration", "How long passes took, whatever their outcome")
}

fn copies(writer: &mut Writer<'_, '_>) -> fmt::Result {
    writer.gauge("copies_in_flight", "Tags that are being copied now", None, |mirror| {
        Some(mirror.in_flight())
    })?;
    writer.counter("copied_tags", "Tags that were copied and verified", None, |mirror| mirror.copied_tags)?;
    writer.counter(
        "copied",
        "Bytes of blobs sent to the target, again where a transfer had to start over",
        Some(&Unit::Bytes),
        |mirror| mirror.copied_bytes,
    )?;
    writer.counter_by(
        "blobs",
        "Blobs of copied images, by how they came into the target",
        "arrival",
        |mirror| {
            let blobs = mirror.blobs;
            [("uploaded", blobs.uploaded), ("mounted", blobs.mounted), ("present", blobs.present)]
        },
    )
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

/// Writes one metric after another, each for every mirror.
///
/// A unit becomes the end of the metric's name, and the library puts `_total` after that of a counter.
struct Writer<'e, 'm> {
    encoder: DescriptorEncoder<'e>,
    mirrors: &'m BTreeMap<String, Mirror>,
}

impl Writer<'_, '_> {
    /// A gauge; a mirror for which nothing is known has no sample.
    fn gauge<V: EncodeGaugeValue>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl Fn(&Mirror) -> Option<V>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (name, mirror) in self.mirrors {
            if let Some(value) = value(mirror) {
                metric.encode_family(&[("mirror", name)])?.encode_gauge(&value)?;
            }
        }
        Ok(())
    }

    fn counter(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl Fn(&Mirror) -> u64,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, unit, MetricType::Counter)?;
        for (name, mirror) in self.mirrors {
            ConstCounter::new(value(mirror)).encode(metric.encode_family(&[("mirror", name)])?)?;
        }
        Ok(())
    }

    /// A counter with a second label.
    fn counter_by<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl Fn(&Mirror) -> [(&'static str, u64); N],
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (name, mirror) in self.mirrors {
            for (word, value) in values(mirror) {
                let labels = [("mirror", name.as_str()), (label, word)];
                ConstCounter::new(value).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    /// A counter that belongs to no mirror.
    fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: &BTreeMap<L, u64>,
    ) -> fmt::Result {
        let mut metric = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            ConstCounter::new(*value).encode(metric.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn durations(&mut self, name: &str, help: &str) -> fmt::Result {
        let kind = MetricType::Histogram;
        let mut metric = self.encoder.encode_descriptor(name, help, Some(&Unit::Seconds), kind)?;
        for (name, mirror) in self.mirrors {
            mirror.durations.encode(metric.encode_family(&[("mirror", name)])?)?;
        }
        Ok(())
    }
}
