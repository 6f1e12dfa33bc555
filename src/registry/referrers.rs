//! Referrers: what was said about an image later, such as signatures and SBOMs (OCI 1.1).

use http::{Method, StatusCode};
use serde::Deserialize;

use crate::oci::{Descriptor, Digest, Tag};
use crate::registry::Repository;
use crate::registry::error::Error;
use crate::registry::pages::Pages;

#[derive(Deserialize)]
struct Page {
    manifests: Vec<Descriptor>,
}

impl Repository {
    /// The manifests that refer to this one.
    ///
    /// A registry without the referrers API keeps them, by the specification's rule for clients, in an index
    /// under the tag `sha256-<hex>`; where there is neither, nothing refers to it.
    pub async fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>, Error> {
        let request = self.read(Method::GET, &format!("referrers/{subject}"));
        let mut pages = Pages::new(&self.client, request, String::new());
        let mut referrers = Vec::new();
        loop {
            match pages.next::<Page>("list of referrers").await {
                Ok(Some(page)) => referrers.extend(page.manifests),
                Ok(None) => return Ok(referrers),
                // Registries that do not know the address answer in many ways, pages of HTML among them.
                Err(error) if referrers.is_empty() && !error.is_denied() && error.transient().is_none() => {
                    return self.referrers_by_tag(subject).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn referrers_by_tag(&self, subject: Digest) -> Result<Vec<Descriptor>, Error> {
        let Ok(tag) = format!("sha256-{}", subject.hex()).parse::<Tag>() else { return Ok(Vec::new()) };
        let Some(digest) = self.head(&tag.into()).await? else { return Ok(Vec::new()) };
        match self.manifest(digest).await {
            Ok(index) => Ok(index.children().to_vec()),
            Err(error) if error.is_status(StatusCode::NOT_FOUND) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
