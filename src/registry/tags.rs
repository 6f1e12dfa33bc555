//! The tag list, all pages of it.

use http::Method;
use http::header::{ACCEPT, HeaderValue};

use crate::oci::Tag;
use crate::registry::Repository;
use crate::registry::error::Error;
use crate::registry::listing::{Listing, TAGS_MAX};
use crate::registry::pages::{self, Brought, Pages};

/// Asked for per page. ECR refuses more (google/go-containerregistry#1091).
const PAGE_TAGS: usize = 1000;

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
        let mut listing = Listing::default();
        while let Some(page) = pages.next().await? {
            let known = listing.len();
            listing.read(&page).map_err(|error| pages.unreadable(&page, &error))?;
            if listing.is_too_long() {
                return Err(pages.fail(format!("its tag list has more than {TAGS_MAX} tags")));
            }
            let (count, last) = (listing.count, listing.last.as_deref());
            let after = || {
                let last = url::form_urlencoded::byte_serialize(last?.as_bytes()).collect::<String>();
                Some([size, &format!("last={last}")].join("&").trim_start_matches('&').to_owned())
            };
            pages.go_on(&Brought { count, new: listing.len() - known, after: &after, asked: PAGE_TAGS })?;
        }
        Ok(listing.tags)
    }
}
