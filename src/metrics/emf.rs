//! Lines in CloudWatch's embedded metric format, of which CloudWatch Logs makes metrics without an agent.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::config::Shard;
use crate::event::{Ending, Event, EventKind, Observer, RunOutcome, RunSummary, TagOutcome};
use crate::ledger::{Ledger, Record};

/// CloudWatch's bound on the value of a dimension.
const DIMENSION_MAX_CHARS: usize = 1024;

/// Writes a line for each pass that ended, and one for the run.
pub(super) struct Emf {
    pub(super) namespace: String,
    /// Has to observe the same passes before.
    pub(super) ledger: Arc<Ledger>,
    pub(super) shard: Option<Shard>,
    /// Held for one line.
    pub(super) out: Mutex<Box<dyn Write + Send>>,
}

/// What there is to say of a pass or a run. What is not known is left out.
#[derive(Default)]
struct Figures {
    succeeded: bool,
    failed: u64,
    selected: Option<u64>,
    stale: Option<u64>,
    copied: u64,
    bytes: u64,
    seconds: f64,
    newest_age: Option<f64>,
}

impl Observer for Emf {
    fn observe(&self, event: &Event<'_>) {
        let (Some(pass), EventKind::PassFinished { summary, took }) = (event.pass, &event.kind) else {
            return;
        };
        if summary.ending != Ending::Finished {
            return;
        }
        let known = self.ledger.entries().into_iter().find(|entry| entry.pair == pass.pair);
        let (selected, stale, newest_age) = known.map_or((None, None, None), |entry| {
            entry.look(|record| (record.selected, record.stale, record.newest_age(event.at)))
        });
        let figures = Figures {
            succeeded: summary.outcome == RunOutcome::Succeeded,
            failed: u64::from(summary.outcome == RunOutcome::Failed),
            selected: selected.map(|selected| selected as u64),
            stale: stale.map(|stale| stale as u64),
            copied: summary.count(TagOutcome::Copied),
            bytes: summary.tags.iter().map(|tag| tag.bytes).sum(),
            seconds: took.as_secs_f64(),
            newest_age,
        };
        self.write(&[("mirror", &pass.pair.mirror), ("target", &pass.pair.target)], &figures, event.at);
    }
}

impl Emf {
    /// Writes the line of a run over all mirrors.
    pub(super) fn run(&self, summary: &RunSummary) {
        let entries = self.ledger.entries();
        let sum = |of: fn(&Record) -> Option<usize>| {
            Some(entries.iter().filter_map(|entry| entry.look(of)).sum::<usize>() as u64)
        };
        let has_succeeded = |record: &Record| {
            record.last_run.as_ref().is_some_and(|run| run.outcome == RunOutcome::Succeeded)
        };
        let failed = entries.iter().filter(|entry| !entry.look(has_succeeded)).count();
        let figures = Figures {
            succeeded: summary.outcome == RunOutcome::Succeeded,
            failed: failed as u64,
            selected: sum(|record| record.selected),
            stale: sum(|record| record.stale),
            copied: summary.totals.copied,
            bytes: summary.totals.bytes,
            seconds: summary.finished_at.duration_since(summary.started_at).unsigned_abs().as_secs_f64(),
            newest_age: None,
        };
        let shard = self.shard.map(|shard| shard.to_string());
        let dimension = shard.as_deref().map(|shard| ("shard", shard));
        self.write(dimension.as_slice(), &figures, summary.finished_at);
    }

    fn write(&self, dimensions: &[(&str, &str)], figures: &Figures, at: Timestamp) {
        let line = line(&self.namespace, dimensions, figures, at) + "\n";
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Where standard error is closed there is nobody to tell.
        let _ = out.write_all(line.as_bytes());
    }
}

fn line(namespace: &str, dimensions: &[(&str, &str)], figures: &Figures, at: Timestamp) -> String {
    let rounded = |seconds: f64| json!((seconds * 1000.0).round() / 1000.0);
    let metrics = [
        ("Succeeded", "Count", Some(json!(u64::from(figures.succeeded)))),
        ("Failed", "Count", Some(json!(figures.failed))),
        ("Selected", "Count", figures.selected.map(Value::from)),
        ("Stale", "Count", figures.stale.map(Value::from)),
        ("Copied", "Count", Some(json!(figures.copied))),
        ("Bytes", "Bytes", Some(json!(figures.bytes))),
        ("Seconds", "Seconds", Some(rounded(figures.seconds))),
        ("NewestAgeSeconds", "Seconds", figures.newest_age.map(rounded)),
    ];
    let known = metrics.into_iter().filter_map(|(name, unit, value)| Some((name, unit, value?)));
    let known: Vec<_> = known.collect();
    let definitions: Vec<_> =
        known.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let names: Vec<_> = dimensions.iter().map(|(name, _)| name).collect();
    let directive = json!({"Namespace": namespace, "Dimensions": [names], "Metrics": definitions});
    let mut document = Map::new();
    document.insert(
        "_aws".to_owned(),
        json!({"Timestamp": at.as_millisecond(), "CloudWatchMetrics": [directive]}),
    );
    document.extend(dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(dimension(value)))));
    document.extend(known.into_iter().map(|(name, _, value)| (name.to_owned(), value)));
    Value::Object(document).to_string()
}

/// CloudWatch takes printable ASCII alone.
fn dimension(value: &str) -> String {
    let is_fit = |c: char| c.is_ascii_graphic() || c == ' ';
    value.chars().take(DIMENSION_MAX_CHARS).map(|c| if is_fit(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_what_is_known_and_its_definitions() {
        let at = "2026-09-01T00:00:07.120Z".parse().unwrap();
        let figures = Figures { failed: 1, seconds: 14.2004, ..Figures::default() };
        insta::assert_snapshot!(line("images", &[("mirror", "jdk→8"), ("target", "a/b")], &figures, at), @r#"{"_aws":{"Timestamp":1788220807120,"CloudWatchMetrics":[{"Namespace":"images","Dimensions":[["mirror","target"]],"Metrics":[{"Name":"Succeeded","Unit":"Count"},{"Name":"Failed","Unit":"Count"},{"Name":"Copied","Unit":"Count"},{"Name":"Bytes","Unit":"Bytes"},{"Name":"Seconds","Unit":"Seconds"}]}]},"mirror":"jdk?8","target":"a/b","Succeeded":0,"Failed":1,"Copied":0,"Bytes":0,"Seconds":14.2}"#);
        let figures = Figures { succeeded: true, selected: Some(3), stale: Some(0), ..Figures::default() };
        let line: Value = serde_json::from_str(&line("tagferry", &[], &figures, at)).unwrap();
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([[]]));
        assert_eq!(
            (&line["Succeeded"], &line["Selected"], &line["Stale"]),
            (&json!(1), &json!(3), &json!(0))
        );
    }
}
