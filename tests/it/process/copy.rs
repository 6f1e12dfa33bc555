//! `tagferry copy`: one image, as a run of one mirror.

use serde_json::Value;

use crate::fake::{Face, Registry, image};
use crate::world::mirror;
use crate::world::program::{Program, Ran};

/// A source of two images, a target, and a program that knows both.
struct World {
    source: Registry,
    target: Registry,
    program: Program,
}

impl World {
    async fn start() -> Self {
        let source = Registry::start(Face::Token).await;
        for tag in ["1.0", "1.1", "latest"] {
            source.push("app", tag, &image(&["base", tag]));
        }
        let target = Registry::start(Face::Token).await;
        // Only the settings of the hosts count.
        let any = "  - {source: SOURCE/other, target: TARGET/other, tags: [{match: .}]}\n";
        let program = Program::configured(&mirror(&source, &target, any));
        Self { source, target, program }
    }

    /// Copies between these places, in which `SOURCE` and `TARGET` are the hosts.
    async fn copy(&self, source: &str, target: &str) -> Ran {
        let named =
            |text: &str| text.replace("SOURCE", &self.source.host()).replace("TARGET", &self.target.host());
        let arguments = ["copy", &named(source), &named(target), "--quiet", "--output", "json"];
        self.program.run_online(&arguments).await
    }
}

#[tokio::test]
async fn an_image_gets_the_tag_of_the_target_or_its_own() {
    let world = World::start().await;
    let ran = world.copy("SOURCE/app:1.0", "TARGET/mine/app").await;
    let document: Value = serde_json::from_str(&ran.assert_code(0).stdout).unwrap();
    assert_eq!((&document["outcome"], &document["totals"]["copied"]), (&"succeeded".into(), &1.into()));
    world.copy("SOURCE/app:1.0", "TARGET/mine/app:stable").await.assert_code(0);
    world.copy("SOURCE/app", "TARGET/mine/app").await.assert_code(0);
    let (at_source, at_target) = (world.source.tags("app"), world.target.tags("mine/app"));
    assert_eq!(at_target.keys().map(String::as_str).collect::<Vec<_>>(), ["1.0", "latest", "stable"]);
    assert_eq!((&at_target["1.0"], &at_target["stable"]), (&at_source["1.0"], &at_source["1.0"]));
    assert_eq!(at_target["latest"], at_source["latest"]);
    world.target.assert_consistent();
}

#[tokio::test]
async fn an_image_by_its_digest_needs_no_tag() {
    let world = World::start().await;
    let digest = world.source.tags("app")["1.1"].to_string();
    world.copy(&format!("SOURCE/app@{digest}"), "TARGET/app:pinned").await.assert_code(0);
    assert_eq!(world.target.tags("app")["pinned"].to_string(), digest);
    world.copy(&format!("SOURCE/app@{digest}"), "TARGET/bare").await.assert_code(0);
    assert!(world.target.tags("bare").is_empty());
    world.copy(&format!("TARGET/bare@{digest}"), "TARGET/again:1").await.assert_code(0);
}

#[tokio::test]
async fn an_image_goes_into_a_directory_and_comes_out_of_it() {
    let world = World::start().await;
    world.copy("SOURCE/app:1.0", "oci:./carried").await.assert_code(0);
    world.copy("oci:./carried:1.0", "TARGET/app:landed").await.assert_code(0);
    assert_eq!(world.target.tags("app")["landed"], world.source.tags("app")["1.0"]);
    let digest = world.source.tags("app")["1.0"].to_string();
    let ran = world.copy(&format!("SOURCE/app@{digest}"), "oci:./carried").await;
    assert!(ran.assert_code(2).stderr.contains("write `oci:DIR:TAG`"), "{}", ran.stderr);
}

#[tokio::test]
async fn what_is_not_there_is_a_failure_that_says_so() {
    let world = World::start().await;
    let ran = world.copy("SOURCE/app:1.00", "TARGET/app").await;
    let document: Value = serde_json::from_str(&ran.assert_code(1).stdout).unwrap();
    assert_eq!(document["outcome"], "failed", "{document}");
    assert!(document.to_string().contains("1.00"), "{document}");
    assert!(world.target.tags("app").is_empty());
}

#[test]
fn a_target_says_where_it_is() {
    let ran = Program::new().run(&["copy", "nginx:1.27", "mine/nginx"]);
    assert!(ran.assert_code(2).stderr.contains("names no registry"), "{}", ran.stderr);
}
