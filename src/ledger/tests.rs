//! Stories of passes, and what is known after them.

use jiff::SignedDuration;

use super::samples::{Story, elsewhere, finished, mirrors, summary, tag};
use super::*;
use crate::event::fault;
use crate::event::{
    Action, Arrival, Ending, EventKind, Exchange, MirrorSummary, Root, RunOutcome, Step, TagOutcome,
};
use crate::oci::{Digest, Stored, Tag};

const NONE: Transition = Transition::None;
const FAILING: Transition = Transition::Failing;
const RECOVERED: Transition = Transition::Recovered;

fn quiet() -> MirrorSummary {
    finished(RunOutcome::Succeeded)
}

fn fails(error: &str) -> MirrorSummary {
    MirrorSummary { error: Some(fault::sample(error)), ..finished(RunOutcome::Failed) }
}

/// A pass that failed for these tags.
fn fails_for(tags: &[&str]) -> MirrorSummary {
    let tags = tags.iter().map(|tag| summary(tag, TagOutcome::Failed)).collect();
    MirrorSummary { tags, ..finished(RunOutcome::Failed) }
}

fn with(ending: Ending, pass: MirrorSummary) -> MirrorSummary {
    MirrorSummary { ending, ..pass }
}

/// What each of these passes over a mirror changed.
#[track_caller]
fn check(passes: &[MirrorSummary], expected: &[Transition]) {
    let mut story = Story::of(&["a"]);
    let told: Vec<_> = passes
        .iter()
        .map(|summary| {
            let pass = story.start("a");
            story.end(&pass, summary);
            story.ledger.transition(&pass)
        })
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn a_failure_begins_once_and_ends_once() {
    let passes = [fails("denied"), fails("denied"), quiet(), quiet(), fails("denied")];
    check(&passes, &[FAILING, NONE, RECOVERED, NONE, FAILING]);
}

#[test]
fn another_failure_is_a_change() {
    check(&[fails("denied"), fails("stalled"), fails("stalled")], &[FAILING, FAILING, NONE]);
}

#[test]
fn what_differs_in_every_answer_is_no_other_failure() {
    let text = |id| format!("ServerException: try later (AWS request id {id})");
    check(&[fails(&text("7f3a-1")), fails(&text("0b2c-9"))], &[FAILING, NONE]);
}

#[test]
fn one_more_tag_that_fails_is_a_change_and_one_fewer_is_not() {
    let (one, two) = (fails_for(&["21"]), fails_for(&["21", "25"]));
    check(&[one.clone(), two, one, quiet()], &[FAILING, FAILING, NONE, RECOVERED]);
}

#[test]
fn a_plan_changes_nothing() {
    let planned = |pass| with(Ending::Planned, pass);
    check(
        &[fails("denied"), planned(quiet()), planned(fails("else")), quiet()],
        &[FAILING, NONE, NONE, RECOVERED],
    );
}

#[test]
fn being_told_to_stop_is_no_failure_and_no_recovery() {
    let stopped = |pass| with(Ending::Stopped, pass);
    check(&[stopped(fails("stopped before its end")), quiet()], &[NONE, NONE]);
    check(&[stopped(fails_for(&["25"]))], &[NONE]);
    check(&[fails("denied"), stopped(fails("stopped")), quiet()], &[FAILING, NONE, RECOVERED]);
}

#[test]
fn mirrors_are_judged_each_by_its_own_past() {
    let mut story = Story::of(&["a", "other"]);
    for (mirror, summary, expected) in
        [("a", fails("denied"), FAILING), ("other", fails("denied"), FAILING), ("a", quiet(), RECOVERED)]
    {
        let pass = story.start(mirror);
        story.end(&pass, &summary);
        assert_eq!(story.ledger.transition(&pass), expected);
    }
}

#[test]
fn a_pass_is_known_by_its_identity() {
    let mut story = Story::of(&["a"]);
    let dropped = story.start("a");
    let pass = story.start("a");
    // It was dropped without a word, and what it held comes late.
    story.tell(&dropped, EventKind::BytesCopied { tag: &tag("1"), digest: Digest::of(b"blob"), bytes: 7 });
    story.finish(&dropped, RunOutcome::Succeeded);
    let record = story.record("a");
    assert_eq!((record.state, record.progress.unwrap().bytes), (State::Running, 0));
    assert!(record.last_run.is_none() && record.counts.copied_bytes == 0);
    story.finish(&pass, RunOutcome::Succeeded);
    assert_eq!(story.record("a").last_run.unwrap().pass, pass.number);
}

#[test]
fn a_pass_by_a_configuration_before_says_nothing_of_a_mirror_with_another_source() {
    let mut story = Story::of(&["a"]);
    story.pass("a", RunOutcome::Succeeded);
    let before = story.start("a");
    let mut moved = mirrors(&["a"]);
    moved[0].source = elsewhere();
    assert!(story.reload(&moved)[0].is_new);
    story.select(&before, 2);
    story.plan(&before, &[("1", Action::Copy)], &[]);
    // That it runs is still true.
    let record = story.record("a");
    assert_eq!((record.state, record.progress.unwrap().tags), (State::Running, Some(1)));
    story.finish(&before, RunOutcome::Succeeded);
    let record = story.record("a");
    assert_eq!((record.state, record.source.as_str()), (State::Idle, "oci:elsewhere"));
    assert_eq!((record.selected, record.stale, record.last_success_at), (None, None, None));
    assert!(record.last_run.is_none() && record.tags.is_empty() && record.counts.succeeded == 0);
    let pass = story.start("a");
    story.finish(&pass, RunOutcome::Succeeded);
    assert_eq!(story.record("a").counts.succeeded, 1);
}

#[test]
fn a_reload_that_changes_nothing_keeps_what_is_known() {
    let mut story = Story::of(&["a"]);
    let pass = story.start("a");
    assert!(!story.reload(&mirrors(&["a", "b"]))[0].is_new);
    story.select(&pass, 2);
    story.finish(&pass, RunOutcome::Succeeded);
    let record = story.record("a");
    assert_eq!((record.selected, record.last_success_at), (Some(2), Some(story.now)));
}

#[test]
fn a_mirror_that_went_and_came_back_is_a_new_one() {
    let mut story = Story::of(&["a", "b"]);
    story.pass("a", RunOutcome::Succeeded);
    let before = story.start("a");
    story.reload(&mirrors(&["b"]));
    assert_eq!(story.ledger.entries().len(), 1);
    story.wait(60);
    assert!(story.reload(&mirrors(&["a", "b"]))[0].is_new);
    story.finish(&before, RunOutcome::Succeeded);
    let record = story.record("a");
    assert_eq!((record.configured_at, record.last_success_at), (story.now, None));
}

#[test]
fn a_failure_that_a_new_configuration_mends_has_an_end() {
    let changes: [fn(&mut crate::config::Mirror); 2] =
        [|mirror| mirror.source = elsewhere(), |mirror| mirror.target = elsewhere()];
    for change in changes {
        let mut story = Story::of(&["a"]);
        story.pass("a", RunOutcome::Failed);
        let pass = story.start("a");
        story.end(&pass, &fails("denied"));
        let mut moved = mirrors(&["a"]);
        change(&mut moved[0]);
        let target = story.reload(&moved)[0].entry.pair.target.clone();
        let mut pass = story.start("elsewhere");
        pass.pair = crate::event::Pair::new("a", &target);
        story.tell(&pass, EventKind::PassStarted);
        story.end(&pass, &quiet());
        assert_eq!(story.ledger.transition(&pass), RECOVERED);
    }
}

#[test]
fn the_size_of_a_copied_tag_is_that_of_its_blobs_and_is_kept_while_its_digest_is() {
    let mut story = Story::of(&["a"]);
    let pass = story.start("a");
    story.plan(&pass, &[("1", Action::Copy), ("2", Action::Skip)], &[]);
    story.start_tag(&pass, "1");
    for arrival in [Arrival::Uploaded, Arrival::Present] {
        story.arrive(&pass, "1", arrival);
    }
    assert_eq!(story.record("a").tags[0].state, TagState::Copying);
    story.finish_tag(&pass, "1", TagOutcome::Copied);
    story.finish(&pass, RunOutcome::Succeeded);
    let copied_at = Some(story.now);
    story.wait(60);
    let pass = story.start("a");
    story.plan(&pass, &[("1", Action::Skip), ("2", Action::Skip)], &[]);
    let record = story.record("a");
    let known: Vec<_> = record.tags.iter().map(|tag| (tag.state, tag.size, tag.copied_at)).collect();
    assert_eq!(known, [(TagState::Current, Some(8), copied_at), (TagState::Current, None, None)]);
}

#[test]
fn after_a_restart_nothing_looks_younger_than_the_target_says() {
    let mut story = Story::of(&["a"]);
    let pass = story.start("a");
    let step = |text: &str, action| Step {
        tag: tag(text),
        source_tag: text.parse().ok(),
        root: Root::Source(Digest::of(text.as_bytes())),
        previous: None,
        action,
        reason: String::new(),
    };
    let pushed_at = Some(story.now - SignedDuration::from_hours(24 * 40));
    let of = |text: &str| Stored { digest: Digest::of(text.as_bytes()), size: Some(7), pushed_at };
    // Under `2` the target has another image: that one's age says nothing of the one to come.
    let [one, two] = ["1", "2"].map(|text| text.parse::<Tag>().unwrap());
    let stored = [(one.clone(), of("1")), (two.clone(), of("other"))].into();
    let newest = [&two, &one];
    story.tell(&pass, EventKind::TagsSelected { listed: 2, selected: 2, newest_first: &newest });
    let steps = [step("2", Action::Copy), step("1", Action::Skip)];
    story.tell(&pass, EventKind::TagsPlanned { steps: &steps, failed: &[], stored: &stored });
    let record = story.record("a");
    let known: Vec<_> = record.tags.iter().map(|tag| (tag.size, tag.pushed_at, tag.copied_at)).collect();
    assert_eq!(known, [(None, None, None), (Some(7), pushed_at, None)]);
    assert_eq!((record.newest.target, record.newest.pushed_at), (Some(one), pushed_at));
    story.start_tag(&pass, "2");
    story.finish_tag(&pass, "2", TagOutcome::Copied);
    assert_eq!(story.record("a").newest.pushed_at, Some(story.now));
}

#[test]
fn the_record_is_the_document_of_the_api() {
    let mut story = Story::of(&["a"]);
    let pass = story.start("a");
    let newest = [&"2".parse().unwrap(), &"1".parse().unwrap()];
    story.tell(&pass, EventKind::TagsSelected { listed: 9, selected: 2, newest_first: &newest });
    story.plan(&pass, &[("2", Action::Copy), ("1", Action::Skip)], &[]);
    story.tell(&pass, EventKind::TagSized { tag: &tag("2"), bytes: 10 });
    insta::assert_json_snapshot!(story.record("a"), @r#"
    {
      "name": "a",
      "source": "source.test/a",
      "target": "target.test/a",
      "schedule": null,
      "state": "running",
      "next_run": null,
      "next_retry": null,
      "last_run": null,
      "last_success_at": null,
      "verdict": {
        "freshness": "unknown",
        "late_at": null,
        "stuck_since": null
      },
      "selected": 2,
      "stale": 1,
      "stale_since": "2026-09-01T00:00:00Z",
      "newest": {
        "source": "2",
        "target": "1",
        "pushed_at": null
      },
      "progress": {
        "started_at": "2026-09-01T00:00:00Z",
        "moved_at": "2026-09-01T00:00:00Z",
        "phase": "copying",
        "bytes": 0,
        "size": 10,
        "tags_done": 0,
        "tags": 2,
        "blobs": [],
        "retries": [],
        "waits": []
      },
      "tags": [
        {
          "tag": "2",
          "digest": "sha256:d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35",
          "state": "stale",
          "size": null,
          "pushed_at": null,
          "copied_at": null,
          "error": null
        },
        {
          "tag": "1",
          "digest": "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
          "state": "current",
          "size": null,
          "pushed_at": null,
          "copied_at": null,
          "error": null
        }
      ],
      "failures": []
    }
    "#);
}

#[test]
fn what_runs_is_told_blob_by_blob_with_what_it_waits_for() {
    let mut story = Story::of(&["a"]);
    let pass = story.start("a");
    let running = |story: &Story| story.record("a").progress.unwrap();
    assert_eq!(running(&story).phase, Phase::Listing);
    story.select(&pass, 2);
    assert_eq!(running(&story).phase, Phase::Comparing);
    story.plan(&pass, &[("2", Action::Copy), ("1", Action::Copy)], &[]);
    let (tag, blob) = (&tag("2"), |name: &str| Digest::of(name.as_bytes()));
    for name in ["a", "b"] {
        story.tell(&pass, EventKind::BlobQueued { tag, digest: blob(name), size: 100 });
    }
    story.tell(&pass, EventKind::BlobStarted { tag, digest: blob("a") });
    story.tell(&pass, EventKind::BytesCopied { tag, digest: blob("a"), bytes: 60 });
    for (reason, pause) in [("throttled", 30), ("throttled", 20)] {
        story.tell(&pass, EventKind::Exchange(Exchange::Retried { host: "quay.io", reason }));
        let pause = std::time::Duration::from_secs(pause);
        story.tell(&pass, EventKind::Exchange(Exchange::Held { host: "quay.io", reason, pause }));
    }
    story.wait(2);
    let known = running(&story);
    let blobs: Vec<_> = known.blobs.iter().map(|blob| (blob.bytes, blob.pace)).collect();
    assert_eq!(blobs, [(60, Some(30)), (0, None)]);
    assert_eq!((known.retries[0].count, known.retries[0].reason.as_str()), (2, "throttled"));
    assert_eq!((known.waits.len(), known.waits[0].until.to_string().as_str()), (1, "2026-09-01T00:00:30Z"));
    story.wait(28);
    story.tell(
        &pass,
        EventKind::BlobArrived { tag, digest: blob("a"), size: 100, arrival: Arrival::Uploaded },
    );
    let known = running(&story);
    assert_eq!((known.blobs.len(), known.waits.len()), (1, 0));
    story.finish_tag(&pass, "2", TagOutcome::Failed);
    assert!(running(&story).blobs.is_empty());
}
