//! Lists that a registry gives page by page: the tags of a repository, the repositories of the registry.

mod catalogue;
pub(super) mod listing;
pub(super) mod pages;
mod tags;

use std::str::FromStr;

use http::header::{ACCEPT, HeaderValue};
use tracing::warn;

use crate::registry::client::Client;
use crate::registry::error::Error;
use crate::registry::lists::listing::Listing;
use crate::registry::lists::pages::{Brought, Pages};
use crate::registry::request::Request;

/// What a list is, and how much of it is taken.
struct List {
    /// What it is called in errors.
    what: &'static str,
    /// The member of a page that holds its names.
    member: &'static str,
    /// The names that are asked for per page.
    page: usize,
    /// The most names that are accepted.
    max: usize,
    /// Whether a page without that member is an error, and names that are none are told: what is missing here would be taken
    /// for gone.
    is_strict: bool,
}

impl List {
    /// All of it, each name once, in the order of the registry. Names that are no `T` are left out.
    async fn read<T: FromStr>(&self, client: &Client, request: Request) -> Result<Vec<T>, Error> {
        let request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
        let size = format!("n={}", self.page);
        match self.read_by(client, request.clone(), &size).await {
            // Quay takes a hundred, others what their operator says. Unasked, each gives what it likes.
            Err(error) if pages::is_about_size(&error) => self.read_by(client, request, "").await,
            result => result,
        }
    }

    async fn read_by<T: FromStr>(
        &self,
        client: &Client,
        request: Request,
        size: &str,
    ) -> Result<Vec<T>, Error> {
        let Self { what, member, page, max, is_strict } = *self;
        let mut pages = Pages::new(client, request, what, size.to_owned());
        let listing = Listing::new(member, max);
        let mut listing = if is_strict { listing.required() } else { listing };
        while let Some(body) = pages.next().await? {
            let known = listing.len();
            listing.read(&body).map_err(|error| pages.unreadable(&body, &error))?;
            if listing.is_too_long() {
                return Err(pages.fail(format!("its {what} has more than {max} {member}")));
            }
            let (count, last) = (listing.count, listing.last.as_deref());
            let after = || {
                let last = url::form_urlencoded::byte_serialize(last?.as_bytes()).collect::<String>();
                Some([size, &format!("last={last}")].join("&").trim_start_matches('&').to_owned())
            };
            pages.go_on(&Brought { count, new: listing.len() - known, after: &after, asked: page })?;
        }
        let odd = listing.left_out();
        if is_strict && odd > 0 {
            let host = client.host();
            warn!(%host, odd, "Left out {odd} of the {member} that {host} lists: their names are not valid");
        }
        Ok(listing.names)
    }
}
