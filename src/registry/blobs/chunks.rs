//! Blobs, written in chunks: `PATCH` after `PATCH`, where a proxy on the way does not take a whole blob in one request.
//!
//! Nothing of a blob is held back for it: each chunk streams, and what is left of the body is passed on to the next.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::Method;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION};
use tokio::sync::oneshot;

use crate::oci::Descriptor;
use crate::registry::Repository;
use crate::registry::access::auth::Access;
use crate::registry::blobs::upload::{OCTETS, Upload};
use crate::registry::error::{Error, Kind};
use crate::registry::request::Request;

/// A body of which some was sent.
struct Rest<S> {
    body: Pin<Box<S>>,
    /// What came of it and is not sent.
    kept: Bytes,
}

impl Repository {
    /// Sends a blob in chunks of this size. One try: the bytes are gone.
    ///
    /// How much the registry says to have is ignored: some say it wrongly (regclient/regclient#961), and at the end
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
            let mut request = Request::to(Method::PATCH, location.clone(), self.scope(Access::PullPush));
            request.headers.insert(CONTENT_TYPE, OCTETS);
            request.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            if let Ok(range) = HeaderValue::from_str(&format!("{sent}-{}", sent + length - 1)) {
                request.headers.insert(CONTENT_RANGE, range);
            }
            let clock = self.client.upload_clock(length);
            let (back, mut left) = oneshot::channel();
            let body = reqwest::Body::wrap_stream(clock.watch(part(rest, length, back)));
            let answer = self.client.send_stream(&request, body, &clock).await?;
            let fail = |why: String| answer.fail(Kind::Protocol(why));
            let early = "it answered before it had the whole chunk: a proxy in front of the registry may have answered, or the \
                 registry takes no pushes";
            rest = left.try_recv().map_err(|_| fail(early.to_owned()))?;
            if let Some(next) = answer.header(LOCATION.as_str()) {
                let next = location.join(next).map_err(|_| {
                    fail("the `Location` for the next chunk is not a valid address".to_owned())
                })?;
                location = self.client.permitted(next).map_err(fail)?;
            }
            sent += length;
        }
        location.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let mut request = Request::to(Method::PUT, location, self.scope(Access::PullPush));
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
        // Where the receiver is gone, the upload has ended.
        let _ = back.send(rest);
        Some((Ok(bytes), None))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
