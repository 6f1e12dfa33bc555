//! The Python client of the ORAS project: artifacts, their referrers, and layouts.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::fixtures::signed::{Signed, fallback, signed};
use crate::programs::distribution::Distribution;
use crate::programs::tagferry::{SYNC, Tagferry, root};

const RUN_MAX: Duration = Duration::from_mins(1);

/// Runs `tests/peers/programs/artifacts.py`.
async fn oras(arguments: &[&str]) -> Value {
    let mut command = Command::new(root().join("target/peers/bin/python"));
    command.arg(root().join("tests/peers/programs/artifacts.py")).args(arguments).kill_on_drop(true);
    let output = tokio::time::timeout(RUN_MAX, command.output()).await.expect("oras takes too long");
    let output = output.expect("run `scripts/peers` first");
    assert!(output.status.success(), "oras {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn mirror(source: &str, target: &str, registry: &Distribution) -> Tagferry {
    Tagferry::mirror(source, target, &format!("'{}': {{plain_http: true}}", registry.address()))
}

#[tokio::test]
async fn an_artifact_that_oras_pushed_is_pulled_from_its_copy() {
    let (registry, folder) = (Distribution::open().await, TempDir::with_prefix("oras-").unwrap());
    let files = [("chart.yaml", "name: app\n"), ("readme.md", "# app\n")];
    let made = folder.path().join("made");
    fs::create_dir(&made).unwrap();
    for (name, content) in files {
        fs::write(made.join(name), content).unwrap();
    }
    let [source, target] = ["charts/app", "copy/app"].map(|name| format!("{}/{name}", registry.address()));
    let pushed = oras(&["push", &format!("{source}:1.0"), made.to_str().unwrap()]).await;
    let layout = format!("oci:{}/layout#charts/app", folder.path().display());
    for (from, to) in [(&source, &layout), (&layout, &target)] {
        mirror(from, to, &registry).run(SYNC).await.document(0);
    }
    assert_eq!(oras(&["tags", &target]).await, json!(["1.0"]));
    let copy = format!("{target}:1.0");
    assert_eq!(oras(&["manifest", &copy]).await, pushed);
    let outdir = folder.path().join("pulled");
    fs::create_dir(&outdir).unwrap();
    let pulled = oras(&["pull", &copy, outdir.to_str().unwrap()]).await;
    let expected = files.map(|(name, content)| (name.to_owned(), json!(content)));
    assert_eq!(pulled, Value::Object(expected.into_iter().collect()));
}

#[tokio::test]
async fn referrers_of_referrers_are_found_and_pulled_from_the_copy() {
    let Signed { registry, image, referrers } = signed().await;
    let folder = TempDir::with_prefix("oras-").unwrap();
    let [source, target] = ["app", "copy/app"].map(|name| format!("{}/{name}", registry.address()));
    mirror(&source, &target, &registry).run(SYNC).await.document(0);
    let subjects = [&image, &referrers[0]];
    let mut tags: Vec<Value> = subjects.iter().map(|subject| json!(fallback(subject))).collect();
    tags.push(json!("1.0"));
    tags.sort_by_key(ToString::to_string);
    let mut listed = oras(&["tags", &target]).await;
    listed.as_array_mut().unwrap().sort_by_key(ToString::to_string);
    assert_eq!(listed, json!(tags));
    for (subject, text) in subjects.into_iter().zip(["signature", "signature of the signature"]) {
        let list = oras(&["manifest", &format!("{target}:{}", fallback(subject))]).await;
        let [referrer] = &list["manifests"].as_array().unwrap()[..] else { panic!("{list:#}") };
        assert_eq!(referrer["artifactType"], "application/vnd.example.signature");
        let name = format!("{target}@{}", referrer["digest"].as_str().unwrap());
        assert_eq!(oras(&["manifest", &name]).await["subject"]["digest"], json!(subject.digest()));
        let pulled = oras(&["pull", &name, folder.path().to_str().unwrap()]).await;
        assert_eq!(pulled.as_object().unwrap().values().collect::<Vec<_>>(), [text]);
    }
}

#[tokio::test]
async fn a_directory_of_ours_is_a_layout_with_everything_in_it() {
    let Signed { registry, image, referrers } = signed().await;
    let folder = TempDir::with_prefix("oras-").unwrap();
    let layout = folder.path().join("layout");
    let source = format!("{}/app", registry.address());
    mirror(&source, &format!("oci:{}", layout.display()), &registry).run(SYNC).await.document(0);
    let layout = layout.to_str().unwrap();
    let blobs = oras(&["layout", layout, "1.0"]).await;
    assert_eq!(blobs.as_array().unwrap().last(), Some(&json!(image.digest())));
    for (subject, referrer) in [&image, &referrers[0]].into_iter().zip(&referrers) {
        let blobs = oras(&["layout", layout, &fallback(subject)]).await;
        assert!(blobs.as_array().unwrap().contains(&json!(referrer.digest())), "{blobs:#}");
    }
}
