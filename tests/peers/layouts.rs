//! Directories that other programs write, read and collect garbage in.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tagferry::oci::Digest;
use tempfile::TempDir;
use tokio::process::Command;

use crate::fixtures::image::{Image, OCI_INDEX};
use crate::fixtures::signed::{Signed, fallback, signed};
use crate::programs::distribution::Distribution;
use crate::programs::skopeo::Skopeo;
use crate::programs::tagferry::{SYNC, Tagferry};

/// A folder for layouts, which is removed at the end.
fn folder() -> TempDir {
    TempDir::with_prefix("layouts-").unwrap()
}

fn mirror(source: &str, target: &str, registry: &Distribution) -> Tagferry {
    Tagferry::mirror(source, target, &format!("\"{}\": {{plain_http: true}}", registry.address()))
}

async fn umoci(arguments: &[&str]) -> String {
    let output = Command::new("umoci").args(arguments).kill_on_drop(true).output().await;
    let output = output.expect("umoci does not start, run `scripts/peers` first");
    assert!(output.status.success(), "umoci {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn oci(dir: &Path, rest: &str) -> String {
    format!("oci:{}{rest}", dir.display())
}

#[tokio::test]
async fn what_skopeo_writes_is_mirrored() {
    let registry = Distribution::open().await;
    let images = [("25", Image::multi_platform("jdk 25")), ("21", Image::layered("jdk 21", 2, 3_000))];
    for (tag, image) in &images {
        registry.pusher().push("java/jdk", tag, image).await;
    }
    // As a tag, and as the whole name, which is what most people give it.
    for (number, (name, source)) in
        [("", ""), ("example.com/java/jdk:", "#example.com/java/jdk")].iter().enumerate()
    {
        let folder = folder();
        let dir = folder.path().join("layout");
        for (tag, _) in &images {
            let from = format!("docker://{}/java/jdk:{tag}", registry.address());
            Skopeo::Anonymous.copy(&from, &oci(&dir, &format!(":{name}{tag}"))).await.unwrap();
        }
        let target = format!("{}/copy/{number}", registry.address());
        let document = mirror(&oci(&dir, source), &target, &registry).run(SYNC).await.document(0);
        assert_eq!(document["totals"]["copied"], 2, "{document:#}");
        for (tag, image) in &images {
            assert_eq!(Skopeo::Anonymous.digest(&format!("{target}:{tag}")).await, Ok(image.digest()));
        }
    }
}

#[tokio::test]
async fn what_umoci_writes_is_mirrored() {
    let (registry, folder) = (Distribution::open().await, folder());
    let dir = folder.path().join("layout");
    umoci(&["init", "--layout", dir.to_str().unwrap()]).await;
    for tag in ["1.0", "2.0"] {
        let image = format!("{}:{tag}", dir.display());
        umoci(&["new", "--image", &image]).await;
        let file = folder.path().join(tag);
        std::fs::write(&file, tag).unwrap();
        umoci(&["insert", "--rootless", "--image", &image, file.to_str().unwrap(), "/version"]).await;
    }
    let target = format!("{}/umoci", registry.address());
    let document = mirror(&oci(&dir, ""), &target, &registry).run(SYNC).await.document(0);
    assert_eq!(document["totals"]["copied"], 2, "{document:#}");
    for tag in ["1.0", "2.0"] {
        Skopeo::Anonymous
            .copy_to(&folder.path().join(format!("copy-{tag}")), &format!("{target}:{tag}"))
            .await
            .unwrap();
    }
}

fn blob(dir: &Path, digest: Digest) -> PathBuf {
    dir.join("blobs/sha256").join(digest.hex())
}

#[tokio::test]
async fn referrers_in_a_directory_survive_the_garbage_collection_of_another_program() {
    let Signed { registry, image, referrers } = signed().await;
    let folder = folder();
    let dir = folder.path().join("layout");
    let source = format!("{}/app", registry.address());
    mirror(&source, &oci(&dir, ""), &registry).run(SYNC).await.document(0);
    std::fs::write(blob(&dir, Digest::of(b"garbage")), b"garbage").unwrap();
    umoci(&["gc", "--layout", dir.to_str().unwrap()]).await;
    assert!(!blob(&dir, Digest::of(b"garbage")).exists());
    for manifest in referrers.iter().chain([&image]) {
        assert_eq!(Digest::of(&std::fs::read(blob(&dir, manifest.digest())).unwrap()), manifest.digest());
    }
    let names = umoci(&["ls", "--layout", dir.to_str().unwrap()]).await;
    assert!(names.lines().any(|name| name == fallback(&image)), "{names}");
    let copy = folder.path().join("copy");
    Skopeo::Anonymous.copy(&oci(&dir, ":1.0"), &format!("dir:{}", copy.display())).await.unwrap();
}

#[tokio::test]
async fn referrers_reach_a_registry_without_an_api_for_them() {
    let Signed { registry, image, referrers } = signed().await;
    let folder = folder();
    let through = oci(&folder.path().join("layout"), "#apps/app");
    let target = format!("{}/copy/app", registry.address());
    let source = format!("{}/app", registry.address());
    for (from, to) in [(&source, &through), (&through, &target)] {
        mirror(from, to, &registry).run(SYNC).await.document(0);
    }
    let subjects = [&image, &referrers[0]];
    for (subject, referrer) in subjects.into_iter().zip(&referrers) {
        let list = Skopeo::Anonymous.raw(&format!("{target}:{}", fallback(subject))).await.unwrap();
        let list: Value = serde_json::from_slice(&list).unwrap();
        assert_eq!(list["mediaType"], OCI_INDEX);
        assert_eq!(list["manifests"][0]["digest"], json!(referrer.digest()));
        assert_eq!(list["manifests"][0]["artifactType"], "application/vnd.example.signature");
        let name = format!("{target}@{}", referrer.digest());
        assert_eq!(Skopeo::Anonymous.digest(&name).await, Ok(referrer.digest()));
    }
}
