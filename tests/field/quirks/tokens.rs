//! Answers of token services.

use serde_json::{Value, json};

use super::Ends::{Copied, MirrorFails};
use super::{Row, answer, check, one, row};
use crate::fake::{Bearer, Builder, Face, Match, Registry, Reply};

/// A registry whose token service answers so, given a token.
fn service(document: fn(&str) -> Value) -> Builder {
    let bearer = Bearer { document: Some(document), ..Bearer::default() };
    Registry::builder(Face::Token).bearer(bearer)
}

/// An answer with a token, which has to be found.
fn given(id: &'static str, seen: &'static str, document: fn(&str) -> Value) -> Row {
    row(id, seen, |source, _| one(source), Copied)
        .source(service(document))
        .then(|source, _| assert_eq!(source.tokens_made(), 1, "each request took a token of its own"))
}

/// An answer without one.
fn refused(id: &'static str, seen: &'static str, reply: Reply, words: &'static [&'static str]) -> Row {
    let given = move |source: &Registry, _: &Registry| {
        one(source);
        answer(source, Match::token(), reply);
    };
    row(id, seen, given, MirrorFails(words)).source(Registry::builder(Face::Token))
}

#[tokio::test]
async fn a_token_that_is_there_counts() {
    check(vec![
        given("an empty access_token", "eclipse-jkube/jkube#3709", |t| {
            json!({"token": t, "access_token": "", "expires_in": 1800, "issued_at": "2025-04-03T01:51:35Z"})
        }),
        given("access_token alone", "containerd/overlaybd#35", |t| json!({"access_token": t})),
        given("token alone", "containerd/containerd#2157", |t| json!({"token": t})),
        given("a life as text", "SecureAuthCorp/oauth2c#119", |t| json!({"token": t, "expires_in": "3599"})),
        given("a life with a fraction", "golang/oauth2#67", |t| json!({"token": t, "expires_in": 299.9999})),
        given("a life in milliseconds", "superstreamlabs/memphis-rest-gateway#67", |t| {
            json!({"token": t, "expires_in": 102_800_324_040_000_u64})
        }),
        given("a life as a date", "superstreamlabs/memphis-rest-gateway#67", |t| {
            json!({"token": t, "expires_in": 1_758_709_105})
        }),
        given("no life at all", "transip/gotransip#29", |t| json!({"token": t, "expires_in": 0})),
        given("a life before now", "transip/gotransip#29", |t| json!({"token": t, "expires_in": -1})),
        given("a life of null", "none found; brother of the above", |t| json!({"token": t, "expires_in": null})),
        given("a life as an object", "none found; brother of the above", |t| {
            json!({"token": t, "expires_in": {"seconds": 60}})
        }),
        given("a life in words", "none found; brother of the above", |t| json!({"token": t, "expires_in": "soon"})),
        given("issued at a number", "moby/moby#20970", |t| {
            json!({"token": t, "expires_in": 300, "issued_at": 1_457_510_670})
        }),
        given("issued in year 1", "containers/image#1007", |t| {
            json!({"token": t, "expires_in": 300, "issued_at": "0001-01-01T00:00:00Z"})
        }),
        given("issued in the future", "koala73/worldmonitor#5932", |t| {
            json!({"token": t, "expires_in": 300, "issued_at": "2999-01-01T00:00:00Z"})
        }),
        given("a life as short as the margin", "camunda/camunda#33137", |t| json!({"token": t, "expires_in": 60})),
        given("fields of OAuth", "SecureAuthCorp/oauth2c#37", |t| {
            json!({"token_type": "Bearer", "expires_in": "3599", "ext_expires_in": "3599", "access_token": t,
                   "scope": ["a"], "id_token": null})
        }),
        given("all else null", "none found; brother of the above", |t| {
            json!({"token": t, "access_token": null, "refresh_token": null, "expires_in": null, "issued_at": null})
        }),
        given("a line break behind it", "parabuzzle/craneoperator#64", |t| json!({"token": format!("{t}\n")})),
        given("blanks around it", "parabuzzle/craneoperator#64", |t| json!({"token": format!(" {t} ")})),
    ])
    .await;
}

#[tokio::test]
async fn an_answer_without_a_token_is_told_in_its_own_words() {
    check(vec![
        refused(
            "an empty object",
            "pulp/pulp_container#1626",
            Reply::json(200, &json!({})),
            &["/token: the token service answered without a token: it has nothing"],
        ),
        refused(
            "an empty token",
            "pulp/pulp_container#1626",
            Reply::json(200, &json!({"token": "", "code": 7})),
            &["the token service answered without a token: it has token, code"],
        ),
        refused(
            "an empty answer",
            "pulp/pulp_container#1626",
            Reply::status(200),
            &["the token service answered without a token: its answer is no JSON object"],
        ),
        refused(
            "a page of a single sign-on",
            "crazy-max/diun#1334",
            Reply::status(200).body("<!DOCTYPE html>\n<html><head><title>Sign in\n to Corp</title>"),
            &[
                "/token: a web page (Sign in to Corp) came instead",
                "a proxy or a login page may stand in between",
            ],
        ),
        refused(
            "a token that no header holds",
            "parabuzzle/craneoperator#64",
            Reply::json(200, &json!({"token": "a\nb"})),
            &["cannot log in at 127.0.0.1", "characters that no header can hold"],
        ),
        refused(
            "an error with success",
            "none found; brother of distribution/distribution#2376",
            Reply::error(200, "DENIED", "account is locked"),
            &["/token: 200 OK: DENIED: account is locked, from the token service", "check its user name"],
        ),
        refused(
            "an error of OAuth with success",
            "none found; brother of the above",
            Reply::json(200, &json!({"error": "invalid_grant", "error_description": "password expired"})),
            &["/token: 200 OK: invalid_grant: password expired, from the token service"],
        ),
        refused(
            "words of Docker Hub",
            "crazy-max/diun#1334",
            Reply::json(401, &json!({"details": "incorrect username or password"})),
            &["401 Unauthorized: incorrect username or password, from the token service"],
        ),
        refused(
            "words of a registry",
            "argoproj/argo-workflows#981",
            Reply::error(401, "UNAUTHORIZED", "authentication required"),
            &["/token: 401 Unauthorized: UNAUTHORIZED: authentication required, from the token service"],
        ),
    ])
    .await;
}
