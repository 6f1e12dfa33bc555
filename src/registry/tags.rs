//! The tag list, all pages of it.

use std::collections::HashSet;

use http::Method;
use http::header::{ACCEPT, HeaderValue};
use serde::Deserialize;

use crate::oci::Tag;
use crate::registry::Repository;
use crate::registry::error::Error;
use crate::registry::pages::{self, Brought, Pages};

/// Asked for per page. ECR refuses more (google/go-containerregistry#1091).
const PAGE_TAGS: usize = 1000;
/// The most tags that are accepted.
const TAGS_MAX: usize = 200_000;

#[derive(Deserialize)]
struct Page {
    /// Some registries send null for none.
    tags: Option<Vec<String>>,
}

impl Repository {
    /// All tags, each once, in the order of the registry. Names that are no tags are left out.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        let size = format!("n={PAGE_TAGS}");
        match self.tags_by(&size).await {
            // Quay takes a hundred, others what their operator says. Unasked, each gives what it likes.
            Err(error) if pages::is_about_size(&error) => self.tags_by("").await,
            result => result,
        }
    }

    async fn tags_by(&self, size: &str) -> Result<Vec<Tag>, Error> {
        let request = self.read(Method::GET, "tags/list");
        let request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
        let mut pages = Pages::new(&self.client, request, "tag list", size.to_owned());
        let mut seen = HashSet::new();
        let mut tags = Vec::new();
        while let Some(page) = pages.next::<Page>().await? {
            let names = page.tags.unwrap_or_default();
            let (count, last) = (names.len(), names.last().cloned());
            let known = seen.len();
            for name in names {
                if seen.insert(name.clone()) {
                    tags.extend(name.parse::<Tag>().ok());
                }
            }
            if seen.len() > TAGS_MAX {
                return Err(pages.fail(format!("its tag list has more than {TAGS_MAX} tags")));
            }
            let after = || {
                let last =
                    url::form_urlencoded::byte_serialize(last.as_ref()?.as_bytes()).collect::<String>();
                Some([size, &format!("last={last}")].join("&").trim_start_matches('&').to_owned())
            };
            pages.go_on(&Brought { count, new: seen.len() - known, after: &after, asked: PAGE_TAGS })?;
        }
        Ok(tags)
    }
}
