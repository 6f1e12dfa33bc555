//! Told to stop in the middle of a copy: what can be finished is finished, the rest leaves no tag, and the document
//! says which is which.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fake::{Action, Ecr, Face, Fault, Gate, Match, Registry, image};
use crate::world::daemon::SERVE;
use crate::world::program::{Program, Running};
use crate::world::{APP, mirror};

/// A program that is told to stop and then ends within this time did not wait for a grace of an hour.
const SOON: Duration = Duration::from_mins(1);

/// A run whose first tag waits for the bytes of a layer.
struct Stuck {
    source: Registry,
    ecr: Ecr,
    gate: Gate,
    _program: Program,
    running: Running,
}

impl Stuck {
    /// Starts a run of these tags, one after the other. `grace` is a duration of the configuration.
    async fn start(tags: &[&str], grace: &str) -> Self {
        let (source, ecr, gate) = (Registry::start(Face::Token).await, Ecr::start().await, Gate::closed());
        for tag in tags {
            source.push("app", tag, &image(&["base", tag]));
        }
        source.fault(Fault::new(Match::blob_get(), Action::Hold(gate.clone())));
        // A stall would end the wait, too.
        let config = mirror(&source, &ecr, APP);
        let config = format!("{config}concurrency: {{tags: 1}}\nshutdown_grace: {grace}\n");
        let program = Program::configured(&config).aws();
        let running = program.start(&["sync", "--output", "json"]);
        source.wait_for(&Match::blob_get(), 1).await;
        Self { source, ecr, gate, _program: program, running }
    }

    /// Sends a signal and waits until it is heeded.
    async fn signal(&mut self, name: &str) {
        self.running.signal(name);
        self.running.logs("taking no new work").await;
    }

    /// Fails the test unless the run ended soon with this code. Gives its document.
    async fn ended(self, code: i32) -> (Value, Registry, Ecr) {
        let ended = tokio::time::timeout(SOON, self.running.ended()).await.unwrap();
        let document = ended.assert_code(code).document();
        self.ecr.assert_consistent();
        (document, self.source, self.ecr)
    }
}

/// Outcome and error of a tag in a document.
#[track_caller]
fn tag<'a>(document: &'a Value, name: &str) -> (&'a str, &'a str) {
    let tags = document["mirrors"][0]["tags"].as_array().unwrap();
    let tag = tags.iter().find(|tag| tag["tag"] == name).unwrap_or_else(|| panic!("{document:#}"));
    (tag["outcome"].as_str().unwrap(), tag["error"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_copy_in_flight_is_finished_and_the_next_one_not_started() {
    for signal in ["TERM", "INT"] {
        let mut stuck = Stuck::start(&["2", "1"], "1h").await;
        stuck.signal(signal).await;
        stuck.gate.open();
        let (document, source, ecr) = stuck.ended(1).await;
        let arrived = ecr.tags("app");
        assert_eq!(arrived.len(), 1, "{document:#}");
        for (name, digest) in source.tags("app") {
            let (outcome, error) = tag(&document, &name);
            if arrived.contains_key(&name) {
                assert_eq!((outcome, arrived[&name]), ("copied", digest));
            } else {
                assert_eq!(outcome, "failed");
                assert!(error.starts_with("not started: "), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn a_run_that_finishes_all_in_the_grace_has_succeeded() {
    let mut stuck = Stuck::start(&["1"], "1h").await;
    stuck.signal("TERM").await;
    stuck.gate.open();
    let (document, source, ecr) = stuck.ended(0).await;
    assert_eq!(document["outcome"], "succeeded");
    assert_eq!(ecr.tags("app"), source.tags("app"));
}

#[tokio::test]
async fn a_copy_that_takes_longer_than_the_grace_is_dropped() {
    let mut stuck = Stuck::start(&["2", "1"], "200ms").await;
    let told = Instant::now();
    stuck.signal("TERM").await;
    let (document, _, ecr) = stuck.ended(1).await;
    assert!(told.elapsed() >= Duration::from_millis(200));
    assert_eq!(document["totals"]["failed"], 2, "{document:#}");
    let mut errors = ["1", "2"].map(|name| tag(&document, name).1);
    errors.sort_unstable();
    let [dropped, waiting] = errors;
    assert!(dropped.starts_with("dropped: ") && waiting.starts_with("not started: "), "{errors:?}");
    assert!(ecr.tags("app").is_empty());
}

#[tokio::test]
async fn who_waits_for_credentials_is_told_to_stop_as_well() {
    let (source, ecr) = (Registry::start(Face::Open).await, Ecr::start().await);
    let endpoint = Registry::start(Face::Open).await;
    endpoint.fault(Fault::new(Match::any(), Action::Hold(Gate::closed())));
    let program = Program::configured(&(mirror(&source, &ecr, APP) + "shutdown_grace: 1h\n"))
        .variable("AWS_EC2_METADATA_DISABLED", "true")
        .variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("http://{}/role", endpoint.host()));
    for (arguments, code) in [(&["sync", "--output", "json"][..], 1), (SERVE, 0)] {
        let asked = endpoint.count(&Match::any());
        let running = program.start(arguments);
        endpoint.wait_for(&Match::any(), asked + 1).await;
        running.signal("TERM");
        let ended = tokio::time::timeout(SOON, running.ended()).await.unwrap();
        assert!(!ended.assert_code(code).stderr.contains("Serving on"), "{}", ended.stderr);
        if code == 1 {
            let document = ended.document();
            assert_eq!(document["mirrors"][0]["error"], "stopped before its end", "{document:#}");
        }
    }
    assert_eq!((source.requests().len(), ecr.requests().len()), (0, 0));
}

#[tokio::test]
async fn a_second_signal_drops_what_is_in_flight_at_once() {
    let mut stuck = Stuck::start(&["1"], "1h").await;
    stuck.signal("TERM").await;
    stuck.running.signal("TERM");
    let (document, _, ecr) = stuck.ended(1).await;
    let (_, error) = tag(&document, "1");
    assert!(error.starts_with("dropped: "), "{error}");
    assert!(ecr.tags("app").is_empty());
}
