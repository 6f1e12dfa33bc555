//! Manifests: asked for, read and written. Their bytes pass verbatim.

use std::collections::BTreeSet;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};

use crate::oci::{Digest, MANIFEST_MAX_BYTES, Manifest, MediaType, Reference, Tag};
use crate::registry::Repository;
use crate::registry::error::{Error, Kind};
use crate::registry::request::Request;
use crate::text::excerpt;

impl Repository {
    /// The digest that a reference stands for, none where there is no such manifest.
    ///
    /// A `HEAD` counts as no pull. Where it is refused or gives no digest, `GET` has the last word: some registries and
    /// what stands before them know no `HEAD`.
    pub async fn head(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        match self.ask(reference).await {
            Err(error) if error.is_status(StatusCode::NOT_FOUND) => Ok(None),
            result => result,
        }
    }

    /// The same for a tag that the registry has listed: there, even that it is missing takes a `GET` to be believed.
    pub async fn listed(&self, tag: &Tag) -> Result<Option<Digest>, Error> {
        let reference = tag.clone().into();
        match self.ask(&reference).await {
            Err(error) if error.is_status(StatusCode::NOT_FOUND) => self.digest(&reference).await,
            result => result,
        }
    }

    async fn ask(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        let answer = match self.client.send(&self.manifest_request(Method::HEAD, reference)).await {
            Ok(answer) => answer,
            Err(error) if is_about_head(&error) => return self.digest(reference).await,
            Err(error) => return Err(error),
        };
        match answer.header("docker-content-digest").and_then(|digest| digest.trim().parse().ok()) {
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
        self.verified(&digest.into(), digest).await
    }

    /// The same, read by a tag that stands for it.
    pub async fn manifest_of(&self, tag: &Tag, digest: Digest) -> Result<Manifest, Error> {
        self.verified(&tag.clone().into(), digest).await
    }

    async fn verified(&self, reference: &Reference, digest: Digest) -> Result<Manifest, Error> {
        let (bytes, media_type) = self.manifest_bytes(reference).await?;
        let fail = |kind| Error::new(&Method::GET, &self.manifest_request(Method::GET, reference).url, kind);
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
        let sent = self.client.send(&request).await.map(drop);
        sent.map_err(|error| {
            if let Some(hint) = self.refused(manifest, &error) { error.with_hint(Some(hint)) } else { error }
        })
    }

    /// What to do about a manifest that is not taken as it is. It is never changed.
    fn refused(&self, manifest: &Manifest, error: &Error) -> Option<String> {
        let host = self.host();
        match error.refusal()?.status {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Some(format!(
                "the target does not take `{}`, and a manifest is never converted: another registry may take it, or                  another kind of image at the source",
                excerpt(manifest.media_type().as_str())
            )),
            StatusCode::PAYLOAD_TOO_LARGE => Some(format!(
                "this manifest has {} bytes, more than {host} or a proxy before it takes: raise the limit there",
                manifest.bytes().len()
            )),
            _ => None,
        }
    }

    fn manifest_request(&self, method: Method, reference: &Reference) -> Request {
        let request = self.read(method, &format!("manifests/{reference}"));
        request.header(ACCEPT, HeaderValue::from_static(MediaType::ACCEPT))
    }

    async fn manifest_bytes(
        &self,
        reference: &Reference,
    ) -> Result<(bytes::Bytes, Option<MediaType>), Error> {
        let request = self.manifest_request(Method::GET, reference);
        let (headers, bytes) = self.client.document(&request, MANIFEST_MAX_BYTES).await?;
        // Of two that contradict one another, neither counts.
        let types = headers.get_all(CONTENT_TYPE).iter().filter_map(|value| value.to_str().ok());
        let types: BTreeSet<_> = types.map(MediaType::new).filter(MediaType::is_telling).collect();
        let media_type = types.first().filter(|_| types.len() == 1).cloned();
        Ok((bytes, media_type))
    }
}

/// Whether a refused `HEAD` says nothing about what a `GET` would bring. Where a registry is overloaded, or wants to be
/// left alone, it is not asked twice.
fn is_about_head(error: &Error) -> bool {
    let (Kind::Refused(refusal) | Kind::RefusedElsewhere(refusal)) = error.kind() else { return false };
    match refusal.status.as_u16() {
        404 => matches!(error.kind(), Kind::RefusedElsewhere(_)),
        408 | 429 => false,
        status => matches!(status, 400..=501),
    }
}
