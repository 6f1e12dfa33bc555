//! Tags by name, images by digest, and their names in the target.

use tagferry::event::{Action, MirrorSummary, RunSummary, TagOutcome};

use crate::fake::{Ecr, Face, Match, Mutability, Registry, Settings, attested_index, image};
use crate::world::{assert_says, assert_succeeded, mirror, only, plan, sync, tag, tag_error};

/// A source with these tags of `app`, each another image, and an empty target.
async fn sides(tags: &[&str]) -> (Registry, Registry) {
    let source = Registry::start(Face::Open).await;
    for tag in tags {
        source.push("app", tag, &image(&["base", tag]));
    }
    (source, Registry::start(Face::Open).await)
}

/// The configuration of one mirror with these `tags`.
fn tags(source: &Registry, target: &Registry, tags: &str) -> String {
    mirror(source, target, &format!("  - {{source: SOURCE/app, target: TARGET/app, tags: {tags}}}\n"))
}

/// The names in the target, each with the tag of the source that is the same image.
fn names(source: &Registry, target: &Registry) -> Vec<String> {
    let at_source = source.tags("app");
    let of = |digest| at_source.iter().find(|(_, known)| **known == digest).map_or("?", |(tag, _)| tag);
    target.tags("app").into_iter().map(|(name, digest)| format!("{name}={}", of(digest))).collect()
}

fn codes(mirror: &MirrorSummary) -> Vec<&str> {
    mirror.warnings.iter().map(|warning| warning.code).collect()
}

fn conflicts(run: &RunSummary) -> Vec<String> {
    let tags = only(run).tags.iter().filter(|tag| tag.action == Some(Action::Conflict));
    tags.map(|tag| tag.error.as_ref().unwrap().to_string()).collect()
}

#[tokio::test]
async fn tags_by_name_need_no_list_and_one_that_is_not_there_fails_alone() {
    let (source, target) = sides(&["1.10", "1.11", "latest"]).await;
    assert_succeeded(&sync(&tags(&source, &target, "[1.10, latest]")).await);
    assert_eq!(names(&source, &target), ["1.10=1.10", "latest=latest"]);
    assert_eq!(source.count(&Match::tags()), 0);

    let asked = source.count(&Match::manifest_head());
    let again = sync(&tags(&source, &target, "[1.10, latest]")).await;
    assert_eq!((again.totals.up_to_date, source.count(&Match::manifest_head()) - asked), (2, 2));

    let summary = sync(&tags(&source, &target, "[1.12, 1.11]")).await;
    assert_eq!((summary.totals.selected, summary.totals.copied, summary.totals.failed), (2, 1, 1));
    assert_eq!(only(&summary).error, None);
    let missing = tag(&summary, "1.12");
    assert_eq!((missing.digest, missing.outcome), (None, Some(TagOutcome::Failed)));
    assert_says(tag_error(&summary, "1.12"), &["there is no tag 1.12; the nearest: 1.10, 1.11"]);
    // The list is read for these names alone.
    assert_eq!(source.count(&Match::tags()), 1);
}

#[tokio::test]
async fn tags_by_name_and_by_pattern_go_together() {
    let (source, target) = sides(&["1.0", "1.1", "latest"]).await;
    let summary = sync(&tags(&source, &target, r"[latest, {match: '^1\.', newest: 1}, 2.0]")).await;
    assert_eq!(names(&source, &target), ["1.1=1.1", "latest=latest"]);
    assert_eq!((summary.totals.selected, summary.totals.failed), (3, 1));
    assert_says(tag_error(&summary, "2.0"), &["there is no tag 2.0; the nearest: 1.0"]);
    assert_eq!(source.count(&Match::tags()), 1);
}

#[tokio::test]
async fn a_pin_keeps_its_digest_and_tells_that_the_tag_has_moved() {
    let (source, target) = sides(&["latest"]).await;
    let pinned = source.tags("app")["latest"];
    let config = tags(&source, &target, &format!("[{{tag: latest, digest: '{pinned}'}}]"));
    let first = sync(&config).await;
    assert_succeeded(&first);
    assert_eq!(codes(only(&first)), [""; 0]);

    let moved = image(&["base", "moved"]);
    source.push("app", "latest", &moved);
    for _ in 0..2 {
        let summary = sync(&config).await;
        assert_succeeded(&summary);
        assert_eq!((target.tags("app")["latest"], codes(only(&summary))), (pinned, vec!["pinned_tag_moved"]));
        assert_says(&only(&summary).warnings[0].message, &[&moved.digest().to_string(), &pinned.to_string()]);
    }
    // A target that the tag once moved in is put right.
    target.push("app", "latest", &moved);
    assert_succeeded(&sync(&config).await);
    assert_eq!(target.tags("app")["latest"], pinned);
}

#[tokio::test]
async fn an_image_by_its_digest_alone_arrives_without_a_tag_once() {
    let source = Registry::start(Face::Open).await;
    let platforms = attested_index(&["linux/amd64", "linux/arm64"]);
    source.push_untagged("app", &platforms);
    let target = Registry::start(Face::Open).await;
    let digest = platforms.digest();
    let config = tags(&source, &target, &format!("[{{digest: '{digest}'}}]"));
    let summary = sync(&config).await;
    assert_succeeded(&summary);
    assert!(target.tags("app").is_empty());
    assert!(target.repository("app").unwrap().manifests.contains_key(&digest));
    target.assert_consistent();
    let json = serde_json::to_value(&only(&summary).tags[0]).unwrap();
    assert_eq!((&json["tag"], &json["digest"]), (&digest.to_string().into(), &digest.to_string().into()));
    let again = sync(&config).await;
    // `/v2/` and the digest.
    assert_eq!((again.totals.up_to_date, again.totals.requests), (1, 2));

    let called = tags(&source, &target, &format!("[{{digest: '{digest}', as: [a, b]}}]"));
    assert_succeeded(&sync(&called).await);
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn ecr_takes_an_image_without_a_tag_too() {
    let (source, _) = sides(&["1"]).await;
    let (ecr, digest) = (Ecr::start().await, source.tags("app")["1"]);
    let rule = format!("  - {{source: SOURCE/app, target: TARGET/app, tags: [{{digest: '{digest}'}}]}}\n");
    for outcome in [TagOutcome::Copied, TagOutcome::UpToDate] {
        let summary = sync(&mirror(&source, &ecr, &rule)).await;
        assert_eq!(tag(&summary, &digest.to_string()).outcome, Some(outcome));
    }
    ecr.assert_consistent();
}

#[tokio::test]
async fn names_in_the_target_come_from_the_tag_and_its_groups() {
    let (source, target) = sides(&["17.0.8", "17.0.9", "21.0.1"]).await;
    let rules = r"[{match: '^(?<line>[0-9]+)\.', newest: 1, per: line, as: ['{line}-newest', 'jdk-{tag}']}, {tag: 17.0.8, as: old}]";
    let config = tags(&source, &target, rules);
    let summary = sync(&config).await;
    assert_succeeded(&summary);
    let expected =
        ["17-newest=17.0.9", "21-newest=21.0.1", "jdk-17.0.9=17.0.9", "jdk-21.0.1=21.0.1", "old=17.0.8"];
    assert_eq!(names(&source, &target), expected);
    let json = serde_json::to_value(tag(&summary, "21-newest")).unwrap();
    assert_eq!((&json["tag"], &json["source_tag"]), (&"21-newest".into(), &"21.0.1".into()));
    // Each tag is asked for once, however many names it has.
    let asked = source.count(&Match::manifest_head());
    assert_eq!(sync(&config).await.totals.up_to_date, 5);
    assert_eq!(source.count(&Match::manifest_head()) - asked, 3);
    // A new one takes the name over.
    source.push("app", "21.0.2", &image(&["base", "21.0.2"]));
    assert_succeeded(&sync(&config).await);
    assert!(names(&source, &target).contains(&"21-newest=21.0.2".to_owned()));
}

#[tokio::test]
async fn a_tag_that_can_have_no_such_name_fails_alone() {
    let (source, target) = sides(&["1.0-ol9", "1.0"]).await;
    let config = tags(&source, &target, "[{match: '^1.0(-(?<os>.*))?$', as: '{os}'}]");
    let summary = sync(&config).await;
    assert_eq!(names(&source, &target), ["ol9=1.0-ol9"]);
    assert_says(tag_error(&summary, "1.0"), &["`as: {os}` has no name for 1.0"]);
}

#[tokio::test]
async fn two_images_under_one_name_are_conflicts_that_name_both_and_nothing_moves() {
    let (source, target) = sides(&["1.0", "1.1", "2.0"]).await;
    let config = tags(&source, &target, r"[{match: '^1', as: one}, {tag: 2.0, as: one}, {tag: 2.0}]");
    for run in [plan(&config).await, sync(&config).await] {
        let told = conflicts(&run);
        assert_eq!(told.len(), 3, "{run:#?}");
        assert_says(&told[0], &["tags[1] wants it here, tags[0] gives this name to 1."]);
        assert_says(&told[1], &["gives this name to", "give each a name of its own by `as`"]);
    }
    assert_eq!(names(&source, &target), ["2.0=2.0"]);
}

#[tokio::test]
async fn an_immutable_name_is_a_conflict_before_anything_moves() {
    let (source, ecr) = (sides(&["1.0", "1.1"]).await.0, Ecr::start().await);
    ecr.create("app", Settings::mutability(Mutability::Immutable, &[]));
    let rule = "  - {source: SOURCE/app, target: TARGET/app, tags: [{match: ., newest: 1, as: newest}]}\n";
    let config = mirror(&source, &ecr, rule);
    assert_succeeded(&sync(&config).await);
    source.push("app", "1.2", &image(&["base", "1.2"]));
    let summary = sync(&config).await;
    assert_eq!(summary.totals.bytes, 0);
    assert_says(tag_error(&summary, "newest"), &["conflict: target has", "its tags are immutable"]);
}
