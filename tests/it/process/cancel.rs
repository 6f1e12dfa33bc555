//! Passes that end before their time: cancelled, out of time, or over what is no longer configured.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tagferry::app::{App, Options};
use tagferry::config::Config;
use tagferry::pass::{Deadline, Mode, Stop};

use crate::fake::{Action, Face, Fault, Gate, Match, Registry, image, random_image};
use crate::world::clock::hurry;
use crate::world::daemon::{PATIENCE, World};
use crate::world::program::Program;
use crate::world::{APP, RETRY, TIMEOUTS, assert_says, mirror, mirror_error, silent, sync, tag_error};

/// A daemon whose only mirror is under way, and waits for its source.
async fn held(more: &str) -> (World, Gate, Value) {
    let world = World::start(more).await;
    let gate = Gate::closed();
    world.source.fault(Fault::new(Match::tags(), Action::Hold(gate.clone())));
    let run = world.post("/api/v1/sync", None).await.1;
    world.source.wait_for(&Match::tags(), 1).await;
    (world, gate, run)
}

async fn reload(world: &mut World, config: &str) {
    fs::write(world.program.folder().join("tagferry.yaml"), config).unwrap();
    world.daemon.signal("HUP");
    world.daemon.logs("Took the new configuration").await;
}

#[tokio::test]
async fn whoever_asks_ends_a_pass_and_what_waits_behind_it() {
    let (world, gate, run) = held("").await;
    let waiting = world.post("/api/v1/sync", None).await.1;
    let (status, cancelled) = world.post("/api/v1/cancel?mirror=app", None).await;
    assert_eq!(status, 200, "{cancelled:#}");
    let passes = cancelled["passes"].as_array().unwrap();
    assert_eq!(passes.iter().map(|pass| &pass["pass"]).collect::<Vec<_>>(), [1, 2]);
    let run = world.ended(&run).await;
    assert_eq!(run["mirrors"][0]["error"], "stopped before its end: it was cancelled");
    let waiting = world.ended(&waiting).await;
    assert_eq!(waiting["mirrors"][0]["error"], "it was cancelled before its turn");
    assert_eq!(world.mirror().await["state"], "idle");
    // Nothing is left to be cancelled, and the next pass is made.
    let (status, cancelled) = world.post("/api/v1/cancel?mirror=app", None).await;
    assert_eq!((status, cancelled["passes"].as_array().unwrap().len()), (200, 0));
    gate.open();
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(0));
    let mirror = world.mirror().await;
    assert_eq!(
        (&mirror["last_run"]["pass"], &mirror["last_run"]["outcome"]),
        (&3.into(), &"succeeded".into())
    );
    world.stop().await;
}

#[tokio::test]
async fn what_may_not_be_cancelled_is_said() {
    let world = World::start("").await;
    for (query, status, words) in [
        ("", 400, "name the mirrors to cancel: `?mirror=NAME`"),
        ("?mirror=nope", 404, "no mirror is named `nope`; there are: app"),
        ("?name=app", 400, "unknown parameter `name`"),
    ] {
        let (answered, body) = world.post(&format!("/api/v1/cancel{query}"), None).await;
        assert_eq!(answered, status, "{body}");
        assert_says(body["error"].as_str().unwrap(), &[words]);
    }
    assert_eq!(world.get("/api/v1/cancel?mirror=app").await.0, 405);
    world.stop().await;
}

#[tokio::test]
async fn the_page_has_a_button_while_there_is_something_to_cancel() {
    let (world, _gate, run) = held("").await;
    let button = r#"name="cancel" value="app""#;
    assert_says(world.get("/").await.1, &[button]);
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let form =
        client.post(format!("{}/", world.url)).header("content-type", "application/x-www-form-urlencoded");
    let answer = form.body("cancel=app").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &"./?cancelled=app".parse().unwrap())
    );
    assert_eq!(world.ended(&run).await["outcome"], "failed");
    let (_, page) = world.get("/?cancelled=app").await;
    assert_says(&page, &["app was cancelled."]);
    assert!(!page.contains(button), "{page}");
    world.stop().await;
}

#[tokio::test]
async fn a_token_is_asked_for_here_too() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    let program = Program::configured(&mirror(&source, &target, APP))
        .variable("TAGFERRY_API_TOKEN", "a-token-of-the-test");
    let world = World::of(source, target, program).await;
    assert_eq!(world.post("/api/v1/cancel?mirror=app", None).await.0, 401);
    assert_eq!(world.post("/api/v1/cancel?mirror=app", Some("a-token-of-the-test")).await.0, 200);
    world.stop().await;
}

/// containerd/containerd#11650: what hung could not be cancelled.
#[tokio::test]
async fn a_reload_without_a_mirror_frees_its_place() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &image(&["1"]));
    source.push("other", "1", &image(&["1"]));
    let gate = Gate::closed();
    source.fault(Fault::new(Match::tags().containing("/app/"), Action::Hold(gate)));
    let more = "concurrency: {mirrors: 1}\nshutdown_grace: 0s\n";
    let other = APP.replace("app", "other");
    let config = mirror(&source, &target, &(APP.to_owned() + &other)) + more;
    let mut world = World::of(source, target, Program::configured(&config)).await;
    let run = world.post("/api/v1/sync?mirror=app", None).await.1;
    world.source.wait_for(&Match::tags(), 1).await;
    let one = mirror(&world.source, &world.target, &other) + more;
    reload(&mut world, &one).await;
    let error = "stopped before its end: its mirror is no longer configured, or has another source or target";
    assert_eq!(world.ended(&run).await["mirrors"][0]["error"], error);
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(0));
    assert_eq!(world.target.tags("other"), world.source.tags("other"));
    world.stop().await;
}

#[tokio::test]
async fn another_source_or_target_ends_a_pass_and_anything_else_does_not() {
    const GRACE: &str = "shutdown_grace: 0s\n";
    for (from, to, ends) in [
        ("/app, target", "/other, target", true),
        ("/app, tags", "/other, tags", true),
        ("match: .", "match: ^1", false),
        ("shutdown_grace", "schedule: {cron: 0 0 1 1 *}\nshutdown_grace", false),
    ] {
        let (mut world, gate, run) = held(GRACE).await;
        let path = world.program.folder().join("tagferry.yaml");
        let config = fs::read_to_string(&path).unwrap();
        assert_eq!(config.matches(from).count(), 1, "{from} in {config}");
        reload(&mut world, &config.replace(from, to)).await;
        if ends {
            let error = world.ended(&run).await["mirrors"][0]["error"].clone();
            assert_says(error.as_str().unwrap(), &["another source or target"]);
        } else {
            gate.open();
            assert_eq!(world.ended(&run).await["outcome"], "succeeded", "{to}");
        }
        world.stop().await;
    }
}

#[tokio::test]
async fn a_pass_has_the_time_that_it_is_given() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1.0", &image(&["small"]));
    source.push("app", "2.0", &random_image(1, &[3_000_000]));
    // Two minutes, were it to end.
    let drip = Action::Drip { bytes: 25_000, every: Duration::from_secs(1) };
    source.fault(Fault::new(Match::blob_get(), drip));
    let timeouts = "timeouts: {connect: 1m, stall: 10m, metadata: 1h, pass: 1m}\n";
    let config = mirror(&source, &target, APP).replace(TIMEOUTS, timeouts);
    let summary = tokio::time::timeout(100 * PATIENCE, hurry(sync(&config))).await.unwrap();
    let words = "it was not done within `timeouts.pass` (1m)";
    assert_eq!(mirror_error(&summary), format!("stopped before its end: {words}"));
    assert_says(tag_error(&summary, "2.0"), &["dropped: ", words, "the tag is as it was"]);
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["1.0"]);
    // A list that does not come is no reason to wait longer.
    source.fault(Fault::new(Match::tags(), Action::Stall));
    assert_says(mirror_error(&hurry(sync(&config)).await), &[words]);
}

#[tokio::test]
async fn a_run_has_the_time_that_it_is_given_and_what_it_did_not_come_to_is_told() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1.0", &random_image(1, &[3_000_000]));
    source.push("other", "1.0", &image(&["small"]));
    // Two minutes, were it to end.
    let drip = Action::Drip { bytes: 25_000, every: Duration::from_secs(1) };
    source.fault(Fault::new(Match::blob_get(), drip));
    let config = mirror(&source, &target, &[APP, &APP.replace("/app", "/other")].concat());
    let config = config + "concurrency: {mirrors: 1}\n";
    let config = Config::parse("test.yaml", &config, &|_| None).unwrap();
    let run = async {
        let deadline = Some(Deadline::after(Duration::from_mins(1), "TAGFERRY_DEADLINE"));
        let options = Options { retry: RETRY, deadline, ..Options::default() };
        Box::pin(App::new(config, options, silent())).await.unwrap().run(Mode::Sync, &Stop::default()).await
    };
    let summary = tokio::time::timeout(100 * PATIENCE, hurry(Box::pin(run))).await.unwrap();
    let words = "it was not done within `TAGFERRY_DEADLINE` (1m)";
    let errors: Vec<_> =
        summary.mirrors.iter().map(|mirror| mirror.error.as_ref().unwrap().to_string()).collect();
    assert_eq!(errors, [0, 1].map(|_| format!("stopped before its end: {words}")));
    let dropped = summary.mirrors[0].tags[0].error.as_ref().unwrap().to_string();
    assert_says(dropped, &["dropped: ", words, "the tag is as it was"]);
    assert_eq!(source.count(&Match::any().containing("other")), 0);
    assert!(target.tags("app").is_empty());
}

#[tokio::test]
async fn the_time_of_a_run_comes_from_the_command_line_or_else_from_the_environment() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1.0", &image(&["small"]));
    source.fault(Fault::new(Match::tags(), Action::Stall));
    let program = Program::configured(&mirror(&source, &target, APP)).variable("TAGFERRY_DEADLINE", "1ms");
    for (arguments, by) in
        [(&["sync"][..], "`TAGFERRY_DEADLINE` (1ms)"), (&["sync", "--deadline", "2ms"], "`--deadline` (2ms)")]
    {
        let ran = program.run_online(arguments).await;
        assert_says(&ran.assert_code(1).stderr, &["it was not done within", by]);
    }
    for wrong in ["soon", "0s", "32d", "5"] {
        let program =
            Program::configured(&mirror(&source, &target, APP)).variable("TAGFERRY_DEADLINE", wrong);
        let words =
            "the environment variable TAGFERRY_DEADLINE: expected a number and a unit, such as `5h 45m`";
        assert_says(&program.run(&["sync"]).assert_code(2).stderr, &[words]);
    }
}
