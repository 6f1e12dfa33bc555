//! Every kind of image graph arrives whole, byte for byte, children before parents and the tag last.

use http::Method;
use tagferry::oci::Digest;

use crate::fake::{
    Draft, Face, Format, Image, Kind, Match, Registry, artifact, attested_index, image, index, oci_image,
};
use crate::world::{APP, assert_says, assert_succeeded, copy, mirror, sync, tag, tag_error};

async fn holding(images: &[(&str, Image)]) -> Registry {
    let source = Registry::start(Face::Open).await;
    for (tag, image) in images {
        source.push("app", tag, image);
    }
    source
}

/// An index in an index, so many deep.
fn nested(depth: usize) -> Image {
    (0..depth).fold(oci_image(&["deep"]), |child, _| index(Format::Oci, &[("linux/amd64", child)]))
}

/// A graph of each kind, with a name.
fn kinds() -> Vec<(&'static str, Image)> {
    let platforms = |format, make: fn(&[&str]) -> Image| {
        index(format, &[("linux/amd64", make(&["amd64"])), ("linux/arm/v7", make(&["arm", "v7"]))])
    };
    vec![
        ("schema2", image(&["base", "app"])),
        ("manifest-list", platforms(Format::Docker, image)),
        ("oci-image", oci_image(&["base", "app"])),
        ("oci-index", platforms(Format::Oci, oci_image)),
        ("attested-index", attested_index(&["linux/amd64", "linux/arm64"])),
        ("nested-index", nested(3)),
        ("artifact", artifact("application/vnd.example+json", "{}", None)),
        ("repeated-layers", oci_image(&["same", "other", "same"])),
        ("empty-layer", oci_image(&["", "more"])),
        ("no-layers", oci_image(&[])),
        ("empty-index", index(Format::Oci, &[])),
        ("annotated", Draft::new(Format::Oci).member("annotations", serde_json::json!({"a": " é"})).build()),
    ]
}

#[tokio::test]
async fn every_kind_of_graph_arrives_byte_for_byte() {
    let source = holding(&kinds()).await;
    let target = Registry::start(Face::Open).await;
    assert_succeeded(&copy(&source, &target).await);
    target.assert_consistent();
    let (expected, copied) = (source.repository("app").unwrap(), target.repository("app").unwrap());
    assert_eq!(copied.tags, expected.tags);
    assert_eq!(copied.manifests, expected.manifests);
    assert_eq!(copied.blobs, expected.blobs);
}

#[tokio::test]
async fn each_graph_is_written_from_its_leaves_to_its_tag() {
    for (name, image) in kinds() {
        let source = holding(&[(name, image.clone())]).await;
        // It takes nothing before what it refers to: a wrong order would be refused.
        let target = Registry::start(Face::Open).await;
        assert_succeeded(&copy(&source, &target).await);
        let refused = target
            .requests()
            .into_iter()
            .find(|seen| seen.head.method != Method::HEAD && seen.status.is_none_or(|status| status >= 400));
        assert!(refused.is_none(), "{name}: {:?}", refused.map(|seen| seen.line()));
        let puts = target.requests().into_iter().filter(|seen| seen.head.method == Method::PUT);
        let last = puts.last().unwrap().route();
        assert_eq!((last.kind, last.reference.as_str()), (Kind::Manifest, name));
        assert_eq!(target.count(&Match::manifest_put().containing(format!("manifests/{name}"))), 1);
    }
}

#[tokio::test]
async fn foreign_layers_are_never_fetched_and_need_not_be_there() {
    let elsewhere = Registry::start(Face::Open).await;
    let url = format!("http://{}/layer", elsewhere.host());
    let images = [Format::Docker, Format::Oci].map(|format| {
        let draft = Draft::new(format).layer("own").foreign_layer(&url, b"windows");
        (if format == Format::Oci { "oci" } else { "docker" }, draft.build())
    });
    let source = holding(&images).await;
    let target = Registry::start(Face::Open).await;
    assert_succeeded(&copy(&source, &target).await);
    assert_eq!(elsewhere.requests().len(), 0);
    assert_eq!(target.repository("app").unwrap().blobs, source.repository("app").unwrap().blobs);
    assert_eq!(target.tags("app"), source.tags("app"));
}

#[tokio::test]
async fn blobs_that_tags_share_are_fetched_and_sent_once() {
    let source = Registry::start(Face::Open).await;
    for tag in 0..20 {
        let image = oci_image(&["base", "runtime", &(tag % 5).to_string()]);
        source.push("app", &tag.to_string(), &image);
    }
    let target = Registry::start(Face::Open).await;
    let summary = copy(&source, &target).await;
    assert_succeeded(&summary);
    let blobs = source.repository("app").unwrap().blobs;
    assert_eq!(blobs.len(), 1 + 2 + 5);
    assert_eq!(source.count(&Match::blob_get()), blobs.len());
    assert_eq!(target.count(&Match::upload_start()), blobs.len());
    assert_eq!(target.count(&Match::upload_put()), blobs.len());
    assert_eq!(summary.totals.bytes, blobs.values().map(|blob| blob.len() as u64).sum::<u64>());
}

#[tokio::test]
async fn a_repeated_layer_is_sent_once_and_so_is_what_platforms_share() {
    let shared = |own: &str| oci_image(&["shared", own, "shared"]);
    let both = index(Format::Oci, &[("linux/amd64", shared("a")), ("linux/arm64", shared("b"))]);
    let source = holding(&[("latest", both)]).await;
    let target = Registry::start(Face::Open).await;
    let summary = copy(&source, &target).await;
    assert_succeeded(&summary);
    assert_eq!(tag(&summary, "latest").blobs.uploaded, 4);
    assert_eq!(target.count(&Match::upload_start()), 4);
}

#[tokio::test]
async fn what_the_target_has_is_not_moved_again() {
    let old = oci_image(&["base", "old"]);
    let source = holding(&[("1", old.clone())]).await;
    let target = Registry::start(Face::Open).await;
    target.push("app", "1", &old);
    source.push("app", "2", &oci_image(&["base", "new"]));
    let summary = copy(&source, &target).await;
    let tag = tag(&summary, "2");
    assert_eq!((tag.blobs.uploaded, tag.blobs.present), (1, 2));
    assert_eq!(source.count(&Match::blob_get()), 1);
}

fn with_platforms(source: &Registry, target: &Registry, platforms: &str) -> String {
    mirror(source, target, &APP.replace("tags:", &format!("platforms: {platforms}, tags:")))
}

#[tokio::test]
async fn one_platform_gives_its_own_manifest() {
    let all = attested_index(&["linux/amd64", "linux/arm64"]);
    let of = |architecture: &str| {
        let config = format!(r#"{{"os":"linux","architecture":"{architecture}"}}"#);
        Draft::new(Format::Oci).config(config).layer("one").build()
    };
    let source = holding(&[("latest", all.clone()), ("single", of("arm64")), ("other", of("amd64"))]).await;
    let target = Registry::start(Face::Open).await;
    let config = with_platforms(&source, &target, "[linux/arm64]");
    let summary = sync(&config).await;
    assert_says(
        tag_error(&summary, "other"),
        &["none of the platforms linux/arm64 is offered", "linux/amd64"],
    );
    let (_, arm64) = (all.children[0].digest(), all.children[2].digest());
    assert_eq!(target.tags("app")["latest"], arm64);
    // An image that is for one platform by itself says so in its config.
    assert_eq!(target.tags("app")["single"], of("arm64").digest());
    assert!(!target.tags("app").contains_key("other"));
    target.assert_consistent();
    assert_eq!(sync(&config).await.totals.up_to_date, 2);
}

#[tokio::test]
async fn several_platforms_give_an_index_that_is_the_same_each_time() {
    let all = attested_index(&["linux/amd64", "linux/arm64", "linux/s390x"]);
    let source = holding(&[("latest", all)]).await;
    let mut digests = Vec::new();
    for platforms in ["[linux/amd64, linux/s390x]", "[linux/s390x, linux/amd64]"] {
        let target = Registry::start(Face::Open).await;
        let config = with_platforms(&source, &target, platforms);
        assert_succeeded(&sync(&config).await);
        target.assert_consistent();
        assert_eq!(target.repository("app").unwrap().manifests.len(), 3);
        digests.push(target.tags("app")["latest"]);
        assert_eq!(sync(&config).await.totals.up_to_date, 1);
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn a_platform_that_is_not_offered_fails_the_tag_and_names_what_is() {
    let source = holding(&[("latest", attested_index(&["linux/amd64"]))]).await;
    let target = Registry::start(Face::Open).await;
    let summary = sync(&with_platforms(&source, &target, "[linux/riscv64]")).await;
    let words = ["none of the platforms linux/riscv64 is offered", "linux/amd64"];
    assert_says(tag_error(&summary, "latest"), &words);
}

#[tokio::test]
async fn an_image_that_is_incomplete_at_the_source_fails_its_tag() {
    let whole = attested_index(&["linux/amd64"]);
    let child = whole.children[0].digest();
    let layer = Digest::of(&whole.children[0].blobs[1]);
    let (manifest, blob) = (format!("read manifest {child}"), format!("read blob {layer}"));
    for (words, is_child) in [(&manifest, true), (&blob, false)] {
        let source = holding(&[("latest", whole.clone())]).await;
        source.edit("app", |app| {
            if is_child {
                app.manifests.remove(&child);
            } else {
                app.blobs.remove(&layer);
            }
        });
        let target = Registry::start(Face::Open).await;
        let summary = copy(&source, &target).await;
        assert_says(tag_error(&summary, "latest"), &["source: cannot", words, "404 Not Found"]);
        assert!(target.tags("app").is_empty());
        target.assert_consistent();
    }
}

#[tokio::test]
async fn parts_whose_size_is_not_what_the_parent_says_are_refused() {
    let image = oci_image(&["layer"]);
    let lying = |image: &Image, from: &str, to: &str| {
        let text = String::from_utf8(image.bytes.to_vec()).unwrap();
        assert!(text.contains(from), "{text}");
        Image { bytes: text.replace(from, to).into(), ..image.clone() }
    };
    let parent = index(Format::Oci, &[("linux/amd64", image.clone())]);
    let size = format!("\"size\":{}", image.bytes.len());
    for (wrong, words) in [
        (lying(&image, "\"size\":5", "\"size\":4"), "wrong size: expected 4 bytes, got 5"),
        (lying(&image, "\"size\":5", "\"size\":6"), "wrong size: expected 6 bytes, got 5"),
        (lying(&parent, &size, "\"size\":7"), "its index says 7"),
    ] {
        let source = holding(&[("latest", wrong)]).await;
        let target = Registry::start(Face::Open).await;
        assert_says(tag_error(&copy(&source, &target).await, "latest"), &[words]);
        assert!(target.tags("app").is_empty());
    }
}
