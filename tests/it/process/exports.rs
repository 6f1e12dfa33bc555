//! Metrics of runs that nobody can scrape: into the log for CloudWatch, to a Pushgateway, into a file.

use std::fs;

use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::fake::{Action, Face, Fault, Match, Registry, image};
use crate::world::mirror;
use crate::world::program::{Program, Ran};
use crate::world::receiver::{Answer, Receiver};

const BOTH: &str = "  - {source: SOURCE/app, target: TARGET/app, tags: [{match: .}]}
  - {source: SOURCE/other, target: TARGET/other, tags: [{match: .}]}\n";

/// Two mirrors, of which `other` has no tags.
async fn world() -> (Registry, Registry, Program) {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    for tag in ["1.0", "1.1"] {
        source.push("app", tag, &image(&["base", tag]));
    }
    let program = Program::configured(&mirror(&source, &target, BOTH));
    (source, target, program)
}

/// The lines for CloudWatch.
fn lines(ran: &Ran) -> Vec<Value> {
    let lines = ran.stderr.lines().filter(|line| line.starts_with("{\"_aws\""));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One line, with these figures and no other but those that differ from run to run.
#[track_caller]
fn assert_line(line: &Value, dimensions: &[&str], figures: &Value) {
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Dimensions"], json!([dimensions]), "{line}");
    assert!(line["_aws"]["Timestamp"].as_i64().unwrap() > 1_700_000_000_000);
    let defined: Vec<_> =
        directive["Metrics"].as_array().unwrap().iter().map(|it| it["Name"].as_str().unwrap()).collect();
    let mut found = line.as_object().unwrap().clone();
    assert!(defined.iter().all(|name| found[*name].is_number()), "{line}");
    found.retain(|name, _| {
        defined.contains(&name.as_str()) && !["Bytes", "Seconds", "NewestAgeSeconds"].contains(&name.as_str())
    });
    assert_eq!(Value::Object(found), *figures, "{line}");
}

#[tokio::test]
async fn cloudwatch_gets_a_line_for_each_mirror_and_one_for_the_run() {
    let (_source, target, program) = world().await;
    let program = program.variable("TAGFERRY_METRICS", "emf=images");
    for arguments in
        [&["--log-format", "json", "sync", "--output", "none"][..], &["-q", "sync", "--output", "json"]]
    {
        let ran = program.run_online(arguments).await;
        let lines = lines(ran.assert_code(1));
        let [app, other, run] = &lines[..] else { panic!("{}", ran.stderr) };
        let (app, other) = if app["mirror"] == "app" { (app, other) } else { (other, app) };
        let copied = if arguments.contains(&"none") { 2 } else { 0 };
        let figures = json!({"Succeeded": 1, "Failed": 0, "Selected": 2, "Stale": 0, "Copied": copied});
        assert_line(app, &["mirror", "target"], &figures);
        assert_eq!(
            (&app["mirror"], &app["target"]),
            (&json!("app"), &json!(format!("{}/app", target.host())))
        );
        assert_eq!(app["Bytes"].as_u64().unwrap() > 0, copied > 0);
        assert_eq!(app["_aws"]["CloudWatchMetrics"][0]["Namespace"], "images");
        // There is no list of its tags.
        assert_line(other, &["mirror", "target"], &json!({"Succeeded": 0, "Failed": 1, "Copied": 0}));
        let figures = json!({"Succeeded": 0, "Failed": 1, "Selected": 2, "Stale": 0, "Copied": copied});
        assert_line(run, &[], &figures);
    }
}

#[tokio::test]
async fn the_line_of_a_shard_says_which_and_a_part_has_no_line_for_the_run() {
    let (_source, _target, program) = world().await;
    let ran = program.run_online(&["sync", "--mirror", "app", "--metrics", "emf"]).await;
    let found = lines(ran.assert_code(0));
    assert_eq!(found.iter().map(|line| &line["mirror"]).collect::<Vec<_>>(), ["app"]);
    let ran = program.run_online(&["sync", "--shard", "0/1", "--metrics", "emf"]).await;
    let found = lines(ran.assert_code(1));
    assert_eq!((&found[2]["shard"], &found[2]["mirror"]), (&json!("0/1"), &Value::Null));
    // What does not copy says nothing.
    let planned = program.variable("TAGFERRY_METRICS", "emf").run_online(&["plan"]).await;
    assert_eq!(lines(&planned).len(), 0);
}

#[tokio::test]
async fn a_run_that_could_not_start_writes_nothing() {
    let program = Program::configured("mirrors: []\n").variable("TAGFERRY_METRICS", "emf");
    assert_eq!(lines(program.run(&["sync"]).assert_code(2)).len(), 0);
    let ran = Program::new().variable("TAGFERRY_METRICS", "push=hunter2hunter2").run(&["sync"]);
    assert!(ran.assert_code(2).stderr.contains("TAGFERRY_METRICS: expected the address of a Pushgateway"));
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
    // An empty variable counts as none.
    let ran = Program::configured("mirrors: []\n").variable("TAGFERRY_METRICS", "").run(&["sync"]);
    assert!(!ran.stderr.contains("TAGFERRY_METRICS"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_pushgateway_gets_the_page_in_the_group_of_the_shard() {
    let (source, _target, program) = world().await;
    source.push("other", "1", &image(&["1"]));
    let mut gateway = Receiver::start(vec![Answer::Status(503)]).await;
    let url = format!("push=http://user:hunter2hunter2@{}/prefix/", gateway.host);
    let program = program.variable("TAGFERRY_METRICS", &url);
    let ran = program.run_online(&["-vv", "sync"]).await;
    assert!(!ran.assert_code(0).stderr.contains("hunter2"), "{}", ran.stderr);
    let (first, second) = (gateway.next().await, gateway.next().await);
    assert_eq!((first.method, first.path.as_str()), (Method::PUT, "/prefix/metrics/job/tagferry/shard/0"));
    assert_eq!(second.headers[CONTENT_TYPE], "text/plain; version=0.0.4; charset=utf-8");
    assert!(second.headers["authorization"].to_str().unwrap().starts_with("Basic "));
    assert!(
        second.body.contains("\ntagferry_last_success_timestamp_seconds{mirror=\"app\","),
        "{}",
        second.body
    );
    assert!(second.body.contains("\n# TYPE tagferry_passes_total counter\n"), "{}", second.body);
    assert!(!second.body.contains("# EOF") && !second.body.contains("# UNIT"), "{}", second.body);
    // A part would take the place of all.
    let ran = program.run_online(&["sync", "--mirror", "app"]).await;
    assert!(ran.assert_code(0).stderr.contains("No metrics of this run are handed on"), "{}", ran.stderr);
    gateway.assert_empty();
}

#[tokio::test]
async fn a_gateway_that_refuses_changes_nothing_of_the_run() {
    let (source, _target, program) = world().await;
    source.push("other", "1", &image(&["1"]));
    let gateway = Receiver::start(vec![Answer::With(400, None, "another type")]).await;
    let url = format!("push=http://{}", gateway.host);
    let ran = program.run_online(&["sync", "--metrics", &url]).await;
    let told = format!("the Pushgateway at http://{}: 400 Bad Request: another type", gateway.host);
    assert!(ran.assert_code(0).stderr.contains(&told), "{}", ran.stderr);
}

#[tokio::test]
async fn a_file_holds_the_page_of_the_last_run_whole() {
    let (source, _target, program) = world().await;
    source.fault(Fault::new(Match::tags(), Action::status(404)).once());
    let file = program.folder().join("tagferry.prom");
    for _ in 0..2 {
        program.run_online(&["sync", "--metrics", "file=tagferry.prom"]).await.assert_code(1);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# HELP tagferry_build_info ") && text.ends_with('\n'), "{text}");
        assert!(text.contains("\ntagferry_passes_total{mirror=\"other\","), "{text}");
    }
    assert_eq!(fs::read_dir(program.folder()).unwrap().count(), 2, "something is left beside the file");
    let ran = program.run_online(&["sync", "--metrics", "file=no/such/folder.prom"]).await;
    assert!(ran.stderr.contains("cannot write the metrics to no/such/folder.prom: "), "{}", ran.stderr);
}
