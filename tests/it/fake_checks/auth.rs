//! The ways in which the fakes want to be asked.

use http::Method;

use crate::fake::{self, Bearer, Face, Layout, Licence, PASSWORD, Registry, USER};

use super::{Answer, ask, basic, get};

async fn oracle() -> (Registry, String) {
    let registry = Registry::start(Face::Oracle).await;
    registry.push("java/jdk", "21", &fake::image(&[]));
    let base = format!("http://{}", registry.host());
    (registry, base)
}

async fn with_token(base: &str, path: &str, token: &Answer) -> Answer {
    let header = format!("Bearer {}", token.json()["token"].as_str().unwrap());
    ask(Method::GET, &format!("{base}{path}"), &[("authorization", &header)], "").await
}

const REALM: &str = "/auth?service=Oracle%20Registry&scope=repository:java/jdk:pull";

#[tokio::test]
async fn each_face_has_its_challenge() {
    for (face, path, expected) in [
        (Face::Open, "/v2/a/tags/list", ""),
        (Face::Basic, "/v2/", r#"Basic realm="registry""#),
        (
            Face::Token,
            "/v2/a/tags/list",
            r#"Bearer realm="http://HOST/token",service="registry.test",scope="repository:a:pull""#,
        ),
        (Face::Oracle, "/v2/", r#"Bearer realm="http://HOST/auth",service="Oracle Registry""#),
        (
            Face::Oracle,
            "/v2/java/jdk/manifests/21",
            r#"Bearer realm="http://HOST/auth",service="Oracle Registry",scope="repository:java/jdk:pull""#,
        ),
        (
            Face::EcrPublic,
            "/v2/a/tags/list",
            r#"Bearer realm="http://HOST/token/",service="public.ecr.aws",scope="aws""#,
        ),
    ] {
        let registry = Registry::start(face).await;
        let answer = get(&format!("http://{}{path}", registry.host())).await;
        assert_eq!(answer.header("www-authenticate"), expected.replace("HOST", &registry.host()), "{face:?}");
    }
}

#[tokio::test]
async fn several_challenges_come_in_one_header_or_in_several() {
    for (layout, count) in [(Layout::Headers, 2), (Layout::OneHeader, 1)] {
        let others = vec![r#"Negotiate realm="x""#];
        let bearer = Bearer { others, layout, ..Bearer::default() };
        let registry = Registry::builder(Face::Open).bearer(bearer).start().await;
        let answer = get(&format!("http://{}/v2/", registry.host())).await;
        assert_eq!(answer.headers.get_all("www-authenticate").iter().count(), count, "{layout:?}");
    }
}

#[tokio::test]
async fn a_token_is_good_for_its_scope_until_it_is_revoked() {
    let (registry, base) = oracle().await;
    let token = get(&format!("{base}{REALM}")).await;
    assert_eq!(token.json().as_object().unwrap().len(), 1);
    assert_eq!(with_token(&base, "/v2/java/jdk/tags/list", &token).await.status, 200);
    let other = with_token(&base, "/v2/java/other/tags/list", &token).await;
    assert!(other.header("www-authenticate").ends_with(r#"error="insufficient_scope""#));
    registry.revoke_tokens();
    let late = with_token(&base, "/v2/java/jdk/tags/list", &token).await;
    assert!(late.header("www-authenticate").ends_with(r#"error="invalid_token""#));
    assert_eq!(registry.tokens_made(), 1);
}

#[tokio::test]
async fn a_token_ends_after_its_uses() {
    let bearer = Bearer { uses: Some(1), ..Bearer::default() };
    let registry = Registry::builder(Face::Open).bearer(bearer).start().await;
    let base = format!("http://{}", registry.host());
    let token = get(&format!("{base}/token")).await;
    assert_eq!(with_token(&base, "/v2/", &token).await.status, 200);
    assert_eq!(with_token(&base, "/v2/", &token).await.status, 401);
}

#[tokio::test]
async fn the_realm_knows_its_users_and_its_service() {
    let (_registry, base) = oracle().await;
    let ask_realm = async |path: &str, header: &str| {
        ask(Method::GET, &format!("{base}{path}"), &[("authorization", header)], "").await.status
    };
    assert_eq!(ask_realm(REALM, &basic(USER, PASSWORD)).await, 200);
    assert_eq!(ask_realm(REALM, &basic(USER, "wrong")).await, 401);
    assert_eq!(ask_realm("/auth?service=Oracle", &basic(USER, PASSWORD)).await, 404);

    let bearer = Bearer { anonymous: false, ..Bearer::default() };
    let closed = Registry::builder(Face::Open).bearer(bearer).start().await;
    assert_eq!(get(&format!("http://{}/token", closed.host())).await.status, 401);
}

#[tokio::test]
async fn basic_wants_the_right_password() {
    let registry = Registry::start(Face::Basic).await;
    let url = format!("http://{}/v2/", registry.host());
    for (password, status) in [(PASSWORD, 200), ("wrong", 401)] {
        let header = basic(USER, password);
        assert_eq!(ask(Method::GET, &url, &[("authorization", &header)], "").await.status, status);
    }
}

#[tokio::test]
async fn a_missing_licence_shows_at_the_realm_or_at_the_manifest() {
    let (registry, base) = oracle().await;
    registry.require_licence("java/jdk", Licence::AtRealm);
    let refused = get(&format!("{base}{REALM}")).await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "UNAUTHORIZED"));

    registry.require_licence("java/jdk", Licence::AtManifest);
    let token = get(&format!("{base}{REALM}")).await;
    assert_eq!(with_token(&base, "/v2/java/jdk/tags/list", &token).await.status, 200);
    let denied = with_token(&base, "/v2/java/jdk/manifests/21", &token).await;
    assert_eq!((denied.status, denied.code().as_str()), (403, "DENIED"));

    registry.accept_licence("java/jdk");
    assert_eq!(with_token(&base, "/v2/java/jdk/manifests/21", &token).await.status, 200);
}
