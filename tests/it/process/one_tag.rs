//! Passes over one tag alone: `sync --tag`, and an event that names a tag.

use serde_json::Value;

use crate::fake::{Face, Match, Registry, image};
use crate::world::daemon::{World, passes};
use crate::world::mirror;
use crate::world::program::Program;

/// The newest of each line, as `LINE` and under its own name.
const LINES: &str = r"
  - source: SOURCE/app
    target: TARGET/app
    tags:
      - match: ^(?<line>[0-9]+)\.[0-9]+$
        newest: 1
        per: line
      - 3.7
";

async fn sides() -> (Registry, Registry) {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    for tag in ["1.0", "1.1", "2.0"] {
        source.push("app", tag, &image(&["base", tag]));
    }
    (source, target)
}

#[tokio::test]
async fn sync_of_one_tag_looks_at_that_alone_and_keeps_to_the_rules() {
    let (source, target) = sides().await;
    let program = Program::configured(&mirror(&source, &target, LINES));
    let ran = program.run_online(&["sync", "--mirror", "app", "--tag", "2.0", "--output", "json"]).await;
    let document = ran.assert_code(0).document();
    assert_eq!((&document["totals"]["selected"], &document["totals"]["copied"]), (&1.into(), &1.into()));
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["2.0"]);
    assert_eq!(source.count(&Match::manifest_head()), 1);

    let ran = program.run_online(&["sync", "--mirror", "app", "--tag", "1.0"]).await;
    let text = &ran.assert_code(1).stdout;
    assert!(text.contains("error: app: 1.0 is not selected: older than the newest 1 of line 1"), "{text}");
    let ran = program.run_online(&["sync", "--mirror", "app", "--tag", "1.2"]).await;
    let text = &ran.assert_code(1).stdout;
    assert!(
        text.contains("1.2 is not selected: no rule names it, and the source does not list it"),
        "{text}"
    );
    let ran = program.run_online(&["sync", "--mirror", "app", "--tag", "3.7"]).await;
    assert!(ran.assert_code(1).stdout.contains("there is no tag 3.7"), "{}", ran.stdout);
    program.run_online(&["sync", "--tag", "2.0"]).await.assert_code(2);
}

#[tokio::test]
async fn an_event_that_names_a_tag_brings_it_and_says_nothing_of_the_mirror() {
    let (source, target) = sides().await;
    let world = {
        let program =
            Program::configured(&mirror(&source, &target, LINES.replace("      - 3.7\n", "").as_str()));
        World::of(source, target, program).await
    };
    let (status, run) = world.post("/api/v1/sync?mirror=app&tag=2.0", None).await;
    assert_eq!((status, &run["mirrors"][0]["tag"]), (202, &"2.0".into()));
    let run = world.ended(&run).await;
    assert_eq!((&run["state"], &run["outcome"]), (&"finished".into(), &"succeeded".into()));
    assert_eq!(world.target.tags("app").into_keys().collect::<Vec<_>>(), ["2.0"]);
    let record = world.mirror().await;
    assert_eq!((&record["last_success_at"], &record["last_run"]), (&Value::Null, &Value::Null));

    let (_, run) = world.post("/api/v1/sync?mirror=app&tag=1.0", None).await;
    let run = world.ended(&run).await;
    assert_eq!(run["outcome"], "failed");
    assert!(run["mirrors"][0]["error"].as_str().unwrap().contains("1.0 is not selected"), "{run}");

    world.post("/api/v1/sync?mirror=app", None).await;
    let whole = passes(&world, 1).await;
    assert!(whole["last_success_at"].is_string(), "{whole}");
    let (_, run) = world.post("/api/v1/sync?mirror=app&tag=1.0", None).await;
    world.ended(&run).await;
    let record = world.mirror().await;
    assert_eq!((&record["last_success_at"], &record["tags"]), (&whole["last_success_at"], &whole["tags"]));
    for faulty in ["?mirror=app&tag=a/b", "?mirror=app&tag=1&tag=2"] {
        assert_eq!(world.post(&format!("/api/v1/sync{faulty}"), None).await.0, 400, "{faulty}");
    }
    for nobody in ["?tag=2.0", "?mirror=x&tag=1"] {
        assert_eq!(world.post(&format!("/api/v1/sync{nobody}"), None).await.0, 404, "{nobody}");
    }
    world.stop().await;
}
