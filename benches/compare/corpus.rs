//! Images of the shapes that Oracle Container Registry holds, made up on the spot and kept as recipes: a layer of
//! gigabytes takes one block of memory.

use bytes::Bytes;
use serde_json::{Value, json};
use tagferry::oci::{Digest, Hasher};

use crate::fake::random_bytes;

pub(crate) const MB: u64 = 1_000_000;
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

const BLOCK_BYTES: usize = 1 << 20;
/// A layer is sent in pieces of this size. Larger ones make the server no faster.
const PIECE_BYTES: usize = 256 * 1024;
/// How a gzip file starts: skopeo compresses layers that do not look compressed.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];

/// A blob: one block, again and again up to a size.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    block: Bytes,
}

impl Blob {
    /// A layer of its own for each seed.
    fn layer(seed: u64, size: u64) -> Self {
        let mut block = random_bytes(seed, BLOCK_BYTES).to_vec();
        block[..GZIP.len()].copy_from_slice(&GZIP);
        let blob = Self { digest: Digest::of(&[]), size, block: block.into() };
        let mut hasher = Hasher::default();
        blob.pieces(0).for_each(|piece| hasher.update(&piece));
        Self { digest: hasher.finish(), ..blob }
    }

    fn whole(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), size: bytes.len() as u64, block: bytes.into() }
    }

    /// The bytes from `start` on.
    pub(crate) fn pieces(&self, start: u64) -> impl Iterator<Item = Bytes> + use<> {
        let Self { size, block, .. } = self.clone();
        let mut at = start;
        std::iter::from_fn(move || {
            let offset = usize::try_from(at % block.len() as u64).unwrap();
            let length = (block.len() - offset).min(PIECE_BYTES);
            let length = length.min(usize::try_from(size - at).unwrap_or(usize::MAX));
            at += length as u64;
            (length > 0).then(|| block.slice(offset..offset + length))
        })
    }
}

/// A manifest and everything that it needs.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) media_type: &'static str,
    pub(crate) manifest: Bytes,
    pub(crate) blobs: Vec<Blob>,
    pub(crate) children: Vec<Image>,
}

impl Image {
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// Every blob of it and of what is below, some of them more than once.
    pub(crate) fn all_blobs(&self) -> impl Iterator<Item = &Blob> {
        self.blobs.iter().chain(self.children.iter().flat_map(|child| &child.blobs))
    }

    fn new(media_type: &'static str, manifest: &Value) -> Self {
        let manifest = manifest.to_string().into();
        Self { media_type, manifest, blobs: Vec::new(), children: Vec::new() }
    }

    /// An image of one platform. Another `name` makes another image of the same layers.
    fn single(name: &str, architecture: &str, layers: Vec<Blob>) -> Self {
        let config = json!({
            "os": "linux", "architecture": architecture, "config": {"Labels": {"name": name}},
            "rootfs": {"type": "layers", "diff_ids": []},
        });
        let config = Blob::whole(config.to_string().into_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": descriptor(CONFIG, config.digest, config.size),
            "layers": layers.iter().map(|l| descriptor(LAYER, l.digest, l.size)).collect::<Vec<_>>(),
        });
        let blobs = [config].into_iter().chain(layers).collect();
        Self { blobs, ..Self::new(OCI_MANIFEST, &manifest) }
    }

    fn index(children: [(&str, Self); 2]) -> Self {
        let manifests = children.each_ref().map(|(architecture, child)| {
            let mut entry = descriptor(child.media_type, child.digest(), child.manifest.len() as u64);
            entry["platform"] = json!({"os": "linux", "architecture": architecture});
            entry
        });
        let manifest = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
        Self { children: children.map(|(_, child)| child).into(), ..Self::new(OCI_INDEX, &manifest) }
    }
}

fn descriptor(media_type: &str, digest: Digest, size: u64) -> Value {
    json!({"mediaType": media_type, "digest": digest, "size": size})
}

/// `java/jdk`: an index of two platforms; a base of 45 MB that all releases share, and a layer with the JDK of
/// 150 to 250 MB, both divided by `shrink`.
pub(crate) fn jdk(release: u64, shrink: u64) -> Image {
    let platform = |number: u64, architecture| {
        let base = Blob::layer(number, 45 * MB / shrink);
        let jdk =
            Blob::layer(100 * release + number, (150 + (release * 37 + number * 53) % 101) * MB / shrink);
        (architecture, Image::single(&format!("jdk {release}"), architecture, vec![base, jdk]))
    };
    Image::index([platform(1, "amd64"), platform(2, "arm64")])
}

/// `database/free`: one platform, one layer of so many bytes.
pub(crate) fn database(size: u64) -> Image {
    Image::single("database", "amd64", vec![Blob::layer(3, size)])
}

/// One platform, so many layers of this size each.
pub(crate) fn layered(layers: u64, size: u64) -> Image {
    let layers = (0..layers).map(|number| Blob::layer(1000 + number, size)).collect();
    Image::single("layered", "amd64", layers)
}

/// A small image, another for each seed.
pub(crate) fn small(seed: u64) -> Image {
    Image::single(&format!("small {seed}"), "amd64", vec![Blob::layer(seed, 1000)])
}
