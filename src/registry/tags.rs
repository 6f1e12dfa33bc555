//! The tag list, all pages of it.

use std::collections::HashSet;

use http::Method;
use serde::Deserialize;

use crate::oci::Tag;
use crate::registry::Repository;
use crate::registry::error::Error;
use crate::registry::pages::Pages;

/// Asked for per page. ECR refuses more (google/go-containerregistry#1091).
const PAGE_TAGS: usize = 1000;
/// So many tags are accepted at the most.
const TAGS_MAX: usize = 200_000;

#[derive(Deserialize)]
struct Page {
    /// Some registries send null for none.
    tags: Option<Vec<String>>,
}

impl Repository {
    /// All tags, each once, in the order of the registry. Names that are no tags are left out.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        let request = self.read(Method::GET, "tags/list");
        let mut pages = Pages::new(&self.client, request, format!("n={PAGE_TAGS}"));
        let mut seen = HashSet::new();
        let mut tags = Vec::new();
        while let Some(page) = pages.next::<Page>("tag list").await? {
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
            // A full page without `Link`: some registries page and do not say so (Nexus groups). Where asking
            // for more brings nothing new, it was the last.
            if let Some(last) = last.filter(|_| pages.is_over() && count == PAGE_TAGS && seen.len() > known) {
                let last = url::form_urlencoded::byte_serialize(last.as_bytes()).collect::<String>();
                pages.go_on(format!("n={PAGE_TAGS}&last={last}"));
            }
        }
        Ok(tags)
    }
}
