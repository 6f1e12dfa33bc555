//! Referrers: what was said about an image later, such as signatures and SBOMs (OCI 1.1).
//!
//! A registry without an API for them has clients keep a list, by the specification: an index under `sha256-<hex>`.

use http::{Method, StatusCode};
use serde::Deserialize;

use crate::oci::{Digest, Manifest, Referrers, Tag, list_referrers};
use crate::registry::Repository;
use crate::registry::error::{Error, Kind};
use crate::registry::lists::pages::Pages;
use crate::text::excerpt;

/// A list whose pages have more bytes together is refused. Thousands of referrers fit.
const LIST_MAX_BYTES: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Page {
    /// Some registries send null for none. A document without this member is no list.
    #[serde(deserialize_with = "Option::deserialize")]
    manifests: Option<Vec<Entry>>,
}

/// An entry is read for its digest alone: the manifest tells the rest.
#[derive(Deserialize)]
struct Entry {
    digest: Option<String>,
}

/// What is under the tag where clients keep the list of referrers.
enum List {
    None,
    Kept(Manifest),
    /// The subject itself: the registry takes the tag for the digest, as GitLab does (oras-project/oras#2148). There is no
    /// list, and none can be kept.
    Subject,
}

impl Repository {
    /// The manifests that refer to this one, which can be read: from the registry's API, or else from the list that clients
    /// keep.
    pub async fn referrers(&self, subject: Digest) -> Result<Referrers, Error> {
        match self.api_referrers(subject).await? {
            Some(referrers) => Ok(referrers),
            None => match self.list(subject).await {
                Ok(List::Kept(list)) => {
                    let digests = list.children().iter().map(|child| child.digest).collect();
                    Ok(Referrers { digests, ..Referrers::default() })
                }
                Ok(List::None | List::Subject) => Ok(Referrers::default()),
                // Artifactory says so of what is not there (sigstore/cosign#2973).
                Err(error) if error.is_status(StatusCode::FORBIDDEN) => {
                    Ok(Referrers { hidden: Some(error.to_string()), ..Referrers::default() })
                }
                Err(error) => Err(error),
            },
        }
    }

    /// Which of these are not in the list that clients keep. Where the registry has an API, it keeps none and lacks none.
    pub async fn unlisted_referrers(
        &self,
        subject: Digest,
        mut referrers: Vec<Digest>,
    ) -> Result<Vec<Digest>, Error> {
        match self.api_referrers(subject).await {
            Ok(Some(_)) => return Ok(Vec::new()),
            // Who may push may not know of it: the list by its tag needs no more than a pull.
            Err(error) if !error.is_denied() => return Err(error),
            _ => {}
        }
        match self.list(subject).await? {
            List::None => {}
            List::Kept(list) => {
                referrers.retain(|digest| list.children().iter().all(|listed| listed.digest != *digest));
            }
            List::Subject => referrers.clear(),
        }
        Ok(referrers)
    }

    /// Adds these to the list that clients keep.
    pub async fn list_referrers(&self, subject: Digest, added: &[Manifest]) -> Result<(), Error> {
        let list = match self.list(subject).await? {
            List::Kept(list) => Some(list),
            List::None | List::Subject => None,
        };
        let reference = Tag::of_referrers(subject).into();
        let list = list_referrers(list.as_ref(), added).map_err(|cause| {
            let request = self.write(Method::PUT, &format!("manifests/{reference}"));
            Error::new(&request.method, &request.url, Kind::Manifest(cause))
        })?;
        self.put_manifest(&list, &reference).await
    }

    /// What the API says, none where there is no API. An answer that cannot be read is never taken for none: signatures
    /// would stay behind, and nobody would be told.
    async fn api_referrers(&self, subject: Digest) -> Result<Option<Referrers>, Error> {
        let request = self.read(Method::GET, &format!("referrers/{subject}"));
        let mut pages = Pages::new(&self.client, request, "list of referrers", String::new());
        let (mut referrers, mut bytes) = (Referrers::default(), 0);
        loop {
            match pages.next().await {
                Ok(Some(body)) => {
                    let is_first = bytes == 0;
                    bytes += body.len();
                    if bytes > LIST_MAX_BYTES {
                        let why = format!("its list of referrers has more than {LIST_MAX_BYTES} bytes");
                        return Err(pages.fail(why));
                    }
                    let page = match serde_json::from_slice::<Page>(&body) {
                        Ok(page) => page,
                        Err(error) => match pages.unreadable(&body, &error) {
                            error if is_first && is_no_api(&error) => return Ok(None),
                            error => return Err(error),
                        },
                    };
                    for Entry { digest } in page.manifests.into_iter().flatten() {
                        let text = digest.unwrap_or_default();
                        match text.parse::<Digest>() {
                            Ok(digest) => referrers.digests.push(digest),
                            Err(_) => referrers.unknown.push(self.shown_digest(&text)),
                        }
                    }
                    pages.follow()?;
                }
                Ok(None) => return Ok(Some(referrers)),
                Err(error) if bytes == 0 && is_no_api(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// What is listed in the place of a digest.
    fn shown_digest(&self, text: &str) -> String {
        if text.is_empty() {
            return "an entry without a digest".to_owned();
        }
        excerpt(&self.client.redact(text))
    }

    async fn list(&self, subject: Digest) -> Result<List, Error> {
        let tag = Tag::of_referrers(subject);
        let digest = match self.head(&tag.into()).await? {
            None => return Ok(List::None),
            Some(digest) if digest == subject => return Ok(List::Subject),
            Some(digest) => digest,
        };
        match self.manifest(digest).await {
            Ok(list) if list.media_type().is_index() => Ok(List::Kept(list)),
            Ok(_) => Ok(List::None),
            Err(error) if error.is_status(StatusCode::NOT_FOUND) => Ok(List::None),
            Err(error) => Err(error),
        }
    }
}

/// Whether the registry does not know the address: it refuses it for good, or shows a web page in its place, with whatever
/// status.
fn is_no_api(error: &Error) -> bool {
    if matches!(error.kind(), Kind::WebPage(_)) {
        return true;
    }
    let is_unknown = |status: StatusCode| status.is_client_error() || status == StatusCode::NOT_IMPLEMENTED;
    error.any_refusal().is_some_and(|refusal| is_unknown(refusal.status))
        && !error.is_denied()
        && error.transient().is_none()
}
