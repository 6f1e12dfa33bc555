//! Any Registry V2 source: how it asks for a login, and what it refuses.

use serde_json::json;
use tagferry::event::RunOutcome;

use crate::fake::{Action, Auth, Bearer, Face, Fault, Gate, Layout, Licence, Match, Registry, Reply, image};
use crate::world::clock::settled;
use crate::world::{
    APP, Side, assert_says, assert_succeeded, copies, copy, mirror, mirror_error, push_three, sync,
    three_tags,
};

#[tokio::test]
async fn every_face_is_read_with_one_token_at_most() {
    for (face, tokens) in [
        (Face::Open, 0),
        (Face::Basic, 0),
        (Face::Token, 1),
        (Face::Oracle, 1),
        (Face::EcrPublic, 1),
        (Face::Quay, 1),
    ] {
        let source = three_tags(face).await;
        copies(&source).await;
        assert_eq!(source.tokens_made(), tokens, "{face:?}");
    }
}

#[tokio::test]
async fn a_challenge_is_found_among_others_and_a_token_under_either_name() {
    for layout in [Layout::Headers, Layout::OneHeader] {
        let others = vec!["Negotiate", r#"Basic realm="other, and more""#];
        let bearer = Bearer { others, layout, member: "access_token", ..Bearer::default() };
        let source = Registry::builder(Face::Token).bearer(bearer).start().await;
        push_three(&source);
        copies(&source).await;
        assert_eq!(source.tokens_made(), 1, "{layout:?}");
    }
}

#[tokio::test]
async fn a_realm_may_be_at_another_port() {
    let source = three_tags(Face::Token).await;
    let scope = "repository:app:pull";
    let token = format!("http://{}/token?service=registry.test&scope={scope}", source.host());
    assert_eq!(reqwest::get(token).await.unwrap().status(), 200);

    let realm = Registry::start(Face::Open).await;
    let answer = Reply::json(200, &json!({"token": "token-1"}));
    realm.fault(Fault::new(Match::token(), Action::Answer(answer)));
    let host = realm.host();
    let challenge = format!(r#"Bearer realm="http://{host}/token",service="registry.test",scope="{scope}""#);
    source.fault(Fault::new(Match::any(), Action::Header("www-authenticate", challenge)));

    copies(&source).await;
    let asked: Vec<String> = realm.requests().iter().map(|seen| seen.head.target()).collect();
    assert_eq!(asked, ["/token?service=registry.test&scope=repository%3Aapp%3Apull"]);
    assert!(realm.requests()[0].is_authorized());
}

#[tokio::test]
async fn a_token_that_dies_in_mid_run_is_replaced() {
    let bearer = Bearer { uses: Some(3), ..Bearer::default() };
    let source = Registry::builder(Face::Token).bearer(bearer).start().await;
    push_three(&source);
    let target = Registry::start(Face::Open).await;
    let one_by_one = "concurrency: {mirrors: 1, tags: 1, blobs: 1}\n";
    let side = Side::plain(&source, "limits: {concurrent: 1}");
    assert_succeeded(&sync(&(mirror(side, &target, APP) + one_by_one)).await);
    let served = source.requests().iter().filter(|seen| seen.status == Some(200)).count();
    let with_a_token = served - source.tokens_made();
    assert_eq!(source.tokens_made(), with_a_token.div_ceil(3));
}

#[tokio::test]
async fn requests_that_are_refused_at_once_share_one_new_token() {
    let source = Registry::start(Face::Token).await;
    let tags: Vec<String> = (1..=8).map(|number| number.to_string()).collect();
    for tag in &tags {
        source.push("app", tag, &image(&[tag]));
    }
    let target = Registry::start(Face::Open).await;
    let gate = Gate::closed();
    source.fault(Fault::new(Match::manifest_head(), Action::Hold(gate.clone())).times(tags.len()));
    let config = mirror(&source, &target, APP);
    let revoke = async {
        source.wait_for(&Match::manifest_head(), tags.len()).await;
        source.revoke_tokens();
        gate.open();
    };
    let (summary, ()) = tokio::join!(sync(&config), revoke);
    assert_succeeded(&summary);
    assert_eq!(source.tokens_made(), 2);
}

#[tokio::test]
async fn mirrors_of_one_repository_share_its_token() {
    let source = three_tags(Face::Token).await;
    let target = Registry::start(Face::Open).await;
    let gate = Gate::closed();
    source.fault(Fault::new(Match::token(), Action::Hold(gate.clone())));
    let two = "  - {name: a, source: SOURCE/app, target: TARGET/a, tags: [{match: .}]}\n  \
               - {name: b, source: SOURCE/app, target: TARGET/b, tags: [{match: .}]}\n";
    let config = mirror(&source, &target, two);
    let open = async {
        source.wait_for(&Match::token(), 1).await;
        settled().await;
        gate.open();
    };
    let (summary, ()) = tokio::join!(sync(&config), open);
    assert_succeeded(&summary);
    assert_eq!(source.count(&Match::token()), 1);
}

#[tokio::test]
async fn a_wrong_password_is_told_after_few_requests() {
    for (face, requests) in [(Face::Basic, 2), (Face::Token, 2), (Face::Oracle, 2)] {
        let source = three_tags(face).await;
        let target = Registry::start(Face::Open).await;
        let summary = copy(Side::login(&source, "hunter2"), &target).await;
        let error = mirror_error(&summary);
        assert_says(&error, &["cannot read the tags of the source", &source.host(), "401 Unauthorized"]);
        assert!(!error.contains("hunter2") && !error.contains('?'), "{error}");
        assert_eq!(source.requests().len(), requests, "{face:?}");
        assert_eq!(target.requests().len(), 0);
    }
}

#[tokio::test]
async fn no_password_for_a_registry_that_wants_one_is_told_with_what_to_do() {
    let source = three_tags(Face::Basic).await;
    let target = Registry::start(Face::Open).await;
    let summary = copy(Side::plain(&source, ""), &target).await;
    assert_says(mirror_error(&summary), &["401", "hint: no credentials are configured for", "`credentials`"]);
}

#[tokio::test]
async fn a_registry_that_moved_is_followed_without_our_login() {
    let sibling = three_tags(Face::Open).await;
    let source = Registry::builder(Face::Open)
        .auth(Auth::Basic)
        .quirks(|quirks| quirks.moved_to = Some(sibling.host()))
        .start()
        .await;
    let target = Registry::start(Face::Open).await;
    assert_succeeded(&copy(&source, &target).await);
    assert!(sibling.requests().iter().all(|seen| !seen.is_authorized()));
}

/// The licence of `paid` is not accepted; `free` needs none.
async fn licensed(licence: Licence) -> (Registry, Registry, String) {
    let source = Registry::start(Face::Oracle).await;
    for number in 0..100 {
        source.push("paid", &format!("1.{number}"), &image(&["paid"]));
    }
    source.push("free", "1.0", &image(&["free"]));
    source.require_licence("paid", licence);
    let target = Registry::start(Face::Open).await;
    let two = "  - {source: SOURCE/paid, target: TARGET/paid, tags: [{match: .}]}\n  \
               - {source: SOURCE/free, target: TARGET/free, tags: [{match: .}]}\n";
    let config = mirror(&source, &target, two);
    (source, target, config)
}

#[tokio::test]
async fn a_licence_that_is_not_accepted_fails_its_mirror_alone_and_soon() {
    for (licence, words, requests_max) in [
        (Licence::AtRealm, ["cannot read the tags of the source", "401 Unauthorized"], 2),
        // The list of a hundred tags with its login, `HEAD` of the first eight, and one `GET` that decides.
        (Licence::AtManifest, ["the source refuses to show tag 1.", "403 Forbidden"], 13),
    ] {
        let (source, target, config) = licensed(licence).await;
        let summary = sync(&config).await;
        assert_eq!(summary.outcome, RunOutcome::Failed);
        assert_says(summary.mirrors[0].error.as_ref().unwrap().to_string(), &words);
        assert_eq!(summary.mirrors[1].outcome, RunOutcome::Succeeded);
        assert_eq!(target.tags("free"), source.tags("free"));
        assert!(target.tags("paid").is_empty());
        let asked = source.count(&Match::any().containing("paid"));
        assert!(asked <= requests_max, "{asked} requests for {licence:?}");
    }
}

#[tokio::test]
async fn once_the_licence_is_accepted_the_next_run_copies() {
    let (source, _target, config) = licensed(Licence::AtRealm).await;
    assert_eq!(sync(&config).await.outcome, RunOutcome::Failed);
    source.accept_licence("paid");
    assert_succeeded(&sync(&config).await);
}

#[tokio::test]
async fn a_realm_without_a_usable_token_is_told_and_what_it_said_is_not() {
    let huge = "x".repeat(2 * 1024 * 1024);
    for (answer, words) in [
        (json!({}), "the token service answered without a token"),
        (json!({"token": "", "secret": "hunter2"}), "the token service answered without a token"),
        (json!({"token": "hunter2\nx"}), "characters that no header can hold"),
        (json!(["hunter2"]), "the token service answered without a token"),
        (json!({"token": huge}), "the answer is larger than"),
    ] {
        let source = three_tags(Face::Token).await;
        source.fault(Fault::new(Match::token(), Action::Answer(Reply::json(200, &answer))));
        let summary = copy(&source, &Registry::start(Face::Open).await).await;
        assert_says(mirror_error(&summary), &["cannot read the tags of the source", words]);
        assert!(!mirror_error(&summary).contains("hunter2"));
        assert!(source.requests().len() <= 2);
    }
}

#[tokio::test]
async fn a_challenge_that_cannot_be_answered_is_told() {
    for (challenge, words) in [
        ("Negotiate", "401 Unauthorized"),
        ("Bearer service=\"x\"", "401 Unauthorized"),
        ("Bearer realm=\"ftp://127.0.0.1/token\"", "it is neither http nor https"),
    ] {
        let source = three_tags(Face::Token).await;
        source.fault(Fault::new(Match::any(), Action::Header("www-authenticate", challenge.to_owned())));
        let summary = copy(&source, &Registry::start(Face::Open).await).await;
        assert_says(mirror_error(&summary), &[words]);
        // `/v2/` and the list.
        assert_eq!(source.requests().len(), 2);
    }
}
