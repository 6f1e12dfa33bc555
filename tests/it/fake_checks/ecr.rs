//! The data plane of the fake ECR and its deviations.

use bytes::Bytes;
use http::Method;
use tagferry::oci::{Digest, MediaType};

use crate::fake::{self, Ecr, Image, Mount, Mutability, Settings};

use super::ecr_api::token;
use super::{Answer, ask};

/// An ECR with the repository `r`, and a token for it.
struct Session {
    ecr: Ecr,
    authorization: String,
}

impl Session {
    async fn start() -> Self {
        Self::of(Ecr::start().await).await
    }

    async fn of(ecr: Ecr) -> Self {
        ecr.create("r", Settings::default());
        let authorization = format!("Basic {}", token(&ecr).await);
        Self { ecr, authorization }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        more: &[(&'static str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let path = path.strip_prefix(&self.ecr.endpoint_url()).unwrap_or(path);
        let mut headers = vec![("authorization", self.authorization.as_str())];
        headers.extend(more);
        ask(method, &format!("http://{}{path}", self.ecr.host()), &headers, body.into()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[], "").await
    }

    async fn put(&self, reference: &str, image: &Image) -> Answer {
        let path = format!("/v2/r/manifests/{reference}");
        self.ask(Method::PUT, &path, &[("content-type", &image.media_type)], image.bytes.clone()).await
    }
}

#[tokio::test]
async fn a_token_is_wanted_and_expires() {
    let session = Session::start().await;
    let bare = ask(Method::GET, &format!("http://{}/v2/", session.ecr.host()), &[], "").await;
    assert_eq!((bare.status, bare.text()), (401, "no basic auth credentials"));
    assert_eq!(session.get("/v2/").await.status, 200);
    session.ecr.expire_tokens();
    let expired = session.get("/v2/").await;
    assert_eq!((expired.status, expired.code().as_str()), (403, "DENIED"));
    assert!(expired.text().contains("Your authorization token has expired. Reauthenticate and try again."));
    let renewed = Session { authorization: format!("Basic {}", token(&session.ecr).await), ..session };
    assert_eq!(renewed.get("/v2/").await.status, 200);
}

#[tokio::test]
async fn nothing_is_made_by_a_push() {
    let session = Session::start().await;
    let text = "The repository with name 'x' does not exist in the registry with id '123456789012'";
    for (method, path) in [
        (Method::POST, "/v2/x/blobs/uploads/"),
        (Method::GET, "/v2/x/tags/list"),
        (Method::GET, "/v2/x/manifests/1"),
        (Method::PUT, "/v2/x/manifests/1"),
    ] {
        let answer = session.ask(method, path, &[], "{}").await;
        assert_eq!((answer.status, answer.code().as_str()), (404, "NAME_UNKNOWN"), "{path}");
        assert!(answer.text().contains(text), "{path}");
    }
}

#[tokio::test]
async fn a_part_answers_201_with_a_range_that_stays_behind() {
    let ecr = Ecr::builder().quirks(|q| q.part_min = 3).start().await;
    let session = Session::of(ecr).await;
    let start = session.ask(Method::POST, "/v2/r/blobs/uploads/", &[], "").await;
    assert!(start.header("location").starts_with(&session.ecr.endpoint_url()));
    let first = session.ask(Method::PATCH, start.header("location"), &[], "abc").await;
    assert_eq!((first.status, first.header("range")), (201, "0-2"));
    let second = session.ask(Method::PATCH, first.header("location"), &[], "def").await;
    assert_eq!((second.status, second.header("range")), (201, "0-2"));
    let resent =
        session.ask(Method::PATCH, second.header("location"), &[("content-range", "3-5")], "def").await;
    assert_eq!(resent.status, 416);
    let path = format!("{}&digest={}", second.header("location"), Digest::of(b"abcdef"));
    assert_eq!(session.ask(Method::PUT, &path, &[], "").await.status, 201);
}

#[tokio::test]
async fn a_small_part_before_the_last_fails_the_upload() {
    let session = Session::start().await;
    let start = session.ask(Method::POST, "/v2/r/blobs/uploads/", &[], "").await;
    let part = session.ask(Method::PATCH, start.header("location"), &[], "abc").await;
    let path = format!("{}&digest={}", part.header("location"), Digest::of(b"abcdef"));
    let answer = session.ask(Method::PUT, &path, &[], "def").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("LayerPartTooSmall"));
}

#[tokio::test]
async fn one_put_with_the_whole_body_works() {
    let session = Session::start().await;
    let start = session.ask(Method::POST, "/v2/r/blobs/uploads/", &[], "").await;
    let path = format!("{}&digest={}", start.header("location"), Digest::of(b"layer"));
    assert_eq!(session.ask(Method::PUT, &path, &[], "layer").await.status, 201);
}

#[tokio::test]
async fn the_digest_is_told_by_head_alone() {
    let session = Session::start().await;
    let image = fake::image(&["layer"]);
    session.ecr.push("r", "1", &image);
    for (method, expected) in [(Method::HEAD, image.digest().to_string()), (Method::GET, String::new())] {
        let answer = session.ask(method, "/v2/r/manifests/1", &[], "").await;
        assert_eq!(answer.header("docker-content-digest"), expected);
    }
}

#[tokio::test]
async fn a_narrow_accept_gets_another_document_by_tag_and_never_by_digest() {
    let session = Session::start().await;
    let image = fake::image(&["layer"]);
    session.ecr.push("r", "1", &image);
    let accept = [("accept", MediaType::OCI_MANIFEST)];
    let converted = session.ask(Method::GET, "/v2/r/manifests/1", &accept, "").await;
    assert_eq!(converted.header("content-type"), MediaType::OCI_MANIFEST);
    assert_ne!(Digest::of(&converted.body), image.digest());
    let path = format!("/v2/r/manifests/{}", image.digest());
    assert_eq!(session.ask(Method::GET, &path, &accept, "").await.body, image.bytes);
}

#[tokio::test]
async fn immutability_has_four_modes_and_refuses_even_the_same_digest() {
    for (mode, exclude, tag, status) in [
        (Mutability::Mutable, &[][..], "21", 201),
        (Mutability::Immutable, &[], "21", 400),
        (Mutability::ImmutableWithExclusion, &["2*", "latest"], "21", 201),
        (Mutability::ImmutableWithExclusion, &["*.1", "latest"], "21", 400),
        (Mutability::MutableWithExclusion, &["*1"], "21", 400),
        (Mutability::MutableWithExclusion, &["*.1"], "21", 201),
    ] {
        let session = Session::start().await;
        session.ecr.create("r", Settings::mutability(mode, exclude));
        let image = fake::image(&["layer"]);
        session.ecr.push("r", tag, &image);
        let answer = session.put(tag, &image).await;
        assert_eq!(answer.status, status, "{mode:?} {exclude:?}");
        if status == 400 {
            assert_eq!(answer.code(), "TAG_INVALID");
            assert!(answer.text().contains("because the tag is immutable."));
        }
        assert_eq!(session.put("new", &image).await.status, 201);
    }
}

#[tokio::test]
async fn what_a_manifest_needs_must_be_there_first() {
    let session = Session::start().await;
    let image = fake::image(&["layer"]);
    let index = fake::index(fake::Format::Oci, &[("linux/amd64", image.clone())]);
    let answer = session.put("1", &index).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "MANIFEST_BLOB_UNKNOWN"));
    assert!(answer.text().contains(&format!("Images with digests '[{}]' required", image.digest())));
    assert!(session.put("1", &image).await.text().contains("Layers with digests"));
    let other = session.put(&Digest::of(b"x").to_string(), &image).await;
    assert!(other.text().contains("does not match the image digest"));
}

#[tokio::test]
async fn more_than_a_thousand_tags_at_once_are_refused_and_a_hundred_is_a_page() {
    let session = Session::start().await;
    for number in 0..150 {
        session.ecr.push("r", &format!("t{number:03}"), &fake::image(&[]));
    }
    assert_eq!(session.get("/v2/r/tags/list?n=1001").await.code(), "UNSUPPORTED");
    for (query, count, link) in [
        ("", 100, r#"</v2/r/tags/list?last=t099&n=100>; rel="next""#),
        ("?n=1000", 150, ""),
        ("?last=t099&n=100", 50, ""),
    ] {
        let page = session.get(&format!("/v2/r/tags/list{query}")).await;
        assert_eq!(page.json()["tags"].as_array().unwrap().len(), count, "{query}");
        assert_eq!(page.header("link"), link, "{query}");
    }
}

#[tokio::test]
async fn a_mount_needs_the_account_setting_the_permission_and_the_same_key() {
    for (mount, denied, key, status) in [
        (Mount::Never, "", None, 202),
        (Mount::Committed, "", None, 201),
        (Mount::Committed, "ecr:GetDownloadUrlForLayer", None, 202),
        (Mount::Committed, "", Some("other".to_owned()), 202),
    ] {
        let session = Session::of(Ecr::builder().quirks(|q| q.mount = mount).start().await).await;
        session.ecr.deny(denied);
        session.ecr.push("from", "1", &fake::image(&["layer"]));
        session.ecr.edit("from", |repository| repository.settings.kms_key.clone_from(&key));
        let path = format!("/v2/r/blobs/uploads/?mount={}&from=from", Digest::of(b"layer"));
        let answer = session.ask(Method::POST, &path, &[], "").await;
        assert_eq!(answer.status, status, "{mount:?} {denied} {key:?}");
    }
}

#[tokio::test]
async fn iam_denies_by_action() {
    let session = Session::start().await;
    let image = fake::image(&["layer"]);
    session.ecr.push("r", "1", &image);
    session.ecr.deny("ecr:PutImage");
    let denied = session.put("1", &image).await;
    assert_eq!((denied.status, denied.code().as_str()), (403, "DENIED"));
    assert!(denied.text().contains(
        "is not authorized to perform: ecr:PutImage on resource: arn:aws:ecr:eu-central-1:123456789012:repository/r"
    ));
    assert_eq!(session.get("/v2/r/manifests/1").await.status, 200);
    session.ecr.allow("ecr:PutImage");
    assert_eq!(session.put("1", &image).await.status, 201);
    session.ecr.assert_consistent();
}
