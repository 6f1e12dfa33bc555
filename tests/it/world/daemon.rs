//! The daemon between two registries, until a test stops it.

use std::time::Duration;

use serde_json::Value;

use crate::fake::{Face, Registry, image};
use crate::world::program::{Program, Ran, Running};
use crate::world::{APP, mirror};

pub(crate) const SERVE: &[&str] = &["serve", "--listen", "127.0.0.1:0"];
/// What is awaited comes within this time, or never.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A daemon between two registries.
pub(crate) struct World {
    pub(crate) source: Registry,
    pub(crate) target: Registry,
    pub(crate) program: Program,
    pub(crate) daemon: Running,
    pub(crate) url: String,
}

impl World {
    /// A daemon with one mirror, of all tags of `app`. `more` is added to the configuration.
    pub(crate) async fn start(more: &str) -> Self {
        let (source, target) = (Registry::start(Face::Token).await, Registry::start(Face::Basic).await);
        source.push("app", "1.0", &image(&["base", "1.0"]));
        let config = mirror(&source, &target, APP) + more;
        Self::of(source, target, Program::configured(&config)).await
    }

    pub(crate) async fn of(source: Registry, target: Registry, program: Program) -> Self {
        let mut daemon = program.start(SERVE);
        let url = daemon.url().await;
        Self { source, target, program, daemon, url }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub(crate) async fn post(&self, path: &str, token: Option<&str>) -> (u16, Value) {
        let request = reqwest::Client::new().post(format!("{}{path}", self.url));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    /// What is known of the only mirror.
    pub(crate) async fn mirror(&self) -> Value {
        let (status, body) = self.get("/api/v1/mirrors").await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["mirrors"][0].take()
    }

    /// What became of a run that was asked for, when it has ended.
    pub(crate) async fn ended(&self, run: &Value) -> Value {
        let path = format!("{}?wait=20", run["status_url"].as_str().unwrap());
        let wait = async {
            loop {
                let run: Value = serde_json::from_str(&self.get(&path).await.1).unwrap();
                if run["state"] != "running" {
                    return run;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap()
    }

    /// Runs `sync-now` against the daemon.
    pub(crate) async fn sync_now(&self, arguments: &[&str]) -> Ran {
        let arguments = [&["sync-now", "--url", &self.url], arguments].concat();
        tokio::time::timeout(PATIENCE, self.program.run_online(&arguments)).await.unwrap()
    }

    /// Ends the daemon, which has to end well.
    pub(crate) async fn stop(self) -> String {
        self.daemon.signal("TERM");
        let ended = tokio::time::timeout(PATIENCE, self.daemon.ended()).await.unwrap();
        ended.assert_code(0);
        ended.stderr
    }
}

/// Waits until a mirror made this many passes.
pub(crate) async fn passes(world: &World, count: u64) -> Value {
    let wait = async {
        loop {
            let mirror = world.mirror().await;
            if mirror["last_run"]["pass"].as_u64().is_some_and(|pass| pass >= count) {
                return mirror;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap()
}
