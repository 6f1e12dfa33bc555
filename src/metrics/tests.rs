//! Stories of events, and the page after them.

use std::cell::OnceCell;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, advance};

use super::*;
use crate::event::{Arrival, Blobs, Fault, MirrorSummary, Pair, RunOutcome, TagOutcome, TagSummary};
use crate::oci::{Digest, Tag};
use crate::plan::{Action, Root, Step};

/// A wall clock that goes with the paused clock of the test's runtime, one thread a test.
fn now() -> Timestamp {
    thread_local!(static START: OnceCell<Instant> = const { OnceCell::new() });
    let start = START.with(|start| *start.get_or_init(Instant::now));
    "2026-09-01T00:00:00Z".parse::<Timestamp>().unwrap() + start.elapsed()
}

fn metrics(mirrors: &[&str]) -> Metrics {
    let metrics = Metrics::new(now);
    metrics.set_mirrors(mirrors.iter().copied(), 1);
    metrics
}

async fn wait(seconds: u64) {
    advance(Duration::from_secs(seconds)).await;
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn step(text: &str, action: Action) -> Step {
    Step { tag: tag(text), root: Root::Source(Digest::of(text.as_bytes())), action, reason: String::new() }
}

fn summary(text: &str, outcome: TagOutcome) -> TagSummary {
    TagSummary {
        tag: tag(text),
        digest: None,
        action: None,
        outcome: Some(outcome),
        reason: String::new(),
        bytes: 0,
        blobs: Blobs::default(),
        error: None,
        fault: Fault::default(),
    }
}

impl Metrics {
    /// Something happens in a pass over this mirror, by the first configuration.
    fn happens(&self, mirror: &str, kind: EventKind<'_>) {
        let pair = Pair { mirror: mirror.to_owned(), target: String::new() };
        let pass = PassId { pair, generation: 1, number: 1 };
        self.observe(&Event { at: now(), pass: Some(&pass), kind });
    }

    fn select(&self, mirror: &str, selected: usize) {
        self.happens(mirror, EventKind::TagsSelected { listed: 9, selected, newest_first: &[] });
    }

    fn plan(&self, mirror: &str, steps: &[(&str, Action)], failed: &[&str]) {
        let steps: Vec<_> = steps.iter().map(|(tag, action)| step(tag, *action)).collect();
        let failed: Vec<_> = failed.iter().map(|tag| summary(tag, TagOutcome::Failed)).collect();
        self.happens(mirror, EventKind::TagsPlanned { steps: &steps, failed: &failed });
    }

    fn start(&self, mirror: &str) {
        self.happens(mirror, EventKind::PassStarted);
    }

    fn pass(&self, mirror: &str, outcome: RunOutcome) {
        self.start(mirror);
        self.finish(mirror, outcome, 0);
    }

    fn start_tag(&self, mirror: &str, text: &str) {
        self.happens(mirror, EventKind::TagStarted { tag: &tag(text) });
    }

    fn arrive(&self, mirror: &str, text: &str, arrival: Arrival) {
        let (tag, digest) = (&tag(text), Digest::of(b"blob"));
        self.happens(mirror, EventKind::BlobArrived { tag, digest, size: 4, arrival });
    }

    fn finish_tag(&self, mirror: &str, tag: &str, outcome: TagOutcome) {
        self.happens(mirror, EventKind::TagFinished { summary: &summary(tag, outcome) });
    }

    fn finish(&self, mirror: &str, outcome: RunOutcome, seconds: u64) {
        let summary = MirrorSummary {
            name: mirror.to_owned(),
            source: String::new(),
            target: String::new(),
            outcome,
            error: None,
            fault: Fault::default(),
            tags: Vec::new(),
            selection: None,
            ending: Ending::Finished,
        };
        let took = Duration::from_secs(seconds);
        self.happens(mirror, EventKind::PassFinished { summary: &summary, took });
    }

    /// The samples of one name, each as the page has it but for the prefix.
    fn samples(&self, name: &str) -> Vec<String> {
        let start = format!("{PREFIX}_{name}");
        let is_its = |line: &&str| line.strip_prefix(&start).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let page = self.encode();
        page.lines().filter(is_its).map(|line| line.strip_prefix("tagferry_").unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn assert(&self, name: &str, expected: &[&str]) {
        let expected: Vec<_> = expected.iter().map(|sample| format!("{name}{sample}")).collect();
        assert_eq!(self.samples(name), expected);
    }
}

const JDK: &str = r#"{mirror="java/jdk"}"#;

/// A pass of 45 seconds over four tags, of which one is copied, one is there and two fail.
async fn pass_that_fails(metrics: &Metrics) {
    metrics.start("java/jdk");
    metrics.select("java/jdk", 4);
    let steps = [("21.0.7", Action::Copy), ("21.0.6", Action::Skip), ("21", Action::Conflict)];
    metrics.plan("java/jdk", &steps, &["25"]);
    metrics.start_tag("java/jdk", "21.0.7");
    metrics.happens("java/jdk", EventKind::BytesCopied { tag: &tag("21.0.7"), bytes: 1_000 });
    metrics.happens("java/jdk", EventKind::BytesCopied { tag: &tag("21.0.7"), bytes: 234 });
    for arrival in [Arrival::Uploaded, Arrival::Uploaded, Arrival::Mounted, Arrival::Present] {
        metrics.arrive("java/jdk", "21.0.7", arrival);
    }
    metrics.finish_tag("java/jdk", "21.0.7", TagOutcome::Copied);
    metrics.finish_tag("java/jdk", "21.0.6", TagOutcome::UpToDate);
    metrics.finish_tag("java/jdk", "21", TagOutcome::Failed);
    metrics.finish_tag("java/jdk", "25", TagOutcome::Failed);
    wait(45).await;
    metrics.finish("java/jdk", RunOutcome::Failed, 45);
    let host = "container-registry.oracle.com";
    for (method, status) in [("GET", Some(200)), ("GET", Some(200)), ("HEAD", Some(429)), ("GET", None)] {
        metrics.happens("java/jdk", EventKind::Requested { host, method, status });
    }
    let retried = EventKind::Retried { host, reason: "throttled" };
    metrics.observe(&Event { at: now(), pass: None, kind: retried });
}

#[tokio::test(start_paused = true)]
async fn the_page_after_a_pass_that_failed_for_some_tags() {
    let metrics = metrics(&["java/jdk"]);
    wait(60).await;
    pass_that_fails(&metrics).await;
    insta::assert_snapshot!(metrics.encode().replace(env!("CARGO_PKG_VERSION"), "[version]"), @r#"
    # HELP tagferry_build The program that runs; always 1
    # TYPE tagferry_build info
    tagferry_build_info{version="[version]"} 1
    # HELP tagferry_start_time_seconds When the process started, in seconds since 1970
    # TYPE tagferry_start_time_seconds gauge
    # UNIT tagferry_start_time_seconds seconds
    tagferry_start_time_seconds 1788220800.0
    # HELP tagferry_shards Into how many parts the mirrors are shared; the label says which of them the process has
    # TYPE tagferry_shards gauge
    tagferry_shards{shard="0"} 1
    # HELP tagferry_configured_timestamp_seconds Since when the process knows the mirror, by its start or a reload, in seconds since 1970
    # TYPE tagferry_configured_timestamp_seconds gauge
    # UNIT tagferry_configured_timestamp_seconds seconds
    tagferry_configured_timestamp_seconds{mirror="java/jdk"} 1788220800.0
    # HELP tagferry_last_success_timestamp_seconds When a pass last ended with every selected tag in the target, in seconds since 1970; no sample before
    # TYPE tagferry_last_success_timestamp_seconds gauge
    # UNIT tagferry_last_success_timestamp_seconds seconds
    # HELP tagferry_freshness_seconds Seconds since the last success; before the first one, seconds since the process knows the mirror
    # TYPE tagferry_freshness_seconds gauge
    # UNIT tagferry_freshness_seconds seconds
    tagferry_freshness_seconds{mirror="java/jdk"} 105.0
    # HELP tagferry_selected_tags Tags that the rules chose when the source was last read; no sample before
    # TYPE tagferry_selected_tags gauge
    tagferry_selected_tags{mirror="java/jdk"} 4
    # HELP tagferry_stale_tags Selected tags that are missing or different in the target, or failed; no sample before they were compared
    # TYPE tagferry_stale_tags gauge
    tagferry_stale_tags{mirror="java/jdk"} 2
    # HELP tagferry_passes Passes that ended, by outcome
    # TYPE tagferry_passes counter
    tagferry_passes_total{mirror="java/jdk",outcome="succeeded"} 0
    tagferry_passes_total{mirror="java/jdk",outcome="failed"} 1
    # HELP tagferry_consecutive_failed_passes Passes that failed since the last success
    # TYPE tagferry_consecutive_failed_passes gauge
    tagferry_consecutive_failed_passes{mirror="java/jdk"} 1
    # HELP tagferry_last_pass_timestamp_seconds When a pass last ended, whatever its outcome, in seconds since 1970; no sample before
    # TYPE tagferry_last_pass_timestamp_seconds gauge
    # UNIT tagferry_last_pass_timestamp_seconds seconds
    tagferry_last_pass_timestamp_seconds{mirror="java/jdk"} 1788220905.0
    # HELP tagferry_pass_duration_seconds How long passes took, whatever their outcome
    # TYPE tagferry_pass_duration_seconds histogram
    # UNIT tagferry_pass_duration_seconds seconds
    tagferry_pass_duration_seconds_sum{mirror="java/jdk"} 45.0
    tagferry_pass_duration_seconds_count{mirror="java/jdk"} 1
    tagferry_pass_duration_seconds_bucket{le="1.0",mirror="java/jdk"} 0
    tagferry_pass_duration_seconds_bucket{le="2.5",mirror="java/jdk"} 0
    tagferry_pass_duration_seconds_bucket{le="5.0",mirror="java/jdk"} 0
    tagferry_pass_duration_seconds_bucket{le="10.0",mirror="java/jdk"} 0
    tagferry_pass_duration_seconds_bucket{le="30.0",mirror="java/jdk"} 0
    tagferry_pass_duration_seconds_bucket{le="60.0",mirror="java/jdk"} 1
    tagferry_pass_duration_seconds_bucket{le="180.0",mirror="java/jdk"} 1
    tagferry_pass_duration_seconds_bucket{le="600.0",mirror="java/jdk"} 1
    tagferry_pass_duration_seconds_bucket{le="1800.0",mirror="java/jdk"} 1
    tagferry_pass_duration_seconds_bucket{le="3600.0",mirror="java/jdk"} 1
    tagferry_pass_duration_seconds_bucket{le="10800.0",mirror="java/jdk"} 1
    tagferry_pass_duration_seconds_bucket{le="21600.0",mirror="java/jdk"} 1
    tagferry_pass_duration_seconds_bucket{le="+Inf",mirror="java/jdk"} 1
    # HELP tagferry_copies_in_flight Tags that are being copied now
    # TYPE tagferry_copies_in_flight gauge
    tagferry_copies_in_flight{mirror="java/jdk"} 0
    # HELP tagferry_copied_tags Tags that were copied and verified
    # TYPE tagferry_copied_tags counter
    tagferry_copied_tags_total{mirror="java/jdk"} 1
    # HELP tagferry_copied_bytes Bytes of blobs sent to the target, again where a transfer had to start over
    # TYPE tagferry_copied_bytes counter
    # UNIT tagferry_copied_bytes bytes
    tagferry_copied_bytes_total{mirror="java/jdk"} 1234
    # HELP tagferry_blobs Blobs of copied images, by how they came into the target
    # TYPE tagferry_blobs counter
    tagferry_blobs_total{mirror="java/jdk",arrival="uploaded"} 2
    tagferry_blobs_total{mirror="java/jdk",arrival="mounted"} 1
    tagferry_blobs_total{mirror="java/jdk",arrival="present"} 1
    # HELP tagferry_requests Requests to registries and to the AWS API, by host, method and status class; `none` had no answer
    # TYPE tagferry_requests counter
    tagferry_requests_total{registry="container-registry.oracle.com",method="GET",status="2xx"} 2
    tagferry_requests_total{registry="container-registry.oracle.com",method="GET",status="none"} 1
    tagferry_requests_total{registry="container-registry.oracle.com",method="HEAD",status="4xx"} 1
    # HELP tagferry_retries Requests that were tried again, by host and reason
    # TYPE tagferry_retries counter
    tagferry_retries_total{registry="container-registry.oracle.com",reason="throttled"} 1
    # EOF
    "#);
}

#[test]
fn a_page_without_mirrors_is_whole() {
    let page = metrics(&[]).encode();
    assert!(page.contains("# TYPE tagferry_passes counter\n"), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
}

#[tokio::test(start_paused = true)]
async fn freshness_is_the_time_since_the_last_success() {
    let metrics = metrics(&["java/jdk"]);
    wait(100).await;
    metrics.assert("freshness_seconds", &[&format!("{JDK} 100.0")]);
    metrics.assert("last_success_timestamp_seconds", &[]);

    metrics.pass("java/jdk", RunOutcome::Succeeded);
    wait(7).await;
    metrics.pass("java/jdk", RunOutcome::Failed);
    wait(3).await;
    metrics.assert("freshness_seconds", &[&format!("{JDK} 10.0")]);
    let start = metrics.started_at.as_second();
    metrics.assert("last_success_timestamp_seconds", &[&format!("{JDK} {}.0", start + 100)]);
    metrics.assert("last_pass_timestamp_seconds", &[&format!("{JDK} {}.0", start + 107)]);
}

#[tokio::test(start_paused = true)]
async fn freshness_is_never_negative_when_the_clock_is_set_back() {
    let mirror = Mirror::new(now(), 1);
    assert!(mirror.freshness(now() - Duration::from_secs(5)).abs() < f64::EPSILON);
}

#[test]
fn failed_passes_are_counted_up_to_the_next_success() {
    let metrics = metrics(&["java/jdk"]);
    metrics.assert("consecutive_failed_passes", &[&format!("{JDK} 0")]);
    metrics.pass("java/jdk", RunOutcome::Failed);
    metrics.pass("java/jdk", RunOutcome::Failed);
    metrics.assert("consecutive_failed_passes", &[&format!("{JDK} 2")]);
    metrics.pass("java/jdk", RunOutcome::Succeeded);
    metrics.assert("consecutive_failed_passes", &[&format!("{JDK} 0")]);
    let samples =
        [r#"{mirror="java/jdk",outcome="succeeded"} 1"#, r#"{mirror="java/jdk",outcome="failed"} 2"#];
    metrics.assert("passes_total", &samples);
}

#[test]
fn stale_tags_are_known_from_the_plan_on_and_shrink_as_tags_are_copied() {
    let metrics = metrics(&["java/jdk"]);
    metrics.start("java/jdk");
    metrics.assert("stale_tags", &[]);
    let steps = [("1", Action::Copy), ("2", Action::Copy), ("3", Action::Conflict), ("4", Action::Skip)];
    metrics.plan("java/jdk", &steps, &["5"]);
    metrics.assert("stale_tags", &[&format!("{JDK} 4")]);
    metrics.finish_tag("java/jdk", "1", TagOutcome::Copied);
    metrics.assert("stale_tags", &[&format!("{JDK} 3")]);
    metrics.finish_tag("java/jdk", "2", TagOutcome::NotStarted);
    // Equal in the target, but its signatures are not.
    metrics.finish_tag("java/jdk", "4", TagOutcome::Failed);
    metrics.finish("java/jdk", RunOutcome::Failed, 0);
    metrics.assert("stale_tags", &[&format!("{JDK} 4")]);

    metrics.start("java/jdk");
    metrics.plan("java/jdk", &[("1", Action::Skip), ("2", Action::Copy)], &[]);
    metrics.assert("stale_tags", &[&format!("{JDK} 1")]);
}

#[test]
fn a_pass_that_cannot_read_the_source_changes_no_number_of_tags() {
    let metrics = metrics(&["java/jdk"]);
    metrics.start("java/jdk");
    metrics.select("java/jdk", 2);
    metrics.plan("java/jdk", &[("1", Action::Copy), ("2", Action::Skip)], &[]);
    metrics.finish("java/jdk", RunOutcome::Failed, 0);
    metrics.start("java/jdk");
    metrics.finish("java/jdk", RunOutcome::Failed, 0);
    metrics.assert("selected_tags", &[&format!("{JDK} 2")]);
    metrics.assert("stale_tags", &[&format!("{JDK} 1")]);
}

#[test]
fn only_copies_are_in_flight_and_none_outlives_its_pass() {
    let metrics = metrics(&["java/jdk"]);
    metrics.start_tag("java/jdk", "1");
    metrics.start_tag("java/jdk", "2");
    metrics.finish_tag("java/jdk", "3", TagOutcome::UpToDate);
    metrics.assert("copies_in_flight", &[&format!("{JDK} 2")]);
    metrics.finish_tag("java/jdk", "1", TagOutcome::Failed);
    metrics.assert("copies_in_flight", &[&format!("{JDK} 1")]);
    // Dropped without a word.
    metrics.start("java/jdk");
    metrics.assert("copies_in_flight", &[&format!("{JDK} 0")]);
    metrics.start_tag("java/jdk", "1");
    metrics.finish("java/jdk", RunOutcome::Failed, 0);
    metrics.assert("copies_in_flight", &[&format!("{JDK} 0")]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_the_mirrors_that_stay() {
    let metrics = metrics(&["java/jdk", "database/free"]);
    wait(50).await;
    metrics.start("database/free");
    metrics.pass("java/jdk", RunOutcome::Succeeded);
    metrics.set_mirrors(["java/jdk", "java/jre"], 2);
    // A pass over a mirror that is gone ends after all.
    metrics.finish("database/free", RunOutcome::Succeeded, 0);
    metrics.start("alien");
    let samples = [
        r#"{mirror="java/jdk",outcome="succeeded"} 1"#,
        r#"{mirror="java/jdk",outcome="failed"} 0"#,
        r#"{mirror="java/jre",outcome="succeeded"} 0"#,
        r#"{mirror="java/jre",outcome="failed"} 0"#,
    ];
    metrics.assert("passes_total", &samples);
    let page = metrics.encode();
    assert!(!page.contains("database/free") && !page.contains("alien"), "{page}");
    let start = metrics.started_at.as_second();
    let since = [format!("{JDK} {start}.0"), format!(r#"{{mirror="java/jre"}} {}.0"#, start + 50)];
    metrics.assert("configured_timestamp_seconds", &since.each_ref().map(String::as_str));
}

#[test]
fn a_pass_that_began_before_the_mirror_was_another_one_says_nothing_of_it() {
    let metrics = metrics(&["java/jdk"]);
    metrics.pass("java/jdk", RunOutcome::Succeeded);
    metrics.start("java/jdk");
    metrics.reset_mirror("java/jdk", 2);
    metrics.select("java/jdk", 2);
    metrics.plan("java/jdk", &[("1", Action::Copy)], &[]);
    metrics.finish("java/jdk", RunOutcome::Succeeded, 0);
    for metric in ["last_success_timestamp_seconds", "selected_tags", "stale_tags"] {
        metrics.assert(metric, &[]);
    }
}

#[test]
fn statuses_are_counted_by_class() {
    let classes = [Some(200), Some(206), Some(307), Some(404), Some(503), Some(101), Some(999), None];
    let classes = classes.map(status_class);
    assert_eq!(classes, ["2xx", "2xx", "3xx", "4xx", "5xx", "5xx", "5xx", "none"]);
}

#[test]
fn a_name_with_quotes_does_not_break_the_page() {
    let metrics = metrics(&[r#"a "b" \c"#]);
    metrics.assert("copied_tags_total", &[r#"{mirror="a \"b\" \\c"} 0"#]);
}
