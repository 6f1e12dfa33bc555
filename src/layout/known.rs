//! Which manifests are whole. Each is read and hashed once, and again only when its file is another one by then.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::layout::files::Stamp;
use crate::layout::{Error, Layout, files};
use crate::oci::{Descriptor, Digest, MANIFEST_MAX_BYTES, Manifest, MediaType};
use crate::remembered::Remembered;

/// What is remembered of manifests. Beyond that, those that were not needed for the longest time are read again.
const REMEMBERED_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The manifests whose files were found right.
#[derive(Debug)]
pub(super) struct Known(Mutex<Remembered<Digest, Arc<Checked>>>);

impl Default for Known {
    fn default() -> Self {
        Self(Mutex::new(Remembered::new(REMEMBERED_MAX_BYTES)))
    }
}

/// A file whose bytes have its digest, and what they refer to.
#[derive(Debug)]
struct Checked {
    file: Stamp,
    parts: Parts,
}

/// What has to be there with a manifest: digests and sizes in bytes.
#[derive(Debug)]
struct Parts {
    blobs: Box<[(Digest, u64)]>,
    /// Manifests below an index.
    children: Box<[(Digest, u64)]>,
    /// Children of an index of which only the file shows whether they are manifests.
    others: Box<[(Digest, u64)]>,
    /// What the manifest refers to; it need not be there.
    subject: Option<Digest>,
}

impl Parts {
    /// Layers that live elsewhere by design are left out.
    fn of(manifest: &Manifest) -> Self {
        let part = |part: &Descriptor| (part.digest, part.size);
        let children = |is_kind: fn(&MediaType) -> bool| {
            manifest.children().iter().filter(move |child| is_kind(&child.media_type))
        };
        let blobs = manifest.blobs().iter().chain(children(MediaType::is_blob));
        let is_other = |media_type: &MediaType| !media_type.is_blob() && !media_type.is_manifest();
        Self {
            blobs: blobs.filter(|blob| !blob.is_foreign()).map(part).collect(),
            children: children(MediaType::is_manifest).map(part).collect(),
            others: children(is_other).map(part).collect(),
            subject: manifest.subject(),
        }
    }
}

impl Checked {
    /// What it holds on the heap.
    fn bytes(&self) -> usize {
        let Parts { blobs, children, others, .. } = &self.parts;
        size_of::<Self>() + (blobs.len() + children.len() + others.len()) * size_of::<(Digest, u64)>()
    }
}

impl Known {
    fn get(&self, digest: Digest, file: Stamp) -> Option<Arc<Checked>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&digest).filter(|checked| checked.file == file).cloned()
    }

    fn insert(&self, digest: Digest, checked: &Arc<Checked>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(digest, Arc::clone(checked), checked.bytes());
    }
}

impl Layout {
    /// Whether the manifest's own file is there and right.
    pub(super) fn is_stored(&self, digest: Digest) -> Result<bool, Error> {
        Ok(self.checked(digest)?.is_some())
    }

    /// Whether a manifest is there, with all that it refers to.
    pub(super) fn is_whole(&self, digest: Digest) -> Result<bool, Error> {
        match self.checked(digest)? {
            Some(root) => Ok(self.missing(&root.parts)?.is_none()),
            None => Ok(false),
        }
    }

    /// What the manifest of this digest refers to, if it is one and does.
    pub(super) fn subject(&self, digest: Digest) -> Result<Option<Digest>, Error> {
        Ok(self.checked(digest)?.and_then(|checked| checked.parts.subject))
    }

    /// The first part below a manifest that is not there, or has another size than its descriptor says.
    pub(super) fn missing_part(&self, root: &Manifest) -> Result<Option<Digest>, Error> {
        self.missing(&Parts::of(root))
    }

    fn missing(&self, root: &Parts) -> Result<Option<Digest>, Error> {
        if let Some(blob) = self.missing_blob(root)? {
            return Ok(Some(blob));
        }
        let mut seen = HashSet::new();
        let below = |parts: &Parts| {
            let others = parts.others.iter().map(|&other| (other, false));
            parts.children.iter().map(|&child| (child, true)).chain(others).collect::<Vec<_>>()
        };
        let mut pending = below(root);
        while let Some(((digest, size), is_manifest)) = pending.pop() {
            if !seen.insert(digest) {
                continue;
            }
            match self.checked(digest)?.filter(|child| child.file.bytes() == size) {
                Some(child) => {
                    if let Some(blob) = self.missing_blob(&child.parts)? {
                        return Ok(Some(blob));
                    }
                    pending.extend(below(&child.parts));
                }
                None if !is_manifest && self.size(digest)? == Some(size) => {}
                None => return Ok(Some(digest)),
            }
        }
        Ok(None)
    }

    fn missing_blob(&self, parts: &Parts) -> Result<Option<Digest>, Error> {
        for &(digest, size) in &parts.blobs {
            if self.size(digest)? != Some(size) {
                return Ok(Some(digest));
            }
        }
        Ok(None)
    }

    /// What is known of a manifest, none where there is none. A file that is something else, or was damaged, is
    /// none too: bringing the manifest again replaces it.
    fn checked(&self, digest: Digest) -> Result<Option<Arc<Checked>>, Error> {
        let path = self.blob(digest);
        let Some(metadata) = files::look(&path)?.filter(std::fs::Metadata::is_file) else { return Ok(None) };
        if let Some(checked) = self.known().get(digest, Stamp::of(&metadata)) {
            return Ok(Some(checked));
        }
        if metadata.len() > MANIFEST_MAX_BYTES as u64 {
            return Ok(None);
        }
        let file = files::open(&path)?;
        let stamp = file.stamp()?;
        let bytes = file.read(MANIFEST_MAX_BYTES)?;
        let manifest =
            Manifest::parse(bytes.into(), None).ok().filter(|manifest| manifest.digest() == digest);
        let Some(manifest) = manifest else { return Ok(None) };
        let checked = Arc::new(Checked { file: stamp, parts: Parts::of(&manifest) });
        self.known().insert(digest, &checked);
        // Another process may have written it just now, and all below it.
        self.state().names_changed();
        Ok(Some(checked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_in_bytes() {
        let (known, file) = (Known::default(), std::fs::metadata(".").unwrap());
        let file = Stamp::of(&file);
        let part = |number: usize| (Digest::of(&number.to_ne_bytes()), 1);
        for number in 0..200 {
            let parts = Parts {
                blobs: (0..10_000).map(part).collect(),
                children: Box::default(),
                others: Box::default(),
                subject: None,
            };
            let (digest, _) = part(number);
            known.insert(digest, &Arc::new(Checked { file, parts }));
            assert!(known.get(digest, file).is_some());
            assert!(known.0.lock().unwrap().bytes() <= REMEMBERED_MAX_BYTES);
        }
    }
}
