//! The program itself, run as users run it.

use std::fs;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::ministack::{KEY, REGION};
use crate::realm::{PASSWORD, USERNAME};

const RUN_MAX: Duration = Duration::from_mins(2);

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

impl Ran {
    /// The document on standard output, of a run that ended with `code`.
    #[track_caller]
    pub(crate) fn document(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }
}
