//! Manifests and the tags that point at them.

use std::collections::{BTreeMap, HashSet};

use crate::layout::staged::Staged;
use crate::layout::{Error, Layout, files, index};
use crate::oci::{Descriptor, Digest, MANIFEST_MAX_BYTES, Manifest, Reference, Tag};

impl Layout {
    /// What the tags point at. Left out are those that are not there, all of a missing directory, and those whose
    /// image lacks a part by now: a registry would not serve them, and copying them again mends them.
    pub async fn digests(&self, tags: &[Tag]) -> Result<BTreeMap<Tag, Digest>, Error> {
        let tags = tags.to_vec();
        self.blocking(move |layout| {
            let Some(bytes) = layout.read_index()? else { return Ok(BTreeMap::new()) };
            let index = layout.parse_index(&bytes)?;
            let mut digests = BTreeMap::new();
            for tag in tags {
                let Some(digest) = index.digest(&tag) else { continue };
                if layout.is_whole(digest)? {
                    digests.insert(tag, digest);
                }
            }
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
            Staged::with(&folder, manifest.bytes())?.publish(&layout.blob(manifest.digest()))?;
            match &reference {
                Reference::Digest(_) => Ok(()),
                Reference::Tag(tag) => {
                    // Names before the tag that needs them: after a power cut the tag is whole or not there.
                    files::sync_folder(&folder)?;
                    layout.set_tag(tag, &manifest)
                }
            }
        })
        .await
    }

    /// Reads, changes and replaces `index.json` while others who want to do the same wait.
    fn set_tag(&self, tag: &Tag, manifest: &Manifest) -> Result<(), Error> {
        let _lock = self.lock_tags()?;
        let bytes = self.read_index()?.unwrap_or_else(|| index::EMPTY.into());
        let old = self.parse_index(&bytes)?;
        if old.digest(tag) == Some(manifest.digest()) {
            return Ok(());
        }
        let bytes = old.with_tag(tag, manifest).map_err(|cause| self.invalid_index(cause))?;
        self.write_index(&bytes)
    }

    fn is_whole(&self, digest: Digest) -> Result<bool, Error> {
        match self.read_manifest(digest)? {
            Some(manifest) => Ok(self.missing_part(&manifest)?.is_none()),
            None => Ok(false),
        }
    }

    /// The first part below a manifest that is not there, or has another size than its descriptor says. Layers
    /// that live elsewhere by design are not looked for.
    ///
    /// Every manifest is read once, and only one is held at a time.
    fn missing_part(&self, root: &Manifest) -> Result<Option<Digest>, Error> {
        let mut seen = HashSet::new();
        let mut pending: Vec<Descriptor> = Vec::new();
        let mut manifest = root.clone();
        loop {
            for blob in manifest.blobs().iter().filter(|blob| !blob.is_foreign()) {
                if self.size(blob.digest)? != Some(blob.size) {
                    return Ok(Some(blob.digest));
                }
            }
            pending.extend(manifest.children().iter().filter(|child| seen.insert(child.digest)).cloned());
            let Some(child) = pending.pop() else { return Ok(None) };
            manifest = match self.read_manifest(child.digest)? {
                Some(manifest) if manifest.bytes().len() as u64 == child.size => manifest,
                _ => return Ok(Some(child.digest)),
            };
        }
    }

    /// Reads a manifest, none where there is none. A file that is something else, or was damaged, is none too:
    /// bringing the manifest again replaces it.
    fn read_manifest(&self, digest: Digest) -> Result<Option<Manifest>, Error> {
        if self.size(digest)?.is_none_or(|bytes| bytes > MANIFEST_MAX_BYTES as u64) {
            return Ok(None);
        }
        let bytes = files::read(&self.blob(digest), MANIFEST_MAX_BYTES)?;
        let manifest = Manifest::parse(bytes.into(), None).ok();
        Ok(manifest.filter(|manifest| manifest.digest() == digest))
    }
}
