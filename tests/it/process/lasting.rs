//! The daemon over a long life: what reloads, ends, proxies and crowds must not do to it.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::fake::{Action, Face, Fault, Gate, Match, Registry, image};
use crate::world::daemon::{PATIENCE, World, passes};
use crate::world::program::Program;
use crate::world::receiver::Receiver;
use crate::world::{APP, mirror};

/// As many as may listen to events at once.
const LISTENERS_MAX: usize = 128;

/// A daemon with these two mirrors, one at a time.
async fn one_at_a_time(more: &str) -> World {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &image(&["1"]));
    let two = APP.to_owned() + &APP.replace("app", "other");
    let config = mirror(&source, &target, &two);
    let config = config + "concurrency: {mirrors: 1}\nshutdown_grace: 1m\n" + more;
    World::of(source, target, Program::configured(&config)).await
}

async fn overview(world: &World) -> Value {
    serde_json::from_str(&world.get("/api/v1/mirrors").await.1).unwrap()
}

#[tokio::test]
async fn after_a_reload_no_more_mirrors_run_at_once_than_configured() {
    let mut world = one_at_a_time("").await;
    let gate = Gate::closed();
    world.source.fault(Fault::new(Match::tags(), Action::Hold(gate.clone())));
    world.post("/api/v1/sync", None).await;
    world.source.wait_for(&Match::tags(), 1).await;
    for _ in 0..3 {
        world.daemon.signal("HUP");
        world.daemon.logs("Took the new configuration").await;
        let overview = overview(&world).await;
        let mut states = [0, 1].map(|index| overview["mirrors"][index]["state"].as_str().unwrap());
        states.sort_unstable();
        assert_eq!(states, ["running", "waiting"]);
    }
    gate.open();
    world.sync_now(&["--wait"]).await;
    assert_eq!(world.source.in_flight_max(), 1);
    world.stop().await;
}

#[tokio::test]
async fn a_mirror_that_lost_its_schedule_has_no_next_run() {
    let mut world = World::start("schedule: {cron: 0 0 1 1 *}\n").await;
    assert!(world.mirror().await["next_run"].is_string());
    let path = world.program.folder().join("tagferry.yaml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, config.replace("schedule:", "#")).unwrap();
    world.daemon.signal("HUP");
    world.daemon.logs("Took the new configuration").await;
    let mirror = world.mirror().await;
    assert_eq!((&mirror["schedule"], &mirror["next_run"]), (&Value::Null, &Value::Null));
    world.stop().await;
}

#[tokio::test]
async fn what_was_known_of_another_target_says_nothing_of_the_new_one() {
    let mut world = World::start("shutdown_grace: 10m\n").await;
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(0));
    // A pass to the target of before is under way when there is another.
    let before = world.source.count(&Match::tags());
    let gate = Gate::closed();
    world.source.fault(Fault::new(Match::tags(), Action::Hold(gate.clone())).once());
    let run = world.post("/api/v1/sync", None).await.1;
    world.source.wait_for(&Match::tags(), before + 1).await;
    let path = world.program.folder().join("tagferry.yaml");
    let config = fs::read_to_string(&path).unwrap();
    let target = world.target.host();
    fs::write(&path, config.replace(&format!("{target}/app"), &format!("{target}/other"))).unwrap();
    world.daemon.signal("HUP");
    world.daemon.logs("Took the new configuration").await;
    gate.open();
    let run = world.ended(&run).await;
    assert_eq!(run["outcome"], "succeeded", "{run:#}");
    let mirror = world.mirror().await;
    for key in ["last_run", "last_success_at", "selected", "stale", "progress"] {
        assert!(mirror[key].is_null(), "{key}: {mirror:#}");
    }
    assert_eq!(mirror["tags"], Value::Array(Vec::new()));
    let (_, metrics) = world.get("/metrics").await;
    assert!(!metrics.contains("\ntagferry_last_success_timestamp_seconds{"), "{metrics}");
    world.stop().await;
}

#[tokio::test]
async fn whoever_waits_for_a_pass_that_a_stop_prevents_is_told_so() {
    let mut world = one_at_a_time("").await;
    let gate = Gate::closed();
    world.source.fault(Fault::new(Match::manifest_get(), Action::Hold(gate.clone())));
    world.post("/api/v1/sync?mirror=app", None).await;
    world.source.wait_for(&Match::manifest_get(), 1).await;
    let url = world.url.clone();
    let arguments = ["sync-now", "--url", &url, "--mirror", "other", "--wait"];
    let sync_now = world.program.run_online(&arguments);
    let stop = async {
        let asked = async {
            while overview(&world).await["mirrors"][1]["state"] != "waiting" {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.unwrap();
        world.daemon.signal("TERM");
    };
    let (ran, ()) = tokio::join!(sync_now, stop);
    let told = "other: failed: tagferry was told to stop before its turn\n";
    assert!(ran.assert_code(1).stdout.ends_with(told), "{}", ran.stdout);
    gate.open();
    world.daemon.closed().await;
}

#[tokio::test]
async fn a_stop_waits_for_no_notice_where_there_is_none() {
    let notices = "notices: [{webhook: {url: 'http://127.0.0.1:9/'}, on: [failed]}]\n";
    let world = World::start(notices).await;
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(0));
    let log = world.stop().await;
    assert!(!log.contains("Not every notice"), "{log}");
}

#[tokio::test]
async fn a_crowd_that_listens_leaves_room_for_health_checks() {
    let world = World::start("").await;
    let events = || reqwest::get(format!("{}/api/v1/events", world.url));
    let mut listeners = Vec::new();
    for _ in 0..LISTENERS_MAX {
        let listener = events().await.unwrap();
        assert_eq!(listener.status(), 200);
        listeners.push(listener);
    }
    let refused = events().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.text().await.unwrap().contains("too many listeners"));
    assert_eq!(world.get("/healthz").await.0, 200);
    // Their places are free again once they are gone.
    drop(listeners);
    let free = async { while events().await.unwrap().status() != 200 {} };
    tokio::time::timeout(PATIENCE, free).await.unwrap();
    world.stop().await;
}

#[tokio::test]
async fn a_proxy_for_the_registries_does_not_stand_before_the_daemon_on_this_machine() {
    let world = World::start("").await;
    let client = Program::new()
        .variable("HTTP_PROXY", "http://127.0.0.1:9")
        .variable("http_proxy", "http://127.0.0.1:9");
    client.run_online(&["health", "--url", &world.url]).await.assert_code(0);
    world.stop().await;
}

#[tokio::test]
async fn an_address_that_cannot_be_is_explained_and_its_password_not_shown() {
    for url in ["localhost:8080", "ftp://127.0.0.1/", "http://user:hunter2@127.0.0.1:9"] {
        let ran = Program::new().run_online(&["sync-now", "--url", url]).await;
        assert!(ran.assert_code(3).stderr.contains("has to be like http://127.0.0.1:8080"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
        // Whoever checks health knows two codes.
        Program::new().variable("TAGFERRY_URL", url).run_online(&["health"]).await.assert_code(1);
    }
}

#[tokio::test]
async fn a_health_check_shows_no_token_and_so_may_pass_a_proxy() {
    let mut proxy = Receiver::start(Vec::new()).await;
    let program = Program::new()
        .variable("http_proxy", &format!("http://{}", proxy.host))
        .variable("TAGFERRY_API_TOKEN", "s3cr3t-token-of-us");
    let url = "http://tagferry.test:8080";
    program.run_online(&["health", "--url", url]).await.assert_code(0);
    let asked = proxy.next().await;
    assert_eq!((asked.path.as_str(), asked.headers.get("authorization")), ("/healthz", None));
    let ran = program.run_online(&["sync-now", "--url", url]).await;
    assert!(ran.assert_code(3).stderr.contains("the token would pass a proxy unencrypted"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_token_from_a_file_may_end_in_a_line_break() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &image(&["1"]));
    let program = Program::configured(&mirror(&source, &target, APP))
        .variable("TAGFERRY_API_TOKEN", "s3cr3t-of-a-file-\n");
    let world = World::of(source, target, program).await;
    assert_eq!(world.post("/api/v1/sync", Some("s3cr3t-of-a-file-")).await.0, 202);
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(0));
    passes(&world, 1).await;
    world.stop().await;
}

/// A daemon whose mirror runs at the start and then in January, unless what failed is tried again.
async fn impatient(fault: Fault) -> World {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &image(&["1"]));
    source.fault(fault);
    let config = mirror(&source, &target, APP);
    let config = config + "schedule: {cron: 0 0 1 1 *, on_start: true, retry: [1s]}\n";
    World::of(source, target, Program::configured(&config)).await
}

#[tokio::test]
async fn a_pass_that_may_go_better_is_tried_again_without_being_asked() {
    // For once, something in between gives other bytes.
    let world = impatient(Fault::new(Match::manifest_get(), Action::Corrupt { at: 0 }).once()).await;
    let mirror = passes(&world, 2).await;
    let last = &mirror["last_run"];
    assert_eq!((&last["retry"], &last["outcome"]), (&1.into(), &"succeeded".into()), "{mirror:#}");
    assert_eq!(mirror["next_retry"], Value::Null);
    let (_, page) = world.get("/metrics").await;
    let samples = |name: &str| page.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(samples("tagferry_retried_passes_total").ends_with(" 1"), "{page}");
    let log = world.stop().await;
    assert!(log.contains("Trying app again in 1s"), "{log}");
}

#[tokio::test]
async fn what_somebody_has_to_mend_is_not_tried_again() {
    let world = impatient(Fault::new(Match::tags(), Action::status(403))).await;
    let mirror = passes(&world, 1).await;
    assert_eq!(mirror["last_run"]["outcome"], "failed");
    // Before the next pass, it is decided what comes of the first one.
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(1));
    let log = world.stop().await;
    assert!(!log.contains("Trying"), "{log}");
}
