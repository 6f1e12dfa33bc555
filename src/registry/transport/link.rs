//! `Link`: where a page says that a list goes on (RFC 8288), also where it is written in other ways than specified.

use http::HeaderMap;
use http::header::LINK;
use url::Url;

/// Longer headers are cut: no honest address comes near.
const HEADER_MAX_BYTES: usize = 16 * 1024;

/// What the headers of a page say about the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::registry) enum Next {
    /// They name none.
    None,
    /// The next page has this query, written as it came.
    Query {
        query: String,
        /// Whether the address is that of this very list. Where it is not, its query may mean something else here.
        is_own: bool,
    },
    /// There is a next page, and no telling where.
    Unreadable,
}

/// The `Link` headers of an answer as one text, for messages as well as for [`next`].
pub(in crate::registry) fn header(headers: &HeaderMap) -> Option<String> {
    let values: Vec<_> =
        headers.get_all(LINK).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Where the list at this address goes on.
///
/// Only the query of a link is ever used: registries behind proxies and connectors send links with foreign hosts, wrong
/// paths and without the leading slash (sonatype/nexus-public#1011, oras-project/artifacts-spec#93), and to follow
/// one to another host would hand our login to it (GHSA-h7vf-4x9w-h99v).
pub(in crate::registry) fn next(header: &str, list: &Url) -> Next {
    let links = parse(&header[..header.floor_char_boundary(HEADER_MAX_BYTES)]);
    if let Some(link) = links.iter().find(|link| link.is_next()) {
        return link.read(list);
    }
    // Without `rel`, only what can be nothing else is a next page.
    let unnamed = || links.iter().filter(|link| link.rel.is_none());
    let own =
        unnamed().map(|link| link.read(list)).find(|next| matches!(next, Next::Query { is_own: true, .. }));
    own.or_else(|| unnamed().any(|link| link.target.is_empty()).then_some(Next::Unreadable))
        .unwrap_or(Next::None)
}

#[derive(Debug)]
struct Link<'a> {
    target: &'a str,
    rel: Option<&'a str>,
}

impl Link<'_> {
    fn is_next(&self) -> bool {
        self.rel.is_some_and(|rel| rel.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next")))
    }

    fn read(&self, list: &Url) -> Next {
        let (address, _) = self.target.split_once('#').unwrap_or((self.target, ""));
        let Some((_, query)) = address.split_once('?') else { return Next::Unreadable };
        // With nothing but its size, it is the first page.
        let is_page = url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name != "n");
        if !is_page {
            return Next::Unreadable;
        }
        // Quay has sent `<v2/…>`, which is meant from the root.
        let from_root = address.starts_with("v2/").then(|| format!("/{address}"));
        let url = list.join(from_root.as_deref().unwrap_or(address));
        let is_own = url.is_ok_and(|url| url.host() == list.host() && url.path() == list.path());
        Next::Query { query: query.to_owned(), is_own }
    }
}

/// All links of a header. The brackets around an address may be missing, in whole or in part.
fn parse(header: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if rest.is_empty() {
            return links;
        }
        let ends_bare = |c: char| c == ';' || c == '>' || c.is_whitespace();
        let (target, after) = match rest.strip_prefix('<').map(|inner| (inner, inner.split_once('>'))) {
            Some((_, Some(closed))) => closed,
            Some((open, None)) => open.split_at(open.find(ends_bare).unwrap_or(open.len())),
            None => {
                let (bare, after) = rest.split_at(rest.find(ends_bare).unwrap_or(rest.len()));
                (bare.trim_end_matches(','), after)
            }
        };
        let (params, others) = split_unquoted(after, ',');
        links.push(Link { target: target.trim(), rel: rel(params) });
        rest = others;
    }
}

/// The value of the first parameter `rel`.
fn rel(params: &str) -> Option<&str> {
    let mut rest = params;
    while !rest.is_empty() {
        let (param, others) = split_unquoted(rest, ';');
        let (name, value) = param.split_once('=').unwrap_or((param, ""));
        if name.trim_matches(|c: char| c == '>' || c.is_whitespace()).eq_ignore_ascii_case("rel") {
            return Some(value.trim().trim_matches(['"', '\'']));
        }
        rest = others;
    }
    None
}

/// Up to a separator that is in no quotes, and what follows it.
fn split_unquoted(text: &str, separator: char) -> (&str, &str) {
    let mut is_quoted = false;
    let end = text.find(|c: char| {
        is_quoted ^= c == '"';
        c == separator && !is_quoted
    });
    end.map_or((text, ""), |end| (&text[..end], &text[end + separator.len_utf8()..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = "https://h.example/v2/a/b/tags/list?n=1000";

    fn read(header: &str) -> Next {
        next(header, &LIST.parse().unwrap())
    }

    #[track_caller]
    fn check(header: &str, query: &str, is_own: bool) {
        assert_eq!(read(header), Next::Query { query: query.to_owned(), is_own }, "{header}");
    }

    #[test]
    fn every_way_to_write_a_next_link_gives_its_query() {
        for header in [
            r#"</v2/a/b/tags/list?last=x&n=2>; rel="next""#,
            r#"<v2/a/b/tags/list?last=x&n=2>; rel="next""#,
            "<https://h.example/v2/a/b/tags/list?last=x&n=2>; rel=next",
            r#"<http://h.example/v2/a/b/tags/list?last=x&n=2>; REL="prev next""#,
            r#"https://h.example/v2/a/b/tags/list?last=x&n=2; rel="next""#,
            r#"</v2/a/b/tags/list?last=x&n=2; rel="next""#,
            "</v2/a/b/tags/list?last=x&n=2>",
            "/v2/a/b/tags/list?last=x&n=2",
            "<?last=x&n=2>; rel=next",
            r#"</first?x=1>; rel="first"; title="a, b; rel=next", </v2/a/b/tags/list?last=x&n=2>; rel="next""#,
        ] {
            check(header, "last=x&n=2", true);
        }
        check(r#"</v2/a/b/tags/list?last=a,b;c&n=2>; rel="next""#, "last=a,b;c&n=2", true);
        check(r#"<https://elsewhere.example/v2/a/b/tags/list?last=x>; rel="next""#, "last=x", false);
        check(r#"</v2/b/tags/list?last=x>; rel="next""#, "last=x", false);
    }

    #[test]
    fn a_next_page_at_no_address_is_not_the_end() {
        for header in [
            r#"<>; rel="next""#,
            "<>",
            r#"</v2/a/b/tags/list>; rel="next""#,
            r#"</v2/a/b/tags/list?n=2>; rel="next""#,
            r#"<http://169.254.169.254/latest/meta-data/>; rel="next""#,
        ] {
            assert_eq!(read(header), Next::Unreadable, "{header}");
        }
    }

    #[test]
    fn other_links_name_no_page() {
        for header in [
            "",
            ", ,",
            r#"</v2/a?last=x>; rel="prev""#,
            r#"</v2/a/b/tags/list?last=x>; rel="next-page""#,
            "<https://docs.example/>",
            "<https://docs.example/?page=2>",
        ] {
            assert_eq!(read(header), Next::None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_link_is_survived(header in ".{0,200}") {
            read(&header);
        }
    }
}
