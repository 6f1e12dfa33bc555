//! An image as the manifests it consists of, children before parents.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::BoxFuture;

use crate::copy::Error;
use crate::oci::{Descriptor, Digest, Manifest};
use crate::registry;
use crate::target::Target;

/// Indexes may be nested this deep; real ones are one deep, some two.
const DEPTH_MAX: usize = 4;
/// An image may consist of so many manifests.
const MANIFESTS_MAX: usize = 1000;
/// All manifests of an image together may be this large: they are held until the last is written.
const TOTAL_MAX_BYTES: usize = 32 * 1024 * 1024;

/// What is to be written for an image.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The manifests below the root that the target lacks, children before parents.
    pub(super) children: Vec<Manifest>,
    seen: HashSet<Digest>,
    bytes: usize,
}

/// Whether manifests that the target has are taken as done, with all below them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// They are: a registry takes no manifest without what it refers to.
    Present,
    /// They are not: the target said that something is missing.
    Nothing,
}

/// Reads everything below `root` that has to be written.
pub(super) async fn read(
    source: &registry::Repository,
    target: &Target,
    root: &Manifest,
    trust: Trust,
) -> Result<Graph, Error> {
    let mut graph = Graph::default();
    graph.descend(source, target, root, trust, 1).await?;
    Ok(graph)
}

impl Graph {
    fn descend<'a>(
        &'a mut self,
        source: &'a registry::Repository,
        target: &'a Target,
        parent: &'a Manifest,
        trust: Trust,
        depth: usize,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            for child in parent.children() {
                if !self.seen.insert(child.digest) {
                    continue;
                }
                self.check_bounds(depth)?;
                if trust == Trust::Present {
                    let step = format!("ask for manifest {}", child.digest);
                    if target.has_manifest(child.digest).await.map_err(Error::target(step))? {
                        continue;
                    }
                }
                let manifest = read_manifest(source, child).await?;
                self.bytes += manifest.bytes().len();
                self.descend(source, target, &manifest, trust, depth + 1).await?;
                self.children.push(manifest);
            }
            Ok(())
        })
    }

    fn check_bounds(&self, depth: usize) -> Result<(), Error> {
        if depth > DEPTH_MAX {
            return Err(Error::Image(format!("indexes are nested deeper than {DEPTH_MAX}")));
        }
        if self.seen.len() > MANIFESTS_MAX {
            return Err(Error::Image(format!("the image consists of more than {MANIFESTS_MAX} manifests")));
        }
        if self.bytes > TOTAL_MAX_BYTES {
            return Err(Error::Image(format!(
                "its manifests are larger than {TOTAL_MAX_BYTES} bytes together"
            )));
        }
        Ok(())
    }
}

async fn read_manifest(source: &registry::Repository, child: &Descriptor) -> Result<Manifest, Error> {
    let step = format!("read manifest {}", child.digest);
    let manifest = source.manifest(child.digest).await.map_err(Error::source(step))?;
    if manifest.bytes().len() as u64 != child.size {
        let (got, digest) = (manifest.bytes().len(), child.digest);
        return Err(Error::Image(format!(
            "manifest {digest} has {got} bytes, its index says {}",
            child.size
        )));
    }
    Ok(manifest)
}

/// The blobs of these manifests, each once. Layers that live elsewhere by design are left out: their `urls` are
/// never fetched, and registries take the manifest without them.
pub(super) fn blobs<'a>(
    manifests: impl IntoIterator<Item = &'a Manifest>,
) -> Result<BTreeMap<Digest, Descriptor>, Error> {
    let mut blobs: BTreeMap<Digest, Descriptor> = BTreeMap::new();
    for blob in manifests.into_iter().flat_map(Manifest::blobs).filter(|blob| !blob.is_foreign()) {
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
