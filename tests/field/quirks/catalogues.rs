//! Lists of repositories: how registries cut them, what login they want for them, and how they refuse.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use http::header::LINK;
use serde_json::json;

use super::answer;
use crate::fake::{Action, Bearer, Builder, Face, Fault, Head, Match, Registry, Reply, Scope, image};
use crate::world::{assert_says, assert_succeeded, mirror, paths, sync};

/// All repositories of the source.
const ALL: &str = "  - {source: SOURCE/*, target: 'TARGET/{path}', tags: [{match: .}]}\n";

/// No list here needs more requests.
const REQUESTS_MAX: usize = 10;

/// What must come out.
enum Ends {
    /// These repositories are found.
    Finds(Vec<String>),
    /// Nothing is, in these words.
    Fails(&'static [&'static str]),
}

use Ends::{Fails, Finds};

/// One report.
struct Row {
    id: &'static str,
    seen: &'static str,
    source: Builder,
    given: Box<dyn FnOnce(&Registry)>,
    ends: Ends,
}

fn row(id: &'static str, seen: &'static str, given: impl FnOnce(&Registry) + 'static, ends: Ends) -> Row {
    Row { id, seen, source: Registry::builder(Face::Open), given: Box::new(given), ends }
}

impl Row {
    fn source(self, source: Builder) -> Self {
        Self { source, ..self }
    }

    async fn run(self) {
        let (source, target) = (self.source.start().await, Registry::start(Face::Open).await);
        (self.given)(&source);
        let config = mirror(&source, &target, ALL);
        // Boxed, so that the futures of tests stay small.
        match (self.ends, Box::pin(paths(&config)).await) {
            (Finds(expected), Ok(paths)) => assert_eq!(paths, expected),
            (Fails(words), Err(error)) => assert_says(error, words),
            (Finds(_), Err(error)) => panic!("{error}"),
            (Fails(_), Ok(paths)) => panic!("{paths:?}"),
        }
        let count = source.count(&Match::catalogue());
        assert!(count <= REQUESTS_MAX, "{count} requests for the list");
    }
}

async fn check(rows: Vec<Row>) {
    let mut faults = Vec::new();
    for row in rows {
        let (id, seen) = (row.id, row.seen);
        if let Err(panic) = AssertUnwindSafe(Box::pin(row.run())).catch_unwind().await {
            let words = panic.downcast_ref::<String>().map_or("it panics", String::as_str);
            faults.push(format!("{id} ({seen}): {words}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// Repositories from one number up to another.
fn numbers(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| format!("app-{number:04}")).collect()
}

fn named<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).into()
}

/// The page at the query that contains `at`, with this `Link`.
fn page(registry: &Registry, at: &str, link: &str, names: &[String]) {
    let mut reply = Reply::json(200, &json!({"repositories": names}));
    if !link.is_empty() {
        reply = reply.header(LINK, link);
    }
    answer(registry, Match::catalogue().containing(at), reply);
}

#[tokio::test]
async fn a_list_is_read_to_its_end_however_it_is_cut() {
    check(vec![
        row(
            "a hundred at a time",
            "distribution/distribution#1769",
            |source| {
                for name in numbers(0, 209) {
                    source.push(&name, "1", &image(&[]));
                }
            },
            Finds(numbers(0, 209)),
        )
        .source(Registry::builder(Face::Open).quirks(|quirks| quirks.page_max = 100)),
        row(
            "slashes are encoded in the link",
            "deitch/docker_registry2#57",
            |source| {
                page(source, "last=my%2F1dx%2Fone", "", &named(["my/web"]));
                page(
                    source,
                    "",
                    r#"</v2/_catalog?last=my%2F1dx%2Fone&n=100>; rel="next""#,
                    &named(["my/1dx/one"]),
                );
            },
            Finds(named(["my/1dx/one", "my/web"])),
        ),
        row(
            "behind the last page comes the first one",
            "parabuzzle/craneoperator#52",
            |source| page(source, "", "", &numbers(0, 100)),
            Finds(numbers(0, 100)),
        ),
        row(
            "pages lack what the caller may not see",
            "puppetlabs/europa#45",
            |source| {
                page(source, "last=b", "", &named(["c"]));
                page(source, "last=a", r#"</v2/_catalog?last=b&n=1000>; rel="next""#, &[]);
                page(source, "", r#"</v2/_catalog?last=a&n=1000>; rel="next""#, &named(["a"]));
            },
            Finds(named(["a", "c"])),
        ),
        row(
            "a link behind the last page",
            "pulp/pulp_container#220",
            |source| {
                page(source, "last=b", "", &[]);
                page(
                    source,
                    "",
                    r#"<http://gateway.test/v2/_catalog?n=1000&last=b>; rel="next""#,
                    &named(["a", "b"]),
                );
            },
            Finds(named(["a", "b"])),
        ),
        row(
            "a slow storage ends a page without a link",
            "distribution/distribution#3678",
            |source| {
                page(source, "last=app-0149", "", &numbers(150, 170));
                page(source, "", "", &numbers(0, 150));
            },
            Finds(numbers(0, 170)),
        ),
        row(
            "an opaque place",
            "openshift/image-registry#87",
            |source| {
                page(source, "last=ABC%3D%3D", "", &named(["b"]));
                page(source, "", r#"</v2/_catalog?n=1000&last=ABC%3D%3D>; rel="next""#, &named(["a"]));
            },
            Finds(named(["a", "b"])),
        ),
        row(
            "names that no repository can have",
            "none found; brother of the above",
            |source| page(source, "", "", &named(["Team/Web", "team/web", "", "team//x", "team/web"])),
            Finds(named(["team/web"])),
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_login_for_a_list_is_made_as_the_registry_wants_it() {
    /// The list for who comes with the password, a refusal for who comes with a token.
    fn by_password(head: &Head) -> Option<Reply> {
        let refused =
            Reply::error(401, "UNAUTHORIZED", "unauthorized to list catalog: unauthorized to list catalog");
        Some(match head.authorization("Basic") {
            Some(_) => Reply::json(200, &json!({"repositories": ["team/web"]})),
            None if head.authorization("Bearer").is_some() => refused.challenge(r#"Basic realm="harbor""#),
            None => return None,
        })
    }
    /// The public part of the list for who comes without a login.
    fn public(head: &Head) -> Option<Reply> {
        let list = Reply::json(200, &json!({"repositories": ["team/public"]}));
        head.header("authorization").is_none().then_some(list)
    }
    let quay = Bearer { realm: "/v2/auth".to_owned(), scope: Scope::Absent, ..Bearer::default() };
    let no_scope =
        Reply::error(400, "INVALID_REQUEST", "Unable to decode repository and actions: registry:catalog:*");
    check(vec![
        row(
            "no token for the scope of the list",
            "xelalexv/dregsy#57",
            |source| {
                source.push("team/web", "1", &image(&[]));
                answer(source, Match::token().containing("registry%3Acatalog"), no_scope);
            },
            Finds(named(["team/web"])),
        )
        .source(Registry::builder(Face::Quay).bearer(quay)),
        row(
            "no token does",
            "goharbor/harbor#13573",
            |source| source.fault(Fault::new(Match::catalogue(), Action::reflect(by_password))),
            Finds(named(["team/web"])),
        )
        .source(Registry::builder(Face::Token)),
        row(
            "a part of it without a login",
            "regclient/regclient#748",
            |source| {
                source.push("team/private", "1", &image(&[]));
                source.push("team/public", "1", &image(&[]));
                source.fault(Fault::new(Match::catalogue(), Action::reflect(public)));
            },
            Finds(named(["team/private", "team/public"])),
        )
        .source(Registry::builder(Face::Token)),
    ])
    .await;
}

#[tokio::test]
async fn whoever_lists_nothing_is_told_as_such() {
    const ADVICE: &[&str] =
        &["cannot discover the repositories of", "hint: ", "name the repositories one by one"];
    let refused = |id, seen, face, reply: Reply| {
        row(id, seen, move |source| answer(source, Match::catalogue(), reply), Fails(ADVICE))
            .source(Registry::builder(face))
    };
    let insufficient = r#"Bearer realm="/token",service="registry.test",scope="registry:catalog:*",error="insufficient_scope""#;
    check(vec![
        refused(
            "a token of the right scope is insufficient",
            "docker/hub-feedback#2094",
            Face::Token,
            Reply::error(401, "UNAUTHORIZED", "authentication required").challenge(insufficient),
        ),
        refused(
            "administrators alone",
            "goharbor/harbor#22194",
            Face::Token,
            Reply::error(401, "UNAUTHORIZED", "unauthorized to list catalog: unauthorized to list catalog"),
        ),
        refused(
            "nobody may",
            "Joxit/docker-registry-ui#443",
            Face::Open,
            Reply::error(401, "UNAUTHORIZED", "authentication required"),
        ),
        refused(
            "a text for people",
            "project-zot/zot#2136",
            Face::Open,
            Reply::status(404).body("_catalog is not supported\n"),
        ),
        refused(
            "an old registry",
            "distribution/distribution#768",
            Face::Basic,
            Reply::status(404).body("404 page not found\n"),
        ),
        refused("taken for a repository", "nexspence/nexspence#264", Face::Basic, Reply::status(403)),
    ])
    .await;
    const SAID: &[&str] = &["cannot discover the repositories of", "200 OK: UNKNOWN: backend timed out"];
    let error = json!({"errors": [{"code": "UNKNOWN", "message": "backend timed out"}]});
    let given = move |source: &Registry| answer(source, Match::catalogue(), Reply::json(200, &error));
    check(vec![row(
        "an error with success",
        "brother of distribution/distribution#2376",
        given,
        Fails(SAID),
    )])
    .await;
}

#[tokio::test]
async fn an_empty_list_is_no_success() {
    const NONE: &[&str] =
        &["the registry lists no repository under", "(0 in all); if that is expected, set `at_least: 0`"];
    let listed = |id, seen, document: serde_json::Value| {
        row(
            id,
            seen,
            move |source| answer(source, Match::catalogue(), Reply::json(200, &document)),
            Fails(NONE),
        )
    };
    check(vec![
        listed("always empty", "deepfence/ThreatMapper#1378", json!({"repositories": []})),
        listed(
            "empty where the storage is broken",
            "distribution/distribution#1668",
            json!({"repositories": []}),
        ),
        listed("null", "none found; brother of the above", json!({"repositories": null})),
    ])
    .await;
}

#[tokio::test]
async fn what_is_listed_and_has_no_tag_is_empty() {
    let (source, target) = (Registry::start(Face::Token).await, Registry::start(Face::Open).await);
    source.push("web", "1", &image(&["web"]));
    let unknown = Reply::error(404, "NAME_UNKNOWN", "repository name not known to registry");
    // distribution/distribution#4324: the last tag was deleted.
    source.push("gone", "1", &image(&["gone"]));
    answer(&source, Match::tags().containing("/gone/"), unknown);
    let config = mirror(&source, &target, &ALL.replace("tags:", "at_least: 0, tags:"));
    assert_succeeded(&sync(&config).await);
    assert_eq!(target.tags("web"), source.tags("web"));
    let summary = sync(&mirror(&source, &target, ALL)).await;
    let failed: Vec<_> = summary.mirrors.iter().filter_map(|mirror| mirror.error.as_ref()).collect();
    assert_eq!(failed.len(), 1);
    assert_says(failed[0].to_string(), &["the source has no tags"]);
}
