//! `Content-Type` of manifests and blobs, and types that are left out: the document says what it is.

use serde_json::json;
use tagferry::oci::MediaType;

use super::Ends::{Copied, TagFails};
use super::{Row, answer, check, one, rewritten, row};
use crate::fake::{Action, Fault, Format, Image, Match, Registry, Reply, image, index, oci_image};

/// The manifest comes with this type.
fn typed(id: &'static str, seen: &'static str, media_type: &'static str) -> Row {
    let given = move |source: &Registry, _: &Registry| {
        one(source);
        source
            .fault(Fault::new(Match::manifest_get(), Action::Header("content-type", media_type.to_owned())));
    };
    stored_as(row(id, seen, given, Copied), MediaType::DOCKER_MANIFEST)
}

/// This image comes as `application/json`, as do all that leave their type out.
fn plain(id: &'static str, seen: &'static str, image: Image, media_type: &'static str) -> Row {
    let given = move |source: &Registry, _: &Registry| {
        source.push("app", "1.0", &image);
        let json = Action::Header("content-type", "application/json".to_owned());
        source.fault(Fault::new(Match::manifest_get(), json));
    };
    stored_as(row(id, seen, given, Copied), media_type)
}

fn stored_as(row: Row, media_type: &'static str) -> Row {
    row.then(move |_, target| {
        let app = target.repository("app").unwrap();
        assert_eq!(app.manifests[&app.tags["1.0"]].media_type, media_type);
    })
}

fn untyped(image: &Image) -> Image {
    rewritten(image, |document| drop(document.as_object_mut().unwrap().remove("mediaType")))
}

#[tokio::test]
async fn a_type_that_says_nothing_does_not_count() {
    check(vec![
        typed("octet-stream", "moby/moby#31318", "application/octet-stream"),
        typed("binary/octet-stream", "spring-attic/spring-cloud-dataflow#5892", "binary/octet-stream"),
        typed("text/plain", "podman-container-tools/skopeo#469", "text/plain; charset=utf-8"),
        typed("text/html", "NicolasT/static-container-registry#15", "text/html"),
        typed("JSON with parameters", "Katello/katello#8070", "application/json; charset=utf-8"),
        typed(
            "the right type in other letters",
            "Katello/katello#8070",
            "Application/Vnd.Docker.Distribution.Manifest.V2+JSON;charset=UTF-8",
        ),
        row(
            "no type at all",
            "pulp/pulp_container#1147",
            |source, _| {
                one(source);
                source.fault(Fault::new(Match::manifest_get(), Action::WithoutHeader("content-type")));
            },
            Copied,
        ),
        row(
            "a blob of any type",
            "google/go-containerregistry#1079",
            |source, _| {
                one(source);
                source.fault(Fault::new(
                    Match::blob_get(),
                    Action::Header("content-type", "text/html".to_owned()),
                ));
            },
            Copied,
        )
        .then(|_, target| {
            let puts = target.requests().into_iter().filter(|seen| Match::upload_put().matches(&seen.head));
            let types: Vec<_> =
                puts.map(|seen| seen.head.header("content-type").map(str::to_owned)).collect();
            assert!(types.iter().all(|t| t.as_deref() == Some("application/octet-stream")), "{types:?}");
        }),
    ])
    .await;
}

#[tokio::test]
async fn a_document_without_a_type_is_what_its_parts_are() {
    let docker = || vec![("linux/amd64", image(&["a"]))];
    let oci = || vec![("linux/amd64", oci_image(&["a"]))];
    check(vec![
        plain(
            "an OCI manifest",
            "podman-container-tools/buildah#575",
            untyped(&oci_image(&["a"])),
            MediaType::OCI_MANIFEST,
        ),
        plain(
            "an OCI index",
            "regclient/regclient#436",
            untyped(&index(Format::Oci, &oci())),
            MediaType::OCI_INDEX,
        ),
        plain(
            "an index of Docker's manifests",
            "regclient/regclient#436",
            untyped(&index(Format::Oci, &docker())),
            MediaType::DOCKER_LIST,
        ),
        plain(
            "a Docker manifest",
            "cnabio/cnab-to-oci#34",
            untyped(&image(&["a"])),
            MediaType::DOCKER_MANIFEST,
        ),
        plain(
            "a configuration of any type",
            "moby/moby#30083",
            rewritten(&image(&["a"]), |d| d["config"]["mediaType"] = json!("text/html")),
            MediaType::DOCKER_MANIFEST,
        ),
        plain(
            "a configuration as octet-stream",
            "pulp/pulp_container#1157",
            rewritten(&image(&["a"]), |d| d["config"]["mediaType"] = json!("application/octet-stream")),
            MediaType::DOCKER_MANIFEST,
        ),
        plain(
            "parts of another family",
            "apptainer/apptainer#2178",
            rewritten(&image(&["a"]), |d| {
                d["config"]["mediaType"] = json!("application/vnd.sylabs.sif.config.v1+json");
                d["layers"][0]["mediaType"] = json!("application/vnd.sylabs.sif.layer.v1.sif");
            }),
            MediaType::DOCKER_MANIFEST,
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_no_manifest_is_told_as_what_it_is() {
    check(vec![
        row(
            "two types that differ",
            "apache/dolphinscheduler#14383",
            |source, _| {
                one(source);
                let oci = MediaType::OCI_MANIFEST.to_owned();
                source.fault(Fault::new(Match::manifest_get(), Action::Header("content-type", oci)));
            },
            TagFails(&[
                "ambiguous document: the body says `application/vnd.docker",
                "its Content-Type `application/vnd.oci",
            ]),
        ),
        row(
            "a page of HTML",
            "moby/moby#40507",
            |source, _| {
                one(source);
                let page = Reply::status(200).body("<!DOCTYPE html><html><title>Portal</title>");
                answer(source, Match::manifest_get(), page);
            },
            TagFails(&["a web page (Portal) came instead of what was asked for", "GET http://127.0.0.1"]),
        ),
        row(
            "schema 1",
            "eclipse-che/che-plugin-registry#2082",
            |source, _| {
                let bytes = r#"{"schemaVersion":1,"name":"app","tag":"1.0","fsLayers":[]}"#;
                let media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws".to_owned();
                let image = Image { media_type, bytes: bytes.into(), blobs: vec![], children: vec![] };
                source.push("app", "1.0", &image);
            },
            TagFails(&["Docker image manifest schema 1, which registries no longer accept"]),
        ),
        row(
            "a target that does not take the type",
            "dotnet/sdk-container-builds#621",
            |source, target| {
                one(source);
                answer(target, Match::manifest_put(), Reply::status(415));
            },
            TagFails(&[
                "415 Unsupported Media Type",
                "the target does not take `application/vnd.docker.distribution.manifest.v2+json`",
            ]),
        )
        .then(|_, target| assert_eq!(target.count(&Match::manifest_put()), 1)),
    ])
    .await;
}
