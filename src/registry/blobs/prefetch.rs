//! Parts of a blob, fetched in parallel ahead of its reader.
//!
//! For sources that are slow for each connection, not for all of them together. The bytes still leave in order, in one
//! upload; what arrives early waits in memory, of which all blobs together have a bounded amount.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, StreamExt};
use http::header::{ETAG, HeaderValue, RANGE};
use http::{Method, StatusCode};
use tokio::sync::OwnedSemaphorePermit;

use crate::oci::Descriptor;
use crate::registry::Repository;
use crate::registry::blobs::ranges::Pace;
use crate::registry::error::{Error, Kind};
use crate::registry::transport::wire::Answer;

/// The size of a part. At 5 MB/s it takes long enough for the 50 ms of a request not to matter.
const PART_BYTES: u64 = 4 * 1024 * 1024;
/// A blob with fewer parts left is read to its end as it is.
const WORTH_PARTS: u64 = 4;

/// The parts of a blob from some place on.
pub(super) struct Prefetch {
    repository: Repository,
    blob: Descriptor,
    etag: Option<HeaderValue>,
    /// Where the next bytes that this gives are in the blob.
    pub(super) position: u64,
    /// Where the next part to ask for begins.
    next: u64,
    parts: FuturesOrdered<BoxFuture<'static, Result<Part, Error>>>,
    /// Those that have come.
    arrived: VecDeque<Part>,
}

/// A part that has come.
struct Part {
    chunks: VecDeque<Bytes>,
    _room: OwnedSemaphorePermit,
}

impl Prefetch {
    /// Begins to fetch parts some way ahead of `got`, if the source holds the blob up and there is room.
    pub(super) fn begin(
        repository: &Repository,
        blob: &Descriptor,
        etag: Option<&HeaderValue>,
        got: u64,
        pace: &mut Pace,
    ) -> Option<Self> {
        let ranges = repository.client.ranges();
        let position = got + PART_BYTES;
        let is_worth =
            ranges.at_once.get() > 1 && blob.size.saturating_sub(position) >= WORTH_PARTS * PART_BYTES;
        if !is_worth || !pace.is_slow(ranges.slow) {
            return None;
        }
        let mut prefetch = Self {
            repository: repository.clone(),
            blob: blob.clone(),
            etag: etag.cloned(),
            position,
            next: position,
            parts: FuturesOrdered::new(),
            arrived: VecDeque::new(),
        };
        prefetch.fill();
        (!prefetch.parts.is_empty()).then_some(prefetch)
    }

    /// Asks for as many parts as may be on their way.
    fn fill(&mut self) {
        let ranges = self.repository.client.ranges();
        while self.parts.len() + self.arrived.len() < ranges.at_once.get() && self.next < self.blob.size {
            let Ok(room) = Arc::clone(&ranges.room).try_acquire_owned() else { return };
            let end = (self.next + PART_BYTES).min(self.blob.size);
            let part =
                fetch(self.repository.clone(), self.blob.clone(), self.etag.clone(), self.next..end, room);
            self.parts.push_back(part.boxed());
            self.next = end;
        }
    }

    /// The next bytes. None at the end of the blob, and where other blobs use all of the memory; after an error there are no
    /// more.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if let Some(bytes) = self.arrived.front_mut().and_then(|part| part.chunks.pop_front()) {
                self.position += bytes.len() as u64;
                return Ok(Some(bytes));
            }
            self.arrived.pop_front();
            self.fill();
            if !self.arrived.is_empty() {
                continue;
            }
            match self.parts.next().await.transpose()? {
                Some(part) => self.arrived.push_back(part),
                None => return Ok(None),
            }
        }
    }

    /// Lets parts come in while something else is waited for. Returns when one fails. Cancel safe.
    pub(super) async fn take_in(&mut self) -> Error {
        loop {
            match self.parts.next().await {
                Some(Ok(part)) => self.arrived.push_back(part),
                Some(Err(error)) => return error,
                None => std::future::pending().await,
            }
        }
    }
}

/// Fetches a part, or fails: whoever reads the blob then goes on without this.
async fn fetch(
    repository: Repository,
    blob: Descriptor,
    etag: Option<HeaderValue>,
    range: std::ops::Range<u64>,
    room: OwnedSemaphorePermit,
) -> Result<Part, Error> {
    let (first, last) = (range.start, range.end - 1);
    let mut request = repository.read(Method::GET, &format!("blobs/{}", blob.digest));
    if let Ok(value) = HeaderValue::from_str(&format!("bytes={first}-{last}")) {
        request = request.header(RANGE, value);
    }
    let mut answer = repository.client.attempt(&request, 0).await?;
    check(&answer, etag.as_ref(), first, last, blob.size)?;
    let (mut chunks, mut missing) = (VecDeque::new(), range.end - range.start);
    while missing > 0 {
        let truncated = Kind::Truncated { got: range.end - missing, expected: range.end };
        let mut bytes = answer.chunk().await?.ok_or_else(|| answer.fail(truncated))?;
        bytes.truncate(usize::try_from(missing).unwrap_or(usize::MAX));
        missing -= bytes.len() as u64;
        chunks.push_back(bytes);
    }
    Ok(Part { chunks, _room: room })
}

/// Whether an answer has the bytes from `first` to `last` of the blob that was begun.
pub(super) fn check(
    answer: &Answer,
    etag: Option<&HeaderValue>,
    first: u64,
    last: u64,
    size: u64,
) -> Result<(), Error> {
    let start_over = |why: &str| Err(answer.fail(Kind::StartOver(why.to_owned())));
    if answer.status() != StatusCode::PARTIAL_CONTENT {
        return start_over("it does not support ranges");
    }
    if answer.headers().get(ETAG) != etag {
        return start_over("the blob's `ETag` changed");
    }
    let range = answer.header("content-range").unwrap_or_default();
    if range != format!("bytes {first}-{last}/{size}") && range != format!("bytes {first}-{last}/*") {
        return start_over("its `Content-Range` does not fit");
    }
    Ok(())
}
