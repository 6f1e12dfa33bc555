//! Blobs, both ways: read as a stream that vouches for its bytes (`reader`), ahead of it where the source is slow
//! (`ranges`, `prefetch`); written in one request (`upload`), or in several (`capacity`, `chunks`).

pub(super) mod capacity;
mod chunks;
mod prefetch;
pub(super) mod ranges;
pub(super) mod reader;
pub(super) mod upload;
