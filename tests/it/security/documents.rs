//! Documents that would lead us astray: digests and names that are paths, graphs without measure.

use serde_json::{Value, json};
use tagferry::event::TagOutcome;
use tagferry::oci::{Digest, MediaType};

use crate::fake::{Action, Face, Fault, Format, Image, Match, Registry, Reply, image, index, oci_image};
use crate::world::{
    APP, assert_says, assert_succeeded, copies, copy, mirror, sync, tag, tag_error, three_tags,
};

/// A word of each faulty digest; none may ever be part of an address.
const MARK: &str = "etc/passwd";

/// Texts in place of a digest.
fn digests() -> Vec<String> {
    let upper = Digest::of(b"x").to_string().to_uppercase();
    vec![
        format!("sha256:../../../{MARK}"),
        format!("../{MARK}"),
        format!("sha256:{}/../{MARK}", "0".repeat(64)),
        format!("sha256:{}?{MARK}", "0".repeat(64)),
        format!("sha512:{MARK}"),
        format!("sha256:%2e%2e%2f{MARK}"),
        format!("{upper}{MARK}"),
        format!("sha256:{}\r\nx: {MARK}", "0".repeat(64)),
    ]
}

fn document(media_type: &str, document: &Value) -> Image {
    Image {
        media_type: media_type.to_owned(),
        bytes: document.to_string().into(),
        blobs: Vec::new(),
        children: Vec::new(),
    }
}

#[track_caller]
fn assert_no_address_has_the_mark(registries: &[&Registry]) {
    for registry in registries {
        for seen in registry.requests() {
            let address = seen.head.target().to_lowercase();
            assert!(!address.contains(MARK) && !address.contains("passwd"), "{address}");
        }
    }
}

#[tokio::test]
async fn a_faulty_digest_in_a_manifest_never_becomes_part_of_an_address() {
    let source = three_tags(Face::Open).await;
    let good = json!({"mediaType": "x", "digest": Digest::of(b"").to_string(), "size": 0});
    let mut faulty = Vec::new();
    for (number, digest) in digests().iter().enumerate() {
        let part = json!({"mediaType": MediaType::OCI_MANIFEST, "digest": digest, "size": 1});
        for (place, media_type, members) in [
            ("config", MediaType::OCI_MANIFEST, json!({"config": part, "layers": []})),
            ("layer", MediaType::OCI_MANIFEST, json!({"config": good, "layers": [part]})),
            ("child", MediaType::OCI_INDEX, json!({"manifests": [part]})),
        ] {
            let name = format!("{place}-{number}");
            source.push("app", &name, &document(media_type, &members));
            faulty.push(name);
        }
    }
    let target = Registry::start(Face::Open).await;
    let summary = copy(&source, &target).await;
    for name in faulty {
        assert_says(tag_error(&summary, &name), &["not a valid manifest", "is not a digest"]);
    }
    assert_eq!(tag(&summary, "latest").outcome, Some(TagOutcome::Copied));
    assert_no_address_has_the_mark(&[&source, &target]);
}

#[tokio::test]
async fn a_faulty_digest_in_a_header_is_as_good_as_none() {
    // Headers hold no line breaks.
    for digest in digests().into_iter().filter(|digest| !digest.contains('\n')) {
        let source = three_tags(Face::Open).await;
        source.fault(Fault::new(Match::any(), Action::Header("docker-content-digest", digest)));
        copies(&source).await;
        assert_no_address_has_the_mark(&[&source]);
    }
}

#[tokio::test]
async fn a_faulty_digest_in_a_list_of_referrers_never_becomes_part_of_an_address() {
    for digest in digests() {
        let source = three_tags(Face::Open).await;
        let part = json!({"mediaType": MediaType::OCI_MANIFEST, "digest": digest, "size": 1});
        let list = Reply::json(200, &json!({"manifests": [part]}));
        source.fault(Fault::new(Match::any().containing("/referrers/"), Action::Answer(list)));
        let target = Registry::start(Face::Open).await;
        let with_referrers = APP.replace("tags:", "referrers: true, tags:");
        let summary = sync(&mirror(&source, &target, &with_referrers)).await;
        assert_succeeded(&summary);
        assert!(!summary.warnings.is_empty());
        assert!(summary.warnings.iter().all(|warning| warning.code == "referrer_unknown"));
        assert_no_address_has_the_mark(&[&source, &target]);
    }
}

#[tokio::test]
async fn names_that_are_no_tags_are_never_asked_for() {
    let source = three_tags(Face::Open).await;
    let names =
        [format!("../../{MARK}"), format!("a?{MARK}"), format!("a/{MARK}"), format!("%2e%2e%2f{MARK}")];
    let tags: Vec<&str> = names.iter().map(String::as_str).chain(["latest"]).collect();
    let list = Reply::json(200, &json!({"name": "app", "tags": tags}));
    source.fault(Fault::new(Match::tags(), Action::Answer(list)));
    let target = Registry::start(Face::Open).await;
    assert_succeeded(&copy(&source, &target).await);
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["latest"]);
    assert_no_address_has_the_mark(&[&source, &target]);
}

#[tokio::test]
async fn an_index_of_more_than_a_thousand_manifests_is_refused_before_one_is_read() {
    let child = |number: usize| {
        let digest = Digest::of(&number.to_le_bytes()).to_string();
        json!({"mediaType": MediaType::OCI_MANIFEST, "digest": digest, "size": 8})
    };
    let wide = |children: usize| {
        let children: Vec<_> = (0..children).map(child).collect();
        document(MediaType::OCI_INDEX, &json!({"schemaVersion": 2, "manifests": children}))
    };
    for (children, words) in [
        (1001, "the image consists of more than 1000 manifests"),
        (10_001, "10001 parts, more than the 10000 that are accepted"),
    ] {
        let source = Registry::start(Face::Open).await;
        source.push("app", "wide", &wide(children));
        let target = Registry::start(Face::Open).await;
        assert_says(tag_error(&copy(&source, &target).await, "wide"), &[words]);
        assert_eq!(source.count(&Match::manifest_get()), 1);
        assert!(target.tags("app").is_empty());
    }
}

#[tokio::test]
async fn four_indexes_in_one_another_pass_and_five_do_not() {
    let nested = |depth| {
        (0..depth).fold(oci_image(&["deep"]), |child, _| index(Format::Oci, &[("linux/amd64", child)]))
    };
    let source = Registry::start(Face::Open).await;
    source.push("app", "four", &nested(4));
    source.push("app", "five", &nested(5));
    let target = Registry::start(Face::Open).await;
    let summary = copy(&source, &target).await;
    assert_eq!(tag(&summary, "four").outcome, Some(TagOutcome::Copied));
    assert_says(tag_error(&summary, "five"), &["indexes are nested deeper than 4"]);
    assert_eq!(target.tags("app").len(), 1);
    target.assert_consistent();
}

#[tokio::test]
async fn the_bytes_of_an_image_count_together() {
    // Nine children of less than the 4 MiB that one may have.
    let child = |seed: usize| {
        let mut child = image(&[&seed.to_string()]);
        child.bytes = [&child.bytes[..], &b" ".repeat(4 * 1024 * 1024 - 4096)].concat().into();
        ("linux/amd64", child)
    };
    let children: Vec<_> = (0..9).map(child).collect();
    let source = Registry::start(Face::Open).await;
    source.push("app", "heavy", &index(Format::Oci, &children));
    let target = Registry::start(Face::Open).await;
    let words = ["its manifests are larger than 33554432 bytes together"];
    assert_says(tag_error(&copy(&source, &target).await, "heavy"), &words);
    assert!(target.tags("app").is_empty());
}
