//! Amazon ECR as a target: its repositories, batches, immutable tags, tokens, permissions and mounts.

use std::sync::Arc;

use jiff::Timestamp;
use tagferry::config::Config;
use tagferry::event::{RunOutcome, RunSummary, TagOutcome};
use tagferry::ledger::Ledger;
use tagferry::oci::Digest;
use tagferry::pass::{Mode, Stop};

use crate::fake::{
    Action, Draft, Ecr, Face, Fault, Format, Image, Kind, Match, Mount, Mutability, Registry, Settings,
    image, oci_image, random_bytes, random_image,
};
use crate::world::{
    APP, Bytes, Side, app, assert_says, assert_succeeded, copy, mirror, mirror_error, only, sync, tag,
    tag_error,
};

/// A source with these tags of `app`, and an empty ECR.
async fn source_and_ecr(tags: &[&str]) -> (Registry, Ecr) {
    let source = Registry::start(Face::Open).await;
    for tag in tags {
        source.push("app", tag, &image(&["base", tag]));
    }
    (source, Ecr::start().await)
}

const POLICY: &str = r#"{"rules":[{"rulePriority":1,"description":"old","selection":{"tagStatus":"untagged","countType":"imageCountMoreThan","countNumber":9},"action":{"type":"expire"}}]}"#;

const PULL: &str = r#"{"Statement":[{"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"],"Effect":"Allow","Principal":{"AWS":"210987654321"}}],"Version":"2012-10-17"}"#;

fn with_settings(ecr: &Ecr) -> Side {
    let settings = "create_repositories: true, repository: {tag_mutability: immutable_with_exclusion, \
                    exclude: [latest, \"21*\"], kms_key: alias/images, tags: {team: platform}, \
                    lifecycle_policy: 'LIFECYCLE', policy: PULL, scan_on_push: true}";
    Side::ecr(ecr, &settings.replace("LIFECYCLE", POLICY).replace("PULL", PULL))
}

#[tokio::test]
async fn a_repository_is_made_as_it_is_configured() {
    let (source, ecr) = source_and_ecr(&["1.0"]).await;
    assert_succeeded(&copy(&source, with_settings(&ecr)).await);
    let expected = Settings {
        mutability: Mutability::ImmutableWithExclusion,
        exclude: vec!["latest".to_owned(), "21*".to_owned()],
        encryption: "KMS".to_owned(),
        kms_key: Some("alias/images".to_owned()),
        tags: [("team".to_owned(), "platform".to_owned())].into(),
        lifecycle_policy: Some(POLICY.to_owned()),
        policy: Some(PULL.to_owned()),
        scan_on_push: true,
    };
    assert_eq!(ecr.repository("app").unwrap().settings, expected);
    assert_eq!(ecr.tags("app"), source.tags("app"));
}

#[tokio::test]
async fn a_repository_that_exists_is_left_as_it_is() {
    let (source, ecr) = source_and_ecr(&["1.0"]).await;
    ecr.create("app", Settings::default());
    assert_succeeded(&copy(&source, with_settings(&ecr)).await);
    assert_eq!(ecr.repository("app").unwrap().settings, Settings::default());
    for operation in ["CreateRepository", "DescribeRepositories", "PutLifecyclePolicy", "SetRepositoryPolicy"]
    {
        assert_eq!(ecr.count(&Match::api(operation)), 0, "{operation}");
    }
}

#[tokio::test]
async fn a_missing_repository_that_is_not_to_be_made_is_told_with_what_to_do() {
    let (source, ecr) = source_and_ecr(&["1.0"]).await;
    let summary = copy(&source, Side::ecr(&ecr, "create_repositories: false")).await;
    let words = [
        "repository/app",
        "does not exist: create it (`aws ecr create-repository --repository-name NAME`)",
        "or set `ecr` → `create_repositories: true`",
    ];
    assert_says(mirror_error(&summary), &words);
    assert!(ecr.repository("app").is_none());
    assert_eq!(source.count(&Match::blob_get()), 0);
}

#[tokio::test]
async fn no_repository_is_made_while_nothing_can_be_copied() {
    let (source, ecr) = source_and_ecr(&["1.0"]).await;
    source.fault(Fault::new(Match::kind(Kind::Manifest), Action::status(404)));
    assert_eq!(copy(&source, &ecr).await.outcome, RunOutcome::Failed);
    assert!(ecr.repository("app").is_none());
}

#[tokio::test]
async fn a_pass_with_nothing_to_do_costs_its_budget() {
    let (source, ecr) = source_and_ecr(&[]).await;
    let image = image(&["one"]);
    let tags = || (0..251).map(|number| (format!("1.{number}"), image.digest()));
    source.push("app", "1.0", &image);
    source.edit("app", |app| app.tags.extend(tags()));
    ecr.push("app", "1.0", &image);
    ecr.edit("app", |app| app.tags.extend(tags()));

    let summary = copy(Side::plain(&source, ""), &ecr).await;
    assert_eq!(summary.totals.up_to_date, 251);
    assert_eq!(ecr.count(&Match::api("DescribeImages")), 1);
    assert_eq!((source.requests().len(), ecr.requests().len()), (1 + 251, 1));
    assert_eq!(summary.totals.requests, 1 + 251 + 1);
}

/// How often an ECR was asked for all images, and for tags, since it was asked this last.
fn looks(ecr: &Ecr, before: &mut (usize, usize)) -> (usize, usize) {
    let now = (ecr.count(&Match::api("DescribeImages")), ecr.count(&Match::api("BatchGetImage")));
    let since = (now.0 - before.0, now.1 - before.1);
    *before = now;
    since
}

#[tokio::test]
async fn where_there_are_more_than_a_thousand_images_tags_are_asked_for_and_that_is_remembered() {
    let (source, ecr) = source_and_ecr(&[]).await;
    let ours = image(&["ours"]);
    for tag in 0..150 {
        let tag = format!("1.{tag}");
        source.push("app", &tag, &ours);
        ecr.push("app", &tag, &ours);
    }
    for other in 0..1000 {
        ecr.push("app", &format!("other-{other}"), &image(&[&other.to_string()]));
    }
    let app = app(&mirror(&source, &ecr, APP), Arc::new(Bytes::default())).await;
    let mut before = (0, 0);
    for expected in [1, 0, 0] {
        let summary = app.run(Mode::Sync, &Stop::default()).await;
        assert_eq!(summary.totals.up_to_date, 150);
        let (all, tags) = looks(&ecr, &mut before);
        // All tags are of one image, which the first page has or has not.
        assert!(all == expected && tags <= 2 && (tags == 2 || expected == 1), "{all} and {tags}");
    }
}

#[tokio::test]
async fn without_leave_to_look_at_all_images_tags_are_asked_for_as_before() {
    let (source, ecr) = source_and_ecr(&["1.0", "1.1"]).await;
    ecr.deny("ecr:DescribeImages");
    let app = app(&mirror(&source, with_settings(&ecr), APP), Arc::new(Bytes::default())).await;
    let mut before = (0, 0);
    assert_eq!(app.run(Mode::Sync, &Stop::default()).await.totals.copied, 2);
    assert_eq!(looks(&ecr, &mut before), (1, 1));
    assert_eq!(app.run(Mode::Sync, &Stop::default()).await.totals.up_to_date, 2);
    assert_eq!(looks(&ecr, &mut before), (0, 1));
}

#[tokio::test]
async fn mirrors_into_one_repository_look_once_in_a_run_and_see_what_the_others_write() {
    let (source, ecr) = source_and_ecr(&["1.0", "1.1"]).await;
    ecr.create("app", Settings::default());
    let both = APP.replace("match: .", "match: '0$'") + &APP.replace("{source", "{name: all, source");
    let config = mirror(&source, &ecr, &both) + "concurrency: {mirrors: 1}\n";
    let app = app(&config, Arc::new(Bytes::default())).await;
    let mut before = (0, 0);
    let first = app.run(Mode::Sync, &Stop::default()).await;
    assert_succeeded(&first);
    // The second mirror finds what the first one wrote, though nobody looked since.
    assert_eq!((first.totals.copied, first.totals.up_to_date), (2, 1), "{first:#?}");
    assert_eq!(looks(&ecr, &mut before), (1, 0));
    // What somebody else changes is seen by the next run.
    ecr.edit("app", |app| app.tags.remove("1.1"));
    let second = app.run(Mode::Sync, &Stop::default()).await;
    assert_eq!((second.totals.copied, second.totals.up_to_date), (1, 2));
    assert_eq!(looks(&ecr, &mut before), (1, 0));
}

#[tokio::test]
async fn what_ecr_has_archived_is_asked_for_at_its_registry() {
    let (source, ecr) = source_and_ecr(&["1.0", "1.1"]).await;
    for tag in ["1.0", "1.1"] {
        ecr.push("app", tag, &image(&["base", tag]));
    }
    ecr.edit("app", |app| app.archived.insert(app.tags["1.0"]));
    assert_eq!(copy(&source, &ecr).await.totals.up_to_date, 2);
    assert_eq!(ecr.count(&Match::manifest_head()), 1);
}

#[tokio::test]
async fn the_record_has_the_time_and_the_size_that_ecr_tells() {
    let (source, ecr) = source_and_ecr(&["1.0"]).await;
    let app_image = image(&["base", "1.0"]);
    ecr.push("app", "1.0", &app_image);
    ecr.edit("app", |app| app.pushed_at.insert(app_image.digest(), 1_750_000_000));
    let config = mirror(&source, &ecr, APP);
    let ledger = Arc::new(Ledger::new(Timestamp::now()));
    let mirrors = Config::parse("test.yaml", &config, &|_| None).unwrap().mirrors;
    ledger.configure(&mirrors, 1, Timestamp::now());
    let app = app(&config, ledger.clone()).await;
    assert_succeeded(&app.run(Mode::Sync, &Stop::default()).await);
    let record = ledger.entries()[0].record(Timestamp::now());
    let pushed_at = Some(Timestamp::from_second(1_750_000_000).unwrap());
    assert_eq!((record.newest.pushed_at, record.tags[0].pushed_at), (pushed_at, pushed_at));
    assert!(record.tags[0].size.unwrap() > 0 && record.tags[0].copied_at.is_none());
}

#[tokio::test]
async fn tags_that_never_move_are_not_asked_for_again() {
    let (source, ecr) = source_and_ecr(&["1.0", "1.1"]).await;
    let source_of = Side::plain(&source, "");
    let config = mirror(source_of, &ecr, &APP.replace("match: .", "match: ., immutable: true"));
    assert_succeeded(&sync(&config).await);
    source.push("app", "1.2", &image(&["base", "1.2"]));
    assert_eq!(sync(&config).await.totals.copied, 1);
    let before = source.requests().len();
    let last = sync(&config).await;
    assert_eq!((last.totals.up_to_date, source.requests().len() - before), (3, 1));
}

#[tokio::test]
async fn blobs_are_asked_for_a_hundred_at_a_time_and_those_at_hand_are_not_fetched() {
    let (source, ecr) = source_and_ecr(&[]).await;
    let layers: Vec<String> = (0..249).map(|number| number.to_string()).collect();
    let image = oci_image(&layers.iter().map(String::as_str).collect::<Vec<_>>());
    source.push("app", "1.0", &image);
    ecr.edit("app", |app| app.blobs = source.repository("app").unwrap().blobs);
    let summary = copy(&source, &ecr).await;
    assert_succeeded(&summary);
    assert_eq!(tag(&summary, "1.0").blobs.present, 250);
    assert_eq!(ecr.count(&Match::api("BatchCheckLayerAvailability")), 3);
    assert_eq!((source.count(&Match::blob_get()), ecr.count(&Match::upload_start())), (0, 0));
}

#[tokio::test]
async fn an_immutable_tag_that_would_move_is_a_conflict_before_any_blob_moves() {
    let (source, ecr) = source_and_ecr(&["1.0", "1.1"]).await;
    ecr.create("app", Settings::mutability(Mutability::Immutable, &[]));
    let old = image(&["old"]);
    ecr.push("app", "1.0", &old);
    ecr.push("app", "1.1", &image(&["base", "1.1"]));
    let summary = copy(&source, &ecr).await;
    assert_eq!(summary.outcome, RunOutcome::Failed);
    assert_eq!(only(&summary).error, None);
    let words = ["conflict: target has", "its tags are immutable", "let the tag move"];
    assert_says(tag_error(&summary, "1.0"), &words);
    assert_eq!(tag(&summary, "1.1").outcome, Some(TagOutcome::UpToDate));
    assert_eq!(ecr.tags("app")["1.0"], old.digest());
    assert_eq!((source.count(&Match::blob_get()), source.count(&Match::manifest_get())), (0, 0));
}

#[tokio::test]
async fn an_excluded_tag_moves() {
    let (source, ecr) = source_and_ecr(&["latest"]).await;
    ecr.create("app", Settings::mutability(Mutability::ImmutableWithExclusion, &["latest"]));
    ecr.push("app", "latest", &image(&["old"]));
    assert_succeeded(&copy(&source, &ecr).await);
    assert_eq!(ecr.tags("app"), source.tags("app"));
}

#[tokio::test]
async fn a_token_that_expired_between_runs_is_renewed_once() {
    let (source, ecr) = source_and_ecr(&["1.0"]).await;
    let app = app(&mirror(&source, &ecr, APP), Arc::new(Bytes::default())).await;
    assert_succeeded(&app.run(Mode::Sync, &Stop::default()).await);
    ecr.expire_tokens();
    for tag in ["1.1", "1.2", "1.3"] {
        source.push("app", tag, &image(&["base", tag]));
    }
    assert_succeeded(&app.run(Mode::Sync, &Stop::default()).await);
    assert_eq!(ecr.tokens_made(), 2);
    assert_eq!(ecr.tags("app"), source.tags("app"));
}

#[tokio::test]
async fn a_denied_action_fails_the_mirror_and_is_named() {
    for action in [
        "ecr:BatchCheckLayerAvailability",
        "ecr:CreateRepository",
        "ecr:TagResource",
        "ecr:PutLifecyclePolicy",
        "ecr:GetAuthorizationToken",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:PutImage",
    ] {
        let (source, ecr) = source_and_ecr(&["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"]).await;
        ecr.deny(action);
        let summary = copy(&source, with_settings(&ecr)).await;
        assert_says(mirror_error(&summary), &[action]);
        assert!(ecr.tags("app").is_empty(), "{action}");
        assert!(ecr.requests().len() < 60, "{} requests for {action}", ecr.requests().len());
    }
}

#[tokio::test]
async fn to_look_at_a_tag_that_was_written_needs_an_action_too() {
    let (source, ecr) = source_and_ecr(&["1.0"]).await;
    ecr.deny("ecr:BatchGetImage");
    assert_says(mirror_error(&copy(&source, with_settings(&ecr)).await), &["ecr:BatchGetImage"]);
    ecr.deny("ecr:DescribeImages");
    let summary = copy(&source, with_settings(&ecr)).await;
    assert_says(mirror_error(&summary), &["cannot ask the target what it has", "ecr:BatchGetImage"]);
}

#[tokio::test]
async fn to_look_whether_a_tag_may_move_needs_an_action_too() {
    let (source, ecr) = source_and_ecr(&["latest"]).await;
    ecr.push("app", "latest", &image(&["old"]));
    ecr.deny("ecr:DescribeRepositories");
    assert_says(mirror_error(&copy(&source, &ecr).await), &["ecr:DescribeRepositories"]);
}

#[tokio::test]
async fn a_denial_for_one_mirror_leaves_the_others_alone() {
    let (source, ecr) = source_and_ecr(&["1.0"]).await;
    source.push("other", "1.0", &image(&["other"]));
    ecr.create("other", Settings::default());
    ecr.deny("ecr:CreateRepository");
    let both = APP.to_owned() + &APP.replace("app", "other");
    let summary = sync(&mirror(&source, &ecr, &both)).await;
    assert_eq!(summary.mirrors[0].outcome, RunOutcome::Failed);
    assert_eq!(summary.mirrors[1].outcome, RunOutcome::Succeeded);
    assert_eq!(ecr.tags("other"), source.tags("other"));
}

/// Two mirrors whose images have the same layers.
fn two_mirrors(source: &Registry, ecr: &Ecr, image: &Image) -> String {
    source.push("app", "1.0", image);
    source.push("other", "1.0", image);
    mirror(source, ecr, &(APP.to_owned() + &APP.replace("app", "other")))
}

/// How many blobs arrived by upload and by mount.
fn arrivals(summary: &RunSummary) -> (u64, u64) {
    let blobs = summary.mirrors.iter().flat_map(|mirror| &mirror.tags).map(|tag| tag.blobs);
    blobs.fold((0, 0), |(uploaded, mounted), blobs| (uploaded + blobs.uploaded, mounted + blobs.mounted))
}

#[tokio::test]
async fn a_blob_of_two_mirrors_is_fetched_once_and_mounted_where_ecr_does_that() {
    for concurrency in ["", "concurrency: {mirrors: 1}\n"] {
        let source = Registry::start(Face::Open).await;
        let ecr = Ecr::builder().quirks(|quirks| quirks.mount = Mount::Committed).start().await;
        let config = two_mirrors(&source, &ecr, &oci_image(&["base", "app"])) + concurrency;
        let summary = sync(&config).await;
        assert_succeeded(&summary);
        assert_eq!(arrivals(&summary), (3, 3));
        assert_eq!(source.count(&Match::blob_get()), 3);
        ecr.assert_consistent();
    }
}

#[tokio::test]
async fn where_ecr_does_not_mount_a_blob_is_sent_to_each_repository() {
    let source = Registry::start(Face::Open).await;
    let ecr = Ecr::start().await;
    let summary = sync(&two_mirrors(&source, &ecr, &oci_image(&["base", "app"]))).await;
    assert_succeeded(&summary);
    assert_eq!(arrivals(&summary), (6, 0));
    ecr.assert_consistent();
}

#[tokio::test]
async fn a_large_blob_of_an_earlier_run_is_mounted_from_another_repository() {
    const LARGE: usize = 2 * 1024 * 1024;
    for (mount, expected) in [(Mount::Committed, (1, 1)), (Mount::Never, (2, 0))] {
        let source = Registry::start(Face::Open).await;
        let ecr = Ecr::builder().quirks(|quirks| quirks.mount = mount).start().await;
        let image = random_image(1, &[LARGE]);
        let config = two_mirrors(&source, &ecr, &image);
        ecr.push("app", "1.0", &image);
        let summary = sync(&config).await;
        assert_succeeded(&summary);
        // The config is too small to be worth the question.
        assert_eq!(arrivals(&summary), expected);
        ecr.assert_consistent();
    }
}

#[tokio::test]
async fn a_large_blob_that_is_not_mounted_is_sent_once_for_all_tags() {
    const LARGE: usize = 2 * 1024 * 1024;
    let (source, ecr) = source_and_ecr(&[]).await;
    let large = random_bytes(1, LARGE);
    for tag in ["1.0", "1.1", "1.2"] {
        source.push("app", tag, &Draft::new(Format::Oci).layer(large.clone()).layer(tag).build());
    }
    source.push("other", "1.0", &random_image(1, &[LARGE]));
    ecr.push("other", "1.0", &random_image(1, &[LARGE]));
    let both = APP.to_owned() + &APP.replace("app", "other");
    assert_succeeded(&sync(&mirror(&source, &ecr, &both)).await);
    let layer = Digest::of(&large).to_string();
    assert_eq!(source.count(&Match::blob_get().containing(&layer)), 1);
    assert_eq!(ecr.count(&Match::upload_put().containing(layer.trim_start_matches("sha256:"))), 1);
}

#[tokio::test]
async fn ecr_is_a_source_like_any_other() {
    let ecr = Ecr::start().await;
    let image = image(&["base"]);
    ecr.push("app", "v0", &image);
    ecr.edit("app", |app| app.tags.extend((1..1500).map(|n| (format!("v{n}"), image.digest()))));
    let target = Registry::start(Face::Open).await;
    let config = mirror(&ecr, &target, &APP.replace("match: .", "match: '^v[0-9]+$', newest: 2"));
    assert_succeeded(&sync(&config).await);
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["v1498", "v1499"]);
    assert_eq!((ecr.count(&Match::tags()), ecr.tokens_made()), (2, 1));
}
