//! The Registry API of the fakes.

use http::Method;
use tagferry::oci::{Digest, MediaType};

use crate::fake::{self, Accept, Face, LinkStyle, Location, Match, Mount, Refusal, Registry};

use super::{ask, get};

#[tokio::test]
async fn tags_come_in_pages_whose_links_have_the_chosen_style() {
    let path = "/v2/a/tags/list";
    for (style, expected) in [
        (LinkStyle::Relative, format!("<{path}?last=2&n=2>; rel=\"next\"")),
        (LinkStyle::Absolute, format!("<http://HOST{path}?last=2&n=2>; rel=\"next\"")),
        (LinkStyle::WithoutSlash, format!("<{}?last=2&n=2>; rel=\"next\"", &path[1..])),
        (LinkStyle::Cursor, format!("<{path}?n=2&next_page=Mg>; rel=\"next\"")),
        (LinkStyle::Host("up.test"), format!("<https://up.test{path}?last=2&n=2>; rel=\"next\"")),
        (LinkStyle::Looping, format!("<{path}?last=&n=2>; rel=\"next\"")),
        (LinkStyle::Endless, format!("<{path}?last=1&n=1>; rel=\"next\"")),
        (LinkStyle::Missing, String::new()),
    ] {
        let registry = Registry::builder(Face::Open).quirks(|q| q.link = style.clone()).start().await;
        for tag in ["1", "2", "3"] {
            registry.push("a", tag, &fake::image(&[]));
        }
        let answer = get(&format!("http://{}{path}?n=2", registry.host())).await;
        assert_eq!(answer.header("link"), expected.replace("HOST", &registry.host()), "{style:?}");
    }
}

#[tokio::test]
async fn the_last_page_has_no_link_and_a_cursor_leads_to_it() {
    let registry = Registry::start(Face::Open).await;
    for tag in ["1", "2", "3"] {
        registry.push("a", tag, &fake::image(&[]));
    }
    for query in ["n=2&last=2", "n=2&next_page=Mg"] {
        let answer = get(&format!("http://{}/v2/a/tags/list?{query}", registry.host())).await;
        assert_eq!(answer.json()["tags"], serde_json::json!(["3"]), "{query}");
        assert_eq!(answer.header("link"), "", "{query}");
    }
}

#[tokio::test]
async fn repositories_come_in_pages_too_unless_there_is_no_list() {
    let registry = Registry::start(Face::Open).await;
    for repository in ["a", "b/c", "d"] {
        registry.push(repository, "1", &fake::image(&[]));
    }
    let url = format!("http://{}/v2/_catalog", registry.host());
    let answer = get(&format!("{url}?n=2")).await;
    assert_eq!(answer.json()["repositories"], serde_json::json!(["a", "b/c"]));
    assert_eq!(answer.header("link"), r#"</v2/_catalog?last=b/c&n=2>; rel="next""#);
    assert_eq!(get(&format!("{url}?n=2&last=b/c")).await.json()["repositories"], serde_json::json!(["d"]));
    let silent = Registry::builder(Face::Open).quirks(|quirks| quirks.catalogue = false).start().await;
    assert_eq!(get(&format!("http://{}/v2/_catalog", silent.host())).await.status, 404);
}

#[tokio::test]
async fn blobs_are_read_in_part() {
    let registry = Registry::start(Face::Open).await;
    registry.push("a", "1", &fake::image(&["0123456789"]));
    let digest = Digest::of(b"0123456789");
    let url = format!("http://{}/v2/a/blobs/{digest}", registry.host());
    let etag = format!("\"{digest}\"");
    for (headers, status, body) in [
        (vec![("range", "bytes=4-")], 206, "456789"),
        (vec![("range", "bytes=4-5"), ("if-range", etag.as_str())], 206, "45"),
        (vec![("range", "bytes=4-"), ("if-range", "\"other\"")], 200, "0123456789"),
        (vec![("range", "bytes=10-")], 416, ""),
        (vec![], 200, "0123456789"),
    ] {
        let answer = ask(Method::GET, &url, &headers, "").await;
        assert_eq!((answer.status, answer.text()), (status, body), "{headers:?}");
    }
    let head = ask(Method::HEAD, &url, &[], "").await;
    assert_eq!((head.header("content-length"), head.header("etag")), ("10", etag.as_str()));
    let plain = Registry::builder(Face::Open).quirks(|q| q.ranges = false).start().await;
    plain.push("a", "1", &fake::image(&["0123456789"]));
    let url = format!("http://{}/v2/a/blobs/{digest}", plain.host());
    assert_eq!(ask(Method::GET, &url, &[("range", "bytes=4-")], "").await.status, 200);
}

#[tokio::test]
async fn redirected_blobs_refuse_credentials_and_old_addresses() {
    let registry = Registry::builder(Face::Open).blobs_elsewhere().start().await;
    registry.push("a", "1", &fake::image(&["layer"]));
    let url = format!("http://{}/v2/a/blobs/{}", registry.host(), Digest::of(b"layer"));
    let redirect = get(&url).await;
    let link = redirect.header("location");
    assert!(link.starts_with(&format!("http://{}/", registry.storage().host())), "{link}");
    assert!(link.contains("X-Amz-Signature="), "{link}");
    assert_eq!(get(link).await.text(), "layer");
    assert_eq!(ask(Method::GET, link, &[("range", "bytes=3-")], "").await.text(), "er");
    let refused = ask(Method::GET, link, &[("authorization", "Bearer t")], "").await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("Only one auth mechanism allowed"));
    assert_eq!(ask(Method::HEAD, link, &[], "").await.status, 403);
    registry.expire_links();
    assert_eq!(get(link).await.status, 403);
    assert_eq!(ask(Method::HEAD, &url, &[], "").await.status, 200);
}

#[tokio::test]
async fn an_upload_is_verified_and_its_old_locations_are_stale() {
    let registry = Registry::start(Face::Open).await;
    let base = format!("http://{}", registry.host());
    let start = ask(Method::POST, &format!("{base}/v2/a/blobs/uploads/"), &[], "").await;
    assert_eq!(start.status, 202);
    let first = format!("{base}{}", start.header("location"));
    let patched = ask(Method::PATCH, &first, &[], "lay").await;
    assert_eq!((patched.status, patched.header("range")), (202, "0-2"));
    assert_eq!(ask(Method::PATCH, &first, &[], "er").await.code(), "BLOB_UPLOAD_INVALID");
    let next = format!("{base}{}", patched.header("location"));
    let wrong = ask(Method::PATCH, &next, &[("content-range", "9-10")], "er").await;
    assert_eq!(wrong.status, 416);
    let put = format!("{next}&digest={}", Digest::of(b"layer"));
    assert_eq!(ask(Method::PUT, &put, &[], "er").await.status, 201);
    assert!(registry.repository("a").unwrap().blobs.contains_key(&Digest::of(b"layer")));

    let start = ask(Method::POST, &format!("{base}/v2/a/blobs/uploads/"), &[], "").await;
    let put = format!("{base}{}&digest={}", start.header("location"), Digest::of(b"other"));
    assert_eq!(ask(Method::PUT, &put, &[], "layer").await.code(), "DIGEST_INVALID");
    assert_eq!(ask(Method::PUT, &put, &[], "other").await.code(), "BLOB_UPLOAD_UNKNOWN");

    let single = format!("{base}/v2/a/blobs/uploads/?digest={}", Digest::of(b"single"));
    assert_eq!(ask(Method::POST, &single, &[], "single").await.status, 201);
}

#[tokio::test]
async fn the_location_of_an_upload_has_the_chosen_style() {
    for (style, prefix) in [
        (Location::Relative, "/v2/"),
        (Location::Absolute, "http://HOST/v2/"),
        (Location::WithoutScheme, "//HOST/v2/"),
        (Location::Elsewhere("other.test:5000".to_owned()), "http://other.test:5000/v2/"),
    ] {
        let registry = Registry::builder(Face::Open).quirks(|q| q.location = style).start().await;
        let url = format!("http://{}/v2/a/blobs/uploads/", registry.host());
        let location = ask(Method::POST, &url, &[], "").await.header("location").to_owned();
        assert!(location.starts_with(&prefix.replace("HOST", &registry.host())), "{location}");
    }
}

#[tokio::test]
async fn a_mount_is_an_upload_where_it_is_not_allowed() {
    for (mount, is_tagged, status) in [
        (Mount::Always, false, 201),
        (Mount::Never, true, 202),
        (Mount::Committed, true, 201),
        (Mount::Committed, false, 202),
    ] {
        let registry = Registry::builder(Face::Open).quirks(|q| q.mount = mount).start().await;
        let image = fake::image(&["layer"]);
        registry.push("from", "1", &image);
        if !is_tagged {
            registry.edit("from", |repository| repository.manifests.clear());
        }
        let digest = Digest::of(b"layer");
        let url = format!("http://{}/v2/to/blobs/uploads/?mount={digest}&from=from", registry.host());
        assert_eq!(ask(Method::POST, &url, &[], "").await.status, status, "{mount:?} {is_tagged}");
        let blob = format!("http://{}/v2/to/blobs/{digest}", registry.host());
        assert_eq!(ask(Method::HEAD, &blob, &[], "").await.status == 200, status == 201);
    }
}

#[tokio::test]
async fn manifests_are_refused_for_their_own_faults() {
    let registry = Registry::builder(Face::Open)
        .quirks(|q| {
            q.manifest_max = 2000;
            q.refuses =
                vec![Refusal::NestedIndex, Refusal::Referrer, Refusal::MediaType(MediaType::DOCKER_LIST)];
        })
        .start()
        .await;
    let image = fake::image(&["layer"]);
    let index = fake::index(fake::Format::Oci, &[("linux/amd64", image.clone())]);
    let nested = fake::index(fake::Format::Oci, &[("", index.clone())]);
    let list = fake::index(fake::Format::Docker, &[("linux/amd64", image.clone())]);
    let referrer = fake::artifact("application/vnd.test", "x", Some(&image));
    let typed = image.media_type.as_str();
    let digest = format!("{}", Digest::of(b"other"));
    for (reference, media_type, body, status, code) in [
        ("1", typed, image.bytes.clone(), 400, "MANIFEST_BLOB_UNKNOWN"),
        ("1", index.media_type.as_str(), index.bytes.clone(), 400, "MANIFEST_BLOB_UNKNOWN"),
        ("1", typed, "junk".into(), 400, "MANIFEST_INVALID"),
        ("1", typed, " ".repeat(2001).into(), 400, "MANIFEST_INVALID"),
        ("1", MediaType::OCI_MANIFEST, image.bytes.clone(), 400, "MANIFEST_INVALID"),
        (digest.as_str(), typed, image.bytes.clone(), 400, "DIGEST_INVALID"),
        (".bad", typed, image.bytes.clone(), 400, "TAG_INVALID"),
        ("1", nested.media_type.as_str(), nested.bytes.clone(), 405, "UNSUPPORTED"),
        ("1", list.media_type.as_str(), list.bytes.clone(), 405, "UNSUPPORTED"),
        ("1", referrer.media_type.as_str(), referrer.bytes.clone(), 405, "UNSUPPORTED"),
    ] {
        let url = format!("http://{}/v2/a/manifests/{reference}", registry.host());
        let answer = ask(Method::PUT, &url, &[("content-type", media_type)], body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
    }
    assert!(registry.tags("a").is_empty());
}

#[tokio::test]
async fn a_pushed_manifest_is_read_by_tag_and_by_digest() {
    let registry = Registry::builder(Face::Open).quirks(|q| q.accept = Accept::Required).start().await;
    let image = fake::image(&["layer"]);
    registry.push("a", "old", &image);
    let url = |reference: &str| format!("http://{}/v2/a/manifests/{reference}", registry.host());
    let put = ask(Method::PUT, &url("1"), &[("content-type", &image.media_type)], image.bytes.clone()).await;
    assert_eq!(put.status, 201);
    for reference in ["1", &image.digest().to_string().replace(':', "%3A")] {
        let answer = get(&url(reference)).await;
        assert_eq!(answer.body, image.bytes);
        assert_eq!(answer.header("docker-content-digest"), image.digest().to_string());
        assert_eq!(answer.header("content-type"), image.media_type);
    }
    let narrow = ask(Method::GET, &url("1"), &[("accept", MediaType::OCI_INDEX)], "").await;
    assert_eq!(narrow.code(), "MANIFEST_UNKNOWN");
    registry.assert_consistent();
}

#[tokio::test]
async fn referrers_are_found_by_their_subject_and_type() {
    let registry = Registry::start(Face::Open).await;
    let image = fake::image(&["layer"]);
    registry.push("a", "1", &image);
    registry.push_untagged("a", &fake::artifact("application/vnd.a", "x", Some(&image)));
    registry.push_untagged("a", &fake::artifact("application/vnd.b", "y", Some(&image)));
    for (query, count) in [("", 2), ("?artifactType=application/vnd.a", 1)] {
        let url = format!("http://{}/v2/a/referrers/{}{query}", registry.host(), image.digest());
        assert_eq!(get(&url).await.json()["manifests"].as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn a_registry_that_moved_sends_everything_on() {
    let sibling = Registry::start(Face::Open).await;
    let registry =
        Registry::builder(Face::Oracle).quirks(|q| q.moved_to = Some(sibling.host())).start().await;
    let answer = get(&format!("http://{}/v2/a/tags/list?n=1", registry.host())).await;
    assert_eq!(answer.status, 307);
    assert_eq!(answer.header("location"), format!("http://{}/v2/a/tags/list?n=1", sibling.host()));
}

#[tokio::test]
async fn requests_are_logged_and_can_be_awaited() {
    let registry = Registry::start(Face::Open).await;
    let url = format!("http://{}/v2/a/tags/list?n=1", registry.host());
    let tags = Match::tags();
    let (answer, ()) = tokio::join!(
        ask(Method::GET, &url, &[("authorization", "Basic x")], ""),
        registry.wait_for(&tags, 1)
    );
    assert_eq!(answer.code(), "NAME_UNKNOWN");
    let seen = registry.requests();
    assert_eq!(seen[0].line(), "GET /v2/a/tags/list?n=1 404");
    assert!(seen[0].is_authorized());
    assert_eq!((registry.count(&Match::tags()), registry.in_flight_max()), (1, 1));
}
