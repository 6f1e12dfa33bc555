//! Blobs, written in chunks: `PATCH` after `PATCH`, where somebody on the way does not take a whole blob in one request.
//!
//! Nothing of a blob is held back for it: each chunk streams, and what is left of the body is passed on to the next.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, StatusCode};
use tokio::sync::oneshot;

use crate::oci::Descriptor;
use crate::registry::Repository;
use crate::registry::access::auth::Access;
use crate::registry::client::Request;
use crate::registry::error::{Error, Kind, Refusal};
use crate::registry::transport::upload_clock::UploadClock;
use crate::registry::upload::{OCTETS, Upload};

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

/// What a registry, and whoever stands before it, takes in one request: learned from what was refused.
#[derive(Debug)]
pub(super) struct Capacity {
    chunks: Chunks,
    /// The least bytes that were refused.
    refused: AtomicU64,
}

impl Capacity {
    pub(super) fn new(chunks: Chunks) -> Self {
        Self { chunks, refused: AtomicU64::new(u64::MAX) }
    }

    /// How a blob is sent to a registry that wants no smaller chunks than this; none where no way is left.
    pub(super) fn form(&self, size: u64, chunk_min: u64) -> Option<Form> {
        let refused = self.refused.load(Relaxed);
        if size < refused || self.chunks == Chunks::Never {
            return (size < refused).then_some(Form::Whole);
        }
        let fits = |chunk: &u64| *chunk < refused && *chunk < size;
        CHUNK_BYTES.into_iter().map(|chunk| chunk.max(chunk_min)).find(fits).map(Form::Chunks)
    }

    /// Takes in that a request with so many bytes was refused.
    pub(super) fn refuse(&self, bytes: u64) {
        if self.chunks == Chunks::WhereNeeded {
            self.refused.fetch_min(bytes, Relaxed);
        }
    }

    /// Chunks are not taken at all: the next blob begins as a whole again.
    pub(super) fn forget(&self) {
        self.refused.store(u64::MAX, Relaxed);
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

/// Whether chunks are refused as such.
pub(super) fn is_no_chunk_taken(error: &Error) -> bool {
    error.is_status(StatusCode::METHOD_NOT_ALLOWED) || error.is_status(StatusCode::NOT_IMPLEMENTED)
}

/// A body of which some was sent.
struct Rest<S> {
    body: Pin<Box<S>>,
    /// What came of it and is not sent.
    kept: Bytes,
}

impl Repository {
    /// Sends a blob in chunks of this size. One try: the bytes are gone.
    ///
    /// How far the registry says to be is not heeded: some say it wrongly (regclient/regclient#961), and at the end
    /// the digest decides.
    pub(super) async fn put_in_chunks<S, E>(
        &self,
        upload: Upload,
        blob: &Descriptor,
        chunk: u64,
        body: S,
    ) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let Upload { mut location, .. } = upload;
        let mut rest = Rest { body: Box::pin(body), kept: Bytes::new() };
        let mut sent = 0;
        while sent < blob.size {
            let length = chunk.min(blob.size - sent);
            let mut request = Request::new(Method::PATCH, location.clone(), self.scope(Access::PullPush));
            request.headers.insert(CONTENT_TYPE, OCTETS);
            request.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            if let Ok(range) = HeaderValue::from_str(&format!("{sent}-{}", sent + length - 1)) {
                request.headers.insert(CONTENT_RANGE, range);
            }
            let clock = Arc::new(UploadClock::new(length));
            let (back, mut left) = oneshot::channel();
            let body = reqwest::Body::wrap_stream(clock.watch(part(rest, length, back)));
            let answer = self.client.send_stream(&request, body, &clock).await?;
            let fail = |why: String| answer.fail(Kind::Protocol(why));
            rest =
                left.try_recv().map_err(|_| fail("it answered before it had the whole chunk".to_owned()))?;
            if let Some(next) = answer.header(LOCATION.as_str()) {
                let next =
                    location.join(next).map_err(|_| fail("it goes on at a faulty address".to_owned()))?;
                self.client.check_origin(&next).map_err(fail)?;
                location = next;
            }
            sent += length;
        }
        location.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let mut request = Request::new(Method::PUT, location, self.scope(Access::PullPush));
        request.headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        self.client.send(&request).await.map(drop)
    }
}

/// The next `length` bytes of a body, which then comes back.
fn part<S, E>(
    rest: Rest<S>,
    length: u64,
    back: oneshot::Sender<Rest<S>>,
) -> impl Stream<Item = Result<Bytes, E>> + Send
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: Send,
{
    stream::unfold(Some((rest, length, back)), |state| async move {
        let (mut rest, length, back) = state?;
        if rest.kept.is_empty() {
            rest.kept = match rest.body.next().await? {
                Ok(bytes) => bytes,
                Err(error) => return Some((Err(error), None)),
            };
        }
        let most = usize::try_from(length).unwrap_or(usize::MAX);
        let bytes = rest.kept.split_to(rest.kept.len().min(most));
        let length = length - bytes.len() as u64;
        if length > 0 {
            return Some((Ok(bytes), Some((rest, length, back))));
        }
        // Where nobody waits for it any more, the upload has ended.
        let _ = back.send(rest);
        Some((Ok(bytes), None))
    })
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
    fn who_takes_no_chunks_gets_none() {
        let capacity = Capacity::new(Chunks::Never);
        capacity.refuse(1);
        assert_eq!(capacity.form(100 * MIB, 0), Some(Form::Whole));
    }

    #[tokio::test]
    async fn chunks_are_cut_out_of_whatever_comes() {
        let body = stream::iter(["abc", "", "defgh"].map(|text| Ok::<_, std::io::Error>(Bytes::from(text))));
        let mut rest = Rest { body: Box::pin(body), kept: Bytes::new() };
        let mut chunks = Vec::new();
        for length in [2, 4, 2] {
            let (back, mut left) = oneshot::channel();
            let part: Vec<_> = part(rest, length, back).map(Result::unwrap).collect().await;
            chunks.push(part.concat());
            rest = left.try_recv().unwrap();
        }
        assert_eq!(chunks, [&b"ab"[..], b"cdef", b"gh"]);
    }
}
