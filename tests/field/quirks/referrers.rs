//! Referrers: signatures, SBOMs and attestations, and how registries and tools keep them.

use std::collections::BTreeSet;
use std::path::Path;

use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tagferry::oci::{Digest, MediaType};

use crate::fake::{
    Action, Builder, Directory, Draft, Face, Fault, Format, Image, Match, REF_NAME, Registry, Reply,
    artifact, index, oci_image,
};
use crate::world::{assert_says, assert_succeeded, mirror, sync, tag_error};

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

/// Answers in place of the source's own list of referrers, and what must come of them: signatures never stay behind unless
/// somebody is told.
struct Answer {
    id: &'static str,
    /// Made of the entry of a signature that the source has.
    reply: fn(Value) -> Reply,
    ends: Ends,
}

enum Ends {
    /// The signature is copied, with these warnings' words.
    Copied(&'static [&'static str]),
    /// There are no referrers.
    Nothing,
    Fails(&'static [&'static str]),
}

fn list(entries: &[Value]) -> Reply {
    Reply::json(200, &json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": entries}))
}

fn answers() -> Vec<Answer> {
    vec![
        Answer {
            id: "an entry of an algorithm that is not known",
            reply: |entry| {
                let other = json!({"mediaType": MediaType::OCI_MANIFEST, "digest": format!("sha512:{}", "0".repeat(128)), "size": 1});
                list(&[other, entry])
            },
            ends: Ends::Copied(&["1 stays without", "sha512:000", "only sha256"]),
        },
        Answer {
            id: "an entry without a digest",
            reply: |entry| list(&[json!({"mediaType": MediaType::OCI_MANIFEST, "size": 1}), entry]),
            ends: Ends::Copied(&["an entry without a digest"]),
        },
        Answer {
            id: "an entry without a size",
            reply: |mut entry| {
                entry.as_object_mut().unwrap().remove("size");
                list(&[entry])
            },
            ends: Ends::Copied(&[]),
        },
        Answer {
            id: "null in place of a list",
            reply: |_| Reply::json(200, &json!({"schemaVersion": 2, "manifests": null})),
            ends: Ends::Nothing,
        },
        Answer {
            id: "a text in place of a list",
            reply: |_| Reply::json(200, &json!({"schemaVersion": 2, "manifests": "none"})),
            ends: Ends::Fails(&[
                "/referrers/sha256:",
                "its list of referrers cannot be read",
                "\"manifests\":\"none\"",
            ]),
        },
        Answer {
            id: "another document",
            reply: |_| Reply::json(200, &json!({"status": "ok"})),
            ends: Ends::Fails(&["its list of referrers cannot be read: missing field `manifests`"]),
        },
        Answer { id: "nothing", reply: |_| Reply::status(200), ends: Ends::Fails(&["what came is nothing"]) },
        Answer {
            id: "a page of a frontend that answers for every address",
            reply: |_| {
                Reply::status(200)
                    .header(CONTENT_TYPE, "text/html")
                    .body("<!doctype html><title>Sign in</title>")
            },
            ends: Ends::Nothing,
        },
        Answer { id: "405", reply: |_| Reply::status(405), ends: Ends::Nothing },
        Answer { id: "501", reply: |_| Reply::status(501), ends: Ends::Nothing },
        Answer { id: "505", reply: |_| Reply::status(505), ends: Ends::Fails(&["505"]) },
    ]
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_never_taken_for_no_referrers() {
    for Answer { id, reply, ends } in answers() {
        let root = oci_image(&["base"]);
        let signature = artifact("application/vnd.example.signature", "signature", Some(&root));
        let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
        source.push("app", "1", &root);
        source.push_untagged("app", &signature);
        let requests = Match::any().containing(format!("/referrers/{}", root.digest()));
        source.fault(Fault::new(requests, Action::Answer(reply(signature.descriptor()))));
        let summary = sync(&mirror(&source, &target, MIRROR)).await;
        let messages: Vec<_> = summary.warnings.iter().map(|warning| warning.message.as_str()).collect();
        let is_there = target.repository("app").unwrap().manifests.contains_key(&signature.digest());
        match ends {
            Ends::Copied(words) => {
                assert_succeeded(&summary);
                assert!(is_there, "{id}");
                assert_eq!(messages.is_empty(), words.is_empty(), "{id}: {messages:?}");
                assert_says(messages.join("\n"), words);
            }
            Ends::Nothing => {
                assert_succeeded(&summary);
                assert!(!is_there && messages.is_empty(), "{id}: {messages:?}");
            }
            Ends::Fails(words) => assert_says(tag_error(&summary, "1"), words),
        }
    }
}

/// The first page told that there is an API.
#[tokio::test]
async fn a_list_that_ends_in_a_refusal_is_not_taken_for_its_whole() {
    let root = oci_image(&["base"]);
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &root);
    let requests = || Match::any().containing(format!("/referrers/{}", root.digest()));
    let more = list(&[]).named("link", "<?page=2>; rel=\"next\"");
    source.fault(Fault::new(requests(), Action::Answer(more)).once());
    source.fault(Fault::new(requests(), Action::Answer(Reply::status(404))).skip(1));
    let summary = sync(&mirror(&source, &target, MIRROR)).await;
    assert_says(tag_error(&summary, "1"), &["/referrers/sha256:", "404"]);
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

/// sigstore/cosign#2973: Artifactory answers 403 for what is not there.
#[tokio::test]
async fn a_list_that_is_refused_is_a_warning_where_the_image_can_be_read() {
    let (source, target) = (builder(false).start().await, builder(false).start().await);
    source.push("app", "1", &signed().root);
    let denied = Action::error(403, "UNAUTHORIZED", "The client does not have permission for manifest");
    source.fault(Fault::new(Match::any().containing("manifests/sha256-"), denied));
    let summary = sync(&mirror(&source, &target, MIRROR)).await;
    assert_succeeded(&summary);
    let [warning] = &summary.warnings[..] else { panic!("one for the image: {:#?}", summary.warnings) };
    assert_eq!(warning.code, "referrer_unknown");
    let words = ["1 may stay without some of its referrers", "403 Forbidden: UNAUTHORIZED: The client"];
    assert_says(&warning.message, &words);
    target.assert_consistent();
}
