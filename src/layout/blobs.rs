//! Blobs: files under their digests.

use std::collections::HashSet;
use std::pin::pin;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use tokio::io::{AsyncWriteExt, BufWriter};

use crate::layout::staged::Staged;
use crate::layout::{Error, Layout, files};
use crate::oci::{Descriptor, Digest, Hasher};

/// Network reads are small; each write to a file costs a switch of threads.
const BUFFER_BYTES: usize = 512 * 1024;

impl Layout {
    /// Which of these blobs are there. A link under a digest's name does not count: it may lead anywhere.
    pub async fn present(&self, blobs: &[Digest]) -> Result<HashSet<Digest>, Error> {
        let blobs = blobs.to_vec();
        self.blocking(move |layout| {
            let mut present = HashSet::new();
            for digest in blobs {
                if layout.size(digest)?.is_some() {
                    present.insert(digest);
                }
            }
            Ok(present)
        })
        .await
    }

    /// Writes a blob. It appears under its digest only when size and digest were found right and its bytes are on
    /// disk; whatever fails before, or a drop, leaves nothing there.
    pub async fn put_blob<S, E>(&self, blob: &Descriptor, body: S) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let staged = self.blocking(|layout| Staged::create(&layout.writable_blobs()?)).await?;
        let file = tokio::fs::File::from_std(staged.writer()?);
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, file);
        let (mut got, mut hasher) = (0, Hasher::default());
        let mut body = pin!(body);
        let broke_off = |error: E| Error::Body { blob: blob.digest, cause: error.into() };
        while let Some(bytes) = body.try_next().await.map_err(broke_off)? {
            got += bytes.len() as u64;
            if got > blob.size {
                break;
            }
            hasher.update(&bytes);
            writer.write_all(&bytes).await.map_err(Error::io("write", staged.path()))?;
        }
        if got != blob.size {
            return Err(Error::Size { blob: blob.digest, expected: blob.size, got });
        }
        let digest = hasher.finish();
        if digest != blob.digest {
            return Err(Error::Digest { expected: blob.digest, got: digest });
        }
        writer.flush().await.map_err(Error::io("write", staged.path()))?;
        self.blocking(move |layout| layout.publish(staged, digest)).await
    }

    /// Gives the file of a blob or manifest its name.
    pub(super) fn publish(&self, staged: Staged, digest: Digest) -> Result<(), Error> {
        staged.publish(&self.blob(digest))?;
        self.state().names_changed();
        Ok(())
    }

    /// The size of a blob's or manifest's file in bytes, none where there is none.
    pub(super) fn size(&self, digest: Digest) -> Result<Option<u64>, Error> {
        let metadata = files::look(&self.blob(digest))?;
        Ok(metadata.filter(std::fs::Metadata::is_file).map(|metadata| metadata.len()))
    }
}
