//! What the source gives is not what it should be.

use tagferry::oci::{Digest, MediaType};

use crate::fake::Action::{Corrupt, Resize};
use crate::fake::{Format, Image, index, oci_image};
use crate::faults::page;
use crate::faults::scenario::Ends::{Copied, TagFails};
use crate::faults::scenario::When::{Always, Once};
use crate::faults::scenario::{Scenario, assert_all, given, row};
use crate::faults::stage::LAYER_BYTES;
use crate::faults::stage::Way::Plain;
use crate::faults::stage::What::{ChildGet, ChildPut, IndexGet, LayerGet, LayerPut, TagPut};

fn contents() -> Vec<Scenario> {
    let once = |name, action| {
        row(name, Plain, LayerGet, action, Once, Copied).counts([(LayerGet, 2), (LayerPut, 2)])
    };
    let always = |name, action, words| {
        row(name, Plain, LayerGet, action, Always, TagFails(words)).counts([
            (LayerGet, 2),
            (LayerPut, 2),
            (ChildPut, 0),
        ])
    };
    let instead = |name, image: Image, words| {
        given(name, Plain, move |world| world.instead(&image), TagFails(words)).counts([(TagPut, 0)])
    };
    let typed = |media_type: &str| document(media_type, &format!("\"mediaType\":\"{media_type}\""));
    let lying = Image { media_type: MediaType::OCI_MANIFEST.to_owned(), ..typed(MediaType::DOCKER_MANIFEST) };
    let both = document(MediaType::OCI_MANIFEST, "\"manifests\":[]");
    let too_large = &["the answer is larger than the 4194304 bytes"];
    vec![
        once("a wrong byte once", Corrupt { at: LAYER_BYTES - 1 }),
        once("a byte too many once", Resize { to: LAYER_BYTES + 1 }),
        once("too short once", Resize { to: 100_000 }),
        always("a wrong byte", Corrupt { at: 0 }, &["wrong content: expected sha256:"]),
        always("a byte too many", Resize { to: LAYER_BYTES + 1 }, &["wrong size: expected 600000 bytes"]),
        always("too short", Resize { to: 100_000 }, &["wrong size: expected 600000 bytes, got 100000"]),
        row("a wrong index", Plain, IndexGet, Corrupt { at: 5 }, Always, TagFails(&["wrong content"]))
            .counts([(TagPut, 0)]),
        row(
            "a page for an index",
            Plain,
            IndexGet,
            page(200),
            Always,
            TagFails(&["a web page came instead"]),
        )
        .counts([(TagPut, 0)]),
        row("a wrong child", Plain, ChildGet, Corrupt { at: 5 }, Always, TagFails(&["wrong content"]))
            .counts([(LayerGet, 0)]),
        instead("schema 1", schema_1(), &["schema 1"]),
        instead("an unknown type", typed("application/x"), &["unsupported media type `application/x`"]),
        instead("both members", both, &["ambiguous document"]),
        instead("another type within", lying, &["ambiguous document"]),
        instead("no JSON", verbatim(MediaType::OCI_MANIFEST, "{"), &["not a valid manifest"]),
        instead("too large", oversize(), too_large),
        instead("nested too deep", nested(9), &["indexes are nested deeper than"]),
    ]
}

#[tokio::test]
async fn wrong_contents_end_as_they_must() {
    assert_all(contents()).await;
}

fn verbatim(media_type: &str, text: impl Into<String>) -> Image {
    let bytes = text.into().into();
    Image { media_type: media_type.to_owned(), bytes, blobs: Vec::new(), children: Vec::new() }
}

/// An image with one member more.
fn document(media_type: &str, member: &str) -> Image {
    let digest = Digest::of(b"");
    let config = format!(r#""config":{{"mediaType":"c","digest":"{digest}","size":0}}"#);
    verbatim(media_type, format!(r#"{{"schemaVersion":2,{member},{config},"layers":[]}}"#))
}

fn schema_1() -> Image {
    let media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    verbatim(media_type, r#"{"schemaVersion":1,"fsLayers":[]}"#)
}

fn oversize() -> Image {
    document(MediaType::OCI_MANIFEST, &format!("\"annotations\":{{\"a\":\"{}\"}}", " ".repeat(4 << 20)))
}

/// An index in an index, so many deep.
fn nested(depth: usize) -> Image {
    (0..depth).fold(oci_image(&["deep"]), |child, _| index(Format::Oci, &[("linux/amd64", child)]))
}
