//! The builders make what their names say.

use tagferry::oci::{Manifest, MediaType};

use crate::fake::{self, Draft, Format, Image, Registry};

fn parse(image: &Image) -> Manifest {
    Manifest::parse(image.bytes.clone(), Some(&MediaType::new(&image.media_type))).unwrap()
}

#[test]
fn every_builder_makes_a_manifest_that_parses() {
    let plain = fake::image(&["one", "two", "two", ""]);
    assert_eq!(parse(&plain).blobs().len(), 5);
    assert_eq!(parse(&fake::oci_image(&["one"])).media_type().as_str(), MediaType::OCI_MANIFEST);
    let index =
        fake::index(Format::Docker, &[("linux/amd64", plain.clone()), ("linux/arm/v7", plain.clone())]);
    assert_eq!(parse(&index).children()[1].platform.as_ref().unwrap().to_string(), "linux/arm/v7");
    let nested = fake::index(Format::Oci, &[("", index)]);
    assert_eq!(parse(&nested).children()[0].platform, None);
    assert_eq!(parse(&fake::attested_index(&["linux/amd64", "linux/arm64"])).children().len(), 4);
    let signature = fake::artifact("application/vnd.test.signature", "signed", Some(&plain));
    let document: serde_json::Value = serde_json::from_slice(&signature.bytes).unwrap();
    assert_eq!(document["subject"]["digest"], plain.digest().to_string());
}

#[test]
fn random_images_repeat_with_their_seed() {
    let sizes = [0, 1, 100_000];
    assert_eq!(fake::random_image(7, &sizes).digest(), fake::random_image(7, &sizes).digest());
    assert_ne!(fake::random_image(7, &sizes).digest(), fake::random_image(8, &sizes).digest());
    assert_eq!(fake::random_bytes(1, 1001).len(), 1001);
}

#[tokio::test]
async fn a_pushed_image_is_complete_and_a_foreign_layer_need_not_be_there() {
    let registry = Registry::start(fake::Face::Open).await;
    registry.push("a", "1", &fake::attested_index(&["linux/amd64"]));
    registry.push("a", "2", &Draft::new(Format::Docker).foreign_layer("https://cdn.test/x", b"x").build());
    registry.assert_consistent();
}

#[tokio::test]
#[should_panic(expected = "is missing")]
async fn a_tag_that_lacks_a_blob_is_noticed() {
    let registry = Registry::start(fake::Face::Open).await;
    registry.push("a", "1", &fake::image(&["layer"]));
    registry.edit("a", |repository| repository.blobs.clear());
    registry.assert_consistent();
}
