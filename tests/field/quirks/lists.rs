//! Tag lists that go on, and how registries say so.

use http::header::LINK;
use serde_json::json;

use super::Ends::{Lists, MirrorFails};
use super::{Row, answer, check, row};
use crate::fake::{Kind, Match, Registry, Reply};

/// A page at the query that contains `at`: its `Link` and its tags. `H` is the registry's own host.
struct Page {
    at: &'static str,
    link: &'static str,
    tags: Vec<String>,
}

fn page<const N: usize>(at: &'static str, link: &'static str, tags: [&str; N]) -> Page {
    Page { at, link, tags: tags.map(str::to_owned).into() }
}

/// Tags from one number up to another.
fn numbers(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("1.{number:04}")).collect()
}

fn all<const N: usize>(tags: [&str; N]) -> super::Ends {
    Lists(tags.map(str::to_owned).into())
}

/// A row of pages. The first that fits a request is the answer, so special ones come first.
fn pages<const N: usize>(id: &'static str, seen: &'static str, pages: [Page; N], ends: super::Ends) -> Row {
    let given = move |source: &Registry, _: &Registry| {
        for Page { at, link, tags } in pages {
            let mut reply = Reply::json(200, &json!({"name": "app", "tags": tags}));
            if !link.is_empty() {
                reply = reply.header(LINK, link.replace("//H", &format!("//{}", source.host())));
            }
            answer(source, Match::tags().containing(at), reply);
        }
    };
    row(id, seen, given, ends)
}

/// The usual four tags, the second half of which is asked for by what this link says.
fn halves(id: &'static str, seen: &'static str, link: &'static str) -> Row {
    let second = page("last=1.1", "", ["2.0", "2.1"]);
    pages(id, seen, [second, page("", link, ["1.0", "1.1"])], all(["1.0", "1.1", "2.0", "2.1"]))
}

const LOST: &[&str] = &["more of its tag list follows, at an address that cannot be used", "`Link: "];

#[tokio::test]
async fn a_link_is_followed_however_it_is_written() {
    check(vec![
        halves(
            "no angle brackets",
            "heroku/docker-registry-client#11",
            r#"http://H/v2/app/tags/list?n=2&last=1.1; rel="next""#,
        ),
        halves(
            "no leading slash",
            "camallo/dkregistry-rs#236",
            r#"<v2/app/tags/list?last=1.1&n=2>; rel="next""#,
        ),
        halves("no rel", "google/go-containerregistry#2332", "</v2/app/tags/list?last=1.1&n=2>"),
        halves(
            "no closing bracket",
            "google/go-containerregistry#2332",
            r#"</v2/app/tags/list?last=1.1&n=2; rel="next""#,
        ),
        halves("an empty address", "google/go-containerregistry#2332", r#"<>; rel="next""#),
        halves("an empty address alone", "google/go-containerregistry#2332", "<>"),
        halves(
            "an address without a query",
            "google/go-containerregistry#2332",
            r#"</v2/app/tags/list>; rel="next""#,
        ),
        halves(
            "a metadata address",
            "google/go-containerregistry#2332",
            r#"<http://169.254.169.254/latest/meta-data/>; rel="next""#,
        ),
        halves("another scheme", "030/n3dr#620", r#"<https://H/v2/app/tags/list?last=1.1&n=2>; rel="next""#),
        halves(
            "the upstream's host",
            "oras-project/artifacts-spec#93",
            r#"<https://upstream.example/v2/app/tags/list?last=1.1&n=2>; rel="next""#,
        ),
        halves(
            "the path of a repository group",
            "sonatype/nexus-public#1011",
            r#"<http://H/repository/group/v2/app/tags/list?last=1.1&n=2>; rel="next""#,
        ),
        halves(
            "a lost part of the path",
            "renovatebot/renovate#20745",
            r#"</v2/list/tags/list?last=1.1&n=2>; rel="next""#,
        ),
        halves(
            "a prefix in the path",
            "chainguard-dev/registry-redirect#9",
            r#"</v2/prefix/app/tags/list?n=2&last=1.1>; rel="next""#,
        ),
        halves(
            "several links",
            "sindresorhus/got#1817",
            r#"<https://H/v2/>; rel="first", </v2/app/tags/list?last=1.1&n=2>; rel=next"#,
        ),
        halves(
            "several relations",
            "sindresorhus/got#1817",
            r#"</v2/app/tags/list?last=1.1&n=2>; rel="prev next""#,
        ),
    ])
    .await;
}

#[tokio::test]
async fn cursors_pass_as_they_came() {
    let cursor = |id, seen, link, at: &'static str| {
        let second = page(at, "", ["2.0"]);
        pages(id, seen, [second, page("", link, ["1.0", "1.1"])], all(["1.0", "1.1", "2.0"]))
    };
    check(vec![
        cursor(
            "an opaque cursor",
            "deitch/docker_registry2#56",
            r#"</v2/app/tags/list?next_page=gAAAAABg1i7jwRs_wcMmj11T0%3D&n=50>; rel="next""#,
            "?next_page=gAAAAABg1i7jwRs_wcMmj11T0%3D&n=50",
        ),
        cursor(
            "no bracket stays in the query",
            "ivanilves/lstags#225",
            r#"</v2/app/tags/list?next_page=gAAAAABfdK_degyj%3D&n=50>; rel="next""#,
            "next_page=gAAAAABfdK_degyj%3D&n=50",
        ),
        cursor(
            "comma and semicolon in the cursor",
            "CodesWhat/drydock#927",
            r#"</v2/app/tags/list?last=a,b;c&n=2>; rel="next""#,
            "last=a,b;c&n=2",
        ),
        cursor(
            "a number for last",
            "renovatebot/renovate#15080",
            r#"</v2/app/tags/list?last=10000&n=10000>; rel="next""#,
            "last=10000&n=10000",
        ),
        cursor(
            "one last a request",
            "renovatebot/renovate#35917",
            r#"</v2/app/tags/list?n=2&last=2>; rel="next""#,
            "?n=2&last=2",
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_looks_cut_off_is_asked_on() {
    let cut = |id, seen, size: usize| {
        let list = |at, tags| Page { at, link: "", tags };
        let rest = if size == 1000 { "last=1.0999" } else { "last=" };
        pages(
            id,
            seen,
            [list(rest, numbers(size, size + 3)), list("", numbers(0, size))],
            Lists(numbers(0, size + 3)),
        )
    };
    let whole = |id, seen, size: usize, requests: usize| {
        let list = Page { at: "", link: "", tags: numbers(0, size) };
        pages(id, seen, [list], Lists(numbers(0, size)))
            .then(move |source, _| assert_eq!(source.count(&Match::tags()), requests))
    };
    let refused = |id, status, ends| {
        let given = move |source: &Registry, _: &Registry| {
            let refusal = Reply::error(status, "UNSUPPORTED", "no such parameter");
            answer(source, Match::tags().containing("last="), refusal);
            answer(source, Match::tags(), Reply::json(200, &json!({"tags": numbers(0, 100)})));
        };
        row(id, "none found; brother of the above", given, ends)
    };
    check(vec![
        cut("pages of fifty", "genuinetools/reg#206", 50),
        cut("a proxy drops the link", "git-pkgs/proxy#280", 100),
        cut("pages of two hundred", "backstage/community-plugins#9771", 200),
        cut("pages of two hundred and fifty", "none found; brother of the above", 250),
        cut("pages of five hundred", "none found; brother of the above", 500),
        cut("pages as long as asked for", "sonatype/nexus-public#209", 1000),
        whole("n and last mean nothing", "distribution/distribution#1936", 1500, 2),
        whole("six tags are all", "distribution/distribution#1936", 6, 1),
        refused("asking on is refused", 400, Lists(numbers(0, 100))),
        refused("asking on is not implemented", 501, Lists(numbers(0, 100))),
        refused("who asks on is refused", 401, Lists(numbers(0, 100))),
        refused("who asks on is forbidden to", 403, Lists(numbers(0, 100))),
        // There may be more behind a failure.
        refused("asking on fails", 500, MirrorFails(&["500 Internal Server Error: UNSUPPORTED"])),
    ])
    .await;
}

#[tokio::test]
async fn a_size_that_is_refused_is_not_insisted_on() {
    let refused = |id, seen, status, code, message| {
        let given = move |source: &Registry, _: &Registry| {
            answer(source, Match::tags().containing("n=1000"), Reply::error(status, code, message));
            let link = r#"</v2/app/tags/list?last=1.0&n=1>; rel="next""#;
            answer(source, Match::tags().containing("last=1.0"), Reply::json(200, &json!({"tags": ["1.1"]})));
            answer(source, Match::tags(), Reply::json(200, &json!({"tags": ["1.0"]})).header(LINK, link));
        };
        row(id, seen, given, all(["1.0", "1.1"]))
    };
    check(vec![
        refused(
            "413 for the page",
            "google/go-containerregistry#1963",
            413,
            "TOO_MANY_TAGS_REQUESTED",
            "Too many tags requested; requested limit 1000 is too high, max is 100",
        ),
        refused(
            "400 for the page",
            "distribution/distribution#4844",
            400,
            "PAGINATION_NUMBER_INVALID",
            "invalid number of results requested",
        ),
        refused(
            "405 for the page",
            "google/go-containerregistry#681",
            405,
            "UNSUPPORTED",
            "Invalid parameter at 'maxResults'",
        ),
        refused(
            "501 for the page",
            "brother of google/go-containerregistry#681",
            501,
            "UNSUPPORTED",
            "pages are not implemented",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_page_that_brings_nothing_new_is_the_last() {
    check(vec![
        pages(
            "a repeated page",
            "werf/werf#3654",
            [page("", r#"</v2/app/tags/list?last=1.1&n=2>; rel="next""#, ["1.0", "1.1"])],
            all(["1.0", "1.1"]),
        ),
        pages(
            "a repeated page with new links",
            "werf/werf#3671",
            [
                page("last=1.1", r#"</v2/app/tags/list?last=x&n=2>; rel="next""#, ["1.0", "1.1"]),
                page("", r#"</v2/app/tags/list?last=1.1&n=2>; rel="next""#, ["1.0", "1.1"]),
            ],
            all(["1.0", "1.1"]),
        ),
        pages(
            "pages that overlap",
            "distribution/distribution#3143",
            [
                page("last=1.1", "", ["latest", "3.0"]),
                page("", r#"</v2/app/tags/list?last=1.1&n=4>; rel="next""#, ["2.0", "1.0", "latest", "1.1"]),
            ],
            all(["2.0", "1.0", "latest", "1.1", "3.0"]),
        ),
        pages(
            "an empty page in the middle",
            "opencontainers/distribution-spec#470",
            [
                page("last=2.0", r#"</v2/app/tags/list?last=3.0&n=2>; rel="next""#, []),
                page("last=3.0", "", ["4.0"]),
                page("", r#"</v2/app/tags/list?last=2.0&n=2>; rel="next""#, ["1.0", "2.0"]),
            ],
            all(["1.0", "2.0", "4.0"]),
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_list_that_goes_on_and_cannot_be_followed_fails() {
    check(vec![
        pages(
            "an empty address, and last means nothing",
            "google/go-containerregistry#2332",
            [page("", r#"<>; rel="next""#, ["1.0", "1.1"])],
            MirrorFails(LOST),
        ),
        pages(
            "an empty address, and nothing behind the last tag",
            "google/go-containerregistry#2332",
            [page("last=", "", []), page("", r#"<>; rel="next""#, ["1.0", "1.1"])],
            MirrorFails(LOST),
        ),
        pages(
            "the query of another address means nothing here",
            "renovatebot/renovate#15030",
            [page("", r#"<https://upstream.example/v2/x/tags/list?page=2>; rel="next""#, ["1.0", "1.1"])],
            MirrorFails(LOST),
        ),
        row(
            "the query of another address is refused",
            "sonatype/nexus-public#1011",
            |source, _| {
                let link = r#"<https://upstream.example/v2/x/tags/list?page=2>; rel="next""#;
                answer(
                    source,
                    Match::tags().containing("page=2"),
                    Reply::error(404, "NAME_UNKNOWN", "unknown"),
                );
                answer(source, Match::tags(), Reply::json(200, &json!({"tags": ["1.0"]})).header(LINK, link));
            },
            MirrorFails(&[
                "404 Not Found: NAME_UNKNOWN",
                "because of the header `Link: <https://upstream.example",
            ]),
        ),
        row(
            "a page of a proxy instead of the list",
            "moby/moby#40448",
            |source, _| {
                answer(source, Match::tags(), Reply::status(200).body("<html><title>Sign in</title>"));
            },
            MirrorFails(&[
                "a web page (Sign in) came instead of what was asked for",
                "a proxy or a login page",
            ]),
        ),
        row(
            "a list that is compressed unasked",
            "npm/npm#12205",
            |source, _| answer(source, Match::tags(), Reply::status(200).body(&b"\x1f\x8b\x08\x00"[..])),
            MirrorFails(&["compressed (gzip), which was not asked for: a proxy in between may do that"]),
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_error_that_comes_as_a_success_is_no_list() {
    let said = |message: &str| json!({"errors": [{"code": "UNKNOWN", "message": message}]});
    let instead = |id, seen, document: serde_json::Value, words| {
        let given = move |source: &Registry, _: &Registry| {
            answer(source, Match::tags(), Reply::json(200, &document));
        };
        row(id, seen, given, MirrorFails(words))
    };
    let second = said("backend timed out");
    check(vec![
        instead(
            "instead of the list",
            "distribution/distribution#2376",
            said("authentication required"),
            &["200 OK: UNKNOWN: authentication required"],
        ),
        row(
            "instead of the second page",
            "brother of distribution/distribution#2376",
            move |source, _| {
                let link = r#"</v2/app/tags/list?last=1.0&n=1>; rel="next""#;
                answer(source, Match::tags().containing("last="), Reply::json(200, &second));
                answer(source, Match::tags(), Reply::json(200, &json!({"tags": ["1.0"]})).header(LINK, link));
            },
            MirrorFails(&["200 OK: UNKNOWN: backend timed out"]),
        ),
        instead(
            "beside a name",
            "brother of distribution/distribution#2376",
            json!({"name": "app", "error": "backend timed out"}),
            &["200 OK: backend timed out"],
        ),
        instead(
            "a document about something else",
            "none found; brother of the above",
            json!({"detail": "ok"}),
            &["its tag list cannot be read: missing field `tags`", r#"what came is `{"detail":"ok"}`"#],
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_empty_list_is_no_fault_of_form() {
    check(vec![
        row(
            "no tags but a name",
            "none found; brother of distribution/distribution#4324",
            |source, _| answer(source, Match::tags(), Reply::json(200, &json!({"name": "app"}))),
            MirrorFails(&["the source has no tags"]),
        ),
        row(
            "tags null",
            "distribution/distribution#4324",
            |source, _| {
                answer(source, Match::tags(), Reply::json(200, &json!({"name": "app", "tags": null})));
            },
            MirrorFails(&["the source has no tags"]),
        ),
        row(
            "the last tag was deleted",
            "distribution/distribution#4324",
            |source, _| {
                answer(
                    source,
                    Match::tags(),
                    Reply::error(404, "NAME_UNKNOWN", "repository name not known to registry"),
                );
            },
            MirrorFails(&["404 Not Found: NAME_UNKNOWN: repository name not known to registry"]),
        ),
        row(
            "only JSON is accepted",
            "deitch/docker_registry2#40",
            |source, _| answer(source, Match::tags(), Reply::json(200, &json!({"tags": ["1.0"]}))),
            all(["1.0"]),
        )
        .then(|source, _| {
            let list = source.requests().into_iter().find(|seen| seen.route().kind == Kind::Tags);
            assert_eq!(list.unwrap().head.header("accept"), Some("application/json"));
        }),
    ])
    .await;
}
