//! Over TLS, where `docker-registry` would rather speak HTTP/2: large layers neither starve one another nor hang, and
//! a peer that stops in the middle is left after `timeouts.stall`.

use std::time::Duration;

use tempfile::TempDir;

use crate::fixtures::authority::Authority;
use crate::fixtures::image::Image;
use crate::fixtures::proxy::{Proxy, Stall};
use crate::programs::distribution::Distribution;
use crate::programs::skopeo::Skopeo;
use crate::programs::tagferry::{Ran, Tagferry};

const LAYERS: usize = 8;
const LAYER_BYTES: usize = 8_000_000;
/// In the middle of a layer, whichever connection gets there first. What is left is more than the system takes in the
/// name of a peer that does not read.
const STALL_AT: usize = LAYER_BYTES / 8;
/// Many times what a run takes. One that hangs does not end at all.
const RUN_MAX: Duration = Duration::from_mins(1);
/// Longer than any run may take: what hangs is not to be mended.
const NEVER: &str = "10m";

/// Two registries of one authority, the first with an image of many large layers.
struct World {
    authority: Authority,
    source: Distribution,
    target: Distribution,
    image: Image,
}

impl World {
    async fn new() -> Self {
        let authority = Authority::new();
        let source = Distribution::over_tls(&authority).await;
        let target = Distribution::over_tls(&authority).await;
        let image = Image::layered("jdk 21.0.11", LAYERS, LAYER_BYTES);
        source.pusher().push("java/jdk", "21.0.11", &image).await;
        Self { authority, source, target, image }
    }

    /// Runs between these addresses, all layers at once. `settings` are those of both hosts.
    async fn sync(&self, source: &str, target: &str, settings: &str, stall: &str) -> Ran {
        let tagferry = Tagferry::configured(&format!(
            r#"
mirrors:
  - source: {source}/java/jdk
    target: {target}/oracle/jdk
    tags: [{{match: .}}]
registries:
  "{source}": {settings}
  "{target}": {settings}
concurrency: {{blobs: {LAYERS}}}
timeouts: {{stall: {stall}}}
"#
        ));
        let run = tagferry.run(&["sync", "--output", "json"]);
        tokio::time::timeout(RUN_MAX, run).await.expect("the copy hangs")
    }

    fn trust(&self) -> String {
        format!("{{ca_file: {}}}", self.authority.file().display())
    }

    /// The image is at the target, byte for byte, as another program reads it.
    async fn assert_mirrored(&self) {
        let skopeo = Skopeo::Trusting(self.authority.folder());
        let name = format!("{}/oracle/jdk:21.0.11", self.target.address());
        assert_eq!(skopeo.digest(&name).await, Ok(self.image.digest()));
        let folder = TempDir::new().unwrap();
        skopeo.copy_to(folder.path(), &name).await.unwrap();
    }
}

#[tokio::test]
async fn many_large_layers_travel_at_once_between_registries_over_tls() {
    let world = World::new().await;
    let ran = world.sync(&world.source.address(), &world.target.address(), &world.trust(), NEVER).await;
    let document = ran.document(0);
    assert_eq!(document["mirrors"][0]["tags"][0]["blobs"]["uploaded"], LAYERS + 1, "{document:#}");
    world.assert_mirrored().await;
}

#[tokio::test]
async fn an_unknown_authority_is_refused_at_once_with_the_setting_that_would_trust_it() {
    let world = World::new().await;
    let source = Proxy::start(world.source.address(), Stall::Never);
    let document = world.sync(&source.address(), &world.target.address(), "{}", NEVER).await.document(1);
    let error = document["mirrors"][0]["error"].as_str().unwrap();
    for words in ["certificate", "UnknownIssuer", &source.address(), "`ca_file`"] {
        assert!(error.contains(words), "no `{words}` in: {error}");
    }
    assert_eq!(source.connections(), 1, "a certificate does not become better by asking again");
}

#[tokio::test]
async fn a_source_that_stops_in_the_middle_of_a_layer_is_left_and_asked_for_the_rest() {
    let world = World::new().await;
    let source = Proxy::start(world.source.address(), Stall::Answers(STALL_AT));
    world.sync(&source.address(), &world.target.address(), &world.trust(), "1s").await.document(0);
    assert!(source.has_stalled());
    world.assert_mirrored().await;
}

#[tokio::test]
async fn a_target_that_stops_in_the_middle_of_a_layer_is_left_and_sent_the_layer_anew() {
    let world = World::new().await;
    let target = Proxy::start(world.target.address(), Stall::Requests(STALL_AT));
    world.sync(&world.source.address(), &target.address(), &world.trust(), "1s").await.document(0);
    assert!(target.has_stalled());
    world.assert_mirrored().await;
}
