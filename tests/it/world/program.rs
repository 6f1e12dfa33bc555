//! The program itself, as users run it: a process with a folder and an environment of its own.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

use crate::fake::ACCESS_KEY;

/// The program, ready to run.
pub(crate) struct Program {
    folder: TempDir,
    variables: Vec<(String, OsString)>,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), variables: Vec::new() }
    }

    pub(crate) fn configured(yaml: &str) -> Self {
        let program = Self::new();
        fs::write(program.folder().join("tagferry.yaml"), yaml).unwrap();
        program
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn variable(self, name: &str, value: &str) -> Self {
        self.raw_variable(name, value.into())
    }

    /// A variable that need not be text.
    pub(crate) fn raw_variable(mut self, name: &str, value: OsString) -> Self {
        self.variables.push((name.to_owned(), value));
        self
    }

    /// Lets it in at the AWS of the tests.
    pub(crate) fn aws(self) -> Self {
        self.variable("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .variable("AWS_SECRET_ACCESS_KEY", "secret")
            .variable("AWS_EC2_METADATA_DISABLED", "true")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tagferry"));
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("HOME", self.folder())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs while the registries of this test answer.
    pub(crate) async fn run_online(&self, arguments: &[&str]) -> Ran {
        let output = tokio::process::Command::from(self.command(arguments)).kill_on_drop(true).output();
        output.await.unwrap().into()
    }

    /// Starts it, for a test that does something to it before it ends.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let mut command = tokio::process::Command::from(self.command(arguments));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let logs = BufReader::new(child.stderr.take().unwrap()).lines();
        Running { child, logs, logged: String::new() }
    }
}

/// The program while it runs.
pub(crate) struct Running {
    child: Child,
    logs: Lines<BufReader<ChildStderr>>,
    logged: String,
}

impl Running {
    /// Reads the log up to a line that holds these words.
    pub(crate) async fn logs(&mut self, words: &str) {
        while let Some(line) = self.logs.next_line().await.unwrap() {
            self.logged += &line;
            self.logged += "\n";
            if line.contains(words) {
                return;
            }
        }
        panic!("it ended before it logged `{words}`:\n{}", self.logged);
    }

    /// Where the control plane of `serve --listen 127.0.0.1:0` answers: `http://127.0.0.1:PORT`.
    pub(crate) async fn url(&mut self) -> String {
        self.logs("Serving on http://").await;
        let (_, url) = self.logged.split_once("Serving on ").unwrap();
        url.split_whitespace().next().unwrap().to_owned()
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// Sends a signal by its name: `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Returns when it has closed its log, which it does when it ends.
    pub(crate) async fn closed(&mut self) {
        while let Some(line) = self.logs.next_line().await.unwrap() {
            self.logged += &line;
            self.logged += "\n";
        }
    }

    /// Ends it at once, in the middle of whatever it does.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it ended by itself.
    pub(crate) async fn ended(mut self) -> Ran {
        self.closed().await;
        let ran = Ran::from(self.child.wait_with_output().await.unwrap());
        Ran { stderr: self.logged, ..ran }
    }
}

/// What came of a run of the program.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        self
    }

    /// The one document that a run with `--output json` prints.
    #[track_caller]
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}
