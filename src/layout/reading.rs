//! Reading what whoever wrote the layout put there: nothing of it is believed before its digest and size are right.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;

use crate::layout::files::Opened;
use crate::layout::index::offer::Offer;
use crate::layout::{Error, Layout, files};
use crate::oci::{Descriptor, Digest, Hasher, MANIFEST_MAX_BYTES, Manifest, Reference, Tag};

/// Read at once; each read costs a switch of threads.
const BUFFER_BYTES: usize = 512 * 1024;

impl Layout {
    /// All tags of the repository.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        self.blocking(|layout| {
            let unclear = |cause| Error::Unclear { index: layout.index(), cause };
            layout.read_offer()?.tags(layout.name()).map_err(unclear)
        })
        .await
    }

    /// What of the directory has a name and is not among these tags: one sentence, none where there is nothing of the kind.
    pub async fn left_out(&self) -> Result<Option<String>, Error> {
        self.blocking(|layout| {
            let left_out = layout.read_offer()?.left_out(layout.name());
            Ok(left_out.map(|left_out| format!("{} {left_out}", layout.index().display())))
        })
        .await
    }

    /// The digest that a reference stands for, none where there is nothing. A tag whose manifest is not there is an error.
    pub async fn head(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        let reference = reference.clone();
        self.blocking(move |layout| {
            let tag = match reference {
                Reference::Digest(digest) => return Ok(layout.is_stored(digest)?.then_some(digest)),
                Reference::Tag(tag) => tag,
            };
            let unclear = |cause| Error::Unclear { index: layout.index(), cause };
            let Some(found) = layout.read_offer()?.find(layout.name(), &tag).map_err(unclear)? else {
                return Ok(None);
            };
            layout.open_blob(found.digest, Some(found.size))?;
            Ok(Some(found.digest))
        })
        .await
    }

    /// Reads the manifest of this digest, verified.
    pub async fn manifest(&self, digest: Digest) -> Result<Manifest, Error> {
        self.blocking(move |layout| layout.read_manifest(digest)).await
    }

    pub(super) fn read_manifest(&self, digest: Digest) -> Result<Manifest, Error> {
        let bytes = self.open_blob(digest, None)?.read(MANIFEST_MAX_BYTES)?;
        let got = Digest::of(&bytes);
        if got != digest && bytes.len() <= MANIFEST_MAX_BYTES {
            return Err(Error::Digest { expected: digest, got });
        }
        Manifest::parse(bytes.into(), None).map_err(|cause| Error::Manifest { digest, cause })
    }

    /// Prepares to read a blob; the first [`BlobReader::chunk`] opens it.
    pub fn blob_reader(&self, blob: &Descriptor) -> BlobReader {
        let (layout, blob) = (self.clone(), blob.clone());
        BlobReader { layout, blob, file: None, got: 0, hasher: Hasher::default() }
    }

    /// What the index holds. A directory that is no layout is an error.
    pub(super) fn read_offer(&self) -> Result<Arc<Offer>, Error> {
        if !files::is_file(&self.marker())? || !self.check_marker()? {
            return Err(Error::NoLayout(self.dir().to_owned()));
        }
        self.offer()?.ok_or_else(|| Error::NoLayout(self.dir().to_owned()))
    }

    /// Opens the file of a blob or manifest, which has to be a file in the directory: no link is followed.
    fn open_blob(&self, digest: Digest, size: Option<u64>) -> Result<Opened, Error> {
        let path = self.readable_blob(digest)?;
        let file = files::open(&path)?;
        let got = file.stamp()?.bytes();
        match size {
            Some(expected) if expected != got => Err(Error::Size { blob: digest, expected, got }),
            _ => Ok(file),
        }
    }

    fn readable_blob(&self, digest: Digest) -> Result<PathBuf, Error> {
        let path = self.blob(digest);
        let is_there = files::is_folder(&self.dir().join("blobs"))?
            && files::is_folder(&self.blobs())?
            && files::is_file(&path)?;
        if is_there { Ok(path) } else { Err(Error::Absent { digest, dir: self.dir().to_owned() }) }
    }
}

/// A blob on its way. Its last bytes are held back until size and digest are found right: a caller that got the end got
/// the blob.
pub struct BlobReader {
    layout: Layout,
    blob: Descriptor,
    file: Option<tokio::fs::File>,
    got: u64,
    hasher: Hasher,
}

impl BlobReader {
    /// The next bytes, none after the last. An error ends the stream.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let Descriptor { digest, size, .. } = self.blob;
        let file = if let Some(file) = &mut self.file {
            file
        } else {
            let opened = self.layout.blocking(move |layout| layout.open_blob(digest, Some(size))).await?;
            self.file.insert(tokio::fs::File::from_std(opened.into_file()))
        };
        let mut bytes = BytesMut::with_capacity(BUFFER_BYTES);
        let path = self.layout.blob(digest);
        file.read_buf(&mut bytes).await.map_err(Error::io("read", &path))?;
        self.got += bytes.len() as u64;
        self.hasher.update(&bytes);
        if self.got > size || (bytes.is_empty() && self.got < size) {
            return Err(Error::Size { blob: digest, expected: size, got: self.got });
        }
        if self.got == size {
            let got = self.hasher.clone().finish();
            if got != digest {
                return Err(Error::Digest { expected: digest, got });
            }
        }
        Ok(Some(bytes.freeze()).filter(|bytes| !bytes.is_empty()))
    }
}
