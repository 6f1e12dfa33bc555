//! Platforms: how indexes and configs name them, and what is kept of them.

use serde_json::{Value, json};
use tagferry::event::RunSummary;
use tagferry::oci::Digest;

use crate::fake::{Draft, Face, Format, Image, Registry, artifact, index, oci_image};
use crate::world::{assert_succeeded, mirror, only, sync, tag_error};

/// An index, and what is wanted of it.
struct Row {
    what: &'static str,
    /// Where it was seen.
    seen: &'static str,
    /// The `platform` of each child, and what its config says.
    children: Vec<(Value, Value)>,
    /// `platforms` of the mirror.
    wanted: &'static str,
    /// The numbers of the children that come out. One wanted platform with one child gives that child alone, none is a
    /// failure, and where nothing is for any platform the index comes whole.
    kept: &'static [usize],
}

fn rows() -> Vec<Row> {
    names().into_iter().chain(unsaid()).collect()
}

/// An operating system and an architecture.
fn of(os: &str, architecture: &str) -> Value {
    json!({"os": os, "architecture": architecture})
}

/// A child that most images have, with a config that says nothing.
fn amd64() -> (Value, Value) {
    (of("linux", "amd64"), json!({}))
}

/// Platforms under other names than that by which they are wanted.
fn names() -> Vec<Row> {
    let with = |mut platform: Value, key: &str, value: &str| {
        platform[key] = json!(value);
        (platform, json!({}))
    };
    let windows = |version: &str| with(of("windows", "amd64"), "os.version", version);
    vec![
        Row {
            what: "arm64 with its variant, wanted without",
            seen: "containers/image#898",
            children: vec![amd64(), with(of("linux", "arm64"), "variant", "v8")],
            wanted: "[linux/arm64]",
            kept: &[1],
        },
        Row {
            what: "arm64 without its variant, wanted with it",
            seen: "oras-project/oras-go#993",
            children: vec![amd64(), (of("linux", "arm64"), json!({}))],
            wanted: "[linux/arm64/v8]",
            kept: &[1],
        },
        Row {
            what: "arm without its variant is v7",
            seen: "sylabs/singularity#2040",
            children: vec![amd64(), (of("linux", "arm"), json!({}))],
            wanted: "[linux/arm/v7]",
            kept: &[1],
        },
        Row {
            what: "names of the kernel: x86_64, aarch64",
            seen: "apptainer/apptainer#2895",
            children: vec![(of("linux", "x86_64"), json!({})), (of("linux", "aarch64"), json!({}))],
            wanted: "[linux/arm64]",
            kept: &[1],
        },
        Row {
            what: "names of Debian: armhf, armel, i386",
            seen: "containerd/platforms",
            children: vec![
                (of("linux", "armhf"), json!({})),
                (of("linux", "armel"), json!({})),
                (of("linux", "i386"), json!({})),
            ],
            wanted: "[linux/arm/v6, linux/386]",
            kept: &[1, 2],
        },
        Row {
            what: "builds of Windows",
            seen: "containerd/platforms, windows",
            children: vec![windows("10.0.17763.6893"), windows("10.0.20348.3207"), amd64()],
            wanted: "['windows(10.0.20348)/amd64']",
            kept: &[1],
        },
        Row {
            what: "builds of Windows, any wanted",
            seen: "mcr.microsoft.com/windows/nanoserver",
            children: vec![windows("10.0.17763.6893"), windows("10.0.20348.3207"), amd64()],
            wanted: "[windows/amd64]",
            kept: &[0, 1],
        },
        Row {
            what: "Homebrew's bottles, one for each release of macOS",
            seen: "ghcr.io/homebrew/core",
            children: vec![with(of("darwin", "arm64"), "os.version", "macOS 15"), amd64()],
            wanted: "[darwin/arm64]",
            kept: &[0],
        },
    ]
}

/// Platforms that the index does not say, or that are not there.
fn unsaid() -> Vec<Row> {
    vec![
        Row {
            what: "a child whose platform is in its config alone",
            seen: "conforma/cli#1672",
            children: vec![(json!(null), of("linux", "amd64")), (json!({}), of("linux", "arm64"))],
            wanted: "[linux/arm64]",
            kept: &[1],
        },
        Row {
            what: "a platform without architecture",
            seen: "project-zot/zot#4221",
            children: vec![(json!({"os": "linux"}), of("linux", "s390x")), amd64()],
            wanted: "[linux/s390x]",
            kept: &[0],
        },
        Row {
            what: "artifacts, which are for no platform",
            seen: "opencontainers/image-spec#1216",
            children: vec![(json!(null), json!({})), (json!(null), json!({}))],
            wanted: "[linux/amd64]",
            kept: &[0, 1],
        },
        Row {
            what: "attestations go with the platforms that are left out",
            seen: "opencontainers/image-spec#1197",
            children: vec![amd64(), (of("unknown", "unknown"), json!({}))],
            wanted: "[linux/amd64]",
            kept: &[0],
        },
        Row {
            what: "a wanted platform that is not there",
            seen: "GoogleContainerTools/kaniko#1995",
            children: vec![amd64()],
            wanted: "[linux/riscv64]",
            kept: &[],
        },
    ]
}

impl Row {
    fn image(&self) -> Image {
        let child = |(number, (_, config)): (usize, &(Value, Value))| {
            let draft = Draft::new(Format::Oci).config(config.to_string());
            ("", draft.layer(number.to_string()).build())
        };
        let children: Vec<_> = self.children.iter().enumerate().map(child).collect();
        index(Format::Oci, &children).edited(|index| {
            for (number, (platform, _)) in self.children.iter().enumerate() {
                index["manifests"][number]["platform"] = platform.clone();
            }
        })
    }

    async fn run(&self, source: &Registry, target: &Registry) -> RunSummary {
        let mirror_of =
            "  - {source: SOURCE/app, target: TARGET/app, platforms: WANTED, tags: [{match: .}]}\n";
        sync(&mirror(source, target, &mirror_of.replace("WANTED", self.wanted))).await
    }
}

#[tokio::test]
async fn platforms_are_known_by_all_their_names() {
    for row in rows() {
        let image = row.image();
        let source = Registry::start(Face::Open).await;
        source.push("app", "1", &image);
        let target = Registry::start(Face::Open).await;
        let summary = row.run(&source, &target).await;
        let what = row.what;
        let expected: Vec<Digest> = row.kept.iter().map(|&number| image.children[number].digest()).collect();
        if expected.is_empty() {
            assert!(tag_error(&summary, "1").contains("none of the platforms"), "{what}: {summary:#?}");
            continue;
        }
        assert_eq!(summary.totals.copied, 1, "{what}: {summary:#?}");
        let root = target.tags("app")["1"];
        let manifests = target.repository("app").unwrap().manifests;
        let document: Value = serde_json::from_slice(&manifests[&root].bytes).unwrap();
        let found: Vec<Digest> = match document["manifests"].as_array() {
            Some(children) => {
                children.iter().map(|child| child["digest"].as_str().unwrap().parse().unwrap()).collect()
            }
            None => vec![root],
        };
        assert_eq!(found, expected, "{what}");
        assert_eq!(row.run(&source, &target).await.totals.up_to_date, 1, "{what}: the same bytes each time");
    }
}

#[tokio::test]
async fn a_wanted_platform_that_is_missing_beside_others_is_a_warning() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    let both = [("linux/amd64", oci_image(&["a"])), ("linux/arm64", oci_image(&["b"]))];
    source.push("app", "both", &index(Format::Oci, &both));
    source.push("app", "one", &index(Format::Oci, &both[..1]));
    let config = r#"{"os":"linux","architecture":"amd64"}"#;
    source.push("app", "single", &Draft::new(Format::Oci).config(config).layer("x").build());
    source.push("app", "chart", &artifact("application/vnd.cncf.helm.config.v1+json", "chart", None));
    let wanted = "  - {source: SOURCE/app, target: TARGET/app, platforms: [linux/amd64, linux/arm64/v8], tags: [{match: .}]}\n";
    let summary = sync(&mirror(&source, &target, wanted)).await;
    assert_succeeded(&summary);
    let [warning] = &only(&summary).warnings[..] else { panic!("{summary:#?}") };
    assert_eq!((warning.code, warning.rule.as_deref()), ("platform_not_offered", None));
    let message = &warning.message;
    assert!(message.starts_with("linux/arm64 is not offered for "), "{message}");
    assert!(message.contains("one") && message.contains("single"), "{message}");
    assert!(!message.contains("both") && !message.contains("chart"), "{message}");
}

#[test]
fn every_row_says_where_it_was_seen() {
    assert!(rows().iter().all(|row| !row.seen.is_empty() && !row.what.is_empty()));
}
