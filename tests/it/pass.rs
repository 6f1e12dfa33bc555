//! One pass over mirrors: what fails alone, what it reports, and how it is told to stop.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tagferry::event::{MirrorSummary, RunOutcome, RunSummary, TagOutcome};
use tagferry::pass::{Mode, Stop};

use crate::fake::{
    Action, Draft, Ecr, Face, Fault, Format, Gate, Match, Refusal, Registry, artifact, attested_index, image,
    index, oci_image,
};
use crate::world::{
    APP, Blind, Bytes, Side, app, assert_says, assert_succeeded, copy, mirror, mirror_error, only, plan,
    sync, tag, tag_error,
};

/// A source with these tags of `app`, and an empty target.
async fn sides(tags: &[&str]) -> (Registry, Registry) {
    let source = Registry::start(Face::Open).await;
    for tag in tags {
        source.push("app", tag, &image(&["base", tag]));
    }
    (source, Registry::start(Face::Open).await)
}

#[tokio::test]
async fn each_mirror_is_given_away_when_it_ends_and_only_a_plan_has_the_reasons() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    let names = ["a", "b", "c"];
    for (name, tag) in names.iter().flat_map(|name| ["1.0", "1.1", "none"].map(|tag| (name, tag))) {
        source.push(name, tag, &image(&["base", tag]));
    }
    let mirrors = names.map(|name| APP.replace("app", name).replace("match: .", r"match: \."));
    let config = mirror(&source, &target, &mirrors.concat()) + "concurrency: {mirrors: 1}\n";
    let app = Box::pin(app(&config, Arc::new(Blind))).await;
    for (mode, verdicts) in [(Mode::Plan, Some(3)), (Mode::Sync, None)] {
        let (asked, mut given) = (source.count(&Match::tags()), Vec::new());
        let take = |mirror: MirrorSummary| {
            let verdicts = mirror.selection.map(|selection| selection.verdicts.len());
            given.push((mirror.name, mirror.selected, verdicts, source.count(&Match::tags()) - asked));
        };
        let summary = Box::pin(app.run_each(mode, &Stop::default(), take)).await;
        let expected: Vec<_> = names.into_iter().map(str::to_owned).zip(1..).collect();
        let expected: Vec<_> = expected.into_iter().map(|(name, asked)| (name, 2, verdicts, asked)).collect();
        assert_eq!(given, expected);
        assert_eq!((summary.mirrors.len(), summary.totals.selected), (0, 6));
    }
}

#[tokio::test]
async fn a_tag_that_fails_does_not_stop_the_others() {
    let (source, target) = sides(&["1.0", "1.1", "1.2"]).await;
    let digest = source.tags("app")["1.1"].to_string();
    source.fault(Fault::new(Match::manifest_get().containing(digest), Action::status(404)));
    // A manifest that is not there by its digest is asked for by its tag.
    source.fault(Fault::new(Match::manifest_get().containing("manifests/1.1"), Action::status(404)));
    let summary = copy(&source, &target).await;
    assert_eq!((summary.totals.copied, summary.totals.failed), (2, 1));
    assert_says(tag_error(&summary, "1.1"), &["source: cannot read manifest", "404"]);
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["1.0", "1.2"]);
    assert_eq!((summary.outcome, &only(&summary).error), (RunOutcome::Failed, &None));
}

#[tokio::test]
async fn a_mirror_that_fails_does_not_stop_the_others() {
    let (source, target) = sides(&["1.0"]).await;
    let all = APP.replace("app", "absent") + APP;
    let summary = sync(&mirror(&source, &target, &all)).await;
    let words = ["cannot read the tags of the source", "/v2/absent/tags/list", "404", "NAME_UNKNOWN"];
    assert_says(summary.mirrors[0].error.as_ref().unwrap().to_string(), &words);
    assert_eq!(summary.mirrors[1].outcome, RunOutcome::Succeeded);
    assert_eq!(summary.outcome, RunOutcome::Failed);
    assert_eq!(target.tags("app"), source.tags("app"));
}

#[tokio::test]
async fn a_registry_that_cannot_be_reached_is_told_with_its_host() {
    let (source, target) = sides(&["1.0"]).await;
    let config = mirror(&source, &target, APP);
    let host = source.host();
    drop(source);
    let error = sync(&config).await;
    assert_says(mirror_error(&error), &["cannot read the tags of the source", &host, "no answer"]);
}

#[tokio::test]
async fn fewer_tags_than_wished_fail_the_mirror_and_are_copied_all_the_same() {
    let (source, target) = sides(&["1.0", "1.1"]).await;
    let config = mirror(&source, &target, &APP.replace("tags:", "at_least: 3, tags:"));
    let summary = sync(&config).await;
    assert_eq!(mirror_error(&summary), "the rules select 2 of 2 tags, fewer than `at_least: 3`");
    assert_eq!(target.tags("app"), source.tags("app"));
    source.push("app", "1.2", &image(&["base"]));
    assert_succeeded(&sync(&config).await);
}

#[tokio::test]
async fn an_empty_selection_fails_and_says_where_to_look() {
    let (source, target) = sides(&["1.0", "1.1"]).await;
    let summary = sync(&mirror(&source, &target, &APP.replace("match: .", "match: ^2"))).await;
    let words = ["the rules select none of the 2 tags", "`tagferry plan` shows why"];
    assert_says(summary.mirrors[0].error.as_ref().unwrap().to_string(), &words);
    assert_eq!(target.requests().len(), 0);
}

#[tokio::test]
async fn what_is_deleted_from_the_target_is_restored() {
    let (source, target) = sides(&["1.0", "1.1"]).await;
    assert_succeeded(&copy(&source, &target).await);
    target.edit("app", |app| app.tags.remove("1.0"));
    let summary = copy(&source, &target).await;
    assert_eq!((summary.totals.copied, summary.totals.up_to_date, summary.totals.bytes), (1, 1, 0));
    assert_eq!(target.tags("app"), source.tags("app"));
}

/// Runs with one tag at a time, and tells it to stop when its first blob is on its way.
async fn stopped(tell: impl FnOnce(&Stop, &Gate)) -> (RunSummary, Registry) {
    let (source, target) = sides(&["1.0", "1.1", "1.2"]).await;
    let gate = Gate::closed();
    target.fault(Fault::new(Match::upload_put(), Action::Hold(gate.clone())));
    let config = mirror(&source, &target, APP) + "concurrency: {tags: 1}\n";
    let (app, stop) = (app(&config, Arc::new(Bytes::default())).await, Stop::default());
    let told = async {
        target.wait_for(&Match::upload_put(), 1).await;
        tell(&stop, &gate);
    };
    let (summary, ()) = tokio::join!(app.run(Mode::Sync, &stop), told);
    (summary, target)
}

#[tokio::test]
async fn a_soft_stop_lets_the_copy_in_flight_finish_and_starts_no_other() {
    let (summary, target) = stopped(|stop, gate| {
        stop.soft.cancel();
        gate.open();
    })
    .await;
    assert_eq!(tag(&summary, "1.2").outcome, Some(TagOutcome::Copied));
    for name in ["1.0", "1.1"] {
        assert_eq!(tag_error(&summary, name), "not started: tagferry was told to stop");
    }
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["1.2"]);
    assert_eq!(summary.outcome, RunOutcome::Failed);
    target.assert_consistent();
}

#[tokio::test]
async fn a_hard_stop_drops_the_copy_and_leaves_no_tag() {
    let (summary, target) = stopped(|stop, _| {
        stop.soft.cancel();
        stop.hard.cancel();
    })
    .await;
    assert_says(tag_error(&summary, "1.2"), &["dropped: tagferry was told to stop; the tag is as it was"]);
    assert!(target.tags("app").is_empty());
}

#[tokio::test]
async fn a_stop_before_the_start_asks_nobody() {
    let (source, target) = sides(&["1.0"]).await;
    let app = app(&mirror(&source, &target, APP), Arc::new(Bytes::default())).await;
    let stop = Stop::default();
    stop.soft.cancel();
    let summary = app.run(Mode::Sync, &stop).await;
    assert_eq!(mirror_error(&summary), "stopped before its end");
    assert_eq!(source.requests().len() + target.requests().len(), 0);
}

#[tokio::test]
async fn the_document_of_a_run_has_its_documented_shape() {
    let (source, target) = sides(&["1.0"]).await;
    let summary = copy(&source, &target).await;
    insta::assert_json_snapshot!(summary, {
        ".started_at" => "TIME",
        ".finished_at" => "TIME",
        ".mirrors[].source" => "SOURCE",
        ".mirrors[].sources[]" => "SOURCE",
        ".mirrors[].target" => "TARGET",
    }, @r#"
    {
      "mirrors": [
        {
          "name": "app",
          "source": "SOURCE",
          "sources": [
            "SOURCE"
          ],
          "target": "TARGET",
          "outcome": "succeeded",
          "error": null,
          "tags": [
            {
              "tag": "1.0",
              "digest": "sha256:afd463a1882bcd5a3bcd0ebbf4f77c79773f5eac0073f97090266eac435429b2",
              "action": "copy",
              "outcome": "copied",
              "reason": "missing in target",
              "bytes": 44,
              "blobs": {
                "uploaded": 3,
                "mounted": 0,
                "present": 0
              },
              "error": null
            }
          ],
          "warnings": []
        }
      ],
      "outcome": "succeeded",
      "started_at": "TIME",
      "finished_at": "TIME",
      "totals": {
        "selected": 1,
        "copied": 1,
        "up_to_date": 0,
        "failed": 0,
        "bytes": 44,
        "requests": 20
      },
      "warnings": []
    }
    "#);
}

#[tokio::test]
async fn a_document_has_the_digest_that_a_tag_had_before() {
    let (source, target) = sides(&["1.0", "1.1"]).await;
    let before = image(&["before"]);
    target.push("app", "1.0", &before);
    let config = mirror(&source, &target, APP);
    for summary in [plan(&config).await, sync(&config).await, sync(&config).await] {
        let had = |name| serde_json::to_value(tag(&summary, name)).unwrap()["previous_digest"].clone();
        let is_moved = summary.totals.up_to_date == 0;
        let expected = if is_moved { before.digest().to_string().into() } else { serde_json::Value::Null };
        assert_eq!([had("1.0"), had("1.1")], [expected, serde_json::Value::Null]);
    }
}

#[tokio::test]
async fn the_bytes_that_were_announced_are_the_bytes_that_were_sent() {
    let (source, target) = sides(&["1.0", "1.1"]).await;
    source.push("app", "2.0", &attested_index(&["linux/amd64", "linux/arm64"]));
    let bytes = Arc::new(Bytes::default());
    let config = mirror(&source, &target, APP) + "concurrency: {tags: 1}\n";
    let summary = app(&config, bytes.clone()).await.run(Mode::Sync, &Stop::default()).await;
    assert_succeeded(&summary);
    assert_eq!(bytes.sized.load(Relaxed), summary.totals.bytes);
    assert_eq!(bytes.copied.load(Relaxed), summary.totals.bytes);
}

const REFERRERS: &str =
    "  - {source: SOURCE/app, target: TARGET/app, referrers: true, tags: [{match: '^1'}]}\n";

/// An index with a signature, a signature of that, an SBOM of one platform, and cosign's tag.
async fn signed() -> Registry {
    let source = Registry::start(Face::Open).await;
    let child = oci_image(&["base"]);
    let root = index(Format::Oci, &[("linux/amd64", child.clone())]);
    source.push("app", "1.0", &root);
    source.push_untagged("app", &artifact("application/vnd.example.signature", "sig", Some(&root)));
    source.push_untagged("app", &artifact("application/vnd.example.sbom", "sbom", Some(&child)));
    let cosign = Draft::new(Format::Oci).layer("cosign").build();
    source.push("app", &format!("sha256-{}.sig", root.digest().hex()), &cosign);
    source
}

#[tokio::test]
async fn what_refers_to_an_image_travels_with_it() {
    let source = signed().await;
    let target = Registry::start(Face::Open).await;
    let config = mirror(&source, &target, REFERRERS);
    assert_succeeded(&sync(&config).await);
    assert_eq!(target.tags("app"), source.tags("app"));
    let (expected, copied) = (source.repository("app").unwrap(), target.repository("app").unwrap());
    assert_eq!(copied.manifests, expected.manifests);
    assert_eq!(copied.blobs, expected.blobs);

    // One that comes later comes with the next run, though the tag is as it was.
    let root = oci_image(&["late"]);
    source.push("app", "1.1", &root);
    assert_succeeded(&sync(&config).await);
    let late = artifact("application/vnd.example.late", "late", Some(&root));
    source.push_untagged("app", &late);
    assert_eq!(sync(&config).await.totals.up_to_date, 2);
    assert!(target.repository("app").unwrap().manifests.contains_key(&late.digest()));
}

#[tokio::test]
async fn without_the_wish_nothing_travels_along() {
    let source = signed().await;
    let target = Registry::start(Face::Open).await;
    let config = mirror(&source, &target, &REFERRERS.replace("referrers: true, ", ""));
    assert_succeeded(&sync(&config).await);
    assert_eq!(target.repository("app").unwrap().manifests.len(), 2);
    assert_eq!(target.tags("app").len(), 1);
}

#[tokio::test]
async fn a_source_without_the_referrers_api_is_read_by_the_fallback_tag() {
    let source = Registry::builder(Face::Open).quirks(|quirks| quirks.referrers = false).start().await;
    let root = oci_image(&["base"]);
    let signature = artifact("application/vnd.example.signature", "sig", Some(&root));
    source.push("app", "1.0", &root);
    let list = index(Format::Oci, &[("", signature.clone())]);
    source.push("app", &format!("sha256-{}", root.digest().hex()), &list);
    let target = Registry::start(Face::Open).await;
    assert_succeeded(&sync(&mirror(&source, &target, REFERRERS)).await);
    assert!(target.repository("app").unwrap().manifests.contains_key(&signature.digest()));
}

#[tokio::test]
async fn a_referrer_that_the_target_refuses_is_forgiven_and_named() {
    let source = signed().await;
    let ecr = Ecr::builder().quirks(|quirks| quirks.refuses.push(Refusal::Referrer)).start().await;
    let side = Side::ecr(&ecr, "create_repositories: true");
    let summary = sync(&mirror(&source, side, REFERRERS)).await;
    assert_succeeded(&summary);
    assert_eq!(ecr.tags("app"), source.tags("app"));
    let (held, offered) =
        (ecr.repository("app").unwrap().manifests, source.repository("app").unwrap().manifests);
    assert_eq!(held.len(), 3);
    let refused: Vec<_> = offered.keys().filter(|digest| !held.contains_key(digest)).collect();
    assert_eq!(refused.len(), summary.warnings.len());
    for digest in refused {
        let named = summary.warnings.iter().filter(|warning| warning.message.contains(&digest.to_string()));
        let messages: Vec<_> = named.map(|warning| (warning.code, warning.message.as_str())).collect();
        let [(code, message)] = messages[..] else { panic!("{messages:?}") };
        assert_eq!(code, "referrer_refused");
        assert!(message.contains("1.0 stays without") && message.contains("refers to sha256:"), "{message}");
    }
    ecr.assert_consistent();
}
