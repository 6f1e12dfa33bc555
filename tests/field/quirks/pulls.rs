//! What a pass costs when nothing changed: Docker Hub counts each `GET` of a manifest as a pull, and a `HEAD` as none.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use http::Method;
use tagferry::event::RunSummary;
use tagferry::pass::{Mode, Stop};

use crate::fake::{Action, Face, Fault, Format, Image, Kind, Match, Registry, image, index, oci_image};
use crate::world::{app, assert_succeeded, mirror, silent};

const TAGS: usize = 10;

/// What happens between two passes of one process, and what the second then asks.
struct Row {
    what: &'static str,
    /// Where it was seen.
    seen: &'static str,
    /// What the mirror says besides source, target and rule.
    says: &'static str,
    /// What the source has and does.
    given: fn(&Registry),
    between: fn(&Registry, &Registry),
    /// Requests of the second pass.
    then: Asked,
}

/// Requests that a pass made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    /// `HEAD` of manifests at the source.
    heads: usize,
    /// `GET` of manifests at the source: pulls.
    pulls: usize,
    /// Requests for blobs, at both sides.
    blobs: usize,
    /// Requests that write, at the target.
    writes: usize,
}

/// An index of two wanted platforms and one more.
fn build(version: &str) -> Image {
    let child = |platform: &'static str| (platform, oci_image(&["base", version, platform]));
    index(Format::Oci, &["linux/amd64", "linux/arm64", "linux/s390x"].map(child))
}

fn indexes(source: &Registry) {
    for number in 0..TAGS {
        source.push("app", &format!("1.{number}"), &build(&number.to_string()));
    }
}

fn images(source: &Registry) {
    for number in 0..TAGS {
        source.push("app", &format!("1.{number}"), &image(&["base", &number.to_string()]));
    }
}

/// Refuses `HEAD` of manifests.
fn without_head(source: &Registry) {
    indexes(source);
    source.fault(Fault::new(Match::manifest_head(), Action::status(405)));
}

/// Children whose platform is in their configs alone.
fn unsaid(source: &Registry) {
    let children = ["a", "b"].map(|child| ("", oci_image(&[child])));
    for number in 0..TAGS {
        source.push("app", &format!("1.{number}"), &index(Format::Oci, &children));
    }
}

const HEADS: Asked = Asked { heads: TAGS, pulls: 0, blobs: 0, writes: 0 };
const TWO: &str = "platforms: [linux/amd64, linux/arm64]";

fn nothing(what: &'static str, seen: &'static str, says: &'static str, given: fn(&Registry)) -> Row {
    Row { what, seen, says, given, between: |_, _| {}, then: HEADS }
}

fn rows() -> Vec<Row> {
    vec![
        nothing("images", "containers/image#1078, goharbor/harbor#13112", "", images),
        nothing("indexes, whole", "krustlet/krustlet#669", "", indexes),
        nothing("two platforms of indexes", "regclient/regclient#215", TWO, indexes),
        nothing(
            "one platform of indexes",
            "podman-container-tools/skopeo#2683",
            "platforms: [linux/arm64]",
            indexes,
        ),
        nothing("images, platforms wanted", "none found; brother of the above", TWO, images),
        nothing(
            "a platform that is missing",
            "none found; brother of the above",
            "platforms: [linux/amd64, linux/riscv64]",
            indexes,
        ),
        nothing(
            "children that are asked for their platform",
            "conforma/cli#1672",
            "platforms: [linux/amd64]",
            unsaid,
        ),
        Row {
            // `HEAD` is tried for the tags that are asked for first; their refusals are about all of them.
            what: "a source without HEAD",
            seen: "google/go-containerregistry#971",
            says: TWO,
            given: without_head,
            between: |_, _| {},
            then: Asked { heads: 8, pulls: TAGS, ..HEADS },
        },
        Row {
            // The index and its two children are read; the one layer that is new goes to the target, which is asked for all five.
            what: "a tag that moved is read",
            seen: "none found; brother of the above",
            says: TWO,
            given: indexes,
            between: |source, _| source.push("app", "1.0", &build("moved")),
            then: Asked { pulls: 3, blobs: 6, writes: 5, ..HEADS },
        },
        Row {
            what: "a tag of the target that somebody moved is repaired",
            seen: "podman-container-tools/skopeo#1899",
            says: TWO,
            given: indexes,
            between: |_, target| target.push("app", "1.0", &image(&["strange"])),
            then: Asked { pulls: 3, blobs: 5, writes: 3, ..HEADS },
        },
        Row {
            what: "only selected tags are asked for",
            seen: "bluerobotics/BlueOS#382, microsoft/vscode-docker#2272",
            says: TWO,
            given: indexes,
            between: |source, _| {
                for number in 0..300 {
                    source.push("app", &format!("nightly-{number}"), &image(&["nightly"]));
                }
            },
            then: HEADS,
        },
    ]
}

/// So far.
fn asked(source: &Registry, target: &Registry) -> Asked {
    let blobs = |registry: &Registry| registry.count(&Match::kind(Kind::Blob));
    let is_write = |method: &Method| ![Method::GET, Method::HEAD].contains(method);
    Asked {
        heads: source.count(&Match::manifest_head()),
        pulls: source.count(&Match::manifest_get()),
        blobs: blobs(source) + blobs(target),
        writes: target.requests().iter().filter(|seen| is_write(&seen.head.method)).count(),
    }
}

impl Row {
    async fn run(self) {
        let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
        (self.given)(&source);
        let says = if self.says.is_empty() { String::new() } else { format!(", {}", self.says) };
        let app_yaml =
            format!("  - {{source: SOURCE/app, target: TARGET/app, tags: [{{match: ^1}}]{says}}}\n");
        let app = Box::pin(app(&mirror(&source, &target, &app_yaml), silent())).await;
        let pass = async || -> RunSummary { Box::pin(app.run(Mode::Sync, &Stop::default())).await };
        let first = pass().await;
        assert_succeeded(&first);
        let tags = target.tags("app");
        (self.between)(&source, &target);
        let before = asked(&source, &target);
        let second = pass().await;
        assert_succeeded(&second);
        assert_eq!(second.warnings, first.warnings);
        let after = asked(&source, &target);
        let then = Asked {
            heads: after.heads - before.heads,
            pulls: after.pulls - before.pulls,
            blobs: after.blobs - before.blobs,
            writes: after.writes - before.writes,
        };
        assert_eq!(then, self.then);
        target.assert_consistent();
        if then == HEADS {
            assert_eq!(target.tags("app"), tags);
        }
    }
}

#[tokio::test]
async fn nothing_to_do_costs_a_head_for_each_tag() {
    let mut faults = Vec::new();
    for row in rows() {
        let (what, seen) = (row.what, row.seen);
        if let Err(panic) = AssertUnwindSafe(row.run()).catch_unwind().await {
            let words = panic.downcast_ref::<String>().map_or("it panics", String::as_str);
            faults.push(format!("{what} ({seen}): {words}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}
