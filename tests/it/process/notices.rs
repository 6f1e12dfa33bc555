//! Notices over real sockets: what is sent, what is tried again, and what never is.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER, USER_AGENT};
use jiff::Timestamp;
use tagferry::config::Config;
use tagferry::event::fault;
use tagferry::event::{Ending, Event, EventKind, MirrorSummary, Observer, Pair, PassId, RunOutcome};
use tagferry::ledger::Ledger;
use tagferry::notice;
use tagferry::notice::{Delivery, Notifier, Patience, Rhythm};
use tagferry::registry::Retry;
use tokio::time::Instant;

use crate::fake::{Action, Ecr, Face, Fault, Gate, Match, Registry, image};
use crate::world::daemon::World;
use crate::world::program::{Program, Ran};
use crate::world::receiver::{Answer, PATH, Received, Receiver, SOON};
use crate::world::{APP, Side, clock, mirror};

const TOKEN: &str = "header-of-the-hook";

/// Whoever answers is never given up for being slow.
const PATIENCE: Patience = Patience {
    retry: Retry { tries: 3, pause: Duration::from_millis(2), pause_max: Duration::from_millis(10) },
    answer: clock::STALL,
    total: Duration::from_hours(1),
};

/// What is told of a mirror, `java/jdk`.
struct Told {
    ledger: Arc<Ledger>,
    notifier: Arc<Notifier>,
    delivery: Delivery,
}

impl Told {
    /// By these notices of a configuration.
    fn by(notices: &str) -> Self {
        let config = format!(
            "mirrors: [{{source: quay.io/java/jdk, target: registry.test/jdk, tags: [{{match: x}}]}}]\nnotices:\n{notices}"
        );
        let config = Config::parse("test.yaml", &config, &|_| None).unwrap();
        let ledger = Arc::new(Ledger::new(Timestamp::now()));
        ledger.configure(&config.mirrors, 1, Timestamp::now());
        let (notifier, delivery) = notice::channel(&config, None, Arc::clone(&ledger), Rhythm::Pass);
        Self { ledger, notifier, delivery }
    }
}

/// A pass that succeeded, or failed for this reason.
fn pass(ledger: &Ledger, notifier: &Notifier, error: Option<&str>) {
    let summary = &MirrorSummary {
        name: "java/jdk".to_owned(),
        source: "quay.io/java/jdk".to_owned(),
        sources: vec!["quay.io/java/jdk".to_owned()],
        target: "registry.test/jdk".to_owned(),
        outcome: if error.is_some() { RunOutcome::Failed } else { RunOutcome::Succeeded },
        error: error.map(|text| fault::Fault::new("test", text.to_owned(), &std::io::Error::other(text))),
        selected: 0,
        tags: Vec::new(),
        warnings: Vec::new(),
        selection: None,
        notes: Vec::new(),
        ending: Ending::Finished,
    };
    let pair = Pair::new(&summary.name, &summary.target);
    let pass = PassId { pair, generation: 1, number: 1, retry: 0, tag: None };
    for kind in [EventKind::PassStarted, EventKind::PassFinished { summary, took: Duration::ZERO }] {
        let event = Event { at: Timestamp::now(), pass: Some(&pass), kind };
        ledger.observe(&event);
        notifier.observe(&event);
    }
}

/// The notices of a configuration that go to these receivers.
fn to(receivers: &[&Receiver]) -> String {
    let notice = |receiver: &&Receiver| format!("  - webhook: {{url: '{}'}}\n", receiver.url());
    receivers.iter().map(notice).collect::<Vec<_>>().concat()
}

/// Tells this receiver of passes that failed so, and returns when all is delivered or given up.
async fn tell(receiver: &Receiver, errors: &[&str]) {
    let Told { ledger, notifier, delivery } = Told::by(&to(&[receiver]));
    for error in errors {
        pass(&ledger, &notifier, Some(error));
    }
    drop(notifier);
    tokio::time::timeout(SOON, delivery.with_patience(PATIENCE).run()).await.unwrap();
}

#[tokio::test]
async fn what_fails_at_first_is_sent_again() {
    let mut receiver = Receiver::start(vec![Answer::Status(503), Answer::Status(500)]).await;
    tell(&receiver, &["denied"]).await;
    let first = receiver.next().await.json;
    assert_eq!((&first["kind"], &first["error"]), (&"failed".into(), &"denied".into()));
    assert_eq!([receiver.next().await.json, receiver.next().await.json], [first.clone(), first]);
    receiver.assert_empty();
}

#[tokio::test]
async fn tries_are_bounded_and_the_next_notice_has_its_own() {
    let answers = [503, 503, 503].map(Answer::Status);
    let mut receiver = Receiver::start(answers.into()).await;
    tell(&receiver, &["first", "second"]).await;
    for expected in ["first", "first", "first", "second"] {
        assert_eq!(receiver.next().await.json["error"], expected);
    }
    receiver.assert_empty();
}

#[tokio::test]
async fn a_receiver_that_asks_for_a_pause_gets_it() {
    let busy = Answer::With(429, Some((RETRY_AFTER, "1".to_owned())), "slower");
    let mut receiver = Receiver::start(vec![busy]).await;
    let start = Instant::now();
    tell(&receiver, &["denied"]).await;
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    let (first, second) = (receiver.next().await, receiver.next().await);
    assert_eq!(first.json, second.json);
}

#[tokio::test]
async fn a_pause_that_is_too_long_is_not_made() {
    let closed = Answer::With(503, Some((RETRY_AFTER, "86400".to_owned())), "");
    let mut receiver = Receiver::start(vec![closed]).await;
    tell(&receiver, &["denied"]).await;
    receiver.next().await;
    receiver.assert_empty();
}

#[tokio::test]
async fn a_refusal_is_not_sent_again() {
    for status in [400, 401, 403, 404, 410] {
        let mut receiver = Receiver::start(vec![Answer::Status(status)]).await;
        tell(&receiver, &["denied"]).await;
        receiver.next().await;
        receiver.assert_empty();
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut elsewhere = Receiver::start(Vec::new()).await;
    let location = || Some((LOCATION, elsewhere.url()));
    for status in [301, 302, 307, 308] {
        let mut receiver = Receiver::start(vec![Answer::With(status, location(), "")]).await;
        tell(&receiver, &["denied"]).await;
        receiver.next().await;
        receiver.assert_empty();
    }
    elsewhere.assert_empty();
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_given_up_and_holds_up_no_other() {
    let mut silent = Receiver::start(vec![Answer::Never, Answer::Never, Answer::Never]).await;
    let mut other = Receiver::start(Vec::new()).await;
    let Told { ledger, notifier, delivery } = Told::by(&to(&[&silent, &other]));
    for error in ["first", "second"] {
        pass(&ledger, &notifier, Some(error));
    }
    drop(notifier);
    let watch = async {
        for expected in ["first", "second"] {
            assert_eq!(other.next().await.json["error"], expected);
        }
        for _ in 0..PATIENCE.retry.tries {
            assert_eq!(silent.next().await.json["error"], "first");
            clock::pass(PATIENCE.answer).await;
        }
        assert_eq!(silent.next().await.json["error"], "second");
    };
    tokio::join!(delivery.with_patience(PATIENCE).run(), watch);
    silent.assert_empty();
    other.assert_empty();
}

#[tokio::test]
async fn a_receiver_is_told_while_its_owner_goes_on() {
    let mut receiver = Receiver::start(Vec::new()).await;
    let Told { ledger, notifier, delivery } = Told::by(&to(&[&receiver]));
    let owner = async {
        pass(&ledger, &notifier, Some("denied"));
        assert_eq!(receiver.next().await.json["kind"], "failed");
        pass(&ledger, &notifier, None);
        assert_eq!(receiver.next().await.json["kind"], "recovered");
    };
    tokio::select! {
        () = delivery.run() => panic!("it ended while notices may come"),
        () = owner => {}
    }
}

/// A source with a tag, and a program that mirrors it and tells `receiver` as `notices` says; `URL` is its address.
async fn world(receiver: &Receiver, notices: &str) -> (Registry, Ecr, Program) {
    let (source, ecr) = (Registry::start(Face::Token).await, Ecr::start().await);
    source.push("app", "21.0.7", &image(&["21.0.7"]));
    let program = program(&mirror(&source, &ecr, APP), receiver, notices);
    (source, ecr, program)
}

fn program(config: &str, receiver: &Receiver, notices: &str) -> Program {
    Program::configured(&format!("{config}notices:\n{notices}"))
        .aws()
        .variable("NOTICE_URL", &receiver.url())
        .variable("TOKEN", TOKEN)
}

const WEBHOOK: &str = "  - webhook: {url: '${NOTICE_URL}', headers: {Authorization: 'Bearer ${TOKEN}'}}\n";
const SLACK: &str = "  - slack: {url: '${NOTICE_URL}'}\n";

#[tokio::test]
async fn sync_tells_of_new_tags_once() {
    let mut receiver = Receiver::start(Vec::new()).await;
    let (source, _ecr, program) = world(&receiver, WEBHOOK).await;
    program.run_online(&["plan"]).await.assert_code(0);
    program.run_online(&["sync"]).await.assert_code(0);
    program.run_online(&["sync"]).await.assert_code(0);

    let Received { path, headers, json, .. } = receiver.next().await;
    assert_eq!(path, PATH);
    assert_eq!(headers[CONTENT_TYPE], "application/json");
    assert_eq!(headers[AUTHORIZATION], format!("Bearer {TOKEN}"));
    assert!(headers[USER_AGENT].to_str().unwrap().starts_with("tagferry/"));
    assert_eq!(
        (&json["version"], &json["kind"], &json["mirror"]),
        (&1.into(), &"copied".into(), &"app".into())
    );
    let digest = source.tags("app")["21.0.7"].to_string();
    let tags = json["tags"].as_array().unwrap();
    assert_eq!((tags.len(), &tags[0]["tag"], &tags[0]["digest"]), (1, &"21.0.7".into(), &digest.into()));
    assert!(tags[0]["bytes"].as_u64().unwrap() > 0 && tags[0]["error"].is_null());
    receiver.assert_empty();
}

#[tokio::test]
async fn sync_tells_slack_of_a_failure() {
    let mut receiver = Receiver::start(Vec::new()).await;
    let source = Registry::start(Face::Token).await;
    source.push("app", "21.0.7", &image(&["21.0.7"]));
    let ecr = Ecr::start().await;
    let config = mirror(Side::login(&source, "wrong"), &ecr, APP);
    program(&config, &receiver, SLACK).run_online(&["sync"]).await.assert_code(1);
    let json = receiver.next().await.json;
    assert!(json["text"].as_str().unwrap().starts_with("error: app: mirroring "), "{json}");
    assert!(json["blocks"][1]["text"]["text"].as_str().unwrap().contains("401"), "{json:#}");
    receiver.assert_empty();
}

/// Runs two tags of which the first waits for its bytes, and tells the run to stop.
async fn stop(receiver: &Receiver, grace: &str, gate: &Gate, after: impl FnOnce()) {
    let (source, ecr) = (Registry::start(Face::Token).await, Ecr::start().await);
    for tag in ["2", "1"] {
        source.push("app", tag, &image(&["base", tag]));
    }
    source.fault(Fault::new(Match::blob_get(), Action::Hold(gate.clone())));
    let config = mirror(&source, &ecr, APP);
    let config = format!("{config}concurrency: {{tags: 1}}\nshutdown_grace: {grace}\n");
    let program = program(&config, receiver, WEBHOOK);
    let mut running = program.start(&["sync"]);
    source.wait_for(&Match::blob_get(), 1).await;
    running.signal("TERM");
    running.logs("taking no new work").await;
    after();
    tokio::time::timeout(SOON, running.ended()).await.unwrap().assert_code(1);
}

#[tokio::test]
async fn a_run_that_is_told_to_stop_tells_what_arrived_and_is_no_failure() {
    let mut receiver = Receiver::start(Vec::new()).await;
    let gate = Gate::closed();
    stop(&receiver, "1m", &gate, || gate.open()).await;
    let json = receiver.next().await.json;
    assert_eq!((&json["kind"], json["tags"].as_array().unwrap().len()), (&"copied".into(), 1));
    receiver.assert_empty();
}

#[tokio::test]
async fn a_copy_that_is_dropped_is_no_failure() {
    let mut receiver = Receiver::start(Vec::new()).await;
    stop(&receiver, "100ms", &Gate::closed(), || {}).await;
    receiver.assert_empty();
}

const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:tagferry";

#[tokio::test]
async fn a_topic_that_may_not_be_published_to_names_the_missing_permission() {
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>User: \
                  arn:aws:iam::123456789012:user/a is not authorized</Message></Error></ErrorResponse>";
    let mut receiver = Receiver::start(vec![Answer::With(403, None, denied)]).await;
    let notices = format!("  - sns: {{topic_arn: '{TOPIC}', endpoint_url: 'http://{}'}}\n", receiver.host);
    let (_source, _ecr, program) = world(&receiver, &notices).await;
    let ran = program.run_online(&["sync"]).await;
    let told = format!(
        "Could not send the notice of `app` (copied) to the SNS topic {TOPIC}: sns:Publish on {TOPIC}: access denied; \
         allow this action"
    );
    assert!(ran.assert_code(0).stderr.contains(&told), "{}", ran.stderr);
    receiver.next().await;
    receiver.assert_empty();
}

#[tokio::test]
async fn an_event_that_is_refused_in_an_answer_that_succeeds_is_sent_again() {
    let answer = |text| Answer::With(200, None, text);
    let failed =
        r#"{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}]}"#;
    let taken = r#"{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}"#;
    let mut receiver = Receiver::start(vec![answer(failed), answer(taken)]).await;
    let endpoint_url = format!("http://{}", receiver.host);
    let notices = format!("  - eventbridge: {{region: eu-central-1, endpoint_url: '{endpoint_url}'}}\n");
    let (_source, _ecr, program) = world(&receiver, &notices).await;
    let ran = program.run_online(&["sync"]).await;
    assert!(ran.assert_code(0).stderr.contains("InternalFailure: later"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("Could not send"), "{}", ran.stderr);
    let (first, second) = (receiver.next().await.json, receiver.next().await.json);
    assert_eq!(first, second);
    assert_eq!(first["Entries"][0]["DetailType"], "tagferry Tag Copied");
    receiver.assert_empty();
}

#[tokio::test]
async fn what_is_said_of_a_refused_event_is_told_without_the_token_of_the_session() {
    let failed = r#"{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "MalformedDetail",
        "ErrorMessage": "before session-token-of-the-notice after"}]}"#;
    let receiver = Receiver::start(vec![Answer::With(200, None, failed)]).await;
    let endpoint_url = format!("http://{}", receiver.host);
    let notices = format!("  - eventbridge: {{region: eu-central-1, endpoint_url: '{endpoint_url}'}}\n");
    let (_source, _ecr, program) = world(&receiver, &notices).await;
    let program = program.variable("AWS_SESSION_TOKEN", "session-token-of-the-notice");
    let ran = program.run_online(&["sync"]).await;
    assert!(ran.assert_code(0).stderr.contains("MalformedDetail: before […] after"), "{}", ran.stderr);
}

/// Fails the test if anything of the address, or the header, is shown.
#[track_caller]
fn assert_discreet(ran: &Ran) {
    let shown = format!("{}{}", ran.stdout, ran.stderr);
    for secret in ["path-of-the-hook", "query-of-the-hook", TOKEN, "T0001", "/services"] {
        assert!(!shown.contains(secret), "`{secret}` is shown: {shown:.4000}");
    }
}

#[tokio::test]
async fn address_and_headers_are_in_no_log() {
    for (answer, arguments, said) in [
        (Answer::Echo, &["-vv", "sync"][..], "400 Bad Request: POST […]"),
        (
            Answer::With(404, None, "no_service"),
            &["--log-format", "json", "sync"],
            "404 Not Found: no_service",
        ),
    ] {
        let receiver = Receiver::start(vec![answer]).await;
        let (_source, _ecr, program) = world(&receiver, WEBHOOK).await;
        let ran = program.variable("RUST_LOG", "trace").run_online(arguments).await;
        assert_discreet(ran.assert_code(0));
        let told = format!(
            "Could not send the notice of `app` (copied) to the webhook at http://{}: {said}",
            receiver.host
        );
        assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    }
    // Nobody listens any more.
    let receiver = Receiver::start(Vec::new()).await;
    let (_source, _ecr, program) = world(&receiver, WEBHOOK).await;
    drop(receiver);
    let program = program.variable("RUST_LOG", "trace");
    let mut running = program.start(&["sync"]);
    running.logs("no answer: ").await;
    running.kill().await;
    assert_discreet(&running.ended().await);
}

#[tokio::test]
async fn the_daemon_tells_failures_and_recoveries_also_over_a_reload() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &image(&["1"]));
    source.fault(Fault::new(Match::tags(), Action::status(404)));
    let mut receiver = Receiver::start(Vec::new()).await;
    let notices = format!("notices:\n  - webhook: {{url: '{}'}}\n", receiver.url());
    let program = Program::configured(&(mirror(&source, &target, APP) + &notices));
    let mut daemon = program.start(&["serve", "--listen", "127.0.0.1:0"]);
    let url = daemon.url().await;
    let sync_now = async || program.run_online(&["sync-now", "--wait", "--url", &url]).await.code;

    assert_eq!([sync_now().await, sync_now().await], [Some(1), Some(1)]);
    assert_eq!(receiver.next().await.json["kind"], "failed");
    daemon.signal("HUP");
    daemon.logs("Took the new configuration").await;
    assert_eq!(sync_now().await, Some(1));
    source.heal();
    assert_eq!(sync_now().await, Some(0));
    let kinds = [receiver.next().await.json, receiver.next().await.json].map(|json| json["kind"].clone());
    assert_eq!(kinds, ["copied", "recovered"]);
    daemon.signal("TERM");
    daemon.ended().await.assert_code(0);
    receiver.assert_empty();
}

const NOWHERE: &str = "mirrors: [{source: quay.io/a/b, target: registry.test/b, tags: [{match: x}]}]\n";

#[tokio::test]
async fn a_test_sends_one_of_each_kind_that_a_destination_wants() {
    let (mut hook, mut slack) = (Receiver::start(Vec::new()).await, Receiver::start(Vec::new()).await);
    let all = "[copied, failed, recovered, late, discovered, reload_refused]";
    let notices = format!(
        "public_url: https://tagferry.example.com\nnotices:\n  - webhook: {{url: '{}'}}\n    on: {all}\n  - slack: {{url: '{}'}}\n",
        hook.url(),
        slack.url()
    );
    let program = Program::configured(&(NOWHERE.to_owned() + &notices));
    let ran = program.run_online(&["notices", "--test"]).await;
    for kind in ["copied", "failed", "recovered", "late", "discovered", "reload_refused"] {
        let json = hook.next().await.json;
        assert_eq!((&json["kind"], &json["test"]), (&kind.into(), &true.into()));
        let url = if ["discovered", "reload_refused"].contains(&kind) { "" } else { "?mirror=a%2Fb" };
        assert_eq!(json["url"], format!("https://tagferry.example.com/{url}"));
    }
    hook.assert_empty();
    for (severity, kind) in [("info", "copied"), ("error", "failed"), ("info", "recovered")] {
        let text = slack.next().await.json["text"].as_str().unwrap().to_owned();
        let told = format!("{severity}: a/b: a test of the notice `{kind}`, nothing happened\nhttps://");
        assert!(text.starts_with(&told), "{text}");
    }
    slack.assert_empty();
    assert_eq!(ran.assert_code(0).stdout.matches("  sent").count(), 9, "{}", ran.stdout);
    assert!(!ran.stdout.contains("services") && !ran.stderr.contains("services"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_test_that_is_not_taken_is_told_and_none_is_sent_without_being_asked_for() {
    let mut hook = Receiver::start([403, 403, 403].map(Answer::Status).into()).await;
    let program = Program::configured(&(NOWHERE.to_owned() + "notices:\n" + &to(&[&hook])));
    let ran = program.run_online(&["notices"]).await;
    let shown = format!("the webhook at http://{}: copied, failed, recovered; all mirrors", hook.host);
    assert!(ran.assert_code(0).stdout.contains(&shown), "{}", ran.stdout);
    hook.assert_empty();
    let ran = program.run_online(&["notices", "--test"]).await;
    assert_eq!(ran.assert_code(1).stdout.matches("failed: 403 Forbidden").count(), 3, "{}", ran.stdout);
    let ran = Program::configured(NOWHERE).run(&["notices", "--test"]);
    assert!(ran.assert_code(2).stderr.contains("nobody is sent notices"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_reload_that_is_refused_is_told() {
    let mut hook = Receiver::start(Vec::new()).await;
    let notices = format!("notices: [{{webhook: {{url: '{}'}}, on: [reload_refused]}}]\n", hook.url());
    let world = World::start(&notices).await;
    std::fs::write(world.program.folder().join("tagferry.yaml"), "nonsense: true\n").unwrap();
    world.daemon.signal("HUP");
    let json = hook.next().await.json;
    assert_eq!((&json["kind"], &json["severity"]), (&"reload_refused".into(), &"warning".into()));
    assert!(json["error"].as_str().unwrap().contains("unknown key `nonsense`"), "{json}");
    assert!(
        json["mirror"].is_null() && json["advice"].as_str().unwrap().contains("tagferry check"),
        "{json}"
    );
    world.stop().await;
}
