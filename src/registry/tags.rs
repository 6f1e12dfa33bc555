//! The tag list, all pages of it.

use std::collections::HashSet;

use http::Method;
use serde::Deserialize;

use crate::oci::Tag;
use crate::registry::Repository;
use crate::registry::error::{Error, Kind};

/// Asked for per page. ECR refuses more (google/go-containerregistry#1091).
const PAGE_TAGS: usize = 1000;
/// A page larger than this is refused.
const PAGE_MAX_BYTES: usize = 32 * 1024 * 1024;
/// So many pages are read at the most.
const PAGES_MAX: usize = 2000;
/// So many tags are accepted at the most.
const TAGS_MAX: usize = 1_000_000;

#[derive(Deserialize)]
struct Page {
    /// Some registries send null for none.
    tags: Option<Vec<String>>,
}

impl Repository {
    /// All tags, each once, in the order of the registry. Names that are no tags are left out.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        let mut request = self.read(Method::GET, "tags/list");
        let path = request.url.path().to_owned();
        let mut query = format!("n={PAGE_TAGS}");
        let mut asked = HashSet::new();
        let mut seen = HashSet::new();
        let mut tags = Vec::new();
        loop {
            request.url.set_query(Some(&query));
            asked.insert(query);
            let answer = self.client.send(&request).await?;
            let links: Vec<_> = answer.headers().get_all(http::header::LINK).iter().cloned().collect();
            let next = links.iter().filter_map(|link| link.to_str().ok()).find_map(next_query);
            let fail = |why: String| Error::new(&Method::GET, &request.url, Kind::Protocol(why));
            let unusable = fail("the tag list is not of the specified form".to_owned());
            let body = answer.body(PAGE_MAX_BYTES).await?;
            let names = serde_json::from_slice::<Page>(&body).map_err(|_| unusable)?.tags.unwrap_or_default();
            let count = names.len();
            let last = names.last().cloned();
            let known = tags.len();
            let fresh = names.into_iter().filter(|name| seen.insert(name.clone()));
            tags.extend(fresh.filter_map(|name| name.parse::<Tag>().ok()));
            query = match (next, last) {
                (Some(next), _) => next,
                // A full page without `Link`: some registries page and do not say so (Nexus groups). Where
                // asking for more brings nothing new, it was the last.
                (None, Some(last)) if count == PAGE_TAGS && tags.len() > known => {
                    let last = url::form_urlencoded::byte_serialize(last.as_bytes()).collect::<String>();
                    format!("n={PAGE_TAGS}&last={last}")
                }
                _ => return Ok(tags),
            };
            if asked.contains(&query) {
                return Err(fail(format!(
                    "its tag list goes in circles: `{path}` leads back to a page it had"
                )));
            }
            if asked.len() >= PAGES_MAX || tags.len() > TAGS_MAX {
                return Err(fail(format!(
                    "its tag list does not end: {} pages, {} tags",
                    asked.len(),
                    tags.len()
                )));
            }
        }
    }
}

/// The query of the `next` link (RFC 8288).
///
/// Only the query counts: registries behind proxies and connectors send links with foreign hosts, wrong paths
/// and without the leading slash (sonatype/nexus-public#1011, oras-project/artifacts-spec#93), and to follow
/// one to another host would hand our login to it (GHSA-h7vf-4x9w-h99v).
fn next_query(link: &str) -> Option<String> {
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
