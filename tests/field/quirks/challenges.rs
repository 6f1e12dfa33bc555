//! Challenges, scopes and the places that registries send us to.

use super::Ends::{Copied, MirrorFails, TagFails};
use http::Method;
use serde_json::json;

use super::{Row, answer, check, one, row};
use crate::fake::{Action, Bearer, Face, Fault, Head, Kind, Match, Registry, Reply, Scope};

/// A registry with tokens challenges in these words. `R` is its realm.
fn challenge(id: &'static str, seen: &'static str, text: &'static str) -> Row {
    let given = move |source: &Registry, _: &Registry| {
        one(source);
        let text = text.replace('R', &format!("http://{}/token", source.host()));
        source.fault(Fault::new(Match::any(), Action::Header("www-authenticate", text)));
    };
    row(id, seen, given, Copied).source(Registry::builder(Face::Token))
}

/// The same of one that wants a password.
fn basic(id: &'static str, seen: &'static str, text: &'static str) -> Row {
    challenge(id, seen, text).source(Registry::builder(Face::Basic))
}

#[tokio::test]
async fn challenges_are_read_however_they_are_written() {
    check(vec![
        challenge(
            "the scope of a placeholder",
            "cloudflare/serverless-registry#149",
            r#"Bearer realm="R",service="registry.test",scope="repository:user/image:pull""#,
        ),
        challenge("no scope", "appc/docker2aci#126", r#"Bearer realm="R",service="registry.test""#),
        challenge(
            "two scopes",
            "podman-container-tools/container-libs#1130",
            r#"Bearer realm="R",service="registry.test",scope="repository:app:pull repository:other:pull""#,
        ),
        challenge(
            "two schemes in one header",
            "httpwg/http-core#136",
            r#"Basic realm="r", Bearer realm="R",service="registry.test",scope="repository:app:pull""#,
        ),
        challenge(
            "a quoted comma before it",
            "modelcontextprotocol/python-sdk#3012",
            r#"DPoP algs="ES256, \"x\"", Bearer realm="R", scope="repository:app:pull""#,
        ),
        challenge(
            "names within names",
            "modelcontextprotocol/python-sdk#3041",
            r#"Bearer error_scope="x", scope="repository:app:pull", x_realm="bad", realm="R""#,
        ),
        basic("a realm without quotes", "regclient/regclient#265", "Basic realm=/"),
        basic("a realm in single quotes", "lysine-dev/okhttp#6743", "Basic realm='Sandstorm API'"),
        basic("no realm", "lysine-dev/okhttp#4249", "Basic"),
    ])
    .await;
}

/// `/v2/` is where Docker asks first; what is below it need not repeat what it says.
#[tokio::test]
async fn a_challenge_that_a_refusal_lacks_is_asked_for_where_docker_asks() {
    for (face, requests) in [(Face::Basic, 1), (Face::Token, 1)] {
        let silent = |source: &Registry| {
            for requests in [Match::tags(), Match::manifest_head(), Match::manifest_get(), Match::blob_get()]
            {
                source.fault(Fault::new(requests, Action::WithoutHeader("www-authenticate")));
            }
        };
        let given = move |source: &Registry, _: &Registry| {
            one(source);
            silent(source);
        };
        check(vec![
            row("no challenge but at /v2/", "container-registry 0.3.1", given, Copied)
                .source(Registry::builder(face))
                .then(move |source, _| assert_eq!(source.count(&Match::kind(Kind::Ping)), requests)),
        ])
        .await;
    }
}

#[tokio::test]
async fn a_login_is_not_given_up_for_another_challenge() {
    let others = Bearer { others: vec!["Negotiate", r#"Basic realm="r""#], ..Bearer::default() };
    check(vec![
        row(
            "schemes in headers of their own",
            "AzureAD/azure-activedirectory-library-for-objc#1042",
            |s, _| one(s),
            Copied,
        )
        .source(Registry::builder(Face::Token).bearer(others)),
        row(
            "Basic for a token that is not good any more",
            "goharbor/harbor#18856",
            |source, _| {
                one(source);
                let harbor = Reply::status(401).challenge(r#"Basic realm="harbor""#);
                source.fault(Fault::new(Match::manifest_head(), Action::Answer(harbor)).once());
            },
            Copied,
        )
        .source(Registry::builder(Face::Token))
        .then(|source, _| assert_eq!(source.tokens_made(), 2)),
        row(
            "a token that grants nothing",
            "goharbor/harbor#11632",
            |source, _| {
                one(source);
                answer(
                    source,
                    Match::tags(),
                    Reply::error(401, "UNAUTHORIZED", "unauthorized to access repository: app"),
                );
            },
            MirrorFails(&["401 Unauthorized: UNAUTHORIZED", "check its user name and password"]),
        )
        .source(Registry::builder(Face::Token)),
        row("one word for all scopes", "facts of public.ecr.aws", |s, _| one(s), Copied).source(
            Registry::builder(Face::EcrPublic)
                .bearer(Bearer { scope: Scope::Fixed("aws"), ..Bearer::default() }),
        ),
    ])
    .await;
}

/// Reads are free; what a write wants is called pulling, and takes a token for pushing.
fn misnamed(head: &Head) -> Option<Reply> {
    if head.path == "/token" {
        return Some(Reply::json(200, &json!({"token": head.query("scope")})));
    }
    let is_write = ![Method::GET, Method::HEAD].contains(&head.method);
    let may = head.authorization("Bearer").is_some_and(|token| token.contains("push"));
    let challenge = r#"Bearer realm="/token",service="s",scope="repository:app:pull""#;
    let refused = Reply::error(401, "UNAUTHORIZED", "authentication required").challenge(challenge);
    (is_write && !may).then_some(refused)
}

#[tokio::test]
async fn who_pushes_asks_for_the_right_to_push_whatever_the_challenge_says() {
    let given = |source: &Registry, target: &Registry| {
        one(source);
        target.fault(Fault::new(Match::any(), Action::reflect(misnamed)));
    };
    check(vec![row("a challenge to pull where a push begins", "helm/helm#32156", given, Copied)]).await;
}

#[tokio::test]
async fn uploads_go_nowhere_strange() {
    let location = |id, seen, location: &'static str, words| {
        let given = move |source: &Registry, target: &Registry| {
            one(source);
            target.fault(Fault::new(Match::upload_start(), Action::Header("location", location.to_owned())));
        };
        row(id, seen, given, TagFails(words))
    };
    check(vec![
        location(
            "a script",
            "oras-project/oras-dotnet#423",
            "javascript:alert(1)",
            &["it is neither http nor https"],
        ),
        location(
            "a file",
            "oras-project/oras-dotnet#423",
            "file:///c:/secret",
            &["it is neither http nor https"],
        ),
        location(
            "no address",
            "oras-project/oras-dotnet#423",
            "http://[bad",
            &["does not say where to upload"],
        ),
        location(
            "nothing that listens",
            "oras-project/oras-go#1152",
            "http://127.0.0.1:1/u1",
            &["127.0.0.1:1/u1"],
        ),
        row(
            "no Location",
            "apple/swift-container-plugin#27",
            |source, target| {
                one(source);
                target.fault(Fault::new(Match::upload_start(), Action::WithoutHeader("location")));
            },
            TagFails(&["the answer does not say where to upload"]),
        ),
        row(
            "no Location of a manifest",
            "apple/swift-container-plugin#27",
            |source, target| {
                one(source);
                target.fault(Fault::new(Match::manifest_put(), Action::WithoutHeader("location")));
                target
                    .fault(Fault::new(Match::manifest_put(), Action::WithoutHeader("docker-content-digest")));
            },
            Copied,
        ),
    ])
    .await;
}
