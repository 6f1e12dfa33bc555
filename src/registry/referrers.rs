//! Referrers: what was said about an image later, such as signatures and SBOMs (OCI 1.1).
//!
//! A registry without an API for them has clients keep a list, by the specification: an index under `sha256-<hex>`.

use http::{Method, StatusCode};
use serde::Deserialize;

use crate::oci::{Descriptor, Digest, Manifest, Tag, list_referrers};
use crate::registry::Repository;
use crate::registry::error::{Error, Kind};
use crate::registry::pages::Pages;

/// A list whose pages have more bytes together is refused. Thousands of referrers fit.
const LIST_MAX_BYTES: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Page {
    /// Some registries send null for none.
    manifests: Option<Vec<Descriptor>>,
}

/// What is under the tag where clients keep the list of referrers.
enum List {
    None,
    Kept(Manifest),
    /// The subject itself: the registry takes the tag for the digest, as GitLab does (oras-project/oras#2148). There is no
    /// list, and none can be kept.
    Subject,
}

/// What is in a page, and how large it is.
fn read(page: &[u8], pages: &Pages<'_>) -> Result<(Vec<Descriptor>, usize), Error> {
    let manifests = serde_json::from_slice::<Page>(page).map_err(|_| pages.faulty())?.manifests;
    Ok((manifests.unwrap_or_default(), page.len()))
}

impl Repository {
    /// The manifests that refer to this one: from the registry's API, or else from the list that clients keep.
    pub async fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>, Error> {
        match self.api_referrers(subject).await? {
            Some(referrers) => Ok(referrers),
            None => match self.list(subject).await? {
                List::Kept(list) => Ok(list.children().to_vec()),
                List::None | List::Subject => Ok(Vec::new()),
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

    /// What the API says, none where there is no API.
    async fn api_referrers(&self, subject: Digest) -> Result<Option<Vec<Descriptor>>, Error> {
        let request = self.read(Method::GET, &format!("referrers/{subject}"));
        let mut pages = Pages::new(&self.client, request, "list of referrers", String::new());
        let (mut referrers, mut bytes) = (Vec::new(), 0);
        loop {
            let page = pages.next().await;
            let page = page.and_then(|page| page.map(|page| read(&page, &pages)).transpose());
            match page {
                Ok(Some((manifests, size))) => {
                    bytes += size;
                    if bytes > LIST_MAX_BYTES {
                        let why = format!("its list of referrers has more than {LIST_MAX_BYTES} bytes");
                        return Err(pages.fail(why));
                    }
                    referrers.extend(manifests);
                    pages.follow()?;
                }
                Ok(None) => return Ok(Some(referrers)),
                // Registries that do not know the address answer in many ways, pages of HTML among them.
                Err(error) if referrers.is_empty() && !error.is_denied() && error.transient().is_none() => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
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
