//! Blobs, written: `POST`, then one streaming `PUT` with the whole body.
//!
//! No `PATCH`: ECR answers it with the wrong status and range (aws/containers-roadmap#2831). No resumption
//! inside a blob: a broken upload starts over with a new `POST`.

use std::sync::Arc;

use futures_util::Stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{Method, StatusCode};
use url::Url;

use crate::oci;
use crate::oci::{Descriptor, Digest};
use crate::registry::Repository;
use crate::registry::auth::Access;
use crate::registry::client::Request;
use crate::registry::error::{Error, Kind};
use crate::registry::transport::upload_clock::UploadClock;

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
pub struct Upload(Url);

impl Repository {
    /// Starts an upload; with `from`, asks the registry to take the blob from there instead. It may decline,
    /// and then waits for bytes: ECR does unless the account allows mounting.
    pub async fn start_upload(
        &self,
        digest: Digest,
        from: Option<&oci::Repository>,
    ) -> Result<Started, Error> {
        let mut request = self.write(Method::POST, "blobs/uploads/");
        request.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        if let Some(from) = from {
            request
                .url
                .query_pairs_mut()
                .append_pair("mount", &digest.to_string())
                .append_pair("from", from.as_str());
        }
        let answer = self.client.send(&request).await?;
        if answer.status() == StatusCode::CREATED {
            return Ok(Started::Mounted);
        }
        let location = answer.header(LOCATION.as_str()).and_then(|location| request.url.join(location).ok());
        let fail = |why: String| answer.fail(Kind::Protocol(why));
        let Some(mut location) = location else {
            return Err(fail("the answer does not say where to upload".to_owned()));
        };
        self.client.check_origin(&location).map_err(fail)?;
        location.query_pairs_mut().append_pair("digest", &digest.to_string());
        Ok(Started::Upload(Upload(location)))
    }

    /// Sends the bytes of a blob. They must be as many as the descriptor says; `next` gives them piece by piece.
    ///
    /// Fails with the body's own error where it has one. One try: the bytes are gone.
    pub async fn put_blob<S, E>(&self, upload: Upload, descriptor: &Descriptor, body: S) -> Result<(), Error>
    where
        S: Stream<Item = Result<bytes::Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        let clock = Arc::new(UploadClock::new(descriptor.size));
        let mut request = Request::new(Method::PUT, upload.0, self.scope(Access::PullPush));
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        request.headers.insert(CONTENT_LENGTH, HeaderValue::from(descriptor.size));
        let body = reqwest::Body::wrap_stream(clock.watch(body));
        self.client.send_stream(&request, body, &clock).await.map(drop)
    }
}
