//! Stories of passes, and the page after them.

use std::time::Duration;

use super::*;
use crate::ledger::Record;
use crate::ledger::samples::{
    Action, Arrival, EventKind, Exchange, RunOutcome, Story, TagOutcome, elsewhere, finished, mirrors, record,
};

impl Story {
    fn page(&self) -> String {
        encode(&self.ledger, None, Some(2), self.now)
    }

    /// The samples of one name, each as the page has it but for the prefix.
    fn samples(&self, name: &str) -> Vec<String> {
        let start = format!("{PREFIX}_{name}");
        let is_its = |line: &&str| line.strip_prefix(&start).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let page = self.page();
        page.lines().filter(is_its).map(|line| line.strip_prefix("tagferry_").unwrap().to_owned()).collect()
    }

    #[track_caller]
    fn assert(&self, name: &str, expected: &[&str]) {
        let expected: Vec<_> = expected.iter().map(|sample| format!("{name}{sample}")).collect();
        assert_eq!(self.samples(name), expected);
    }
}

const JDK: &str = r#"{mirror="java/jdk",target="target.test/a"}"#;

/// A pass of 45 seconds over four tags, of which one is copied, one is there and two fail.
fn pass_that_fails(story: &mut Story) {
    let pass = story.start("java/jdk");
    story.select(&pass, 4);
    let steps = [("21.0.7", Action::Copy), ("21.0.6", Action::Skip), ("21", Action::Conflict)];
    story.plan(&pass, &steps, &["25"]);
    story.start_tag(&pass, "21.0.7");
    for bytes in [1_000, 234] {
        story.copy(&pass, "21.0.7", bytes);
    }
    for arrival in [Arrival::Uploaded, Arrival::Uploaded, Arrival::Mounted, Arrival::Present] {
        story.arrive(&pass, "21.0.7", arrival);
    }
    story.finish_tag(&pass, "21.0.7", TagOutcome::Copied);
    story.finish_tag(&pass, "21.0.6", TagOutcome::UpToDate);
    story.finish_tag(&pass, "21", TagOutcome::Failed);
    story.finish_tag(&pass, "25", TagOutcome::Failed);
    story.wait(45);
    story.finish(&pass, RunOutcome::Failed);
    let host = "container-registry.oracle.com";
    for (method, status) in [("GET", Some(200)), ("GET", Some(200)), ("HEAD", Some(429)), ("GET", None)] {
        story.tell(&pass, EventKind::Exchange(Exchange::Requested { host, method, status }));
    }
    let kind = EventKind::Exchange(Exchange::Retried { host, reason: "throttled" });
    story.tell(None, kind);
}

#[test]
fn the_page_after_a_pass_that_failed_for_some_tags() {
    let mut story = Story::of(&["java/jdk"]);
    story.wait(60);
    pass_that_fails(&mut story);
    insta::assert_snapshot!(story.page().replace(env!("CARGO_PKG_VERSION"), "[version]"), @r#"
    # HELP tagferry_build The program that runs; always 1
    # TYPE tagferry_build info
    tagferry_build_info{version="[version]"} 1
    # HELP tagferry_start_time_seconds When the process started, in seconds since 1970
    # TYPE tagferry_start_time_seconds gauge
    # UNIT tagferry_start_time_seconds seconds
    tagferry_start_time_seconds 1788220800.0
    # HELP tagferry_shards How many shards the mirrors are split into; the label says which one this process has
    # TYPE tagferry_shards gauge
    tagferry_shards{shard="0"} 1
    # HELP tagferry_wrong_tokens Requests to start a run that came with a wrong token
    # TYPE tagferry_wrong_tokens counter
    tagferry_wrong_tokens_total 2
    # HELP tagferry_configured_timestamp_seconds When the process first knew the mirror, by its start or a reload, in seconds since 1970
    # TYPE tagferry_configured_timestamp_seconds gauge
    # UNIT tagferry_configured_timestamp_seconds seconds
    tagferry_configured_timestamp_seconds{mirror="java/jdk",target="target.test/a"} 1788220800.0
    # HELP tagferry_last_success_timestamp_seconds When a pass last ended with every selected tag in the target, in seconds since 1970; no sample before
    # TYPE tagferry_last_success_timestamp_seconds gauge
    # UNIT tagferry_last_success_timestamp_seconds seconds
    # HELP tagferry_freshness_seconds Seconds since the last success; no sample before
    # TYPE tagferry_freshness_seconds gauge
    # UNIT tagferry_freshness_seconds seconds
    # HELP tagferry_late 1 where a success was due by the schedule of the mirror, or by `fresh_within`, and did not come, else 0
    # TYPE tagferry_late gauge
    tagferry_late{mirror="java/jdk",target="target.test/a"} 0
    # HELP tagferry_pass_idle_seconds For how many seconds the pass under way has not moved; 0 where there is none
    # TYPE tagferry_pass_idle_seconds gauge
    # UNIT tagferry_pass_idle_seconds seconds
    tagferry_pass_idle_seconds{mirror="java/jdk",target="target.test/a"} 0.0
    # HELP tagferry_selected_tags Tags that the rules chose when the source was last read; no sample before
    # TYPE tagferry_selected_tags gauge
    tagferry_selected_tags{mirror="java/jdk",target="target.test/a"} 4
    # HELP tagferry_stale_tags Selected tags that are missing or different in the target, or failed; no sample before they were compared
    # TYPE tagferry_stale_tags gauge
    tagferry_stale_tags{mirror="java/jdk",target="target.test/a"} 2
    # HELP tagferry_passes Passes that ended, by outcome
    # TYPE tagferry_passes counter
    tagferry_passes_total{mirror="java/jdk",target="target.test/a",outcome="succeeded"} 0
    tagferry_passes_total{mirror="java/jdk",target="target.test/a",outcome="failed"} 1
    # HELP tagferry_retried_passes Passes that tried a failed one again, by `schedule.retry`; they are among those that ended
    # TYPE tagferry_retried_passes counter
    tagferry_retried_passes_total{mirror="java/jdk",target="target.test/a"} 0
    # HELP tagferry_consecutive_failed_passes Passes that failed since the last success, without those that tried one again
    # TYPE tagferry_consecutive_failed_passes gauge
    tagferry_consecutive_failed_passes{mirror="java/jdk",target="target.test/a"} 1
    # HELP tagferry_last_pass_timestamp_seconds When a pass last ended, whatever its outcome, in seconds since 1970; no sample before
    # TYPE tagferry_last_pass_timestamp_seconds gauge
    # UNIT tagferry_last_pass_timestamp_seconds seconds
    tagferry_last_pass_timestamp_seconds{mirror="java/jdk",target="target.test/a"} 1788220905.0
    # HELP tagferry_pass_duration_seconds How long passes took, whatever their outcome
    # TYPE tagferry_pass_duration_seconds histogram
    # UNIT tagferry_pass_duration_seconds seconds
    tagferry_pass_duration_seconds_sum{mirror="java/jdk",target="target.test/a"} 45.0
    tagferry_pass_duration_seconds_count{mirror="java/jdk",target="target.test/a"} 1
    tagferry_pass_duration_seconds_bucket{le="1.0",mirror="java/jdk",target="target.test/a"} 0
    tagferry_pass_duration_seconds_bucket{le="2.5",mirror="java/jdk",target="target.test/a"} 0
    tagferry_pass_duration_seconds_bucket{le="5.0",mirror="java/jdk",target="target.test/a"} 0
    tagferry_pass_duration_seconds_bucket{le="10.0",mirror="java/jdk",target="target.test/a"} 0
    tagferry_pass_duration_seconds_bucket{le="30.0",mirror="java/jdk",target="target.test/a"} 0
    tagferry_pass_duration_seconds_bucket{le="60.0",mirror="java/jdk",target="target.test/a"} 1
    tagferry_pass_duration_seconds_bucket{le="180.0",mirror="java/jdk",target="target.test/a"} 1
    tagferry_pass_duration_seconds_bucket{le="600.0",mirror="java/jdk",target="target.test/a"} 1
    tagferry_pass_duration_seconds_bucket{le="1800.0",mirror="java/jdk",target="target.test/a"} 1
    tagferry_pass_duration_seconds_bucket{le="3600.0",mirror="java/jdk",target="target.test/a"} 1
    tagferry_pass_duration_seconds_bucket{le="10800.0",mirror="java/jdk",target="target.test/a"} 1
    tagferry_pass_duration_seconds_bucket{le="21600.0",mirror="java/jdk",target="target.test/a"} 1
    tagferry_pass_duration_seconds_bucket{le="+Inf",mirror="java/jdk",target="target.test/a"} 1
    # HELP tagferry_copies_in_flight Tags that are being copied now
    # TYPE tagferry_copies_in_flight gauge
    tagferry_copies_in_flight{mirror="java/jdk",target="target.test/a"} 0
    # HELP tagferry_copied_tags Tags that were copied and verified
    # TYPE tagferry_copied_tags counter
    tagferry_copied_tags_total{mirror="java/jdk",target="target.test/a"} 1
    # HELP tagferry_copied_bytes Bytes of blobs sent to the target, again where a transfer had to start over
    # TYPE tagferry_copied_bytes counter
    # UNIT tagferry_copied_bytes bytes
    tagferry_copied_bytes_total{mirror="java/jdk",target="target.test/a"} 1234
    # HELP tagferry_blobs Blobs of copied images, by how they came into the target
    # TYPE tagferry_blobs counter
    tagferry_blobs_total{mirror="java/jdk",target="target.test/a",arrival="uploaded"} 2
    tagferry_blobs_total{mirror="java/jdk",target="target.test/a",arrival="mounted"} 1
    tagferry_blobs_total{mirror="java/jdk",target="target.test/a",arrival="present"} 1
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
    let page = Story::of(&[]).page();
    assert!(page.contains("# TYPE tagferry_passes counter\n"), "{page}");
    assert!(page.ends_with("# EOF\n"), "{page}");
}

#[test]
fn freshness_is_the_time_since_the_last_success() {
    let mut story = Story::of(&["java/jdk"]);
    let start = story.now.as_second();
    story.wait(100);
    // Not known yet.
    story.assert("freshness_seconds", &[]);
    story.assert("last_success_timestamp_seconds", &[]);

    story.pass("java/jdk", RunOutcome::Succeeded);
    story.wait(7);
    story.pass("java/jdk", RunOutcome::Failed);
    story.wait(3);
    story.assert("freshness_seconds", &[&format!("{JDK} 10.0")]);
    story.assert("last_success_timestamp_seconds", &[&format!("{JDK} {}.0", start + 100)]);
    story.assert("last_pass_timestamp_seconds", &[&format!("{JDK} {}.0", start + 107)]);
}

#[test]
fn freshness_is_never_negative_when_the_clock_is_set_back() {
    let record = Record { last_success_at: Some(Timestamp::UNIX_EPOCH), ..record("java/jdk") };
    assert_eq!(record.freshness(Timestamp::UNIX_EPOCH - Duration::from_secs(5)), Some(0.0));
}

#[test]
fn failed_passes_are_counted_up_to_the_next_success() {
    let mut story = Story::of(&["java/jdk"]);
    story.assert("consecutive_failed_passes", &[&format!("{JDK} 0")]);
    story.pass("java/jdk", RunOutcome::Failed);
    story.pass("java/jdk", RunOutcome::Failed);
    story.assert("consecutive_failed_passes", &[&format!("{JDK} 2")]);
    story.pass("java/jdk", RunOutcome::Succeeded);
    story.assert("consecutive_failed_passes", &[&format!("{JDK} 0")]);
    let samples = [
        r#"{mirror="java/jdk",target="target.test/a",outcome="succeeded"} 1"#,
        r#"{mirror="java/jdk",target="target.test/a",outcome="failed"} 2"#,
    ];
    story.assert("passes_total", &samples);
}

#[test]
fn stale_tags_are_known_from_the_plan_on_and_shrink_as_tags_are_copied() {
    let mut story = Story::of(&["java/jdk"]);
    let pass = story.start("java/jdk");
    story.assert("stale_tags", &[]);
    let steps = [("1", Action::Copy), ("2", Action::Copy), ("3", Action::Conflict), ("4", Action::Skip)];
    story.plan(&pass, &steps, &["5"]);
    story.assert("stale_tags", &[&format!("{JDK} 4")]);
    story.finish_tag(&pass, "1", TagOutcome::Copied);
    story.assert("stale_tags", &[&format!("{JDK} 3")]);
    story.finish_tag(&pass, "2", TagOutcome::NotStarted);
    // Equal in the target, but its signatures are not.
    story.finish_tag(&pass, "4", TagOutcome::Failed);
    story.finish(&pass, RunOutcome::Failed);
    story.assert("stale_tags", &[&format!("{JDK} 4")]);

    let pass = story.start("java/jdk");
    story.plan(&pass, &[("1", Action::Skip), ("2", Action::Copy)], &[]);
    story.assert("stale_tags", &[&format!("{JDK} 1")]);
}

#[test]
fn a_pass_that_cannot_read_the_source_changes_no_number_of_tags() {
    let mut story = Story::of(&["java/jdk"]);
    let pass = story.start("java/jdk");
    story.select(&pass, 2);
    story.plan(&pass, &[("1", Action::Copy), ("2", Action::Skip)], &[]);
    story.finish(&pass, RunOutcome::Failed);
    story.pass("java/jdk", RunOutcome::Failed);
    story.assert("selected_tags", &[&format!("{JDK} 2")]);
    story.assert("stale_tags", &[&format!("{JDK} 1")]);
}

#[test]
fn only_copies_are_in_flight_and_none_outlives_its_pass() {
    let mut story = Story::of(&["java/jdk"]);
    let pass = story.start("java/jdk");
    story.start_tag(&pass, "1");
    story.start_tag(&pass, "2");
    story.finish_tag(&pass, "3", TagOutcome::UpToDate);
    story.assert("copies_in_flight", &[&format!("{JDK} 2")]);
    story.finish_tag(&pass, "1", TagOutcome::Failed);
    story.assert("copies_in_flight", &[&format!("{JDK} 1")]);
    // Dropped without a word.
    let pass = story.start("java/jdk");
    story.assert("copies_in_flight", &[&format!("{JDK} 0")]);
    story.start_tag(&pass, "1");
    story.finish(&pass, RunOutcome::Failed);
    story.assert("copies_in_flight", &[&format!("{JDK} 0")]);
}

#[test]
fn a_reload_keeps_the_mirrors_that_stay() {
    let mut story = Story::of(&["java/jdk", "database/free"]);
    let start = story.now.as_second();
    story.wait(50);
    let free = story.start("database/free");
    story.pass("java/jdk", RunOutcome::Succeeded);
    story.reload(&mirrors(&["java/jdk", "java/jre"]));
    // A pass over a mirror that is gone ends after all.
    let summary = &finished(RunOutcome::Succeeded);
    story.tell(&free, EventKind::PassFinished { summary, took: Duration::ZERO });
    story.start("alien");
    let samples = ["java/jdk", "java/jre"].map(|name| {
        let sample = |outcome, count| {
            format!(r#"{{mirror="{name}",target="target.test/a",outcome="{outcome}"}} {count}"#)
        };
        [sample("succeeded", u8::from(name == "java/jdk")), sample("failed", 0)]
    });
    story.assert("passes_total", &samples.as_flattened().iter().map(String::as_str).collect::<Vec<_>>());
    let page = story.page();
    assert!(!page.contains("database/free") && !page.contains("alien"), "{page}");
    let since = [
        format!("{JDK} {start}.0"),
        format!(r#"{{mirror="java/jre",target="target.test/a"}} {}.0"#, start + 50),
    ];
    story.assert("configured_timestamp_seconds", &since.each_ref().map(String::as_str));
}

#[test]
fn a_pass_that_began_before_the_mirror_was_another_one_says_nothing_of_it() {
    let mut story = Story::of(&["java/jdk"]);
    story.pass("java/jdk", RunOutcome::Succeeded);
    let pass = story.start("java/jdk");
    let mut moved = mirrors(&["java/jdk"]);
    moved[0].source = elsewhere();
    story.reload(&moved);
    story.select(&pass, 2);
    story.plan(&pass, &[("1", Action::Copy)], &[]);
    story.finish(&pass, RunOutcome::Succeeded);
    for metric in ["last_success_timestamp_seconds", "selected_tags", "stale_tags"] {
        story.assert(metric, &[]);
    }
}

#[test]
fn each_target_of_a_mirror_has_its_own_samples() {
    let mut both = mirrors(&["a", "a"]);
    both[1].target = elsewhere();
    let mut story = Story::of(&[]);
    story.reload(&both);
    story.pass("a", RunOutcome::Succeeded);
    let samples = [r#"{mirror="a",target="oci:elsewhere"} 0"#, r#"{mirror="a",target="target.test/a"} 1"#];
    story.assert("pass_duration_seconds_count", &samples);
}

#[test]
fn a_name_with_quotes_does_not_break_the_page() {
    let story = Story::of(&[r#"a "b" \c"#]);
    story.assert("copied_tags_total", &[r#"{mirror="a \"b\" \\c",target="target.test/a"} 0"#]);
}
