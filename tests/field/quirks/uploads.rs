//! One upload that is too large for somebody in between.

use http::Method;

use super::Ends::{Copied, TagFails};
use super::{Row, answer, check, row};
use crate::fake::{
    Action, Builder, Ecr, Face, Fault, Kind, Match, Patch, Quirks, Registry, Reply, random_image,
};
use crate::world::{APP, assert_says, copy, mirror, sync, tag_error};

const MIB: usize = 1024 * 1024;
/// No size of a chunk divides it.
const BLOB_BYTES: usize = 9 * MIB + 5;

fn patch() -> Match {
    Match::verb(Method::PATCH, Kind::Upload)
}

fn ghcr() -> Reply {
    let message = "the request body is too large and exceeds the maximum permissible limit of 4.00MiB";
    Reply::error(416, "REQUESTED_RANGE_NOT_SATISFIABLE", message)
}

/// The page of a proxy, which calls itself this.
fn proxy(name: &str) -> Reply {
    let page = format!(
        "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<hr><center>{name}</center>"
    );
    Reply::status(413).named("server", name).body(page)
}

/// A registry that refuses more than `bytes` in one request.
fn target(bytes: usize, reply: Reply, more: impl FnOnce(&mut Quirks)) -> Builder {
    Registry::builder(Face::Open).quirks(|quirks| {
        quirks.body_refused_above = Some((bytes, reply));
        more(quirks);
    })
}

/// A large layer into this registry.
fn upload(id: &'static str, seen: &'static str, target: Builder, ends: super::Ends) -> Row {
    let given = |source: &Registry, _: &Registry| source.push("app", "1.0", &random_image(1, &[BLOB_BYTES]));
    row(id, seen, given, ends).target(target)
}

/// The sizes of the chunks that were accepted.
fn chunks(target: &Registry) -> Vec<usize> {
    let seen = target.requests().into_iter().filter(|seen| seen.head.method == Method::PATCH);
    let accepted = seen.filter(|seen| seen.status.is_some_and(|status| status < 300));
    accepted.map(|seen| seen.head.header("content-length").unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn what_is_refused_for_its_size_arrives_in_chunks() {
    let nothing = |_: &mut Quirks| {};
    check(vec![
        upload("416 above 4 MiB", "wasmCloud/wash-archive#268", target(4 * MIB, ghcr(), nothing), Copied)
            .then(|_, target| {
                let seen = target.requests();
                let mut ranges = seen.iter().filter_map(|seen| seen.head.header("content-range"));
                assert_eq!(ranges.next(), Some("0-4194303"));
                assert_eq!(ranges.next(), Some("4194304-8388607"));
                assert_eq!(ranges.next(), Some("8388608-9437188"));
                assert_eq!(ranges.next(), None);
                assert!(seen.iter().all(|seen| seen.head.header("transfer-encoding").is_none()));
            }),
        upload(
            "413 by a proxy",
            "podman-container-tools/podman#24919",
            target(5 * MIB, proxy("cloudflare"), nothing),
            Copied,
        ),
        upload(
            "413 above 1 MiB",
            "docker/build-push-action#634",
            target(MIB, proxy("nginx"), nothing),
            Copied,
        )
        .then(|_, target| assert_eq!(chunks(target).len(), 10)),
        upload(
            "the least size of a chunk",
            "opencontainers/distribution-spec#485",
            target(6 * MIB, ghcr(), |quirks| {
                quirks.chunk_min = Some("5242880");
                quirks.part_min = 5 * MIB;
            }),
            Copied,
        )
        .then(|_, target| assert_eq!(chunks(target), [5 * MIB, BLOB_BYTES - 5 * MIB])),
        upload(
            "a least size that cannot be read",
            "open-component-model/open-component-model#3642",
            target(6 * MIB, ghcr(), |quirks| quirks.chunk_min = Some("5MB")),
            Copied,
        ),
        upload(
            "a least size below nothing",
            "open-component-model/open-component-model#3642",
            target(6 * MIB, ghcr(), |quirks| quirks.chunk_min = Some("-1")),
            Copied,
        ),
        upload(
            "a range that stays behind, and 201",
            "crashappsec/chalk#682",
            target(4 * MIB, ghcr(), |quirks| quirks.patch = Patch::Stale),
            Copied,
        ),
        strange_range("a range of the chunk alone", "regclient/regclient#961", "0-4194303"),
        strange_range("a range in another form", "distribution/distribution#3496", "bytes=0-4194304"),
        strange_range("no range", "opencontainers/distribution-spec#213", ""),
    ])
    .await;
}

/// Chunks are answered with this `Range`.
fn strange_range(id: &'static str, seen: &'static str, range: &'static str) -> Row {
    let given = move |source: &Registry, target: &Registry| {
        source.push("app", "1.0", &random_image(1, &[BLOB_BYTES]));
        target.fault(Fault::new(patch(), Action::Header("range", range.to_owned())));
    };
    row(id, seen, given, Copied).target(target(4 * MIB, ghcr(), |_| {}))
}

#[tokio::test]
async fn a_chunk_that_breaks_starts_its_blob_over() {
    let broken = |id, seen, action: Action| {
        let given = move |source: &Registry, target: &Registry| {
            source.push("app", "1.0", &random_image(1, &[BLOB_BYTES]));
            target.fault(Fault::new(patch(), action).skip(1).once());
        };
        row(id, seen, given, Copied).target(target(4 * MIB, ghcr(), |_| {}))
    };
    check(vec![
        broken("no answer to a chunk", "opencontainers/distribution-spec#366", Action::Reset),
        broken("a lost answer to a chunk", "opencontainers/distribution-spec#414", Action::LoseAnswer),
        broken(
            "a chunk out of order",
            "opencontainers/distribution-spec#590",
            Action::error(416, "RANGE_INVALID", "invalid content range"),
        ),
        broken(
            "an upload that is gone",
            "opencontainers/distribution-spec#580",
            Action::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown"),
        ),
        broken("an overloaded registry", "sameersbn/docker-gitlab#2819", Action::status(502)),
    ])
    .await;
}

#[tokio::test]
async fn what_does_not_fit_at_all_is_told_with_what_limits_what() {
    let none = |_: &Registry, target: &Registry| assert_eq!(target.count(&patch()), 0);
    let quota = "adding 12.0 MiB of storage resource, which when updated to current usage of 100.0 MiB will exceed the \
                 configured upper limit of 100.0 MiB";
    check(vec![
        upload(
            "less than the smallest chunk",
            "SteveLTN/https-portal#100",
            target(MIB / 2, proxy("nginx"), |_| {}),
            TagFails(&[
                "413 Payload Too Large: a web page (413 Request Entity Too Large)",
                "or a proxy before it (`nginx`) does not take the 9437189 bytes of this blob in one request, nor chunks of \
                 1048576 bytes",
                "client_max_body_size",
            ]),
        ),
        upload(
            "chunks that have to be larger than the limit",
            "open-component-model/open-component-model#3642",
            target(4 * MIB, ghcr(), |quirks| quirks.chunk_min = Some("9223372036854775807")),
            TagFails(&["416 Range Not Satisfiable", "does not take the 9437189 bytes of this blob in one request: raise"]),
        )
        .then(none),
        upload(
            "chunks that are not taken",
            "cloudflare/serverless-registry#67",
            target(4 * MIB, proxy("cloudflare"), |quirks| quirks.patch = Patch::Refused),
            TagFails(&["405 Method Not Allowed", "does not take the 9437189 bytes of this blob in one request, nor chunks"]),
        ),
        upload(
            "a quota",
            "goharbor/harbor#20930",
            target(4 * MIB, Reply::error(413, "DENIED", quota), |_| {}),
            TagFails(&["413 Payload Too Large: DENIED: adding 12.0 MiB of storage resource"]),
        )
        .then(none),
        upload(
            "no room",
            "sameersbn/docker-gitlab#2819",
            target(4 * MIB, Reply::status(507), |_| {}),
            TagFails(&["507 Insufficient Storage"]),
        )
        .then(none),
        row(
            "a manifest",
            "google/go-containerregistry#1963",
            |source, target| {
                super::one(source);
                answer(target, Match::manifest_put(), Reply::status(413));
            },
            TagFails(&["413 Payload Too Large", "this manifest has", "raise the limit there"]),
        )
        .then(none),
    ])
    .await;
}

#[tokio::test]
async fn ecr_gets_no_chunks() {
    let (source, ecr) = (Registry::start(Face::Open).await, Ecr::start().await);
    source.push("app", "1.0", &random_image(1, &[BLOB_BYTES]));
    ecr.fault(Fault::new(Match::upload_put(), Action::status(413)));
    let summary = copy(&source, &ecr).await;
    assert_says(
        tag_error(&summary, "1.0"),
        &["413 Payload Too Large", "or a proxy before it does not take the"],
    );
    assert_eq!(ecr.count(&patch()), 0);
}

/// What was refused once is not tried with each blob.
#[tokio::test]
async fn the_limit_is_learned_from_one_refusal() {
    let source = Registry::start(Face::Open).await;
    for seed in [1, 10, 20] {
        source.push("app", &seed.to_string(), &random_image(seed, &[BLOB_BYTES]));
    }
    let target = target(4 * MIB, ghcr(), |_| {}).start().await;
    let one_by_one = "concurrency: {blobs: 1, tags: 1}\n";
    let config = mirror(&source, &target, APP) + one_by_one;
    crate::world::assert_succeeded(&sync(&config).await);
    let refused = target.requests().into_iter().filter(|seen| seen.status == Some(416)).count();
    assert_eq!(refused, 1);
    target.assert_consistent();
}
