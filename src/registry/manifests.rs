//! Manifests: asked for, read and written. Their bytes pass verbatim.

use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use crate::oci::{Digest, MANIFEST_MAX_BYTES, Manifest, MediaType, Reference};
use crate::registry::Repository;
use crate::registry::client::Request;
use crate::registry::error::{Error, Kind};

impl Repository {
    /// The digest that a reference stands for, none where there is no such manifest.
    ///
    /// A `HEAD` counts as no pull. A registry that gives no digest on it is asked with `GET`.
    pub async fn head(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        let answer = match self.client.send(&self.manifest_request(Method::HEAD, reference)).await {
            Ok(answer) => answer,
            Err(error) if error.is_status(StatusCode::NOT_FOUND) => return Ok(None),
            Err(error) if error.is_status(StatusCode::METHOD_NOT_ALLOWED) => {
                return self.digest(reference).await;
            }
            Err(error) => return Err(error),
        };
        match answer.header("docker-content-digest").and_then(|digest| digest.parse().ok()) {
            Some(digest) => Ok(Some(digest)),
            None => self.digest(reference).await,
        }
    }

    /// The same by reading the manifest and hashing it.
    async fn digest(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        match self.manifest_bytes(reference).await {
            Ok((bytes, _)) => Ok(Some(Digest::of(&bytes))),
            Err(error) if error.is_status(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the manifest of this digest, verified.
    pub async fn manifest(&self, digest: Digest) -> Result<Manifest, Error> {
        let (bytes, media_type) = self.manifest_bytes(&digest.into()).await?;
        let fail =
            |kind| Error::new(&Method::GET, &self.manifest_request(Method::GET, &digest.into()).url, kind);
        let got = Digest::of(&bytes);
        if got != digest {
            return Err(fail(Kind::Digest { expected: digest, got }));
        }
        Manifest::parse(bytes, media_type.as_ref()).map_err(|cause| fail(Kind::Manifest(cause)))
    }

    /// Writes a manifest under its digest or a tag, as it came.
    pub async fn put_manifest(&self, manifest: &Manifest, reference: &Reference) -> Result<(), Error> {
        let mut request = self.write(Method::PUT, &format!("manifests/{reference}"));
        let media_type = HeaderValue::from_str(manifest.media_type().as_str()).map_err(|_| {
            let why = "its media type is not fit for a header".to_owned();
            Error::new(&Method::PUT, &request.url, Kind::Protocol(why))
        })?;
        request.headers.insert(CONTENT_TYPE, media_type);
        request.body = Some(manifest.bytes().clone());
        let _turn = self.client.manifest_turn().await;
        self.client.send(&request).await.map(drop)
    }

    fn manifest_request(&self, method: Method, reference: &Reference) -> Request {
        let request = self.read(method, &format!("manifests/{reference}"));
        request.header(ACCEPT, HeaderValue::from_static(MediaType::ACCEPT))
    }

    async fn manifest_bytes(
        &self,
        reference: &Reference,
    ) -> Result<(bytes::Bytes, Option<MediaType>), Error> {
        let answer = self.client.send(&self.manifest_request(Method::GET, reference)).await?;
        let media_type = answer.header(CONTENT_TYPE.as_str()).map(MediaType::new);
        Ok((answer.body(MANIFEST_MAX_BYTES).await?, media_type))
    }
}
