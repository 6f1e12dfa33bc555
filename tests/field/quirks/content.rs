//! Content: manifests, indexes and artifacts as they are found under tags.

use serde_json::{Value, json};
use tagferry::oci::MediaType;

use crate::fake::{
    Draft, Face, Format, Image, Registry, artifact, attested_index, index, index_of, oci_image,
};
use crate::world::{copy, mirror, sync, tag, tag_error};

/// Something that a tag points at.
struct Row {
    /// What it is.
    what: &'static str,
    /// Where it was seen: a project, an issue of it, a specification.
    seen: &'static str,
    image: Image,
    comes: Comes,
}

/// What must come out.
enum Comes {
    /// All of it, byte for byte.
    Whole,
    /// An error with these words; nothing gets the tag.
    Fails(&'static [&'static str]),
}

/// One that arrives byte for byte.
fn whole(what: &'static str, seen: &'static str, image: Image) -> Row {
    Row { what, seen, image, comes: Comes::Whole }
}

fn rows() -> Vec<Row> {
    [images(), indexes(), artifacts(), refused()].into_iter().flatten().collect()
}

fn images() -> Vec<Row> {
    let typed = |media_type: &str| Draft::new(Format::Oci).typed_layer(media_type, "layer").build();
    let annotated = |annotations: Value| {
        typed("application/vnd.oci.image.layer.v1.tar+gzip")
            .edited(|manifest| manifest["layers"][0]["annotations"] = annotations)
    };
    let urls = |format: Format, urls: Value| {
        Draft::new(format).layer("here").build().edited(|manifest| manifest["layers"][0]["urls"] = urls)
    };
    let elsewhere = json!(["http://127.0.0.1:9/layer"]);
    vec![
        whole("zstd layers", "containerd/imgcrypt#95", typed("application/vnd.oci.image.layer.v1.tar+zstd")),
        whole(
            "zstd layers under Docker's types",
            "containers/image#2906",
            Draft::new(Format::Docker)
                .typed_layer("application/vnd.docker.image.rootfs.diff.tar.zstd", "layer")
                .build(),
        ),
        whole(
            "eStargz, whose table of contents is in an annotation",
            "opencontainers/image-spec#815",
            annotated(json!({"containerd.io/snapshot/stargz/toc.digest": "sha256:00"})),
        ),
        whole("layers with an empty media type", "google/go-containerregistry#866", typed("")),
        whole(
            "encrypted layers",
            "containers/ocicrypt#68",
            typed("application/vnd.oci.image.layer.v1.tar+gzip+encrypted"),
        ),
        whole(
            "layers of a Nydus image",
            "containerd/nydus-snapshotter",
            typed("application/vnd.oci.image.layer.nydus.blob.v1"),
        ),
        whole(
            "an ordinary layer with `urls`, which are a hint",
            "distribution/distribution#1931",
            urls(Format::Docker, elsewhere.clone()),
        ),
        whole(
            "the same with OCI's types",
            "OCI image specification, descriptor",
            urls(Format::Oci, elsewhere),
        ),
        whole("`urls` that are null", "OCI image specification, descriptor", urls(Format::Oci, json!(null))),
        whole(
            "a layer that is said to be foreign, and has no `urls`",
            "podman-container-tools/skopeo#545",
            Draft::new(Format::Docker)
                .typed_layer("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "here")
                .build(),
        ),
        whole(
            "members that are null",
            "OCI image specification, manifest",
            typed("application/vnd.oci.image.layer.v1.tar").edited(|manifest| {
                manifest["annotations"] = json!(null);
                manifest["subject"] = json!(null);
            }),
        ),
        whole(
            "a manifest that leaves out its own type",
            "podman-container-tools/skopeo#1695",
            typed("application/vnd.oci.image.layer.v1.tar").edited(|manifest| {
                manifest.as_object_mut().unwrap().remove("mediaType");
            }),
        ),
    ]
}

fn indexes() -> Vec<Row> {
    let layer = |text: &str| {
        let descriptor = json!({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"});
        (descriptor, bytes::Bytes::from(text.to_owned()))
    };
    let cache = (json!({"mediaType": "application/vnd.buildkit.cacheconfig.v0"}), bytes::Bytes::from("{}"));
    let unknown = (json!({"mediaType": "application/vnd.cyclonedx+json"}), bytes::Bytes::from("sbom"));
    let mixed = index(
        Format::Docker,
        &[("linux/amd64", oci_image(&["oci"])), ("linux/s390x", crate::fake::image(&["docker"]))],
    );
    let strange = oci_image(&["strange"]);
    let retyped = index(Format::Oci, &[("linux/amd64", strange)]).edited(|index| {
        index["manifests"][0]["mediaType"] = json!("application/vnd.example.manifest.v1+json");
    });
    vec![
        whole(
            "BuildKit's cache: layers and a configuration in an index",
            "moby/buildkit#1143",
            index_of(Format::Oci, &[layer("one"), layer("two"), cache.clone()]),
        ),
        whole(
            "the same under Docker's type",
            "moby/buildkit#1550",
            index_of(Format::Docker, &[layer("one"), cache]),
        ),
        whole(
            "a child of an unknown type that is a blob",
            "opencontainers/image-spec, image-index.md: unknown types",
            index_of(Format::Oci, &[unknown]),
        ),
        whole(
            "a child of an unknown type that is a manifest",
            "opencontainers/image-spec, image-index.md: unknown types",
            retyped,
        ),
        whole(
            "attestations beside images",
            "opencontainers/image-spec#1197",
            attested_index(&["linux/amd64"]),
        ),
        whole(
            "an index in an index",
            "apptainer/apptainer#2909",
            index(Format::Oci, &[("", attested_index(&["linux/arm64"]))]),
        ),
        whole("Docker's list with children of both kinds", "docker/buildx#173", mixed),
        whole(
            "children without a platform",
            "conforma/cli#1672",
            index(Format::Oci, &[("", oci_image(&["a"])), ("", oci_image(&["b"]))]),
        ),
        whole(
            "children whose platform is null, empty or half",
            "konflux-ci/build-definitions#3830",
            index(Format::Oci, &[("", oci_image(&["a"])), ("", oci_image(&["b"])), ("", oci_image(&["c"]))])
                .edited(|index| {
                    index["manifests"][0]["platform"] = json!(null);
                    index["manifests"][1]["platform"] = json!({});
                    index["manifests"][2]["platform"] = json!({"os": "linux"});
                }),
        ),
        whole("an index without children", "OCI image specification, index", index(Format::Oci, &[])),
        whole(
            "an index whose children are null",
            "OCI image specification, index",
            index(Format::Oci, &[]).edited(|index| index["manifests"] = json!(null)),
        ),
        whole(
            "an index with a subject and an artifact type",
            "OCI image specification 1.1, index",
            index(Format::Oci, &[("", artifact("application/vnd.example", "x", None))]).edited(|index| {
                index["artifactType"] = json!("application/vnd.example");
                index["subject"] = oci_image(&["not here"]).descriptor();
            }),
        ),
    ]
}

fn artifacts() -> Vec<Row> {
    let of = |config: &str, layers: &[&str]| {
        let draft = Draft::new(Format::Oci).config_type(config).config("{}");
        layers.iter().fold(draft, |draft, layer| draft.typed_layer(layer, format!("a {layer}"))).build()
    };
    let empty = || artifact("application/vnd.example+type", "payload", None);
    vec![
        whole(
            "a Helm chart with its provenance",
            "aws/containers-roadmap#308",
            of(
                "application/vnd.cncf.helm.config.v1+json",
                &[
                    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                    "application/vnd.cncf.helm.chart.provenance.v1.prov",
                ],
            ),
        ),
        whole(
            "a WASM module",
            "engineerd/wasm-to-oci#7",
            of("application/vnd.wasm.config.v1+json", &["application/vnd.wasm.content.layer.v1+wasm"]),
        ),
        whole(
            "a WASM component",
            "CNCF TAG Runtime, Wasm OCI artifact",
            of("application/vnd.wasm.config.v0+json", &["application/wasm"]),
        ),
        whole(
            "a model of Docker's",
            "docker-archive-public/docker.model-distribution#33",
            of(
                "application/vnd.docker.ai.model.config.v1+json",
                &["application/vnd.docker.ai.model.file.v1+gguf", "application/vnd.docker.ai.license"],
            ),
        ),
        whole(
            "a model of ModelPack",
            "goharbor/community#257",
            of("application/vnd.cnai.model.config.v1+json", &["application/vnd.cnai.model.doc.v1.tar"])
                .edited(|manifest| {
                    manifest["artifactType"] = json!("application/vnd.cnai.model.manifest.v1+json");
                }),
        ),
        whole(
            "BuildKit's cache as an image",
            "podman-container-tools/skopeo#2732",
            of("application/vnd.buildkit.cacheconfig.v0", &["application/vnd.oci.image.layer.v1.tar+gzip"]),
        ),
        whole(
            "a policy bundle",
            "aws/containers-roadmap#1074",
            of(
                "application/vnd.cncf.openpolicyagent.config.v1+json",
                &["application/vnd.cncf.openpolicyagent.manifest.layer.v1+json"],
            ),
        ),
        whole(
            "a feature of a development container",
            "devcontainers/cli#664",
            of("application/vnd.devcontainers", &["application/vnd.devcontainers.layer.v1+tar"]),
        ),
        whole("an artifact with the empty configuration", "containers/image#2279", empty()),
        whole(
            "the same with its content in the descriptor",
            "project-zot/zot#2977",
            empty().edited(|manifest| manifest["config"]["data"] = json!("e30=")),
        ),
        whole(
            "an artifact without content: the empty descriptor as its only layer",
            "OCI image specification 1.1, artifact usage",
            Draft::new(Format::Oci)
                .config_type("application/vnd.oci.empty.v1+json")
                .config("{}")
                .typed_layer("application/vnd.oci.empty.v1+json", "{}")
                .member("artifactType", json!("application/vnd.example+type"))
                .build(),
        ),
        whole(
            "an SBOM with a tag of its own and a subject that is elsewhere",
            "oras-project/oras#1907",
            artifact("application/spdx+json", "sbom", Some(&oci_image(&["not here"]))),
        ),
    ]
}

fn refused() -> Vec<Row> {
    let raw = |media_type: &str, document: &Value| Image {
        media_type: media_type.to_owned(),
        bytes: document.to_string().into(),
        blobs: Vec::new(),
        children: Vec::new(),
    };
    let old = "application/vnd.oci.artifact.manifest.v1+json";
    let empty = |what: &'static str, part: &'static str| Row {
        what,
        seen: "none found; brother of blobs of a wrong size",
        image: oci_image(&["layer"])
            .edited(|manifest| manifest.pointer_mut(part).unwrap()["size"] = json!(0)),
        comes: Comes::Fails(&["is said to have 0 bytes, and its digest is not that of nothing"]),
    };
    vec![
        empty("a layer that is said to be empty, and is not", "/layers/0"),
        empty("a configuration that is said to be empty, and is not", "/config"),
        Row {
            what: "Docker's schema 1",
            seen: "docker/roadmap#173",
            image: raw(
                "application/vnd.docker.distribution.manifest.v1+json",
                &json!({"schemaVersion": 1, "fsLayers": [], "history": []}),
            ),
            comes: Comes::Fails(&["schema 1", "rebuilt"]),
        },
        Row {
            what: "the artifact manifest of a release candidate of OCI 1.1",
            seen: "opencontainers/image-spec, v1.1.0-rc2",
            image: raw(old, &json!({"mediaType": old, "artifactType": "a/b", "blobs": []})),
            comes: Comes::Fails(&["unsupported media type", "application/vnd.oci.artifact.manifest.v1+json"]),
        },
        Row {
            what: "a layer by its SHA-512 digest",
            seen: "google/go-containerregistry#2427, regclient/regclient#776, distribution/distribution#4420",
            image: oci_image(&["layer"]).edited(|manifest| {
                manifest["layers"][0]["digest"] = json!(format!("sha512:{}", "0".repeat(128)));
            }),
            comes: Comes::Fails(&[
                "`sha512:0000",
                "only sha256 digests are supported",
                "tagferry cannot copy it",
            ]),
        },
        Row {
            what: "an index that says it is an image",
            seen: "CVE-2021-41190",
            image: index(Format::Oci, &[])
                .edited(|index| index["mediaType"] = json!(MediaType::OCI_MANIFEST)),
            comes: Comes::Fails(&["ambiguous document"]),
        },
    ]
}

#[tokio::test]
async fn content_of_every_kind_arrives_whole_or_says_why_not() {
    for Row { what, image, comes, .. } in rows() {
        let source = Registry::start(Face::Open).await;
        source.push("app", "1", &image);
        let target = Registry::start(Face::Open).await;
        let summary = copy(&source, &target).await;
        match comes {
            Comes::Whole => {
                assert!(tag(&summary, "1").error.is_none(), "{what}: {summary:#?}");
                let (sent, arrived) = (source.repository("app").unwrap(), target.repository("app").unwrap());
                assert_eq!(arrived.tags, sent.tags, "{what}");
                assert_eq!(arrived.manifests, sent.manifests, "{what}");
                assert_eq!(arrived.blobs, sent.blobs, "{what}");
                target.assert_consistent();
            }
            Comes::Fails(words) => {
                let error = tag_error(&summary, "1");
                assert!(words.iter().all(|word| error.contains(word)), "{what}: {error}");
                assert!(target.tags("app").is_empty(), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn content_of_every_kind_goes_through_a_directory() {
    for Row { what, image, .. } in rows().into_iter().filter(|row| matches!(row.comes, Comes::Whole)) {
        let source = Registry::start(Face::Open).await;
        source.push("app", "1", &image);
        let target = Registry::start(Face::Open).await;
        let dir = tempfile::tempdir().unwrap();
        let through = format!("oci:{}", dir.path().display());
        let fill = format!("  - {{source: SOURCE/app, target: '{through}', tags: [{{match: .}}]}}\n");
        let empty = format!("  - {{source: '{through}', target: TARGET/app, tags: [{{match: .}}]}}\n");
        for way in [fill, empty] {
            let summary = sync(&mirror(&source, &target, &way)).await;
            assert!(summary.totals.copied == 1 && summary.totals.failed == 0, "{what}: {summary:#?}");
        }
        let (sent, arrived) = (source.repository("app").unwrap(), target.repository("app").unwrap());
        assert_eq!(arrived.manifests, sent.manifests, "{what}");
        assert_eq!(arrived.blobs, sent.blobs, "{what}");
    }
}

#[test]
fn every_row_says_where_it_was_seen() {
    let rows = rows();
    assert!(rows.iter().all(|row| !row.seen.is_empty()));
    let names: std::collections::BTreeSet<_> = rows.iter().map(|row| row.what).collect();
    assert_eq!(names.len(), rows.len(), "two rows have one name");
}
