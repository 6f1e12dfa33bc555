//! buildah: it unpacks what arrived, which no copy of bytes does.

use std::env::consts::ARCH;
use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use crate::fixtures::image::Image;
use crate::programs::distribution::Distribution;
use crate::programs::ministack::{ACCOUNT, Ministack, REGION};
use crate::programs::tagferry::{SYNC, Tagferry};

const RUN_MAX: Duration = Duration::from_mins(1);

/// buildah with a storage of its own, which needs no file system but that of the folder.
struct Buildah {
    home: TempDir,
}

impl Buildah {
    fn new() -> Self {
        let home = TempDir::with_prefix("buildah-").unwrap();
        fs::write(home.path().join("policy.json"), r#"{"default": [{"type": "insecureAcceptAnything"}]}"#)
            .unwrap();
        Self { home }
    }

    /// A file of the image of this name, as a container of this machine's platform sees it.
    async fn read(&self, image: &str, file: &str) -> String {
        let policy = self.home.path().join("policy.json");
        let policy = policy.to_str().unwrap();
        let container = self.run(&["from", "--signature-policy", policy, "--tls-verify=false", image]).await;
        let root = self.run(&["mount", container.trim()]).await;
        fs::read_to_string(Path::new(root.trim()).join(file)).unwrap()
    }

    async fn run(&self, arguments: &[&str]) -> String {
        let home = self.home.path();
        let mut command = Command::new("buildah");
        command
            .arg("--root")
            .arg(home.join("storage"))
            .arg("--runroot")
            .arg(home.join("run"))
            .args(["--storage-driver", "vfs"])
            .args(arguments)
            // It makes a name of the path of a layout, and names have small letters.
            .current_dir(home)
            .env("HOME", home)
            .env("BUILDAH_ISOLATION", "chroot")
            .kill_on_drop(true);
        let output = tokio::time::timeout(RUN_MAX, command.output()).await.expect("buildah takes too long");
        let output = output.expect("buildah does not start, run `scripts/peers` first");
        assert!(
            output.status.success(),
            "buildah {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

/// What the file of [`Image::unpackable`] holds on this machine.
fn architecture() -> &'static str {
    match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => panic!("no image for {other}"),
    }
}

async fn source() -> Distribution {
    let source = Distribution::open().await;
    source.pusher().push("app", "1.0", &Image::unpackable("app 1.0")).await;
    source
}

#[tokio::test]
async fn what_arrived_in_ecr_is_unpacked() {
    let (source, target) = (source().await, Ministack::start().await);
    let (source, host) = (source.address(), target.address());
    let ecr = format!(
        "ecr: {{region: {REGION}, account: '{ACCOUNT}', endpoint_url: '{}', create_repositories: true}}",
        target.endpoint_url()
    );
    let registries = format!("'{source}': {{plain_http: true}}\n  '{host}': {{plain_http: true, {ecr}}}");
    let tagferry = Tagferry::mirror(&format!("{source}/app"), &format!("{host}/copy/app"), &registries);
    tagferry.run(SYNC).await.document(0);
    assert_eq!(Buildah::new().read(&format!("{host}/copy/app:1.0"), "architecture").await, architecture());
}

#[tokio::test]
async fn what_arrived_in_a_directory_is_unpacked() {
    let (source, buildah) = (source().await, Buildah::new());
    let source = source.address();
    let layout = format!("oci:{}/layout", buildah.home.path().display());
    let registries = format!("'{source}': {{plain_http: true}}");
    Tagferry::mirror(&format!("{source}/app"), &layout, &registries).run(SYNC).await.document(0);
    assert_eq!(buildah.read("oci:layout:1.0", "architecture").await, architecture());
}
