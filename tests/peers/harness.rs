//! The peers are what the other tests take them for.

use std::collections::BTreeSet;

use reqwest::{StatusCode, header};
use tempfile::TempDir;

use crate::fixtures::image::Image;
use crate::programs::distribution::Distribution;
use crate::programs::ministack::{ACCOUNT, Ministack};
use crate::programs::skopeo::Skopeo;

#[tokio::test]
async fn a_registry_like_oracles_answers_with_oracles_challenge() {
    let registry = Distribution::like_oracle().await;
    let url = format!("http://{}/v2/java/jdk/tags/list", registry.address());
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let challenge = answer.headers()[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(challenge.starts_with("Bearer realm=\"http://127.0.0.1:"), "{challenge}");
    assert!(
        challenge.ends_with("/auth\",service=\"Oracle Registry\",scope=\"repository:java/jdk:pull\""),
        "{challenge}"
    );
}

#[tokio::test]
async fn the_realm_gives_a_token_for_the_right_credentials_only() {
    let registry = Distribution::like_oracle().await;
    let image = Image::docker("jdk 21.0.7", 10_000);
    registry.pusher().push("java/jdk", "21.0.7", &image).await;
    let name = format!("{}/java/jdk:21.0.7", registry.address());

    Skopeo::Anonymous.digest(&name).await.expect_err("no credentials");
    assert!(registry.granted().is_empty());
    assert_eq!(Skopeo::WithCredentials.digest(&name).await, Ok(image.digest()));
    assert_eq!(registry.granted(), ["repository:java/jdk:pull"]);
}

#[tokio::test]
async fn skopeo_reads_from_distribution_what_was_pushed() {
    for registry in [Distribution::open().await, Distribution::open_on_disk().await] {
        let (single, multi) = (Image::docker("jdk 21.0.7", 10_000), Image::multi_platform("jdk 25.0.1"));
        registry.pusher().push("java/jdk", "21.0.7", &single).await;
        registry.pusher().push("java/jdk", "25.0.1", &multi).await;

        let repository = format!("{}/java/jdk", registry.address());
        let tags = Skopeo::Anonymous.tags(&repository).await;
        assert_eq!(tags, BTreeSet::from(["21.0.7".to_owned(), "25.0.1".to_owned()]));
        assert_eq!(Skopeo::Anonymous.digest(&format!("{repository}:21.0.7")).await, Ok(single.digest()));
        assert_eq!(Skopeo::Anonymous.digest(&format!("{repository}:25.0.1")).await, Ok(multi.digest()));
        let folder = TempDir::new().unwrap();
        Skopeo::Anonymous.copy_to(folder.path(), &format!("{repository}:25.0.1")).await.unwrap();
    }
}

#[tokio::test]
async fn ministacks_registry_and_api_share_repositories_and_images() {
    let ministack = Ministack::start().await;
    let created = ministack.ecr().create_repository().repository_name("oracle/jdk").send().await.unwrap();
    assert_eq!(created.repository().unwrap().registry_id(), Some(ACCOUNT));

    let image = Image::multi_platform("jdk 25.0.1");
    ministack.pusher().push("oracle/jdk", "25.0.1", &image).await;
    let name = format!("{}/oracle/jdk:25.0.1", ministack.address());
    assert_eq!(Skopeo::Anonymous.digest(&name).await, Ok(image.digest()));
    let folder = TempDir::new().unwrap();
    Skopeo::Anonymous.copy_to(folder.path(), &name).await.unwrap();

    let images = ministack.ecr().describe_images().repository_name("oracle/jdk").send().await.unwrap();
    let tagged = images.image_details().iter().find(|image| !image.image_tags().is_empty()).unwrap();
    assert_eq!(tagged.image_digest(), Some(image.digest().to_string().as_str()));
}

#[tokio::test]
async fn ministack_creates_no_repository_on_push() {
    let ministack = Ministack::start().await;
    let url = format!("{}/v2/oracle/jdk/blobs/uploads/", ministack.endpoint_url());
    let answer = reqwest::Client::new().post(url).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let body = answer.text().await.unwrap();
    assert!(body.contains("NAME_UNKNOWN"), "{body}");
}
