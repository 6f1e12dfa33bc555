//! Referrers: signatures, SBOMs and attestations, and how registries and tools keep them.

use std::collections::BTreeSet;
use std::path::Path;

use http::Method;
use serde_json::{Value, json};
use tagferry::oci::{Digest, MediaType};

use crate::fake::{
    Builder, Directory, Draft, Face, Format, Image, REF_NAME, Registry, artifact, index, oci_image,
};
use crate::world::{assert_succeeded, mirror, sync};

const MIRROR: &str =
    "  - {source: SOURCE/app, target: TARGET/app, referrers: true, tags: [{match: '^1$'}]}\n";

/// An image of two platforms with everything that may refer to it.
struct Signed {
    root: Image,
    /// Each with what it refers to.
    referrers: Vec<(Image, Digest)>,
}

fn signed() -> Signed {
    let child = oci_image(&["base"]);
    let root = index(Format::Oci, &[("linux/amd64", child.clone()), ("linux/arm64", oci_image(&["arm"]))]);
    let signature = artifact("application/vnd.dev.sigstore.bundle.v0.3+json", "signature", Some(&root));
    let sbom = artifact("application/spdx+json", "sbom", Some(&child)).edited(|sbom| {
        sbom["annotations"] = json!({"org.opencontainers.image.created": "2025-11-18T14:38:26Z"});
    });
    let of_sbom = artifact("application/vnd.cncf.notary.signature", "signature of the SBOM", Some(&sbom));
    let stamp = artifact("application/vnd.example.timestamp", "stamp", Some(&of_sbom));
    let referrers = vec![
        (signature, root.digest()),
        (sbom.clone(), child.digest()),
        (of_sbom.clone(), sbom.digest()),
        (stamp, of_sbom.digest()),
    ];
    Signed { root, referrers }
}

impl Signed {
    fn digests(&self) -> BTreeSet<Digest> {
        self.referrers.iter().map(|(referrer, _)| referrer.digest()).collect()
    }

    /// A registry that holds it, with the API for referrers or with the lists that clients keep.
    async fn source(&self, has_api: bool) -> Registry {
        let source = builder(has_api).start().await;
        source.push("app", "1", &self.root);
        for (referrer, subject) in &self.referrers {
            source.push_untagged("app", referrer);
            if !has_api {
                let list = index(Format::Oci, &[("", referrer.clone())]);
                source.push("app", &fallback(*subject), &list);
            }
        }
        source
    }
}

fn builder(has_api: bool) -> Builder {
    Registry::builder(Face::Open).quirks(move |quirks| quirks.referrers = has_api)
}

fn fallback(subject: Digest) -> String {
    format!("sha256-{}", subject.hex())
}

/// What a list by the specification's rule for clients says.
fn listed(list: &[u8]) -> Vec<Value> {
    let list: Value = serde_json::from_slice(list).unwrap();
    assert_eq!((&list["schemaVersion"], &list["mediaType"]), (&json!(2), &json!(MediaType::OCI_INDEX)));
    list["manifests"].as_array().unwrap().clone()
}

fn writes(registry: &Registry) -> usize {
    let reads = [Method::GET, Method::HEAD];
    registry.requests().iter().filter(|seen| !reads.contains(&seen.head.method)).count()
}

#[tokio::test]
async fn referrers_of_referrers_travel_whoever_keeps_the_list() {
    let signed = signed();
    for (from_api, to_api) in [(true, true), (false, true), (true, false), (false, false)] {
        let (source, target) = (signed.source(from_api).await, builder(to_api).start().await);
        let config = mirror(&source, &target, MIRROR);
        assert_succeeded(&sync(&config).await);
        let arrived = target.repository("app").unwrap();
        assert!(signed.digests().iter().all(|digest| arrived.manifests.contains_key(digest)));
        let lists: Vec<_> = arrived.tags.keys().filter(|tag| tag.starts_with("sha256-")).collect();
        assert_eq!(lists.len(), if to_api { 0 } else { signed.referrers.len() }, "{from_api} {to_api}");
        for (referrer, subject) in signed.referrers.iter().filter(|_| !to_api) {
            let list = &arrived.manifests[&arrived.tags[&fallback(*subject)]].bytes;
            let document: Value = serde_json::from_slice(&referrer.bytes).unwrap();
            let mut expected = referrer.descriptor();
            expected["artifactType"] = document["artifactType"].clone();
            if let Some(annotations) = document.get("annotations") {
                expected["annotations"] = annotations.clone();
            }
            assert_eq!(listed(list), [expected]);
        }
        let before = writes(&target);
        assert_succeeded(&sync(&config).await);
        assert_eq!(writes(&target), before, "a second pass writes nothing");
    }
}

#[tokio::test]
async fn a_list_that_others_began_is_added_to() {
    let root = oci_image(&["base"]);
    let [old, new] = ["old", "new"].map(|text| artifact("application/vnd.example", text, Some(&root)));
    let (source, target) = (Registry::start(Face::Open).await, builder(false).start().await);
    source.push("app", "1", &root);
    source.push_untagged("app", &new);
    target.push("app", &fallback(root.digest()), &index(Format::Oci, &[("", old.clone())]));
    assert_succeeded(&sync(&mirror(&source, &target, MIRROR)).await);
    let arrived = target.repository("app").unwrap();
    let list = listed(&arrived.manifests[&arrived.tags[&fallback(root.digest())]].bytes);
    let digests: Vec<_> = list.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect();
    assert_eq!(digests, [old.digest().to_string(), new.digest().to_string()]);
}

/// GitLab gives the image itself under the tag of its referrers (oras-project/oras#2148).
#[tokio::test]
async fn a_registry_that_takes_the_tag_for_the_digest_has_no_referrers() {
    let root = index(Format::Oci, &[("linux/amd64", oci_image(&["base"]))]);
    let source = builder(false).start().await;
    source.push("app", "1", &root);
    source.push("app", &fallback(root.digest()), &root);
    let target = builder(false).start().await;
    assert_succeeded(&sync(&mirror(&source, &target, MIRROR)).await);
    assert_eq!(target.tags("app"), [("1".to_owned(), root.digest())].into());
}

/// A mirror between a registry and a directory.
fn way(source: &str, target: &str) -> String {
    format!("  - {{source: '{source}', target: '{target}', referrers: true, tags: [{{match: '^1$'}}]}}\n")
}

/// Everything that other programs reach from `index.json`, and so keep when they collect garbage.
fn reachable(layout: &Path) -> BTreeSet<Digest> {
    let directory = Directory::of(layout);
    let mut pending: Vec<Value> = directory.index()["manifests"].as_array().unwrap().clone();
    let mut found = BTreeSet::new();
    while let Some(descriptor) = pending.pop() {
        let digest: Digest = descriptor["digest"].as_str().unwrap().parse().unwrap();
        let bytes = std::fs::read(directory.blob(digest)).unwrap();
        assert_eq!(Digest::of(&bytes), digest);
        assert_eq!(descriptor["size"], json!(bytes.len()));
        if found.insert(digest)
            && let Ok(Value::Object(document)) = serde_json::from_slice(&bytes)
        {
            for key in ["manifests", "layers", "config"] {
                match document.get(key) {
                    Some(Value::Array(parts)) => pending.extend(parts.clone()),
                    Some(part @ Value::Object(_)) => pending.push(part.clone()),
                    _ => {}
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn a_directory_lists_referrers_for_other_programs_and_gives_them_back() {
    let signed = signed();
    for from_api in [true, false] {
        let (source, target) = (signed.source(from_api).await, Registry::start(Face::Open).await);
        let dir = tempfile::tempdir().unwrap();
        let through = format!("oci:{}", dir.path().display());
        let fill = mirror(&source, &target, &way("SOURCE/app", &through));
        assert_succeeded(&sync(&fill).await);
        assert!(reachable(dir.path()).is_superset(&signed.digests()));
        let index = Directory::of(dir.path()).index();
        for (referrer, subject) in &signed.referrers {
            let entries = index["manifests"].as_array().unwrap().iter();
            let mut lists =
                entries.filter(|entry| entry["annotations"][REF_NAME] == json!(fallback(*subject)));
            let list: Digest = lists.next().unwrap()["digest"].as_str().unwrap().parse().unwrap();
            assert!(lists.next().is_none());
            let list = listed(&std::fs::read(Directory::of(dir.path()).blob(list)).unwrap());
            assert_eq!(list.len(), 1);
            assert_eq!(list[0]["digest"], json!(referrer.digest().to_string()));
        }
        assert_succeeded(&sync(&fill).await);
        assert_eq!(Directory::of(dir.path()).index(), index, "a second pass writes nothing");

        assert_succeeded(&sync(&mirror(&source, &target, &way(&through, "TARGET/app"))).await);
        let arrived = target.repository("app").unwrap();
        assert!(signed.digests().iter().all(|digest| arrived.manifests.contains_key(digest)));
        assert_eq!(arrived.tags.keys().collect::<Vec<_>>(), ["1"], "lists are no tags of a layout");
    }
}

/// oras lists everything in `index.json` and leaves it to the `subject` (oras-project/oras-go, content/oci).
#[tokio::test]
async fn referrers_of_a_layout_that_oras_wrote_are_found() {
    let signed = signed();
    let dir = tempfile::tempdir().unwrap();
    let layout = Directory::new(dir.path());
    layout.push("1", &signed.root);
    for (referrer, _) in &signed.referrers {
        layout.list(referrer, &json!(null));
    }
    let target = Registry::start(Face::Open).await;
    let nobody = Registry::start(Face::Open).await;
    let config = mirror(&nobody, &target, &way(&layout.endpoint(), "TARGET/app"));
    assert_succeeded(&sync(&config).await);
    let arrived = target.repository("app").unwrap();
    assert!(signed.digests().iter().all(|digest| arrived.manifests.contains_key(digest)));
}

/// cosign's tags of an SBOM that is itself kept under a tag of cosign.
#[tokio::test]
async fn cosign_signatures_of_attachments_travel() {
    let root = oci_image(&["base"]);
    let sbom = Draft::new(Format::Oci).typed_layer("text/spdx+json", "sbom").build();
    let signature = Draft::new(Format::Oci).layer("signature").build();
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &root);
    source.push("app", &format!("{}.sbom", fallback(root.digest())), &sbom);
    source.push("app", &format!("{}.sig", fallback(sbom.digest())), &signature);
    assert_succeeded(&sync(&mirror(&source, &target, MIRROR)).await);
    assert_eq!(target.tags("app"), source.tags("app"));
}
