//! Registries that ask for a login at `/v2/` alone, or not at all, and show less to whoever comes without one.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::Ends::{Copied, Lists, MirrorFails};
use super::{Row, answer, check, one, row};
use crate::fake::{Action, Face, Fault, Gate, Head, Kind, Match, Registry, Reply, image};
use crate::world::clock::hurry;
use crate::world::{
    APP, Side, TIMEOUTS, assert_succeeded, copies, copy, mirror, mirror_error, sync, three_tags,
};

/// Whether a request for what is behind `/v2/` comes without a login.
fn is_anonymous(head: &Head) -> bool {
    head.header("authorization").is_none() && head.path.starts_with("/v2/") && head.path != "/v2/"
}

/// Whoever comes without a login gets this for whatever it asks for.
fn hides(registry: &Registry, reply: Reply) {
    let answer = move |head: &Head| is_anonymous(head).then(|| reply.clone());
    registry.fault(Fault::new(Match::any(), Action::reflect(answer)));
}

fn unknown() -> Reply {
    Reply::error(404, "NAME_UNKNOWN", "repository name not known to registry")
}

/// A source that hides from whoever comes without a login.
fn hidden(id: &'static str, seen: &'static str, face: Face, reply: Reply) -> Row {
    let given = |source: &Registry, _: &Registry| {
        one(source);
        hides(source, reply);
    };
    row(id, seen, given, Copied).source(Registry::builder(face))
}

const CHALLENGE: &str = r#"Bearer realm="/token",service="registry.test",scope="repository:app:pull""#;

#[tokio::test]
async fn a_login_is_sent_to_whom_asks_for_it_at_its_root_alone() {
    let denied = || Reply::error(403, "DENIED", "forbidden");
    let four = ["1.0", "1.1", "1.2", "1.3"];
    check(vec![
        hidden("404 without a token", "containerd/containerd#3291", Face::Token, unknown()),
        hidden("404 without a password", "sapcc/keppel#522", Face::Basic, unknown()),
        hidden("403 without a token", "brother of containerd/containerd#3291", Face::Token, denied()),
        row(
            "fewer tags without a token",
            "sonatype/nexus-public#217",
            move |source, _| {
                for tag in four {
                    source.push("app", tag, &image(&[tag]));
                }
                let fewer = Reply::json(200, &json!({"name": "app", "tags": ["1.0"]}));
                let answer = move |head: &Head| is_anonymous(head).then(|| fewer.clone());
                source.fault(Fault::new(Match::tags(), Action::reflect(answer)));
            },
            Lists(four.map(str::to_owned).into()),
        )
        .source(Registry::builder(Face::Token)),
        row(
            "401 without a challenge, and a root that fails once",
            "brother of the challenge at `/v2/` alone",
            |source, _| {
                one(source);
                source.fault(Fault::new(Match::kind(Kind::Ping), Action::status(503)).once());
                hides(source, Reply::status(401));
            },
            Copied,
        )
        .source(Registry::builder(Face::Token)),
        row(
            "a 403 with a challenge, and a root that asks for nothing",
            "regclient/regclient#149",
            |source, _| {
                one(source);
                answer(source, Match::kind(Kind::Ping), Reply::status(200));
                hides(source, Reply::error(403, "DENIED", "forbidden").challenge(CHALLENGE));
            },
            Copied,
        )
        .source(Registry::builder(Face::Token)),
    ])
    .await;
}

// containerd/containerd#3291, distribution/distribution#1984.
#[tokio::test]
async fn a_target_that_hides_from_whom_is_not_logged_in_gets_nothing_twice() {
    let source = three_tags(Face::Open).await;
    let target = Registry::start(Face::Token).await;
    let answer = |head: &Head| (is_anonymous(head) && head.method != Method::POST).then(unknown);
    target.fault(Fault::new(Match::any(), Action::reflect(answer)));
    assert_succeeded(&copy(&source, &target).await);
    let uploads = target.count(&Match::upload_put());
    let summary = copy(&source, &target).await;
    assert_succeeded(&summary);
    assert_eq!((summary.totals.up_to_date, target.count(&Match::upload_put()) - uploads), (3, 0));
}

// None found.
#[tokio::test]
async fn a_root_that_does_not_answer_as_it_should_holds_up_nobody() {
    let ftp = Reply::status(401).challenge(r#"Bearer realm="ftp://127.0.0.1/token""#);
    for action in [
        Action::status(404),
        Action::status(503),
        Action::throttle(None),
        Action::Reset,
        Action::status(401),
        Action::Answer(Reply::status(307).named("location", "/elsewhere")),
    ] {
        for face in [Face::Open, Face::Basic, Face::Token] {
            let source = three_tags(face).await;
            source.fault(Fault::new(Match::kind(Kind::Ping), action.clone()));
            copies(&source).await;
            assert_eq!(source.count(&Match::kind(Kind::Ping)), 1, "{action:?}, {face:?}");
        }
    }
    let source = three_tags(Face::Open).await;
    answer(&source, Match::kind(Kind::Ping), ftp);
    copies(&source).await;
}

#[tokio::test]
async fn a_root_that_hangs_is_given_up() {
    let (source, target) = (three_tags(Face::Token).await, Registry::start(Face::Open).await);
    source.fault(Fault::new(Match::kind(Kind::Ping), Action::Stall));
    let config = mirror(&source, &target, APP).replace(TIMEOUTS, "timeouts: {connect: 1m, stall: 30s}\n");
    assert_succeeded(&hurry(sync(&config)).await);
    assert_eq!(target.tags("app"), source.tags("app"));
}

#[tokio::test]
async fn the_root_is_asked_once_by_all_who_begin_at_once() {
    let source = Registry::start(Face::Open).await;
    let names = ["a", "b", "c", "d"];
    for name in names {
        source.push(name, "1", &image(&[name]));
    }
    let target = Registry::start(Face::Open).await;
    let gate = Gate::closed();
    source.fault(Fault::new(Match::kind(Kind::Ping), Action::Hold(gate.clone())));
    let row = |name| format!("  - {{source: SOURCE/{name}, target: TARGET/{name}, tags: [{{match: .}}]}}\n");
    let config = mirror(&source, &target, &names.map(row).concat()) + "concurrency: {mirrors: 4}\n";
    let open = async {
        source.wait_for(&Match::kind(Kind::Ping), 1).await;
        crate::world::clock::settled().await;
        assert_eq!(source.requests().len(), 1);
        gate.open();
    };
    let (summary, ()) = tokio::join!(sync(&config), open);
    assert_succeeded(&summary);
    assert_eq!(source.count(&Match::kind(Kind::Ping)), 1);
}

#[tokio::test]
async fn whoever_has_no_login_asks_for_what_it_wants_at_once() {
    for face in [Face::Open, Face::Token] {
        let (source, target) = (three_tags(face).await, Registry::start(Face::Open).await);
        assert_succeeded(&copy(Side::plain(&source, ""), &target).await);
        assert_eq!(source.count(&Match::kind(Kind::Ping)), 0, "{face:?}");
    }
}

#[tokio::test]
async fn a_registry_that_begins_to_ask_for_logins_is_asked_again() {
    let source = three_tags(Face::Token).await;
    source.fault(Fault::new(Match::kind(Kind::Ping), Action::status(503)).once());
    let fewer =
        |head: &Head| is_anonymous(head).then(|| Reply::json(200, &json!({"name": "app", "tags": ["1.0"]})));
    source.fault(Fault::new(Match::tags(), Action::reflect(fewer)));
    let target = Registry::start(Face::Open).await;
    let config =
        mirror(&source, &target, "  - {source: SOURCE/app, target: TARGET/app, tags: [{match: ^none$}]}\n");
    let app = Box::pin(crate::world::app(&config, crate::world::silent())).await;
    let listed = async || {
        let stop = tagferry::pass::Stop::default();
        let summary = Box::pin(app.run(tagferry::pass::Mode::Plan, &stop)).await;
        crate::world::only(&summary).selection.as_ref().unwrap().verdicts.len()
    };
    assert_eq!(listed().await, 1);
    crate::world::clock::pass(Duration::from_mins(10)).await;
    assert_eq!(listed().await, 3);
}

#[tokio::test]
async fn a_login_that_was_not_sent_is_not_called_wrong() {
    let unsent = &[
        "403 Forbidden: DENIED",
        "did not ask for a login, so the one from `credentials` in the configuration was not sent",
        "lets requests from here pass",
    ];
    let (source, target) = (three_tags(Face::Open).await, Registry::start(Face::Open).await);
    answer(&source, Match::tags(), Reply::error(403, "DENIED", "forbidden"));
    let summary = copy(&source, &target).await;
    assert!(!mirror_error(&summary).contains("password"), "{}", mirror_error(&summary));
    check(vec![row(
        "403 for all, and no challenge",
        "brother of regclient/regclient#149",
        |source, _| answer(source, Match::tags(), Reply::error(403, "DENIED", "forbidden")),
        MirrorFails(unsent),
    )])
    .await;
}
