//! Blobs, written: `POST`, then one streaming `PUT` with the whole body; in `chunks` where that is too large for a proxy on
//! the way, or the registry takes no `PUT` with a body.
//!
//! ECR gets no chunks: it answers `PATCH` with the wrong status and range (aws/containers-roadmap#2831). No resumption
//! inside a blob: a broken upload starts over with a new `POST`.

use futures_util::Stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, StatusCode};
use url::Url;

use crate::oci;
use crate::oci::{Descriptor, Digest};
use crate::registry::Repository;
use crate::registry::access::auth::Access;
use crate::registry::blobs::capacity;
use crate::registry::blobs::capacity::Form;
use crate::registry::error::{Error, Kind};
use crate::registry::hint;
use crate::registry::request::Request;
use crate::registry::transport::wire::Answer;

/// How an upload began.
#[derive(Debug)]
pub enum Started {
    /// It is over: the blob was mounted from another repository.
    Mounted,
    /// The registry waits for bytes.
    Upload(Upload),
}

/// An upload that the registry waits for.
#[derive(Debug)]
pub struct Upload {
    pub(super) location: Url,
    /// The registry takes no smaller chunks than this, but for the last.
    pub(super) chunk_min: u64,
}

/// The type of a blob.
pub(super) const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

impl Repository {
    /// Starts an upload. Whatever its status, an answer is none but that the registry waits for bytes: some say 201.
    pub async fn start_upload(&self) -> Result<Upload, Error> {
        let request = self.new_upload();
        let answer = self.client.send(&request).await?;
        self.upload(&request, &answer)
    }

    /// Asks the registry to take a blob from another of its repositories. It may decline, and then waits for bytes: ECR
    /// does unless the account allows mounting.
    pub async fn mount(&self, digest: Digest, from: &oci::Repository) -> Result<Started, Error> {
        let mut request = self.new_upload();
        request
            .url
            .query_pairs_mut()
            .append_pair("mount", &digest.to_string())
            .append_pair("from", from.as_str());
        let answer = self.client.send(&request).await?;
        if answer.status() == StatusCode::CREATED {
            return Ok(Started::Mounted);
        }
        self.upload(&request, &answer).map(Started::Upload)
    }

    fn new_upload(&self) -> Request {
        let mut request = self.write(Method::POST, "blobs/uploads/");
        request.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        request
    }

    /// The upload that an answer begins.
    fn upload(&self, request: &Request, answer: &Answer) -> Result<Upload, Error> {
        let location = answer.header(LOCATION.as_str()).and_then(|location| request.url.join(location).ok());
        let fail = |why: String| answer.fail(Kind::Protocol(why));
        let Some(location) = location else {
            let why = "the answer does not say where to upload: it has no `Location` that can be used. A proxy in front of \
                 the registry may have dropped it, or the registry takes no pushes";
            return Err(fail(why.to_owned()));
        };
        let location = self.client.permitted(location).map_err(fail)?;
        let chunk_min = answer.header("oci-chunk-min-length").and_then(|bytes| bytes.trim().parse().ok());
        Ok(Upload { location, chunk_min: chunk_min.unwrap_or_default() })
    }

    /// Sends the bytes of a blob. They must be as many as the descriptor says; `body` gives them, from the start each time
    /// it is asked.
    ///
    /// Fails with the body's own error where it has one. What breaks is not tried again here; what is too large for one
    /// request is sent in chunks, as far as the registry takes them.
    pub async fn put_blob<S, E>(
        &self,
        upload: Upload,
        blob: &Descriptor,
        body: impl Fn() -> S,
    ) -> Result<(), Error>
    where
        S: Stream<Item = Result<bytes::Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let mut upload = upload;
        let mut smallest = blob.size;
        loop {
            let (capacity, chunk_min) = (self.client.capacity(), upload.chunk_min);
            // Where nothing is left to try, the registry says so itself.
            let form = capacity.form(blob.size, chunk_min).unwrap_or(Form::Whole);
            let (sent, bytes) = match form {
                Form::Whole => (self.put_whole(upload, blob, body()).await, blob.size),
                Form::Chunks(chunk) => (self.put_in_chunks(upload, blob, chunk, body()).await, chunk),
            };
            let Err(error) = sent else { return Ok(()) };
            smallest = smallest.min(bytes);
            let limit = || hint::too_large(self.host(), &error, blob.size, smallest);
            if form != Form::Whole && capacity::is_no_chunk_taken(&error) {
                capacity.forget();
                let hint = (smallest < blob.size).then(limit);
                return Err(error.with_hint(hint));
            }
            if capacity::is_too_large(&error) {
                capacity.refuse(bytes);
                if capacity.form(blob.size, chunk_min).is_none_or(|next| next == form) {
                    let hint = limit();
                    return Err(error.with_hint(Some(hint)));
                }
            } else if form != Form::Whole || !capacity::is_no_put_taken(&error) || !capacity.refuse_put() {
                return Err(error);
            }
            upload = self.start_upload().await?;
        }
    }

    /// Sends a blob in one request. One try: the bytes are gone.
    async fn put_whole<S, E>(&self, upload: Upload, blob: &Descriptor, body: S) -> Result<(), Error>
    where
        S: Stream<Item = Result<bytes::Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let Upload { mut location, .. } = upload;
        location.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let clock = self.client.upload_clock(blob.size);
        let mut request = Request::to(Method::PUT, location, self.scope(Access::PullPush));
        request.headers.insert(CONTENT_TYPE, OCTETS);
        request.headers.insert(CONTENT_LENGTH, HeaderValue::from(blob.size));
        let body = reqwest::Body::wrap_stream(clock.watch(body));
        self.client.send_stream(&request, body, &clock).await.map(drop)
    }
}
