//! Mirrors between real registries, read back by another program.

use std::collections::BTreeSet;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixtures::image::Image;
use crate::fixtures::realm::PASSWORD;
use crate::programs::distribution::Distribution;
use crate::programs::ministack::{ACCOUNT, Ministack, REGION};
use crate::programs::skopeo::Skopeo;
use crate::programs::tagferry::{SYNC, Tagferry};

const PLAN: &[&str] = &["plan", "--output", "json"];
const LAYER_BYTES: usize = 8 * 1024 * 1024;

/// The tags of `java/jdk` at the source. The rules of `mirror` select the last three.
fn jdk() -> Vec<(&'static str, Image)> {
    vec![
        ("21.0.9-oraclelinux9", Image::docker("jdk 21.0.9 of oraclelinux9", 5_000)),
        ("21.0.9", Image::docker("jdk 21.0.9", 5_000)),
        ("21.0.10", Image::docker("jdk 21.0.10", LAYER_BYTES)),
        ("21.0.11", Image::docker("jdk 21.0.11", 5_000)),
        ("25", Image::multi_platform("jdk 25.0.1")),
    ]
}

async fn with_jdk(source: Distribution) -> Distribution {
    for (tag, image) in jdk() {
        source.pusher().push("java/jdk", tag, &image).await;
    }
    source
}

/// A configuration of one mirror between two hosts, with what `target_settings` says of the target's.
fn mirror(source: &Distribution, target: &str, target_settings: &str) -> Tagferry {
    let source = source.address();
    Tagferry::configured(&format!(
        r#"
mirrors:
  - source: {source}/java/jdk
    target: {target}/oracle/jdk
    tags:
      - match: ^21\.0\.[0-9]+$
        newest: 2
      - match: ^25$
registries:
  "{source}":
    plain_http: true
    credentials: {{username: "${{OCR_USERNAME}}", password: "${{OCR_AUTH_TOKEN}}"}}
  "{target}":
    plain_http: true
{target_settings}
"#
    ))
}

fn mirror_to_ecr(source: &Distribution, target: &Ministack, create_repositories: bool) -> Tagferry {
    let ecr = format!(
        r#"    ecr:
      region: {REGION}
      account: "{ACCOUNT}"
      endpoint_url: {}
      create_repositories: {create_repositories}"#,
        target.endpoint_url()
    );
    mirror(source, &target.address(), &ecr)
}

async fn repositories(ministack: &Ministack) -> Vec<String> {
    let answer = ministack.ecr().describe_repositories().send().await.unwrap();
    answer.repositories().iter().map(|repository| repository.repository_name().unwrap().to_owned()).collect()
}

/// Every selected image is at `target`, byte for byte and complete, and no other tag is.
async fn assert_mirrored(target: &str) {
    let repository = format!("{target}/oracle/jdk");
    let selected: Vec<_> = jdk().into_iter().skip(2).collect();
    let tags: BTreeSet<_> = selected.iter().map(|(tag, _)| (*tag).to_owned()).collect();
    assert_eq!(Skopeo::Anonymous.tags(&repository).await, tags);
    for (tag, image) in selected {
        let name = format!("{repository}:{tag}");
        assert_eq!(Skopeo::Anonymous.digest(&name).await, Ok(image.digest()), "{tag}");
        let folder = TempDir::new().unwrap();
        Skopeo::Anonymous.copy_to(folder.path(), &name).await.unwrap();
    }
}

#[track_caller]
fn assert_totals(document: &Value, selected: u64, copied: u64, up_to_date: u64, failed: u64) {
    let totals = &document["totals"];
    let actual = ["selected", "copied", "up_to_date", "failed"].map(|key| totals[key].as_u64());
    assert_eq!(actual, [selected, copied, up_to_date, failed].map(Some), "{document:#}");
}

#[tokio::test]
async fn oracles_newest_tags_arrive_in_ecr_unchanged() {
    let (source, target) = (with_jdk(Distribution::like_oracle().await).await, Ministack::start().await);
    let ran = mirror_to_ecr(&source, &target, true).run(SYNC).await;
    let document = ran.document(0);
    assert_eq!(document["outcome"], "succeeded");
    assert_totals(&document, 3, 3, 0, 0);
    assert_mirrored(&target.address()).await;
    let scopes: BTreeSet<_> = source.granted().into_iter().collect();
    assert_eq!(scopes, BTreeSet::from(["repository:java/jdk:pull".to_owned()]));
}

#[tokio::test]
async fn a_second_sync_to_ecr_copies_nothing() {
    let (source, target) = (with_jdk(Distribution::like_oracle().await).await, Ministack::start().await);
    let tagferry = mirror_to_ecr(&source, &target, true);
    tagferry.run(SYNC).await.document(0);
    let document = tagferry.run(SYNC).await.document(0);
    assert_totals(&document, 3, 0, 3, 0);
    assert_eq!(document["totals"]["bytes"], 0);
    // Of the source: the list and its 401, a token, three HEADs. Of ECR: one look.
    assert_eq!(document["totals"]["requests"], 7);
}

#[tokio::test]
async fn a_missing_ecr_repository_fails_clearly_unless_it_may_be_created() {
    let (source, target) = (with_jdk(Distribution::like_oracle().await).await, Ministack::start().await);
    let ran = mirror_to_ecr(&source, &target, false).run(SYNC).await;
    assert_eq!(ran.document(1)["outcome"], "failed");
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("oracle/jdk") && said.contains("create_repositories"), "{said}");
    assert!(repositories(&target).await.is_empty());

    mirror_to_ecr(&source, &target, true).run(SYNC).await.document(0);
    assert_eq!(repositories(&target).await, ["oracle/jdk"]);
}

#[tokio::test]
async fn a_plan_says_what_sync_would_do_and_writes_nothing() {
    let (source, target) = (with_jdk(Distribution::like_oracle().await).await, Ministack::start().await);
    let document = mirror_to_ecr(&source, &target, true).run(PLAN).await.document(0);
    let tags = document["mirrors"][0]["tags"].as_array().unwrap();
    let planned: BTreeSet<_> = tags
        .iter()
        .filter(|tag| tag["action"] == "copy")
        .map(|tag| (tag["tag"].as_str().unwrap().to_owned(), tag["digest"].as_str().unwrap().to_owned()))
        .collect();
    let expected = jdk().into_iter().skip(2).map(|(tag, image)| (tag.to_owned(), image.digest().to_string()));
    assert_eq!(planned, expected.collect());
    assert!(repositories(&target).await.is_empty());
}

#[tokio::test]
async fn a_plain_registry_is_a_target_too_and_moved_tags_follow() {
    let source = with_jdk(Distribution::open().await).await;
    let target = Distribution::open_on_disk().await;
    let tagferry = mirror(&source, &target.address(), "");
    assert_totals(&tagferry.run(SYNC).await.document(0), 3, 3, 0, 0);
    assert_mirrored(&target.address()).await;

    let moved = Image::multi_platform("jdk 25.0.2");
    source.pusher().push("java/jdk", "25", &moved).await;
    assert_totals(&tagferry.run(SYNC).await.document(0), 3, 1, 2, 0);
    let name = format!("{}/oracle/jdk:25", target.address());
    assert_eq!(Skopeo::Anonymous.digest(&name).await, Ok(moved.digest()));
}

#[tokio::test]
async fn repositories_are_discovered_in_a_real_catalogue() {
    let (source, target) = (Distribution::like_oracle().await, Distribution::open().await);
    for repository in ["team/api", "team/web", "team/web-dev", "ops/db"] {
        source.pusher().push(repository, "1.0", &Image::docker(repository, 1_000)).await;
    }
    let (from, to) = (source.address(), target.address());
    let tagferry = Tagferry::configured(&format!(
        r#"
mirrors:
  - {{source: "{from}/team/*", except: -dev$, target: "{to}/copy/{{path}}", tags: ["1.0"]}}
registries:
  "{from}": {{plain_http: true, credentials: {{username: "${{OCR_USERNAME}}", password: "${{OCR_AUTH_TOKEN}}"}}}}
  "{to}": {{plain_http: true}}
"#
    ));
    let document = tagferry.run(SYNC).await.document(0);
    let mirrors = document["mirrors"].as_array().unwrap();
    let names: Vec<_> = mirrors.iter().filter_map(|mirror| mirror["name"].as_str()).collect();
    assert_eq!(names, [format!("{from}/team/api"), format!("{from}/team/web")]);
    for name in ["team/api", "team/web"] {
        let tags = Skopeo::Anonymous.tags(&format!("{to}/copy/{name}")).await;
        assert_eq!(tags, BTreeSet::from(["1.0".to_owned()]));
    }
    assert!(source.granted().contains(&"registry:catalog:*".to_owned()), "{:?}", source.granted());
}

#[tokio::test]
async fn tags_prints_the_tags_that_skopeo_lists() {
    let (source, target) = (with_jdk(Distribution::like_oracle().await).await, Distribution::open().await);
    let repository = format!("{}/java/jdk", source.address());
    let tagferry = mirror(&source, &target.address(), "");
    let document = tagferry.run(&["tags", &repository, "--output", "json"]).await.document(0);
    assert_eq!(document["name"], "java/jdk");
    let tags: BTreeSet<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()).collect();
    assert_eq!(tags, Skopeo::WithCredentials.tags(&repository).await);
}

#[tokio::test]
async fn refused_credentials_fail_the_mirror_and_stay_secret() {
    let (source, target) = (with_jdk(Distribution::like_oracle().await).await, Ministack::start().await);
    let (address, endpoint) = (source.address(), target.address());
    let tagferry = Tagferry::configured(&format!(
        r#"
mirrors:
  - source: {address}/java/jdk
    target: {endpoint}/oracle/jdk
    tags: [{{match: ^25$}}]
registries:
  "{address}": {{plain_http: true, credentials: {{username: somebody-else, password: "${{OCR_AUTH_TOKEN}}"}}}}
  "{endpoint}": {{plain_http: true}}
"#
    ));
    let ran = tagferry.run(SYNC).await;
    let document = ran.document(1);
    let error = document["mirrors"][0]["error"].as_str().unwrap();
    assert!(error.contains("401") || error.contains("unauthorized"), "{error}");
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains(PASSWORD));
}
