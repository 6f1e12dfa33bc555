//! What `import` writes, beside the tool whose file it was.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fixtures::image::Image;
use crate::programs::distribution::Distribution;
use crate::programs::skopeo::Skopeo;
use crate::programs::tagferry::Tagferry;

/// Tags of which files of skopeo choose some.
const TAGS: [&str; 12] = [
    "1.0",
    "1.0.1",
    "1.1.0",
    "v1.2.0",
    "1.2.0-alpine",
    "1.10.0",
    "2.0.0-rc.1",
    "2.0.0",
    "2",
    "latest",
    "edge",
    "1.1.0_x",
];

/// Files, in which `SOURCE` is the registry. Debian's skopeo knows no ranges of versions.
const FILES: [&str; 2] = [
    "
SOURCE:
  tls-verify: false
  images:
    team/app: ['1.0', latest]
    team/tool: []
",
    r"
SOURCE:
  tls-verify: false
  images-by-tag-regex:
    team/app: ^1\.[0-9]+\.
    team/tool: edge|latest
",
];

#[tokio::test]
async fn a_plan_is_what_skopeo_would_copy() {
    let (source, target) = (Distribution::open().await, Distribution::open().await);
    for repository in ["team/app", "team/tool"] {
        for tag in TAGS {
            let image = Image::docker(&format!("{repository} {tag}"), 500);
            source.pusher().push(repository, tag, &image).await;
        }
    }
    let to = format!("{}/copies", target.address());
    for file in FILES {
        let file = file.replace("SOURCE", &source.address());
        let skopeo = Skopeo::Anonymous.would_sync(&file, &to).await;
        let tagferry = planned(&file, &to, &[&source.address(), &target.address()]).await;
        assert_eq!(tagferry, skopeo, "{file}");
        assert!(!skopeo.is_empty());
    }
}

/// What the imported configuration would copy, as `TARGET:TAG`.
async fn planned(file: &str, to: &str, hosts: &[&str]) -> BTreeSet<String> {
    let imported = Tagferry::configured(file).run(&["import", "tagferry.yaml", "--to", to]).await;
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    let plain: Vec<_> = hosts.iter().map(|host| format!("  '{host}': {{plain_http: true}}\n")).collect();
    // What was said of the registries is that TLS is not verified.
    let mirrors = imported.stdout.split("registries:").next().unwrap();
    let configuration = format!("{mirrors}registries:\n{}", plain.concat());
    let document = Tagferry::configured(&configuration).run(&["plan", "--output", "json"]).await.document(0);
    let mirrors = document["mirrors"].as_array().unwrap().iter();
    let images = mirrors.flat_map(|mirror| {
        let target = mirror["target"].as_str().unwrap().to_owned();
        let copied = mirror["tags"].as_array().unwrap().iter().filter(|tag| tag["action"] == "copy");
        copied.map(move |tag: &Value| format!("{target}:{}", tag["tag"].as_str().unwrap()))
    });
    images.collect()
}
