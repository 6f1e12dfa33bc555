//! Null, the empty object and what is left out, in manifests and errors: all of them are absent.

use serde_json::{Value, json};

use super::Ends::{Copied, MirrorFails, TagFails};
use super::{Row, answer, check, rewritten, row};
use crate::fake::{Format, Image, Match, Reply, image, index, oci_image};

/// An image with this in its document, which is copied as it is.
fn copied(id: &'static str, seen: &'static str, image: Image) -> Row {
    row(id, seen, move |source, _| source.push("app", "1.0", &image), Copied)
}

fn child_with(platform: Value) -> Image {
    let index = index(Format::Oci, &[("linux/amd64", oci_image(&["a"]))]);
    rewritten(&index, |document| document["manifests"][0]["platform"] = platform)
}

#[tokio::test]
async fn what_is_null_in_a_manifest_is_absent() {
    check(vec![
        copied(
            "urls and annotations of a layer",
            "none found; brother of moby/moby#47210",
            rewritten(&oci_image(&["a"]), |d| {
                d["layers"][0]["urls"] = Value::Null;
                d["layers"][0]["annotations"] = Value::Null;
                d["layers"][0]["platform"] = Value::Null;
            }),
        ),
        copied(
            "members of the document",
            "none found; brother of moby/moby#47210",
            rewritten(&oci_image(&["a"]), |d| {
                for member in ["annotations", "subject", "artifactType", "manifests"] {
                    d[member] = Value::Null;
                }
            }),
        ),
        copied("a platform of null", "containers/image#911", child_with(Value::Null)),
        copied("an empty platform", "seqeralabs/wave#689", child_with(json!({}))),
        copied(
            "a platform of empty texts",
            "project-zot/zot#3808",
            child_with(json!({"os": "", "architecture": "", "variant": null})),
        ),
        copied(
            "a platform without architecture",
            "stargate/data-api#2554",
            child_with(json!({"os": "linux"})),
        ),
        copied("an index of null", "moby/moby#47210", {
            let index = index(Format::Oci, &[]);
            rewritten(&index, |document| document["manifests"] = Value::Null)
        }),
        copied("layers of null", "h33333333/xray#4", rewritten(&image(&[]), |d| d["layers"] = Value::Null)),
        copied(
            "no layers at all",
            "Vanilla-OS/ABRoot#285",
            rewritten(&image(&[]), |d| drop(d.as_object_mut().unwrap().remove("layers"))),
        ),
        row(
            "a manifest that is null",
            "google/go-containerregistry#887",
            |source, _| {
                let image = Image { bytes: "null".into(), ..image(&[]) };
                source.push("app", "1.0", &image);
            },
            TagFails(&["unusable manifest: not a valid manifest"]),
        ),
        row(
            "neither layers nor configuration",
            "artipie/docker-adapter#446",
            |source, _| {
                let bytes =
                    format!(r#"{{"schemaVersion":2,"mediaType":"{}","layers":null}}"#, image(&[]).media_type);
                source.push("app", "1.0", &Image { bytes: bytes.into(), blobs: vec![], ..image(&[]) });
            },
            TagFails(&["neither `manifests` nor `config` or `layers`"]),
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_is_null_in_an_error_takes_nothing_from_it() {
    let refusal = |id, seen, status, body: &'static str, words| {
        let given = move |source: &crate::fake::Registry, _: &crate::fake::Registry| {
            answer(source, Match::tags(), Reply::status(status).body(body));
        };
        row(id, seen, given, MirrorFails(words))
    };
    check(vec![
        refusal("errors null", "none found; brother of distribution/distribution#4324", 404, r#"{"errors":null}"#, &["404 Not Found"]),
        refusal(
            "detail null",
            "none found; brother of distribution/distribution#4324",
            403,
            r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied","detail":null}]}"#,
            &["403 Forbidden: DENIED: requested access to the resource is denied"],
        ),
        refusal("errors as text", "none found; brother of containerd/containerd#4674", 400, r#"{"errors":"invalid scope"}"#, &["400 Bad Request: invalid scope"]),
        refusal(
            "something behind the document",
            "oras-project/rust-oci-client#132",
            404,
            r#"{"errors":[{"code":"NOT_FOUND","message":"artifact a/b:v1 not found"}]}]}"#,
            &["404 Not Found: NOT_FOUND: artifact a/b:v1 not found"],
        ),
        refusal("a page of a proxy", "go-gitea/gitea#32058", 404, "<html>\r\n<head><title>404 Not Found</title></head>", &["404 Not Found: a web page (404 Not Found)"]),
        refusal("plain text", "docker-archive/classicswarm#927", 403, "Not here\n", &["403 Forbidden: Not here"]),
    ])
    .await;
}
