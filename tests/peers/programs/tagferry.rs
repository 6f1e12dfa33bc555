//! The program itself, run as users run it.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::fixtures::realm::{PASSWORD, USERNAME};
use crate::programs::ministack::{KEY, REGION};

pub(crate) const SYNC: &[&str] = &["sync", "--output", "json"];
pub(crate) const RUN_MAX: Duration = Duration::from_mins(2);
const SERVES_MAX: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(20);

/// The folder of this repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program with its configuration, in a home folder of its own.
pub(crate) struct Tagferry {
    home: TempDir,
}

/// What one run of the program gave.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Tagferry {
    pub(crate) fn configured(yaml: &str) -> Self {
        let home = TempDir::with_prefix("tagferry-").unwrap();
        fs::write(home.path().join("tagferry.yaml"), yaml).unwrap();
        Self { home }
    }

    /// Mirrors all tags but for lists of referrers, and with the referrers. `registries` says how the hosts are reached.
    pub(crate) fn mirror(source: &str, target: &str, registries: &str) -> Self {
        Self::configured(&format!(
            "mirrors:\n  - {{source: '{source}', target: '{target}', referrers: true, \
             tags: [{{match: ., except: ^sha256-}}]}}\nregistries:\n  {registries}\n"
        ))
    }

    /// Runs the program. It sees this environment and no other, so no configuration of Docker or AWS on this machine.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagferry"));
        command
            .args(arguments)
            .current_dir(self.home.path())
            .kill_on_drop(true)
            .env_clear()
            .env("HOME", self.home.path())
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", KEY)
            .env("AWS_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("OCR_USERNAME", USERNAME)
            .env("OCR_AUTH_TOKEN", PASSWORD);
        let output =
            tokio::time::timeout(RUN_MAX, command.output()).await.expect("tagferry takes too long").unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The daemon, until it is dropped.
pub(crate) struct Serving {
    url: String,
    _child: Child,
    _program: Tagferry,
}

impl Tagferry {
    /// Starts the daemon on a free port, with these variables besides.
    pub(crate) async fn serve(self, variables: &[(&str, &str)]) -> Serving {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagferry"));
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(self.home.path())
            .kill_on_drop(true)
            .env_clear()
            .env("HOME", self.home.path())
            .envs(variables.iter().copied())
            .stderr(File::create(self.home.path().join("log")).unwrap());
        let child = command.spawn().unwrap();
        let deadline = Instant::now() + SERVES_MAX;
        let url = loop {
            let log = fs::read_to_string(self.home.path().join("log")).unwrap();
            if let Some((_, url)) = log.split_once("Serving on ").filter(|_| log.ends_with('\n')) {
                break url.split_whitespace().next().unwrap().to_owned();
            }
            assert!(Instant::now() < deadline, "the daemon does not serve: {log}");
            // Real time: what happens in another program has no other clock.
            tokio::time::sleep(POLL_EVERY).await;
        };
        Serving { url, _child: child, _program: self }
    }
}

impl Serving {
    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until a mirror has made a pass.
    pub(crate) async fn finished(&self, mirror: &str) {
        let url = format!("{}/api/v1/events", self.url);
        let mut events = reqwest::get(url).await.unwrap();
        let mut text = String::new();
        let last_run = |text: &str| {
            let status =
                text.rsplit_once(&format!("\"name\":\"{mirror}\"")).map(|(_, status)| status.to_owned());
            status.is_some_and(|status| status.split("\"name\"").next().unwrap().contains("\"finished_at\""))
        };
        while !last_run(&text) {
            let chunk = tokio::time::timeout(RUN_MAX, events.chunk()).await.expect("no pass ended").unwrap();
            text += std::str::from_utf8(&chunk.expect("the daemon ended")).unwrap();
        }
    }
}

impl Ran {
    /// The document on standard output, of a run that ended with `code`.
    #[track_caller]
    pub(crate) fn document(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}
