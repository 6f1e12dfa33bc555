//! The program in a container, as ECS or Kubernetes would run it. `container.py` makes the container.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::programs::tagferry::{RUN_MAX, Ran};

/// What is said of a container by whatever runs it.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) command: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) user: u64,
    pub(crate) group: u64,
    /// The group of mounted files, which the user is in.
    pub(crate) files_group: u64,
    pub(crate) read_only: bool,
    pub(crate) files: Vec<Mounted>,
    /// Of a program that serves.
    pub(crate) probes: Vec<Value>,
}

/// A file that is mounted.
#[derive(Debug)]
pub(crate) struct Mounted {
    pub(crate) path: String,
    pub(crate) text: String,
    pub(crate) mode: u64,
}

impl Container {
    /// Runs it to its end; one that serves is told to stop once every probe has succeeded.
    pub(crate) async fn run(&self) -> Ran {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let home = TempDir::with_prefix("tagferry-container-").unwrap();
        let path = home.path().join("container.json");
        fs::write(&path, self.specification().to_string()).unwrap();
        let mut command = Command::new("unshare");
        // Mounts want root. Who is not may be root of a world of their own, with the ids of /etc/subuid.
        if fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) != 0) {
            command.args(["--map-root-user", "--map-auto"]);
        }
        command
            .args(["--mount", "--", "python3"])
            .arg(root.join("tests/peers/programs/container.py"))
            .arg(env!("CARGO_BIN_EXE_tagferry"))
            .arg(root.join("Dockerfile"))
            .arg(&path)
            .kill_on_drop(true);
        let output =
            tokio::time::timeout(RUN_MAX, command.output()).await.expect("it takes too long").unwrap();
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn specification(&self) -> Value {
        let files = self.files.iter().map(|file| {
            json!({"path": file.path, "text": file.text, "mode": file.mode, "group": self.files_group})
        });
        json!({
            "command": self.command,
            "environment": self.environment,
            "user": self.user,
            "group": self.group,
            "groups": [self.files_group],
            "read_only": self.read_only,
            "files": files.collect::<Vec<_>>(),
            "probes": self.probes,
        })
    }
}

impl Ran {
    /// It ended with `code`, and wrote nothing but a JSON object a line, all to standard error.
    #[track_caller]
    pub(crate) fn assert_logged(&self, code: i32) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        for line in self.stderr.lines() {
            let object = serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object());
            assert!(object, "not of one format: {line}\n{}", self.stderr);
        }
    }
}
