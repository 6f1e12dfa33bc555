//! An image as the manifests it consists of, children before parents.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::copy::copier::MANIFESTS_MAX;
use crate::copy::{Copier, Error};
use crate::oci::{Descriptor, Digest, Manifest};

/// Indexes may be nested this deep; real ones are one deep, some two.
const DEPTH_MAX: usize = 4;
/// The most manifests of one image.
const IMAGE_MANIFESTS_MAX: usize = 1000;
/// All manifests of an image together may be this large: they are held until the last is written.
const TOTAL_MAX_BYTES: usize = 32 * 1024 * 1024;

/// What has to be written below the root of an image.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Each with the greatest depth at which it is referred to.
    nodes: BTreeMap<Digest, (usize, Manifest)>,
    /// Children of indexes that are no manifests, as in the caches of build tools.
    blobs: Vec<Descriptor>,
}

/// Whom to believe that something is in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// This run's, which wrote manifests and brought blobs, and the target's.
    Run,
    /// The target's alone, asked again.
    Target,
    /// Nobody's: everything is written.
    Nobody,
}

impl Copier {
    /// Reads everything below `root` that has to be written, level by level.
    pub(super) async fn graph(&self, root: &Manifest, trust: Trust) -> Result<Graph, Error> {
        let mut graph = Graph::default();
        let mut children = root.children().to_vec();
        for depth in 1.. {
            children.retain(|child| !self.is_done(child.digest, trust));
            if children.is_empty() {
                break;
            }
            let (blobs, manifests) = children.into_iter().partition(|child| child.media_type.is_blob());
            graph.blobs.extend::<Vec<_>>(blobs);
            children = manifests;
            let reads: Vec<_> =
                graph.place(&children, depth)?.into_iter().map(|child| self.child(child)).collect();
            let mut reads = stream::iter(reads).buffer_unordered(MANIFESTS_MAX);
            while let Some((child, manifest)) = reads.try_next().await? {
                match manifest {
                    Some(manifest) => graph.add(depth, manifest)?,
                    None => graph.blobs.push(child),
                }
            }
            children = graph.below(&children);
        }
        Ok(graph)
    }

    /// Whether this run wrote a manifest, with all below it.
    pub(super) fn is_done(&self, manifest: Digest, trust: Trust) -> bool {
        let inflight = &self.shared.inflight;
        trust == Trust::Run && inflight.has_written(&self.target.registry(), self.repository(), manifest)
    }

    /// Reads a child; none where it is of an unknown type and no manifest.
    async fn child(&self, child: Descriptor) -> Result<(Descriptor, Option<Manifest>), Error> {
        let manifest = if child.media_type.is_manifest() {
            Some(self.read(child.digest).await?)
        } else {
            let step = ("ask for", child.digest);
            self.sources.manifest_if_any(child.digest).await.map_err(Error::source(step))?
        };
        let got = manifest.as_ref().map_or(child.size, |manifest| manifest.bytes().len() as u64);
        if got != child.size {
            let Descriptor { digest, size, .. } = child;
            return Err(Error::Image(format!("manifest {digest} has {got} bytes, its index says {size}")));
        }
        Ok((child, manifest))
    }
}

impl Graph {
    /// Moves known children down to `depth`, and gives those that are not read yet.
    fn place(&mut self, children: &[Descriptor], depth: usize) -> Result<Vec<Descriptor>, Error> {
        if depth > DEPTH_MAX {
            return Err(Error::Image(format!("indexes are nested deeper than {DEPTH_MAX}")));
        }
        let mut unread = BTreeMap::new();
        for child in children {
            if let Some((known, _)) = self.nodes.get_mut(&child.digest) {
                *known = depth;
            } else {
                unread.insert(child.digest, child.clone());
            }
        }
        if self.nodes.len() + unread.len() > IMAGE_MANIFESTS_MAX {
            return Err(Error::Image(format!(
                "the image consists of more than {IMAGE_MANIFESTS_MAX} manifests"
            )));
        }
        Ok(unread.into_values().collect())
    }

    fn add(&mut self, depth: usize, manifest: Manifest) -> Result<(), Error> {
        self.nodes.insert(manifest.digest(), (depth, manifest));
        let bytes: usize = self.manifests().map(|manifest| manifest.bytes().len()).sum();
        if bytes > TOTAL_MAX_BYTES {
            return Err(Error::Image(format!(
                "its manifests are larger than {TOTAL_MAX_BYTES} bytes together"
            )));
        }
        Ok(())
    }

    /// What the children refer to in turn.
    fn below(&self, children: &[Descriptor]) -> Vec<Descriptor> {
        let read = children.iter().filter_map(|child| self.nodes.get(&child.digest));
        read.flat_map(|(_, manifest)| manifest.children()).cloned().collect()
    }

    /// All manifests.
    pub(super) fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.nodes.values().map(|(_, manifest)| manifest)
    }

    /// The same in the order of writing: each level refers only to those before it.
    pub(super) fn levels(&self) -> Vec<Vec<&Manifest>> {
        let at =
            |depth| self.nodes.values().filter(move |(at, _)| *at == depth).map(|(_, manifest)| manifest);
        (1..=DEPTH_MAX).rev().map(|depth| at(depth).collect()).collect()
    }

    /// All blobs of the image with this root, each once. Layers that live elsewhere by design are left out: their `urls`
    /// are never fetched, and registries take the manifest without them.
    pub(super) fn blobs(&self, root: &Manifest) -> Result<BTreeMap<Digest, Descriptor>, Error> {
        let mut blobs: BTreeMap<Digest, Descriptor> = BTreeMap::new();
        let all = self.manifests().chain([root]).flat_map(Manifest::blobs).chain(&self.blobs);
        let nothing = Digest::of(b"");
        for blob in all.filter(|blob| !blob.is_foreign()) {
            // Nothing would be asked for and nothing sent, under a digest that is that of something.
            if blob.size == 0 && blob.digest != nothing {
                return Err(Error::Image(format!(
                    "blob {} is said to have 0 bytes, and its digest is not that of nothing: the source's manifest is wrong",
                    blob.digest
                )));
            }
            let known = blobs.entry(blob.digest).or_insert_with(|| blob.clone());
            if known.size != blob.size {
                return Err(Error::Image(format!(
                    "blob {} is said to have {} and {} bytes",
                    blob.digest, known.size, blob.size
                )));
            }
        }
        Ok(blobs)
    }
}
