//! How a blob is sent: in one request, or in chunks as large as a registry and the proxies in front of it take.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use http::StatusCode;

use crate::registry::code;
use crate::registry::error::Error;
use crate::registry::refusal::Refusal;

/// The sizes of chunks that are tried. Common proxies take 100 MB, GHCR 4 MiB, nginx 1 MiB unless told otherwise.
const CHUNK_BYTES: [u64; 3] = [32 * 1024 * 1024, 4 * 1024 * 1024, 1024 * 1024];

/// Whether a registry is sent blobs in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunks {
    /// Never: it cannot take them.
    Never,
    /// Where it refuses a blob in one request for its size.
    WhereNeeded,
}

/// How the bytes of a blob are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Chunks(u64),
}

/// The most bytes that a registry and the proxies in front of it take in one request: learned from refusals.
#[derive(Debug)]
pub(in crate::registry) struct Capacity {
    chunks: Chunks,
    /// The smallest request that was refused.
    refused: AtomicU64,
    /// Whether a `PUT` with a body was refused as such: all of a blob goes into one `PATCH` then, as Docker sends it.
    patches: AtomicBool,
}

impl Capacity {
    pub(in crate::registry) fn new(chunks: Chunks) -> Self {
        Self { chunks, refused: AtomicU64::new(u64::MAX), patches: AtomicBool::new(false) }
    }

    /// How a blob is sent to a registry that wants no smaller chunks than this; none where no way is left.
    pub(super) fn form(&self, size: u64, chunk_min: u64) -> Option<Form> {
        let refused = self.refused.load(Relaxed);
        if size < refused && self.patches.load(Relaxed) {
            return Some(Form::Chunks(size));
        }
        if size < refused || self.chunks == Chunks::Never {
            return (size < refused).then_some(Form::Whole);
        }
        let fits = |chunk: &u64| *chunk < refused && *chunk < size;
        CHUNK_BYTES.into_iter().map(|chunk| chunk.max(chunk_min)).find(fits).map(Form::Chunks)
    }

    /// Remembers that a request of this size was refused.
    pub(super) fn refuse(&self, bytes: u64) {
        if self.chunks == Chunks::WhereNeeded {
            self.refused.fetch_min(bytes, Relaxed);
        }
    }

    /// Remembers that a `PUT` with a body was refused as such. False where nothing else may be tried.
    pub(super) fn refuse_put(&self) -> bool {
        let is_allowed = self.chunks == Chunks::WhereNeeded;
        self.patches.fetch_or(is_allowed, Relaxed);
        is_allowed
    }

    /// The registry takes no chunks: the next blob is tried in one request again.
    pub(super) fn forget(&self) {
        self.refused.store(u64::MAX, Relaxed);
        self.patches.store(false, Relaxed);
    }
}

/// Whether a request was refused because it is too large, by GHCR with 416. A quota that is used up takes no chunks
/// either.
pub(super) fn is_too_large(error: &Error) -> bool {
    let is_quota = |refusal: &Refusal| {
        ["quota", "storage resource", "upper limit"].iter().any(|words| refusal.says(words))
    };
    let statuses = [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::RANGE_NOT_SATISFIABLE];
    error.refusal().is_some_and(|refusal| statuses.contains(&refusal.status) && !is_quota(refusal))
}

/// Whether a registry does not know uploads by one `PUT`; `container-registry` says so with 500, Pulp with 400.
pub(super) fn is_no_put_taken(error: &Error) -> bool {
    let says = |refusal: &Refusal| {
        refusal.has_code(code::UNSUPPORTED)
            || ["not supported", "unsupported", "monolithic"].iter().any(|words| refusal.says(words))
    };
    is_no_chunk_taken(error) || error.refusal().is_some_and(says)
}

/// Whether chunks are refused as such.
pub(super) fn is_no_chunk_taken(error: &Error) -> bool {
    error.is_status(StatusCode::METHOD_NOT_ALLOWED) || error.is_status(StatusCode::NOT_IMPLEMENTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn what_is_refused_is_sent_in_smaller_requests_until_none_is_left() {
        let capacity = Capacity::new(Chunks::WhereNeeded);
        assert_eq!(capacity.form(100 * MIB, 0), Some(Form::Whole));
        capacity.refuse(100 * MIB);
        assert_eq!(capacity.form(99 * MIB, 0), Some(Form::Whole));
        assert_eq!(capacity.form(100 * MIB, 0), Some(Form::Chunks(32 * MIB)));
        capacity.refuse(32 * MIB);
        assert_eq!(capacity.form(100 * MIB, 0), Some(Form::Chunks(4 * MIB)));
        assert_eq!(capacity.form(100 * MIB, 5 * MIB), Some(Form::Chunks(5 * MIB)));
        assert_eq!(capacity.form(100 * MIB, u64::MAX), None);
        capacity.refuse(4 * MIB);
        assert_eq!(capacity.form(100 * MIB, 0), Some(Form::Chunks(MIB)));
        capacity.refuse(MIB);
        assert_eq!(capacity.form(100 * MIB, 0), None);
        assert_eq!(capacity.form(MIB - 1, 0), Some(Form::Whole));
        capacity.forget();
        assert_eq!(capacity.form(100 * MIB, 0), Some(Form::Whole));
    }

    #[test]
    fn what_is_refused_as_a_put_is_one_patch_as_long_as_it_is_not_too_large() {
        let capacity = Capacity::new(Chunks::WhereNeeded);
        assert!(capacity.refuse_put());
        assert_eq!(capacity.form(100 * MIB, 0), Some(Form::Chunks(100 * MIB)));
        assert_eq!(capacity.form(0, 0), Some(Form::Chunks(0)));
        capacity.refuse(100 * MIB);
        assert_eq!(capacity.form(100 * MIB, 0), Some(Form::Chunks(32 * MIB)));
        assert_eq!(capacity.form(MIB, 0), Some(Form::Chunks(MIB)));
    }

    #[test]
    fn who_takes_no_chunks_gets_none() {
        let capacity = Capacity::new(Chunks::Never);
        capacity.refuse(1);
        assert!(!capacity.refuse_put());
        assert_eq!(capacity.form(100 * MIB, 0), Some(Form::Whole));
    }
}
