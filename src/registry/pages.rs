//! Lists that come in pages, each naming the next by a `Link` header.

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use crate::registry::client::{Client, Request};
use crate::registry::error::{Error, Kind};

/// A page larger than this is refused. Some registries send all tags in one; a quarter of a million fit. Read, the
/// shortest of names take fifteen times as much memory as in the page.
const PAGE_MAX_BYTES: usize = 8 * 1024 * 1024;
/// So many pages are read at the most.
const PAGES_MAX: usize = 2000;

/// A walk over the pages of a list. It never leaves the address where it began: only queries change.
pub(super) struct Pages<'a> {
    client: &'a Client,
    request: Request,
    /// The query of the page to come, none after the last.
    next: Option<String>,
    asked: HashSet<String>,
}

impl<'a> Pages<'a> {
    /// The list at the request's address, with this query for the first page.
    pub(super) fn new(client: &'a Client, request: Request, query: String) -> Self {
        Self { client, request, next: Some(query), asked: HashSet::new() }
    }

    /// The next page, none after the last. `what` names the list in errors.
    pub(super) async fn next<T: DeserializeOwned>(&mut self, what: &str) -> Result<Option<T>, Error> {
        let Some(query) = self.next.take() else { return Ok(None) };
        if !self.asked.insert(query.clone()) {
            return Err(self.fail(format!("its {what} goes in circles: a page leads back to one before")));
        }
        if self.asked.len() > PAGES_MAX {
            return Err(self.fail(format!("its {what} does not end: {PAGES_MAX} pages were read")));
        }
        self.request.url.set_query(Some(&query).filter(|query| !query.is_empty()).map(String::as_str));
        let answer = self.client.send(&self.request).await?;
        let links = answer.headers().get_all(http::header::LINK).iter();
        self.next = links.filter_map(|link| link.to_str().ok()).find_map(next_query);
        let body = answer.body(PAGE_MAX_BYTES).await?;
        let page = serde_json::from_slice(&body);
        page.map(Some).map_err(|_| self.fail(format!("its {what} is not of the specified form")))
    }

    /// Whether the registry named no further page.
    pub(super) fn is_over(&self) -> bool {
        self.next.is_none()
    }

    /// Asks for one more page with this query.
    pub(super) fn go_on(&mut self, query: String) {
        self.next = Some(query);
    }

    /// A failure of this list.
    pub(super) fn fail(&self, why: String) -> Error {
        Error::new(&self.request.method, &self.request.url, Kind::Protocol(why))
    }
}

/// The query of the `next` link (RFC 8288).
///
/// Only the query counts: registries behind proxies and connectors send links with foreign hosts, wrong paths
/// and without the leading slash (sonatype/nexus-public#1011, oras-project/artifacts-spec#93), and to follow
/// one to another host would hand our login to it (GHSA-h7vf-4x9w-h99v).
pub(super) fn next_query(link: &str) -> Option<String> {
    let mut rest = link;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, params) = after.split_once('>')?;
        let own = params.split('<').next().unwrap_or_default();
        let is_next = own.split([';', ',']).filter_map(|param| param.split_once('=')).any(|(name, value)| {
            let rels = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("rel")
                && rels.split(' ').any(|rel| rel.eq_ignore_ascii_case("next"))
        });
        if is_next {
            let query = target.split_once('?')?.1;
            return Some(query.split('#').next().unwrap_or_default().to_owned())
                .filter(|query| !query.is_empty());
        }
        rest = params;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(link: &str, expected: Option<&str>) {
        assert_eq!(next_query(link).as_deref(), expected, "{link}");
    }

    #[test]
    fn every_kind_of_link_gives_its_query() {
        check(r#"</v2/a/b/tags/list?last=x&n=100>; rel="next""#, Some("last=x&n=100"));
        check(r#"<https://elsewhere.example/v2/a/tags/list?n=1&last=y>; rel="next""#, Some("n=1&last=y"));
        check(
            r#"<v2/a/tags/list?next_page=gAAAAA%3D%3D&n=50>; rel="next""#,
            Some("next_page=gAAAAA%3D%3D&n=50"),
        );
        check(r"</v2/a/tags/list?last=x>;rel=next", Some("last=x"));
        check(r#"</first?x=1>; rel="first", </v2/a?last=z>; title="a"; REL="prev next""#, Some("last=z"));
    }

    #[test]
    fn what_is_no_next_link_ends_the_list() {
        check("", None);
        check(r#"</v2/a?last=x>; rel="prev""#, None);
        check(r#"</v2/a/tags/list>; rel="next""#, None);
        check("</v2/a?last=x", None);
    }

    proptest! {
        #[test]
        fn any_link_is_survived(link in ".{0,200}") {
            next_query(&link);
        }
    }
}
