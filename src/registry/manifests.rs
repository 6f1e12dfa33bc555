//! Manifests: asked for, read and written. Their bytes pass verbatim.

use std::collections::BTreeSet;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use tokio::sync::OnceCell;

use crate::oci::{Digest, MANIFEST_MAX_BYTES, Manifest, MediaType, Reference, Tag};
use crate::registry::Repository;
use crate::registry::error::{Error, Kind};
use crate::registry::request::Request;
use crate::text::{chain, excerpt};

/// What `HEAD` turned out to be good for while the tags of one repository are asked for.
#[derive(Debug, Default)]
pub struct Heads(OnceCell<Verdict>);

#[derive(Debug)]
enum Verdict {
    /// `HEAD` is refused where `GET` is not, so only that is asked from now on.
    Useless,
    /// Access is refused, for all tags alike.
    Denied(Error),
}

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
    ///
    /// Where `HEAD` is refused as such, or access is, one `GET` decides for all tags that are asked for with these `heads`.
    pub async fn listed(&self, tag: &Tag, heads: &Heads) -> Result<Option<Digest>, Error> {
        let reference = tag.clone().into();
        if heads.0.get().is_none() {
            match self.digest_of_head(&reference).await {
                Ok(Some(digest)) => return Ok(Some(digest)),
                Err(error) if is_about_repository(&error) => {}
                Err(error) if !is_about_head(&error) && !error.is_status(StatusCode::NOT_FOUND) => {
                    return Err(error);
                }
                Ok(None) | Err(_) => return self.digest(&reference).await,
            }
        }
        heads.decide(|| self.digest(&reference)).await
    }

    async fn ask(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        match self.digest_of_head(reference).await {
            Ok(Some(digest)) => Ok(Some(digest)),
            Err(error) if !is_about_head(&error) => Err(error),
            Ok(None) | Err(_) => self.digest(reference).await,
        }
    }

    /// What the answer to a `HEAD` says, none where it says no digest.
    async fn digest_of_head(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        let answer = self.client.send(&self.manifest_request(Method::HEAD, reference)).await?;
        Ok(answer.header("docker-content-digest").and_then(|digest| digest.trim().parse().ok()))
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
        Manifest::parse(bytes, media_type.as_ref()).map_err(|cause| {
            let (told, shown) = (chain(&cause), self.client.redact(&chain(&cause)));
            fail(if shown == told { Kind::Manifest(cause) } else { Kind::Protocol(shown) })
        })
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
                "the target does not take `{}`, and a manifest is never converted: another registry may take it, or \
                 another kind of image at the source",
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

impl Heads {
    /// Gives the answer of `get`, unless another tag's has shown that it will be refused.
    async fn decide<F>(&self, get: impl Fn() -> F) -> Result<Option<Digest>, Error>
    where
        F: Future<Output = Result<Option<Digest>, Error>>,
    {
        let mut own = None;
        let first = async {
            let answer = get().await;
            let verdict = match &answer {
                Err(error) if error.is_denied() => Verdict::Denied(error.clone()),
                _ => Verdict::Useless,
            };
            own = Some(answer);
            verdict
        };
        let verdict = self.0.get_or_init(|| first).await;
        match (own, verdict) {
            (Some(answer), _) => answer,
            (None, Verdict::Denied(error)) => Err(error.clone()),
            (None, Verdict::Useless) => get().await,
        }
    }
}

/// Whether a refused `HEAD` is refused for every tag: access is denied, or the method is not known.
fn is_about_repository(error: &Error) -> bool {
    let statuses = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::NOT_IMPLEMENTED,
    ];
    error.refusal().is_some_and(|refusal| statuses.contains(&refusal.status))
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
