//! What the daemon tells Prometheus, read by the Prometheus project's own programs: the parser of its Python library,
//! and `promtool` for the alert rules and the queries of the dashboard.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tagferry::config::{Config, Mirror};
use tagferry::event::{
    Arrival, Blobs, Ending, Event, EventKind, Exchange, MirrorSummary, Observer, Pair, PassId, RunOutcome,
    RunSummary, TagOutcome, TagSummary,
};
use tagferry::ledger::Ledger;
use tagferry::metrics::{Destination, Exporter, Scope, encode};
use tagferry::oci::{Digest, Reference};
use tagferry::plan::{Action, Root, Step};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::programs::tagferry::root;

/// A name that has to be escaped on the page.
const ODD: &str = r#"a "quoted" \ name"#;
const HOST: &str = "container-registry.oracle.com";
const TARGET: &str = "registry.test/jdk";

/// The page after a pass over one mirror, in which a tag was copied, and before any over a second one.
fn after_a_pass() -> String {
    encode(&ledger_after_a_pass(), None, Some(0), Timestamp::now())
}

fn ledger_after_a_pass() -> Ledger {
    let yaml =
        "mirrors: [{name: java/jdk, source: quay.io/jdk, target: registry.test/jdk, tags: [{match: .}]}]";
    let mut mirrors = Config::parse("test.yaml", yaml, &|_| None).unwrap().mirrors;
    let odd = Mirror { name: ODD.to_owned(), ..mirrors[0].clone() };
    mirrors.push(odd);
    let ledger = Ledger::new(Timestamp::now());
    ledger.configure(&mirrors, 1, Timestamp::now());
    let (mirror, tag, digest) = ("java/jdk", &"21.0.7".parse::<Reference>().unwrap(), Digest::of(b"21.0.7"));
    let summary = &TagSummary {
        tag: tag.clone(),
        source_tag: None,
        digest: Some(digest),
        previous_digest: None,
        action: Some(Action::Copy),
        outcome: Some(TagOutcome::Copied),
        reason: "missing in target".to_owned(),
        bytes: 1_000,
        blobs: Blobs { uploaded: 1, mounted: 0, present: 0 },
        error: None,
    };
    let step = Step {
        tag: tag.clone(),
        source_tag: tag.tag().cloned(),
        root: Root::Source(digest),
        previous: None,
        action: Action::Copy,
        reason: summary.reason.clone(),
    };
    let pass = &MirrorSummary {
        name: mirror.to_owned(),
        source: format!("{HOST}/java/jdk"),
        sources: Vec::new(),
        target: TARGET.to_owned(),
        outcome: RunOutcome::Succeeded,
        error: None,
        selected: 1,
        tags: vec![summary.clone()],
        warnings: Vec::new(),
        selection: None,
        notes: Vec::new(),
        ending: Ending::Finished,
    };
    let story = [
        EventKind::PassStarted,
        EventKind::Exchange(Exchange::Retried { host: HOST, reason: "throttled" }),
        EventKind::Exchange(Exchange::Requested { host: HOST, method: "GET", status: Some(200) }),
        EventKind::Exchange(Exchange::Requested { host: HOST, method: "GET", status: None }),
        EventKind::TagsSelected { listed: 3, selected: 1, newest_first: &[] },
        EventKind::TagsPlanned { steps: &[step], failed: &[], stored: &BTreeMap::new() },
        EventKind::TagStarted { tag },
        EventKind::TagSized { tag, bytes: 1_000 },
        EventKind::BytesCopied { tag, digest, bytes: 1_000 },
        EventKind::BlobArrived { tag, digest, size: 1_000, arrival: Arrival::Uploaded },
        EventKind::TagFinished { summary },
        EventKind::PassFinished { summary: pass, took: Duration::from_secs(1) },
    ];
    let pair = Pair::new(mirror, &TARGET);
    let id = PassId { pair, generation: 1, number: 1, retry: 0, tag: None };
    for kind in story {
        ledger.observe(&Event { at: Timestamp::now(), pass: Some(&id), kind });
    }
    ledger
}

/// A page as the Python library reads it: its families by name.
async fn parsed(page: &str) -> Value {
    let mut python = Command::new(root().join("target/peers/bin/python"))
        .arg(root().join("tests/peers/openmetrics.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("run `scripts/peers` first");
    // Dropped at the end of the statement: that is the end of the page.
    python.stdin.take().unwrap().write_all(page.as_bytes()).await.unwrap();
    let output = python.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}\n{page}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The samples of a family: what comes after the family's name, the labels and the value.
#[track_caller]
fn assert_samples(families: &Value, family: &str, expected: &[(&str, Value, u64)]) {
    let samples = families[family]["samples"].as_array().unwrap_or_else(|| panic!("no {family}"));
    let expected: Vec<_> = expected
        .iter()
        .map(|(suffix, labels, value)| json!({"name": format!("{family}{suffix}"), "labels": labels, "value": value}))
        .collect();
    assert_eq!(*samples, expected);
}

/// The text of metrics is read from standard input, everything else from the file.
async fn promtool(arguments: &[&str], file: &Path) {
    let mut command = Command::new("promtool");
    command.args(arguments);
    match arguments {
        ["check", "metrics"] => command.stdin(fs::File::open(file).unwrap()),
        _ => command.arg(file),
    };
    let output = command.output().await;
    let output = output.expect("run `scripts/peers` first");
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}", said.concat());
}

#[tokio::test]
async fn the_page_is_openmetrics_with_help_type_and_unit() {
    let families = parsed(&after_a_pass()).await;
    let families = families.as_object().unwrap();
    let kinds: BTreeSet<_> = families
        .iter()
        .map(|(name, family)| {
            (name.as_str(), family["type"].as_str().unwrap(), family["unit"].as_str().unwrap())
        })
        .collect();
    let expected = [
        ("tagferry_blobs", "counter", ""),
        ("tagferry_build", "info", ""),
        ("tagferry_configured_timestamp_seconds", "gauge", "seconds"),
        ("tagferry_consecutive_failed_passes", "gauge", ""),
        ("tagferry_copied_bytes", "counter", "bytes"),
        ("tagferry_copied_tags", "counter", ""),
        ("tagferry_copies_in_flight", "gauge", ""),
        ("tagferry_freshness_seconds", "gauge", "seconds"),
        ("tagferry_last_pass_timestamp_seconds", "gauge", "seconds"),
        ("tagferry_last_success_timestamp_seconds", "gauge", "seconds"),
        ("tagferry_late", "gauge", ""),
        ("tagferry_pass_idle_seconds", "gauge", "seconds"),
        ("tagferry_pass_duration_seconds", "histogram", "seconds"),
        ("tagferry_passes", "counter", ""),
        ("tagferry_requests", "counter", ""),
        ("tagferry_retried_passes", "counter", ""),
        ("tagferry_retries", "counter", ""),
        ("tagferry_selected_tags", "gauge", ""),
        ("tagferry_stale_tags", "gauge", ""),
        ("tagferry_shards", "gauge", ""),
        ("tagferry_start_time_seconds", "gauge", "seconds"),
        ("tagferry_wrong_tokens", "counter", ""),
    ];
    assert_eq!(kinds, BTreeSet::from(expected));
    for (name, family) in families {
        assert!(!family["help"].as_str().unwrap().is_empty(), "{name}");
        assert!(!family["samples"].as_array().unwrap().is_empty(), "{name}");
    }
}

#[tokio::test]
async fn labels_and_values_are_read_as_they_were_counted() {
    let families = parsed(&after_a_pass()).await;
    let passes = |mirror, outcome| json!({"mirror": mirror, "target": TARGET, "outcome": outcome});
    let expected = [
        ("_total", passes(ODD, "succeeded"), 0),
        ("_total", passes(ODD, "failed"), 0),
        ("_total", passes("java/jdk", "succeeded"), 1),
        ("_total", passes("java/jdk", "failed"), 0),
    ];
    assert_samples(&families, "tagferry_passes", &expected);
    let arrivals = |mirror, arrival| json!({"mirror": mirror, "target": TARGET, "arrival": arrival});
    let expected = [
        ("_total", arrivals(ODD, "uploaded"), 0),
        ("_total", arrivals(ODD, "mounted"), 0),
        ("_total", arrivals(ODD, "present"), 0),
        ("_total", arrivals("java/jdk", "uploaded"), 1),
        ("_total", arrivals("java/jdk", "mounted"), 0),
        ("_total", arrivals("java/jdk", "present"), 0),
    ];
    assert_samples(&families, "tagferry_blobs", &expected);
    let requests = |status| json!({"registry": HOST, "method": "GET", "status": status});
    let expected = [("_total", requests("2xx"), 1), ("_total", requests("none"), 1)];
    assert_samples(&families, "tagferry_requests", &expected);
    let retries = json!({"registry": HOST, "reason": "throttled"});
    assert_samples(&families, "tagferry_retries", &[("_total", retries, 1)]);
    // Nothing is known yet of the second mirror's tags.
    assert_samples(
        &families,
        "tagferry_stale_tags",
        &[("", json!({"mirror": "java/jdk", "target": TARGET}), 0)],
    );
    let version = json!({"version": env!("CARGO_PKG_VERSION")});
    assert_samples(&families, "tagferry_build", &[("_info", version, 1)]);
}

#[tokio::test]
async fn a_page_before_the_first_mirror_is_openmetrics_too() {
    let families = parsed(&encode(&Ledger::new(Timestamp::now()), None, Some(0), Timestamp::now())).await;
    assert_samples(&families, "tagferry_passes", &[]);
}

/// What a Pushgateway and a node exporter read.
#[tokio::test]
async fn the_text_of_a_run_is_of_the_older_format() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("tagferry.prom");
    let text = |ledger: Ledger| async {
        let (to, none) = (Destination::File(file.clone()), Box::new(std::io::sink()));
        let exporter = Exporter::new(to, Scope::Whole, Arc::new(ledger), None, none);
        exporter.finish(&RunSummary::begin()).await.unwrap();
        promtool(&["check", "metrics"], &file).await;
        fs::read_to_string(&file).unwrap()
    };
    let text = text(ledger_after_a_pass()).await;
    assert!(text.contains("\ntagferry_passes_total{mirror=\"a \\\"quoted\\\" \\\\ name\","), "{text}");
}

#[tokio::test]
async fn the_alert_rules_are_right_and_pass_their_tests() {
    let rules = root().join("deploy/prometheus");
    for name in ["alerts", "cronjob"] {
        promtool(&["check", "rules"], &rules.join(format!("{name}.yaml"))).await;
        promtool(&["test", "rules"], &rules.join(format!("{name}_test.yaml"))).await;
    }
}

/// `promtool` reads rules and no dashboards: each query becomes a rule.
#[tokio::test]
async fn prometheus_understands_the_queries_of_the_dashboard() {
    let dashboard = fs::read_to_string(root().join("deploy/grafana/tagferry.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let targets =
        dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let annotations = dashboard["annotations"]["list"].as_array().unwrap();
    let queries = targets.chain(annotations).map(|part| part["expr"].as_str().unwrap());
    let rules: Vec<_> = queries
        .map(|query| query.replace("$__rate_interval", "5m").replace("$mirror", ".*"))
        .zip(0..)
        .map(|(query, number)| json!({"record": format!("panel:query{number}"), "expr": query}))
        .collect();
    assert!(rules.len() > 10);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("rules.json");
    fs::write(&file, json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string()).unwrap();
    promtool(&["check", "rules"], &file).await;
}
