//! `HEAD` of manifests: a courtesy that not every registry, and not everything before one, knows.

use http::header::CONTENT_LENGTH;
use tagferry::oci::Digest;

use super::Ends::{Copied, MirrorFails, TagFails};
use super::{Row, answer, check, one, row};
use crate::fake::{Action, Face, Fault, Match, Registry, Reply, image};
use crate::world::{APP, assert_says, assert_succeeded, mirror, mirror_error, plan};

/// `HEAD` is answered so, `GET` rightly.
fn head(id: &'static str, seen: &'static str, reply: Reply) -> Row {
    let given = move |source: &Registry, _: &Registry| {
        one(source);
        answer(source, Match::manifest_head(), reply);
    };
    row(id, seen, given, Copied).then(|source, _| {
        // One decides, and one is for the copy.
        assert_eq!(source.count(&Match::manifest_get()), 2);
    })
}

#[tokio::test]
async fn where_head_is_refused_a_get_decides() {
    let nexus = Reply::status(405).header(http::header::CONTENT_TYPE, "application/json").body("{}");
    let basic = Reply::status(401).challenge(r#"Basic realm="https://H/",service="ecr.amazonaws.com""#);
    check(vec![
        head("403", "containerd/containerd#6684", Reply::status(403)),
        head("405", "containerd/containerd#3291", nexus),
        head("404 for a tag that is listed", "nicholas-fedor/watchtower#667", Reply::status(404)),
        head("400", "containerd/containerd#11953", Reply::status(400)),
        head("401 after a login", "seqeralabs/wave#527", basic),
        head("501", "oras-project/oras-go#882", Reply::status(501)),
        head("500 for each try", "crossplane/crossplane#3223", Reply::status(500)),
        head("no digest", "google/go-containerregistry#971", Reply::status(200)),
        head(
            "an empty digest",
            "renovatebot/renovate#2316",
            Reply::status(200).named("docker-content-digest", ""),
        ),
    ])
    .await;
}

/// Of a registry, or what is before it: after the first tags it is asked no `HEAD` any more.
#[tokio::test]
async fn where_head_is_refused_it_is_not_tried_for_each_tag() {
    for status in [401, 403, 405, 501] {
        let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
        for number in 0..40 {
            source.push("app", &format!("1.{number}"), &image(&["layer"]));
        }
        answer(&source, Match::manifest_head(), Reply::status(status));
        assert_succeeded(&plan(&mirror(&source, &target, APP)).await);
        assert!(source.count(&Match::manifest_head()) <= 8, "{status}");
        assert_eq!(source.count(&Match::manifest_get()), 40, "{status}");
    }
}

/// Seen in a mirror of a licensed repository with many tags: each was refused twice.
#[tokio::test]
async fn where_access_is_refused_one_get_says_so_for_all_tags() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    for number in 0..40 {
        source.push("app", &format!("1.{number}"), &image(&["layer"]));
    }
    answer(&source, Match::manifest_head(), Reply::status(403));
    answer(&source, Match::manifest_get(), Reply::error(403, "DENIED", "no licence"));
    let summary = plan(&mirror(&source, &target, APP)).await;
    assert_says(mirror_error(&summary), &["the source refuses to show tag 1.39", "DENIED: no licence"]);
    assert!(source.count(&Match::manifest_head()) <= 8);
    assert_eq!(source.count(&Match::manifest_get()), 1);
}

#[tokio::test]
async fn what_head_says_beside_the_digest_does_not_count() {
    check(vec![
        row(
            "a length of zero",
            "yusing/godoxy#169",
            |source, _| {
                one(source);
                let digest = source.tags("app")["1.0"].to_string();
                let reply =
                    Reply::status(200).header(CONTENT_LENGTH, "0").named("docker-content-digest", digest);
                answer(source, Match::manifest_head(), reply);
            },
            Copied,
        ),
        row(
            "the digest is known by the tag alone",
            "containerd/containerd#2840",
            |source, _| {
                one(source);
                answer(
                    source,
                    Match::manifest_get().containing("sha256:"),
                    Reply::error(404, "MANIFEST_UNKNOWN", "unknown"),
                );
            },
            Copied,
        ),
        row(
            "another digest than that of the manifest",
            "containerd/containerd#5632",
            |source, _| {
                one(source);
                let other = Digest::of(b"other").to_string();
                source.fault(Fault::new(
                    Match::manifest_head(),
                    Action::Header("docker-content-digest", other),
                ));
            },
            TagFails(&["wrong content: expected sha256:", "got sha256:"]),
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_answer_to_get_is_what_is_told() {
    check(vec![
        row(
            "a web application firewall",
            "crazy-max/diun#1334",
            |source, _| {
                one(source);
                answer(source, Match::manifest_head(), Reply::status(403));
                let page = "<html><head><title>Request blocked | WAF</title></head>";
                answer(source, Match::manifest_get(), Reply::status(403).body(page));
            },
            MirrorFails(&[
                "the source refuses to show tag 1.0",
                "403 Forbidden: a web page (Request blocked | WAF)",
            ]),
        ),
        row(
            "a tag that is listed and gone",
            "acorn-io/runtime#1441",
            |source, _| {
                one(source);
                answer(source, Match::manifest_head(), Reply::status(404));
                answer(
                    source,
                    Match::manifest_get(),
                    Reply::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
                );
            },
            TagFails(&["the tag is listed, but there is no image under it"]),
        ),
        row(
            "too many requests are not doubled",
            "none found; brother of the above",
            |source, _| {
                one(source);
                source.fault(Fault::new(Match::manifest_head(), Action::throttle(None)));
            },
            TagFails(&["429 Too Many Requests"]),
        )
        .then(|source, _| assert_eq!(source.count(&Match::manifest_get()), 0)),
        row(
            "a target that answers HEAD with 405",
            "distribution/distribution#1485",
            |source, target| {
                one(source);
                answer(target, Match::manifest_head(), Reply::status(405));
            },
            Copied,
        ),
        row(
            "HEAD of a blob leads to where HEAD is refused",
            "aws/containers-roadmap#2671",
            |source, target| {
                one(source);
                target.push("app", "0.9", &image(&["layer"]));
                target.storage().fault(Fault::new(Match::any(), Action::status(401)));
                source.push("app", "0.9", &image(&["layer"]));
            },
            Copied,
        )
        .target(Registry::builder(Face::Open).blobs_elsewhere()),
    ])
    .await;
}
