//! What a registry tells of an image that it has.

use jiff::Timestamp;

use crate::oci::Digest;

/// An image as a registry has it under a tag, as far as the registry tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes; of an index, ECR tells that of the largest image.
    pub size: Option<u64>,
    /// When it was pushed.
    pub pushed_at: Option<Timestamp>,
}

impl From<Digest> for Stored {
    fn from(digest: Digest) -> Self {
        Self { digest, size: None, pushed_at: None }
    }
}
