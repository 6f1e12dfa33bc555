//! Images made up on the spot, of the shapes that registries hold.

use serde_json::{Value, json};
use tagferry::oci::Digest;

pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A manifest and everything that it needs.
pub(crate) struct Image {
    pub(crate) media_type: &'static str,
    pub(crate) manifest: Vec<u8>,
    pub(crate) blobs: Vec<Vec<u8>>,
    pub(crate) children: Vec<Image>,
}

impl Image {
    /// A Docker schema 2 image of one platform and two layers, the second of `size` bytes. Other names give other images.
    pub(crate) fn docker(name: &str, size: usize) -> Self {
        let types = Types {
            manifest: DOCKER_MANIFEST,
            config: "application/vnd.docker.container.image.v1+json",
            layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
        };
        // The first layer is the same in all images, as a base image would be.
        types.image(&config(name, "amd64"), vec![filler("base", 1_000), filler(name, size)])
    }

    /// An OCI image of one platform and so many layers of `size` bytes each.
    pub(crate) fn layered(name: &str, layers: usize, size: usize) -> Self {
        let layers = (0..layers).map(|number| filler(&format!("{name} {number}"), size));
        OCI.image(&config(name, "amd64"), layers.collect())
    }

    /// An OCI index of two platforms with an attestation for each, as `docker buildx` pushes it.
    pub(crate) fn multi_platform(name: &str) -> Self {
        let (mut children, mut manifests) = (vec![], vec![]);
        for architecture in ["amd64", "arm64"] {
            let image = oci(name, architecture);
            let attestation = attestation(&image);
            let mut entry = image.descriptor();
            entry["platform"] = json!({"os": "linux", "architecture": architecture});
            manifests.push(entry);
            let mut entry = attestation.descriptor();
            entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
            entry["annotations"] = json!({
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": image.digest(),
            });
            manifests.push(entry);
            children.extend([image, attestation]);
        }
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
        Self { media_type: OCI_INDEX, manifest: pretty(&manifest), blobs: vec![], children }
    }

    /// An OCI index of two platforms, whose images hold one file, `/architecture`, with the name of theirs.
    pub(crate) fn unpackable(name: &str) -> Self {
        let types = Types { layer: "application/vnd.oci.image.layer.v1.tar", ..OCI };
        let (mut children, mut manifests) = (vec![], vec![]);
        for architecture in ["amd64", "arm64"] {
            let layer = archive("architecture", architecture.as_bytes());
            let mut config = config(name, architecture);
            config["rootfs"]["diff_ids"] = json!([Digest::of(&layer)]);
            let image = types.image(&config, vec![layer]);
            let mut entry = image.descriptor();
            entry["platform"] = json!({"os": "linux", "architecture": architecture});
            manifests.push(entry);
            children.push(image);
        }
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
        Self { media_type: OCI_INDEX, manifest: pretty(&manifest), blobs: vec![], children }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    fn descriptor(&self) -> Value {
        descriptor(self.media_type, &self.manifest)
    }
}

/// The media types of an image of one platform.
struct Types {
    manifest: &'static str,
    config: &'static str,
    layer: &'static str,
}

impl Types {
    fn image(&self, config: &Value, layers: Vec<Vec<u8>>) -> Image {
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": self.manifest,
            "config": descriptor(self.config, &config),
            "layers": layers.iter().map(|layer| descriptor(self.layer, layer)).collect::<Vec<_>>(),
        });
        let blobs = std::iter::once(config).chain(layers).collect();
        Image { media_type: self.manifest, manifest: pretty(&manifest), blobs, children: vec![] }
    }
}

const OCI: Types = Types {
    manifest: OCI_MANIFEST,
    config: "application/vnd.oci.image.config.v1+json",
    layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};

fn oci(name: &str, architecture: &str) -> Image {
    OCI.image(&config(name, architecture), vec![filler(&format!("{name} for {architecture}"), 2_000)])
}

fn attestation(subject: &Image) -> Image {
    let types = Types { layer: "application/vnd.in-toto+json", ..OCI };
    let statement = json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": [subject.digest()]});
    types.image(&config("attestation", "unknown"), vec![statement.to_string().into_bytes()])
}

fn config(name: &str, architecture: &str) -> Value {
    json!({
        "os": "linux",
        "architecture": architecture,
        "config": {"Labels": {"name": name}},
        "rootfs": {"type": "layers", "diff_ids": []},
    })
}

pub(crate) fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "size": content.len(), "digest": Digest::of(content)})
}

/// Indented as Docker writes its manifests, so that a copy which does not keep the bytes shows.
fn pretty(manifest: &Value) -> Vec<u8> {
    serde_json::to_vec_pretty(manifest).unwrap()
}

fn filler(name: &str, size: usize) -> Vec<u8> {
    format!("a layer of {name}\n").into_bytes().into_iter().cycle().take(size).collect()
}

/// A tar archive of one file: a header, the content in blocks of 512 bytes, and two empty blocks.
fn archive(path: &str, content: &[u8]) -> Vec<u8> {
    fn put(header: &mut [u8; 512], at: usize, text: &str) {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    let mut header = [0; 512];
    put(&mut header, 0, path);
    put(&mut header, 100, "0000644");
    put(&mut header, 108, "0000000");
    put(&mut header, 116, "0000000");
    put(&mut header, 124, &format!("{:011o}", content.len()));
    put(&mut header, 136, "00000000000");
    put(&mut header, 156, "0");
    put(&mut header, 257, "ustar");
    put(&mut header, 263, "00");
    // The sum of all bytes, with blanks where it is to be written.
    put(&mut header, 148, &" ".repeat(8));
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    put(&mut header, 148, &format!("{sum:06o}\0 "));
    let blocks = content.len().div_ceil(512) + 2;
    let mut archive = [&header[..], content].concat();
    archive.resize((1 + blocks) * 512, 0);
    archive
}
