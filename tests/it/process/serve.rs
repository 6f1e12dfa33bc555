//! The daemon, as users run it: schedules, "sync now", reloads, the control plane and the end.

use std::fs;

use serde_json::Value;

use crate::fake::{Action, Face, Fault, Gate, Match, PASSWORD, Registry, image};
use crate::world::daemon::{PATIENCE, SERVE, World, passes};
use crate::world::program::Program;
use crate::world::{APP, mirror, nobody};

#[tokio::test]
async fn a_start_is_a_pass_and_the_mirror_is_told_to_be_fresh() {
    let world = World::start("schedule: {cron: 0 0 1 1 *, on_start: true}\n").await;
    let mirror = passes(&world, 1).await;
    assert_eq!(world.target.tags("app"), world.source.tags("app"));
    assert_eq!(mirror["name"], "app");
    assert_eq!(mirror["state"], "idle");
    assert_eq!(mirror["last_run"]["outcome"], "succeeded");
    assert_eq!(mirror["last_run"]["copied"], 1);
    assert_eq!((&mirror["selected"], &mirror["stale"]), (&1.into(), &0.into()));
    let tag = &mirror["tags"][0];
    let newest = serde_json::json!({"source": "1.0", "target": "1.0", "pushed_at": tag["copied_at"]});
    assert_eq!(mirror["newest"], newest);
    assert_eq!((&tag["tag"], &tag["state"]), (&"1.0".into(), &"current".into()));
    assert_eq!(tag["digest"], world.source.tags("app")["1.0"].to_string());
    assert!(tag["size"].as_u64().unwrap() > 0 && tag["copied_at"].is_string(), "{mirror:#}");
    assert!(mirror["next_run"].as_str().unwrap().contains("-01-01T00:00:00Z"), "{mirror:#}");
    world.stop().await;
}

#[tokio::test]
async fn without_a_schedule_nothing_runs_until_somebody_asks() {
    let world = World::start("").await;
    let (status, started) = world.post("/api/v1/sync", None).await;
    assert_eq!((status, &started["state"]), (202, &"running".into()), "{started}");
    let run = world.ended(&started).await;
    assert_eq!((&run["state"], &run["outcome"]), (&"finished".into(), &"succeeded".into()));
    assert_eq!(run["mirrors"][0]["pass"], 1);
    assert_eq!(world.target.tags("app").len(), 1);
    let log = world.stop().await;
    assert!(log.contains(" INFO 1 mirror\n"), "{log}");
    let line =
        "add this line to the configuration: schedule: {cron: \"0 */6 * * *\", jitter: 5m, on_start: true}";
    assert!(log.contains("WARN No mirror has a schedule: ") && log.contains(line), "{log}");
}

#[tokio::test]
async fn the_start_tells_the_next_run_and_who_has_no_schedule() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    let asked = "  - {source: SOURCE/asked, target: TARGET/asked, tags: [{match: .}]}\n";
    let yearly = "  - {source: SOURCE/yearly, target: TARGET/yearly, tags: [{match: .}], schedule: {cron: 0 0 1 1 *}}\n";
    let config = mirror(&source, &target, &format!("{asked}{yearly}"));
    let world = World::of(source, target, Program::configured(&config)).await;
    let page = world.get("/").await.1;
    assert!(page.contains("2 mirrors wait for their first pass<"), "{page}");
    let log = world.stop().await;
    assert!(log.contains(" INFO 2 mirrors; the next run by schedule is that of yearly at "), "{log}");
    assert!(log.contains("-01-01T00:00:00Z; without a schedule, so only when asked: asked\n"), "{log}");
    assert!(!log.contains("WARN No mirror has a schedule"), "{log}");
}

#[tokio::test]
async fn sync_now_waits_and_ends_as_the_run_does() {
    let world = World::start("").await;
    let ran = world.sync_now(&["--wait"]).await;
    assert!(ran.assert_code(0).stdout.ends_with("app: succeeded, copied 1.0\n"), "{}", ran.stdout);

    let ran = world.sync_now(&["--wait"]).await;
    assert!(ran.assert_code(0).stdout.ends_with("app: succeeded, nothing new\n"), "{}", ran.stdout);

    world.source.fault(Fault::new(Match::tags(), Action::status(404)));
    let ran = world.sync_now(&["--mirror", "app", "--wait"]).await;
    assert!(ran.assert_code(1).stdout.contains("app: failed: cannot read the tags"), "{}", ran.stdout);

    let ran = world.sync_now(&["--mirror", "other"]).await;
    assert!(
        ran.assert_code(3).stderr.contains("no mirror is named `other`; there are: app"),
        "{}",
        ran.stderr
    );
    world.stop().await;
}

#[tokio::test]
async fn sync_now_tells_of_each_target_what_came_there() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1.0", &image(&["1.0"]));
    target.push("second", "1.0", &image(&["1.0"]));
    let two = "  - {source: SOURCE/app, target: [TARGET/first, TARGET/second], tags: [1.0]}\n";
    let config = mirror(&source, &target, two);
    let world = World::of(source, target, Program::configured(&config)).await;
    let ran = world.sync_now(&["--wait"]).await;
    let host = world.target.host();
    let told =
        format!("app to {host}/first: succeeded, copied 1.0\napp to {host}/second: succeeded, nothing new\n");
    assert!(ran.assert_code(0).stdout.ends_with(&told), "{}", ran.stdout);
    world.stop().await;
}

#[tokio::test]
async fn sync_now_says_where_nobody_answers() {
    let (_socket, nobody) = nobody();
    let url = format!("http://{nobody}/tagferry");
    let ran = Program::new().run_online(&["sync-now", "--url", &url]).await;
    assert!(ran.assert_code(3).stderr.contains(&format!("at {url}/api/v1/sync: ")), "{}", ran.stderr);
    let ran = Program::new().run_online(&["health", "--url", &url]).await;
    assert!(ran.assert_code(1).stderr.contains("is `tagferry serve` running"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_schedule_runs_again_and_again() {
    let world = World::start("schedule: {cron: \"* * * * * *\"}\n").await;
    passes(&world, 2).await;
    world.source.push("app", "1.1", &image(&["base", "1.1"]));
    let known = world.mirror().await["last_run"]["pass"].as_u64().unwrap();
    passes(&world, known + 2).await;
    assert_eq!(world.target.tags("app"), world.source.tags("app"));
    world.stop().await;
}

#[tokio::test]
async fn what_triggers_a_mirror_during_a_pass_is_one_more_pass() {
    let world = World::start("").await;
    let gate = Gate::closed();
    world.source.fault(Fault::new(Match::tags(), Action::Hold(gate.clone())).once());
    let first = world.post("/api/v1/sync", None).await.1;
    world.source.wait_for(&Match::tags(), 1).await;
    assert_eq!(world.mirror().await["state"], "running");
    let mut runs = vec![first];
    for _ in 0..5 {
        runs.push(world.post("/api/v1/sync", None).await.1);
    }
    let passes_of: Vec<_> = runs.iter().map(|run| run["mirrors"][0]["pass"].as_u64().unwrap()).collect();
    assert_eq!(passes_of, [1, 2, 2, 2, 2, 2]);
    gate.open();
    passes(&world, 2).await;
    assert_eq!(world.mirror().await["state"], "idle");
    assert_eq!(world.mirror().await["last_run"]["pass"], 2);
    world.stop().await;
}

#[tokio::test]
async fn no_more_mirrors_run_at_once_than_configured() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    let names = ["a", "b", "c", "d"];
    for name in names {
        source.push(name, "1", &image(&[name]));
    }
    let mirror_of =
        |name| format!("  - {{source: SOURCE/{name}, target: TARGET/{name}, tags: [{{match: .}}]}}\n");
    let mirrors: String = names.map(mirror_of).concat();
    let gate = Gate::closed();
    source.fault(Fault::new(Match::tags(), Action::Hold(gate.clone())));
    let config = mirror(&source, &target, &mirrors);
    let config = config + "concurrency: {mirrors: 2}\nschedule: {cron: 0 0 1 1 *, on_start: true}\n";
    let world = World::of(source, target, Program::configured(&config)).await;
    world.source.wait_for(&Match::tags(), 2).await;
    let (_, body) = world.get("/api/v1/mirrors").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let mut states: Vec<_> =
        body["mirrors"].as_array().unwrap().iter().map(|mirror| mirror["state"].as_str().unwrap()).collect();
    states.sort_unstable();
    assert_eq!(states, ["running", "running", "waiting", "waiting"]);
    gate.open();
    let ran = world.sync_now(&["--wait"]).await;
    assert_eq!(ran.assert_code(0).stdout.matches("succeeded").count(), 4);
    assert_eq!(world.source.in_flight_max(), 2);
    world.stop().await;
}

#[tokio::test]
async fn a_hangup_reloads_and_a_faulty_configuration_changes_nothing() {
    let mut world = World::start("").await;
    world.source.push("other", "7", &image(&["other"]));
    let path = world.program.folder().join("tagferry.yaml");
    let before = fs::read_to_string(&path).unwrap();

    fs::write(&path, before.replace("match: .", "match: '('")).unwrap();
    world.daemon.signal("HUP");
    world.daemon.logs("Did not take the new configuration").await;
    let (_, overview) = world.get("/api/v1/mirrors").await;
    let overview: Value = serde_json::from_str(&overview).unwrap();
    let error = overview["configuration"]["error"].as_str().unwrap();
    assert!(error.contains("mirrors[0].tags[0].match"), "{error}");
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(0));

    let source = world.source.host();
    let other = format!(
        "  - {{source: {source}/other, target: {}/other, tags: [{{match: .}}]}}\n",
        world.target.host()
    );
    fs::write(&path, before.replace("mirrors:\n", &format!("mirrors:\n{other}"))).unwrap();
    world.daemon.signal("HUP");
    world.daemon.logs("Took the new configuration").await;
    let ran = world.sync_now(&["--wait"]).await;
    let words = ["other: succeeded, copied ", "\napp: succeeded, "];
    assert!(words.iter().all(|words| ran.assert_code(0).stdout.contains(words)), "{}", ran.stdout);
    // What was known of a mirror that stays is known.
    let (_, overview) = world.get("/api/v1/mirrors").await;
    let overview: Value = serde_json::from_str(&overview).unwrap();
    assert!(overview["configuration"]["error"].is_null());
    assert_eq!(overview["mirrors"][1]["last_run"]["pass"], 2);

    fs::write(&path, before.replace("/app", "/other")).unwrap();
    world.daemon.signal("HUP");
    world.daemon.logs("Took the new configuration").await;
    let ran = world.sync_now(&["--mirror", "app"]).await;
    assert!(ran.assert_code(3).stderr.contains("no mirror is named `app`"), "{}", ran.stderr);
    world.stop().await;
}

#[tokio::test]
async fn told_to_stop_it_is_not_ready_takes_nothing_and_finishes_what_it_copies() {
    let world = World::start("shutdown_grace: 1m\n").await;
    let gate = Gate::closed();
    world.source.fault(Fault::new(Match::manifest_get(), Action::Hold(gate.clone())).once());
    assert_eq!(world.get("/readyz").await.0, 200);
    world.post("/api/v1/sync", None).await;
    world.source.wait_for(&Match::manifest_get(), 1).await;
    let mut world = world;
    world.daemon.signal("TERM");
    world.daemon.logs("taking no new work").await;
    assert_eq!(world.get("/readyz").await.0, 503);
    assert_eq!(world.get("/healthz").await.0, 200);
    assert_eq!(world.post("/api/v1/sync", None).await.0, 503);
    gate.open();
    let (source, target) = (world.source.tags("app"), world.target);
    let ended = tokio::time::timeout(PATIENCE, world.daemon.ended()).await.unwrap();
    ended.assert_code(0);
    assert_eq!(target.tags("app"), source);
}

#[tokio::test]
async fn a_second_signal_drops_what_is_copied() {
    let mut world = World::start("shutdown_grace: 10m\n").await;
    let gate = Gate::closed();
    world.source.fault(Fault::new(Match::manifest_get(), Action::Hold(gate.clone())));
    world.post("/api/v1/sync", None).await;
    world.source.wait_for(&Match::manifest_get(), 1).await;
    world.daemon.signal("TERM");
    world.daemon.logs("taking no new work").await;
    let target = world.target.tags("app");
    world.stop().await;
    assert!(target.is_empty());
}

#[tokio::test]
async fn runs_are_started_by_those_who_know_the_token() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &image(&["1"]));
    let program = Program::configured(&mirror(&source, &target, APP))
        .variable("TAGFERRY_API_TOKEN", "s3cr3t-token-of-us");
    let world = World::of(source, target, program).await;
    let (status, body) = world.post("/api/v1/sync", None).await;
    assert_eq!(status, 401, "{body}");
    let (status, body) = world.post("/api/v1/sync", Some("wrong")).await;
    assert_eq!(status, 401, "{body}");
    assert_eq!(world.post("/api/v1/sync", Some("s3cr3t-token-of-us")).await.0, 202);
    // The program takes it from the same variable.
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(0));
    assert_eq!(world.get("/api/v1/mirrors").await.0, 200);
    let log = world.stop().await;
    assert!(!log.contains("s3cr3t"), "{log}");
}

#[tokio::test]
async fn beyond_loopback_nobody_starts_runs_without_a_token() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    let program = Program::configured(&mirror(&source, &target, APP));
    let mut daemon = program.start(&["serve", "--listen", "0.0.0.0:0"]);
    let url = daemon.url().await.replace("0.0.0.0", "127.0.0.1");
    let response = reqwest::Client::new().post(format!("{url}/api/v1/sync")).send().await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(response.text().await.unwrap().contains("set TAGFERRY_API_TOKEN"));
    assert_eq!(reqwest::get(format!("{url}/healthz")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn its_metrics_say_which_shard_it_is() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    let program = Program::configured(&mirror(&source, &target, APP));
    let mut daemon = program.start(&[SERVE, &["--shard", "1/4"]].concat());
    let url = daemon.url().await;
    let page = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    assert!(page.contains("\ntagferry_shards{shard=\"1\"} 4\n"), "{page}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    let program = Program::configured(&mirror(&source, &target, APP));
    let ran = program.run_online(&["serve", "--listen", &address]).await;
    assert!(ran.assert_code(3).stderr.contains(&format!("cannot listen on {address}: ")), "{}", ran.stderr);
}

#[tokio::test]
async fn the_control_plane_says_what_is_wrong() {
    let world = World::start("").await;
    for (path, status, words) in [
        ("/nothing", 404, "/api/v1/openapi.json"),
        ("/api/v1/runs/0000", 404, "run `0000` is not known"),
        ("/api/v1/sync", 405, "is not for GET"),
    ] {
        let (answered, body) = world.get(path).await;
        assert_eq!(answered, status, "{path}: {body}");
        assert!(
            serde_json::from_str::<Value>(&body).unwrap()["error"].as_str().unwrap().contains(words),
            "{body}"
        );
    }
    let (status, body) = world.post("/api/v1/sync?mirror=nope", None).await;
    assert_eq!((status, body["error"].as_str().unwrap()), (404, "no mirror is named `nope`; there are: app"));
    let (status, body) = world.post("/api/v1/sync?name=app", None).await;
    assert_eq!(
        (status, body["error"].as_str().unwrap()),
        (400, "unknown parameter `name`: there are only `mirror` and `tag`")
    );
    let (status, body) = world.get("/metrics").await;
    assert_eq!(status, 200);
    let labels = format!(r#"mirror="app",target="{}/app",outcome="succeeded""#, world.target.host());
    assert!(body.contains(&format!("tagferry_passes_total{{{labels}}} 0")), "{body}");
    assert!(body.ends_with("# EOF\n"));
    world.stop().await;
}

#[tokio::test]
async fn events_tell_changes_as_they_happen_and_end_with_the_daemon() {
    let world = World::start("").await;
    let mut events = reqwest::get(format!("{}/api/v1/events", world.url)).await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let first = events.chunk().await.unwrap().unwrap();
    assert!(!first.is_empty());
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(0));
    let mut seen = String::new();
    while !seen.contains("succeeded") {
        seen += &String::from_utf8_lossy(
            &tokio::time::timeout(PATIENCE, events.chunk()).await.unwrap().unwrap().unwrap(),
        );
    }
    world.stop().await;
    while let Ok(Some(_)) = tokio::time::timeout(PATIENCE, events.chunk()).await.unwrap() {}
}

#[tokio::test]
async fn failures_are_remembered_with_what_to_do() {
    let world = World::start("").await;
    world.source.fault(Fault::new(Match::blob_get(), Action::status(404)));
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(1));
    let mirror = world.mirror().await;
    assert_eq!(
        (&mirror["stale"], &mirror["last_run"]["outcome"]),
        (&1.into(), &"failed".into()),
        "{mirror:#}"
    );
    assert_eq!(mirror["failures"][0]["tag"], "1.0");
    assert!(mirror["failures"][0]["error"].as_str().unwrap().contains("404"), "{mirror:#}");
    assert_eq!((&mirror["newest"]["source"], &mirror["newest"]["target"]), (&"1.0".into(), &Value::Null));
    assert!(mirror["stale_since"].is_string());
    world.source.heal();
    assert_eq!(world.sync_now(&["--wait"]).await.code, Some(0));
    let mirror = world.mirror().await;
    assert!(mirror["stale_since"].is_null() && mirror["last_success_at"].is_string(), "{mirror:#}");
    assert_eq!(mirror["failures"].as_array().unwrap().len(), 1);
    let log = world.stop().await;
    assert!(!log.contains(PASSWORD), "{log}");
}

#[tokio::test]
async fn a_mirror_that_goes_from_the_configuration_before_its_turn_ends_its_run() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &image(&["1"]));
    let gate = Gate::closed();
    source.fault(Fault::new(Match::tags(), Action::Hold(gate.clone())).once());
    let two = APP.to_owned() + &APP.replace("app", "other");
    let config = mirror(&source, &target, &two) + "concurrency: {mirrors: 1}\n";
    let mut world = World::of(source, target, Program::configured(&config)).await;
    let run = world.post("/api/v1/sync", None).await.1;
    world.source.wait_for(&Match::tags(), 1).await;
    let one = mirror(&world.source, &world.target, APP);
    fs::write(world.program.folder().join("tagferry.yaml"), one).unwrap();
    world.daemon.signal("HUP");
    world.daemon.logs("Took the new configuration").await;
    gate.open();
    let run = world.ended(&run).await;
    assert_eq!(run["outcome"], "failed", "{run:#}");
    assert_eq!(run["mirrors"][1]["error"], "the mirror is no longer configured");
    world.stop().await;
}
