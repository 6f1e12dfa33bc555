//! skopeo: an independent reader of registries.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use tagferry::oci::Digest;
use tempfile::TempDir;
use tokio::process::Command;

use crate::fixtures::realm::{PASSWORD, USERNAME};

const RUN_MAX: Duration = Duration::from_mins(1);

/// Runs skopeo.
#[derive(Clone, Copy)]
pub(crate) enum Skopeo<'a> {
    Anonymous,
    /// With what the realm of a registry like Oracle's wants.
    WithCredentials,
    /// Over TLS, trusting the authorities in this folder.
    Trusting(&'a Path),
}

impl Skopeo<'_> {
    /// The tags of `HOST:PORT/REPOSITORY`.
    pub(crate) async fn tags(self, repository: &str) -> BTreeSet<String> {
        let mut command = self.command("list-tags", "");
        let output = run(command.arg(format!("docker://{repository}"))).await.expect("skopeo list-tags");
        let answer: Value = serde_json::from_slice(&output).unwrap();
        answer["Tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()).collect()
    }

    /// The digest of the very bytes that `HOST:PORT/REPOSITORY:TAG` answers with; the error is skopeo's own.
    pub(crate) async fn digest(self, image: &str) -> Result<Digest, String> {
        self.raw(image).await.map(|manifest| Digest::of(&manifest))
    }

    /// These bytes themselves.
    pub(crate) async fn raw(self, image: &str) -> Result<Vec<u8>, String> {
        let mut command = self.command("inspect", "");
        run(command.arg("--raw").arg(format!("docker://{image}"))).await
    }

    /// Copies an image with all its platforms between two places of any kind, every byte as it is.
    pub(crate) async fn copy(self, from: &str, to: &str) -> Result<(), String> {
        let mut command = self.command("copy", "src-");
        run(command.args(["--all", "--preserve-digests", from, to])).await.map(drop)
    }

    /// Copies an image with all its platforms to a folder, every byte as it is. Fails when anything is missing or wrong.
    pub(crate) async fn copy_to(self, folder: &Path, image: &str) -> Result<(), String> {
        self.copy(&format!("docker://{image}"), &format!("dir:{}", folder.display())).await
    }

    /// Where `skopeo sync` would put images by this file, as `TARGET:TAG`.
    pub(crate) async fn would_sync(self, file: &str, to: &str) -> BTreeSet<String> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("sync.yaml");
        fs::write(&path, file).unwrap();
        let mut command = Command::new("skopeo");
        command.args(["--insecure-policy", "sync", "--dry-run", "--src", "yaml", "--dest", "docker"]);
        let output = output(command.arg(&path).arg(to)).await;
        // It tells this in its log alone.
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{log}");
        let copies = log.split("to=\"docker://").skip(1);
        copies.map(|copy| copy.split('"').next().unwrap().to_owned()).collect()
    }

    /// The options that say how a registry is reached differ by this prefix.
    fn command(self, verb: &str, prefix: &str) -> Command {
        let mut command = Command::new("skopeo");
        command.args(["--insecure-policy", verb]);
        match self {
            Self::Anonymous => command.arg(format!("--{prefix}tls-verify=false")),
            Self::WithCredentials => command
                .arg(format!("--{prefix}tls-verify=false"))
                .arg(format!("--{prefix}creds"))
                .arg(format!("{USERNAME}:{PASSWORD}")),
            Self::Trusting(folder) => command.arg(format!("--{prefix}cert-dir")).arg(folder),
        };
        command
    }
}

async fn output(command: &mut Command) -> Output {
    let running = command.kill_on_drop(true).output();
    let output = tokio::time::timeout(RUN_MAX, running).await.expect("skopeo takes too long");
    output.expect("skopeo does not start, run `scripts/peers` first")
}

async fn run(command: &mut Command) -> Result<Vec<u8>, String> {
    let Output { status, stdout, stderr } = output(command).await;
    if status.success() { Ok(stdout) } else { Err(String::from_utf8_lossy(&stderr).into_owned()) }
}
