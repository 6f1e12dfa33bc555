//! An image as the manifests it consists of, children before parents.

use std::collections::{BTreeMap, HashSet};

use futures_util::future::BoxFuture;

use crate::copy::{Copier, Error, Shared};
use crate::oci::{Descriptor, Digest, Manifest};

/// Indexes may be nested this deep; real ones are one deep, some two.
const DEPTH_MAX: usize = 4;
/// An image may consist of so many manifests.
const MANIFESTS_MAX: usize = 1000;
/// All manifests of an image together may be this large: they are held until the last is written.
const TOTAL_MAX_BYTES: usize = 32 * 1024 * 1024;

/// What is to be written for an image.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The manifests below the root that are not written yet, children before parents.
    pub(super) children: Vec<Manifest>,
    seen: HashSet<Digest>,
    bytes: usize,
}

/// Whether what the target is known to have is taken as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// It is.
    Present,
    /// It is not: the target said that something is missing.
    Nothing,
}

impl Copier {
    /// Reads everything below `root` that has to be written.
    pub(super) async fn graph(&self, root: &Manifest, trust: Trust) -> Result<Graph, Error> {
        let mut graph = Graph::default();
        self.descend(&mut graph, root, trust, 1).await?;
        Ok(graph)
    }

    fn descend<'a>(
        &'a self,
        graph: &'a mut Graph,
        parent: &'a Manifest,
        trust: Trust,
        depth: usize,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            for child in parent.children() {
                if !graph.seen.insert(child.digest) || self.is_done(child.digest, trust) {
                    continue;
                }
                graph.check_bounds(depth)?;
                let manifest = self.child(child).await?;
                graph.bytes += manifest.bytes().len();
                self.descend(graph, &manifest, trust, depth + 1).await?;
                graph.children.push(manifest);
            }
            Ok(())
        })
    }

    /// Whether this run wrote a manifest, with all below it.
    pub(super) fn is_done(&self, manifest: Digest, trust: Trust) -> bool {
        let Shared { inflight, .. } = &*self.shared;
        trust == Trust::Present && inflight.has_written(&self.target.registry(), self.repository(), manifest)
    }

    async fn child(&self, child: &Descriptor) -> Result<Manifest, Error> {
        let manifest = self.read(child.digest).await?;
        if manifest.bytes().len() as u64 != child.size {
            let (got, digest) = (manifest.bytes().len(), child.digest);
            return Err(Error::Image(format!(
                "manifest {digest} has {got} bytes, its index says {}",
                child.size
            )));
        }
        Ok(manifest)
    }
}

impl Graph {
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
