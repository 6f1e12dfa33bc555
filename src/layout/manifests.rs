//! Manifests, and what the tags point at.

use std::collections::{BTreeMap, BTreeSet};

use crate::layout::staged::Staged;
use crate::layout::{Error, Layout};
use crate::oci::{Digest, Manifest, Reference, Tag};

impl Layout {
    /// What the tags point at. Left out are those that are not there, all of a missing directory, and those whose
    /// image lacks a part by now: a registry would not serve them, and copying them again mends them.
    pub async fn digests(&self, tags: &[Tag]) -> Result<BTreeMap<Tag, Digest>, Error> {
        let tags = tags.to_vec();
        self.blocking(move |layout| {
            let mut digests = layout.pointed(&tags)?;
            // Many tags may share an image.
            let distinct: BTreeSet<Digest> = digests.values().copied().collect();
            let mut whole = BTreeSet::new();
            for digest in distinct {
                if layout.is_whole(digest)? {
                    whole.insert(digest);
                }
            }
            digests.retain(|_, digest| whole.contains(digest));
            Ok(digests)
        })
        .await
    }

    /// What one tag points at; see [`Layout::digests`].
    pub async fn digest(&self, tag: &Tag) -> Result<Option<Digest>, Error> {
        Ok(self.digests(std::slice::from_ref(tag)).await?.remove(tag))
    }

    /// Whether a manifest is there, with all that it refers to: the directory may have been filled by others.
    pub async fn has_manifest(&self, digest: Digest) -> Result<bool, Error> {
        self.blocking(move |layout| layout.is_whole(digest)).await
    }

    /// Writes a manifest and points the tag at it, if the reference is one.
    ///
    /// Refused with [`Error::MissingPart`] as long as anything below it is not there. A tag moves in one step: readers
    /// see the old image or the new one.
    pub async fn put_manifest(&self, manifest: &Manifest, reference: &Reference) -> Result<(), Error> {
        let (manifest, reference) = (manifest.clone(), reference.clone());
        self.blocking(move |layout| {
            if let Some(part) = layout.missing_part(&manifest)? {
                let dir = layout.dir().to_owned();
                return Err(Error::MissingPart { manifest: manifest.digest(), part, dir });
            }
            let folder = layout.writable_blobs()?;
            if !layout.is_stored(manifest.digest())? {
                layout.publish(Staged::with(&folder, manifest.bytes())?, manifest.digest())?;
            }
            match reference {
                Reference::Digest(_) => Ok(()),
                Reference::Tag(tag) => layout.set_tag(&tag, &manifest),
            }
        })
        .await
    }
}
