//! An image with referrers, in a registry that keeps no list of them.

use serde_json::json;

use crate::distribution::Distribution;
use crate::image::{Image, OCI_INDEX, OCI_MANIFEST, descriptor};

/// An image with a signature that has a signature, in a registry that has no API for referrers.
pub(crate) struct Signed {
    pub(crate) registry: Distribution,
    pub(crate) image: Image,
    pub(crate) referrers: Vec<Image>,
}

pub(crate) async fn signed() -> Signed {
    let registry = Distribution::open().await;
    let image = Image::layered("signed", 1, 3_000);
    registry.pusher().push("app", "1.0", &image).await;
    let mut referrers: Vec<Image> = Vec::new();
    for name in ["signature", "signature of the signature"] {
        let subject = referrers.last().unwrap_or(&image);
        let referrer = artifact(name, subject);
        registry.pusher().push("app", &fallback(subject), &list(&referrer)).await;
        referrers.push(referrer);
    }
    Signed { registry, image, referrers }
}

fn artifact(name: &str, subject: &Image) -> Image {
    let blobs = vec![b"{}".to_vec(), name.as_bytes().to_vec()];
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/vnd.example.signature",
        "config": descriptor("application/vnd.oci.empty.v1+json", &blobs[0]),
        "layers": [descriptor("text/plain", &blobs[1])],
        "subject": descriptor(subject.media_type, &subject.manifest),
    });
    Image { media_type: OCI_MANIFEST, manifest: manifest.to_string().into_bytes(), blobs, children: vec![] }
}

/// The list that the distribution specification asks clients to keep.
fn list(referrer: &Image) -> Image {
    let manifests = [descriptor(referrer.media_type, &referrer.manifest)];
    let manifest = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
    let Image { media_type, manifest: bytes, blobs, .. } = referrer;
    let child = Image { media_type, manifest: bytes.clone(), blobs: blobs.clone(), children: vec![] };
    Image {
        media_type: OCI_INDEX,
        manifest: manifest.to_string().into_bytes(),
        blobs: vec![],
        children: vec![child],
    }
}

pub(crate) fn fallback(subject: &Image) -> String {
    subject.digest().to_string().replace(':', "-")
}
