//! How bytes move: where uploads go on, what is mounted, and what comes of a request for a part.

use std::collections::BTreeSet;

use super::Ends::{Copied, TagFails};
use super::{Row, answer, check, one, row};
use crate::fake::{
    Action, Face, Fault, Location, Match, Mount, Registry, Reply, image, oci_image, random_image,
};
use crate::world::{APP, assert_succeeded, copies, copy, mirror, sync, three_tags};

const KIB: usize = 1024;
/// Of the layer that breaks, and where it does.
const LAYER: usize = 600 * KIB;
const CUT: usize = 100 * KIB;

/// Uploads of this registry go on at addresses of this kind.
fn location(id: &'static str, seen: &'static str, location: Location) -> Row {
    let target = Registry::builder(Face::Token).quirks(|quirks| quirks.location = location);
    row(id, seen, |source, _| one(source), Copied).target(target).then(|_, target| {
        // What the address asks for stays, and the digest comes after it.
        let puts = target.requests().into_iter().filter(|seen| Match::upload_put().matches(&seen.head));
        for put in puts {
            let query = put.head.target().split_once('?').unwrap().1.to_owned();
            assert!(query.starts_with("_state=0&digest=sha256"), "{query}");
        }
    })
}

#[tokio::test]
async fn uploads_go_on_wherever_the_registry_says() {
    check(vec![
        location("a path with a query", "apple/swift-container-plugin#44", Location::Relative),
        location("an absolute address", "opencontainers/distribution-spec#79", Location::Absolute),
        location("the last part of the path", "opencontainers/distribution-spec#80", Location::Bare),
        location("an address without scheme", "oras-project/oras-dotnet#423", Location::WithoutScheme),
        location("a path outside of /v2/", "oras-project/rust-oci-client#175", Location::Outside),
        row("no `PUT` with a body", "container-registry 0.3.1", |source, _| one(source), Copied)
            .target(Registry::builder(Face::Open).quirks(|quirks| {
                let words = "feature not supported: missing content length not implemented";
                quirks.put_refused = Some(Reply::status(500).body(words));
            }))
            .then(|_, target| {
                let seen = target.requests();
                let refused = seen.iter().filter(|seen| seen.status == Some(500)).count();
                assert!(
                    refused <= 2,
                    "each blob that was under way learns it, and none after that: {refused}"
                );
                assert!(seen.iter().any(|seen| seen.head.header("content-range").is_some()));
            }),
        row("no monolithic `PUT`", "pulp/pulp_container#1274", |source, _| one(source), Copied).target(
            Registry::builder(Face::Open).quirks(|quirks| {
                let words = "Monolithic upload is not allowed";
                quirks.put_refused = Some(Reply::error(400, "BLOB_UPLOAD_INVALID", words));
            }),
        ),
        row("`PUT` with a body is unknown", "brother of the above", |source, _| one(source), Copied).target(
            Registry::builder(Face::Open)
                .quirks(|quirks| quirks.put_refused = Some(Reply::error(405, "UNSUPPORTED", "unsupported"))),
        ),
        row(
            "neither `PUT` nor `PATCH` with a body",
            "brother of the above",
            |source, _| one(source),
            TagFails(&["405 Method Not Allowed: UNSUPPORTED"]),
        )
        .target(Registry::builder(Face::Open).quirks(|quirks| {
            quirks.put_refused = Some(Reply::status(405));
            quirks.patch = crate::fake::Patch::Refused;
        })),
    ])
    .await;
}

/// Two repositories with one image, to a registry that answers each mount so.
async fn mounted(face: Face, given: impl FnOnce(&Registry)) -> Registry {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(face).await);
    for name in ["app", "other"] {
        source.push(name, "1.0", &image(&["shared"]));
    }
    given(&target);
    let both = APP.to_owned() + &APP.replace("app", "other");
    assert_succeeded(&sync(&mirror(&source, &target, &both)).await);
    target.assert_consistent();
    target
}

/// A mount is about sending less: who refuses it may still take the bytes.
#[tokio::test]
async fn a_mount_that_is_refused_is_followed_by_the_bytes() {
    let unknown = Reply::error(401, "UNAUTHORIZED", "project examplegroup not found");
    let denied = Reply::error(401, "UNAUTHORIZED", "unauthorized to access repository: other, action: push");
    for (id, seen, reply) in [
        ("a project that is unknown", "google/go-containerregistry#1393", unknown),
        ("a challenge for both repositories", "oras-project/oras#1892", denied),
        ("no access", "goharbor/harbor#17097", Reply::error(403, "DENIED", "denied")),
        ("no such repository", "carvel-dev/imgpkg#495", Reply::error(404, "NAME_UNKNOWN", "unknown")),
        ("a word that is not known", "brother of the above", Reply::status(400)),
        ("a method that is not known", "brother of the above", Reply::status(405)),
    ] {
        let target = mounted(Face::Token, |target| {
            let challenge = format!(
                r#"Bearer realm="http://{}/token",service="registry.test",scope="repository:other:pull,push repository:app:pull""#,
                target.host()
            );
            answer(target, Match::upload_start().containing("mount="), reply.challenge(&challenge));
        })
        .await;
        assert!(
            target.count(&Match::upload_start().containing("mount=")) > 0,
            "{id} ({seen}): no mount is tried"
        );
    }
}

/// Seen in goharbor/harbor#22863: 202 was taken for a mount, and the manifest then refused.
#[tokio::test]
async fn a_mount_that_is_not_made_is_an_upload_that_waits_for_its_bytes() {
    let target = Registry::builder(Face::Token).quirks(|quirks| quirks.mount = Mount::Never).start().await;
    let source = Registry::start(Face::Open).await;
    for name in ["app", "other"] {
        source.push(name, "1.0", &oci_image(&["shared"]));
    }
    let both = APP.to_owned() + &APP.replace("app", "other");
    assert_succeeded(&sync(&mirror(&source, &target, &both)).await);
    target.assert_consistent();
}

/// Seen in google/go-containerregistry#219: the target was asked for a repository of the source.
#[tokio::test]
async fn nothing_is_mounted_from_another_registry() {
    let source = three_tags(Face::Token).await;
    let target = Registry::start(Face::Token).await;
    assert_succeeded(&copy(&source, &target).await);
    assert_eq!(target.count(&Match::upload_start().containing("mount=")), 0);
}

/// Seen in goharbor/harbor#2411 (of several scopes one is granted), helm/helm#6214 (several in one word are refused),
/// distribution/distribution#2932 (pushing alone is not enough), goharbor/harbor#23799 (`POST` is refused).
#[tokio::test]
async fn a_token_is_asked_for_one_repository_at_once() {
    let (source, target) = (Registry::start(Face::Token).await, Registry::start(Face::Token).await);
    for name in ["app", "other"] {
        source.push(name, "1.0", &image(&["shared"]));
    }
    let both = APP.to_owned() + &APP.replace("app", "other");
    assert_succeeded(&sync(&mirror(&source, &target, &both)).await);
    for (registry, actions) in [(&source, ["pull", "pull"]), (&target, ["pull", "pull,push"])] {
        let expected = ["app", "other"]
            .iter()
            .flat_map(|name| actions.map(|actions| format!("repository:{name}:{actions}")))
            .collect::<BTreeSet<_>>();
        let seen = registry.requests();
        let tokens = seen.iter().filter(|seen| Match::token().matches(&seen.head));
        let mut asked = BTreeSet::new();
        for seen in tokens {
            let scopes: Vec<_> =
                url::form_urlencoded::parse(seen.head.target().split_once('?').unwrap().1.as_bytes())
                    .filter(|(name, _)| name == "scope")
                    .map(|(_, scope)| scope.into_owned())
                    .collect();
            let [scope] = &scopes[..] else { panic!("{scopes:?}") };
            asked.insert(scope.clone());
        }
        assert_eq!(asked, expected);
    }
}

/// A layer that breaks once, and is then asked for from there on.
fn resumed(id: &'static str, seen: &'static str, then: Vec<Action>, ends: super::Ends) -> Row {
    let given = move |source: &Registry, _: &Registry| {
        let image = random_image(3, &[LAYER]);
        source.push("app", "1.0", &image);
        let layer = image.blobs.iter().find(|blob| blob.len() == LAYER).unwrap();
        let get = || Match::blob_get().containing(tagferry::oci::Digest::of(layer).to_string());
        source.fault(Fault::new(get(), Action::CutBody { after: CUT }).once());
        for action in then {
            source.fault(Fault::new(get(), action).skip(1).once());
        }
    };
    row(id, seen, given, ends)
}

fn status(status: u16) -> Vec<Action> {
    vec![Action::status(status)]
}

fn header(name: &'static str, value: &str) -> Vec<Action> {
    vec![Action::Header(name, value.to_owned())]
}

#[tokio::test]
async fn what_goes_on_elsewhere_than_it_broke_starts_over() {
    check(vec![
        resumed("another part", "openai/tart#1255", header("content-range", "bytes 0-614399/614400"), Copied),
        resumed("the whole blob", "distribution/distribution#4667", vec![Action::IgnoreRange], Copied),
        resumed("416 for a part that is there", "anchore/stereoscope#695", status(416), Copied),
        resumed(
            "an end before the beginning",
            "rust-lang/crates.io#13159",
            header("content-range", "bytes 614400-614399/614400"),
            Copied,
        ),
        resumed(
            "a part that does not say where it is",
            "docker-archive/docker-registry#449",
            vec![Action::WithoutHeader("content-range")],
            Copied,
        ),
        resumed(
            "no `Accept-Ranges`",
            "anchore/stereoscope#695",
            vec![Action::WithoutHeader("accept-ranges")],
            Copied,
        ),
    ])
    .await;
}

/// Seen in rust-lang/cargo#8647: a cache answered a request for all with a part.
#[tokio::test]
async fn a_part_that_nobody_asked_for_is_not_taken_for_the_whole() {
    let part = |source: &Registry| {
        one(source);
        let reply = Reply::status(206).named("content-range", "bytes 0-2/5").body("lay");
        source.fault(Fault::new(Match::blob_get(), Action::Answer(reply)));
    };
    check(vec![row(
        "a part for the whole",
        "rust-lang/cargo#8647",
        move |source, _| part(source),
        TagFails(&["wrong size: expected"]),
    )])
    .await;
    let source = three_tags(Face::Open).await;
    source.fault(Fault::new(Match::blob_get(), Action::Answer(Reply::status(206).body("l"))).times(2));
    copies(&source).await;
}
