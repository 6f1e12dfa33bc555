//! A directory on both sides: filled from a registry, read into another, written by others.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tagferry::copy::{Copier, Inflight, Looks, Shared, Siblings};
use tagferry::event::{Emitter, Pair, PassId, RunSummary};
use tagferry::layout::Layout;
use tagferry::oci::Digest;
use tagferry::plan::Root;
use tagferry::source::{Source, Sources};
use tagferry::target::Target;
use tagferry::text::chain;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::fake::{
    Directory, Draft, Ecr, Face, Format, IMAGE_NAME, Image, REF_NAME, Registry, attested_index, index,
    oci_image,
};
use crate::world::program::Program;
use crate::world::{Bytes, RETRY, Side, assert_says, assert_succeeded, mirror_error, only, sync, tag_error};

/// A configuration of one mirror of all tags from `source` to `target`, and what it says of registries.
fn mirror(source: &str, target: &str, registries: &[Side]) -> String {
    let hosts = registries.iter().map(|Side { host, settings }| format!("  {host}: {settings}\n"));
    let hosts = if registries.is_empty() {
        String::new()
    } else {
        format!("registries:\n{}", hosts.collect::<String>())
    };
    format!("mirrors:\n  - {{source: '{source}', target: '{target}', tags: [{{match: .}}]}}\n{hosts}")
}

/// Reads all tags of a layout into a registry.
async fn read(source: &str) -> (RunSummary, Registry) {
    let target = Registry::start(Face::Open).await;
    let config = mirror(source, &format!("{}/app", target.host()), &[Side::from(&target)]);
    (sync(&config).await, target)
}

fn layout() -> (TempDir, Directory) {
    let dir = tempfile::tempdir().unwrap();
    let layout = Directory::new(dir.path());
    (dir, layout)
}

#[tokio::test]
async fn images_cross_an_air_gap_byte_for_byte() {
    let outside = Registry::start(Face::Open).await;
    let images = [
        ("21", attested_index(&["linux/amd64", "linux/arm64"])),
        ("21.0.7", oci_image(&["base", ""])),
        ("17", crate::fake::image(&["base", "docker"])),
    ];
    for (tag, image) in &images {
        outside.push("app", tag, image);
    }
    let dir = tempfile::tempdir().unwrap();
    let gap = format!("oci:{}#java/app", dir.path().display());
    let config = mirror(&format!("{}/app", outside.host()), &gap, &[Side::from(&outside)]);
    assert_succeeded(&sync(&config).await);
    assert_eq!(sync(&config).await.totals.up_to_date, 3);

    let inside = Ecr::start().await;
    let config = mirror(&gap, &format!("{}/app", inside.host()), &[Side::from(&inside)]);
    let summary = sync(&config).await;
    assert_succeeded(&summary);
    assert_eq!(only(&summary).name, "java/app");
    let (sent, arrived) = (outside.repository("app").unwrap(), inside.repository("app").unwrap());
    assert_eq!((arrived.tags, arrived.manifests, arrived.blobs), (sent.tags, sent.manifests, sent.blobs));
    assert_eq!(sync(&config).await.totals.up_to_date, 3);
}

#[tokio::test]
async fn repositories_in_one_directory_are_told_apart_by_name() {
    let (_dir, layout) = layout();
    let [plain, jdk, nginx] = ["plain", "jdk", "nginx"].map(|layer| oci_image(&[layer]));
    layout.push("latest", &plain);
    layout.push("java/jdk:latest", &jdk);
    layout.push("localhost:5000/nginx:latest", &nginx);
    for (name, image) in [("", &plain), ("#java/jdk", &jdk), ("#localhost:5000/nginx", &nginx)] {
        let (summary, target) = read(&format!("{}{name}", layout.endpoint())).await;
        assert_succeeded(&summary);
        assert_eq!(target.tags("app"), [("latest".to_owned(), image.digest())].into());
    }
    let before = layout.index();
    let other = tempfile::tempdir().unwrap();
    let config = mirror(
        &format!("{}#java/jdk", layout.endpoint()),
        &format!("oci:{}#copy", other.path().display()),
        &[],
    );
    assert_succeeded(&sync(&config).await);
    assert_eq!(Directory::of(other.path()).index()["manifests"][0]["annotations"][REF_NAME], "copy:latest");
    assert_eq!(layout.index(), before, "a source is never written to");
}

/// What others write, and what comes out: the digests under tag `1`, or words of the error.
#[tokio::test]
async fn layouts_of_other_programs_are_read() {
    let one = || oci_image(&["one"]);
    let nested = || attested_index(&["linux/amd64"]);
    let docker = |image: &Image, tag: &str| {
        let annotations = json!({REF_NAME: tag, IMAGE_NAME: format!("docker.io/library/app:{tag}")});
        (image.clone(), annotations)
    };
    let rows = [
        ("umoci, regctl, oras: a tag", vec![(one(), json!({REF_NAME: "1"}))], ""),
        ("skopeo: whatever it was told", vec![(one(), json!({REF_NAME: "docker.io/library/app:1"}))], ""),
        ("docker save, containerd: a tag and a whole name", vec![docker(&one(), "1")], ""),
        ("the same by its whole name", vec![docker(&one(), "1")], "#docker.io/library/app"),
        ("an index", vec![(nested(), json!({REF_NAME: "1"}))], ""),
        ("the same entry twice", vec![(one(), json!({REF_NAME: "1"})), (one(), json!({REF_NAME: "1"}))], ""),
        (
            "one that is called nothing beside it",
            vec![(nested(), json!(null)), (one(), json!({REF_NAME: "1"}))],
            "",
        ),
        ("annotations that are null", vec![(one(), json!({REF_NAME: "1", "other": null}))], ""),
    ];
    for (what, images, name) in rows {
        let (_dir, layout) = layout();
        for (image, annotations) in &images {
            layout.list(image, annotations);
        }
        let (summary, target) = read(&format!("{}{name}", layout.endpoint())).await;
        assert!(summary.totals.copied == 1 && summary.totals.failed == 0, "{what}: {summary:#?}");
        assert_eq!(target.tags("app")["1"], images.last().unwrap().0.digest(), "{what}");
        target.assert_consistent();
    }
}

#[tokio::test]
async fn what_is_not_clear_in_a_layout_is_told() {
    let (one, other) = (oci_image(&["one"]), oci_image(&["other"]));
    let named = |name: &str| json!({REF_NAME: name});
    let rows = [
        (
            "images without a name",
            "",
            vec![(&one, json!(null)), (&other, json!({}))],
            "holds 2 images without a tag",
        ),
        (
            "several repositories, none named",
            "",
            vec![(&one, named("a:1")), (&other, named("b:1"))],
            "holds several repositories: a, b",
        ),
        (
            "another repository",
            "#c",
            vec![(&one, named("a:1")), (&other, named("2"))],
            "no images of `c`; it holds a",
        ),
    ];
    for (what, name, images, words) in rows {
        let (_dir, layout) = layout();
        for (image, annotations) in &images {
            layout.list(image, annotations);
        }
        let (summary, _) = read(&format!("{}{name}", layout.endpoint())).await;
        let error = mirror_error(&summary);
        assert!(error.contains(words) && error.contains("index.json"), "{what}: {error}");
    }
    let (_dir, empty) = layout();
    assert_says(mirror_error(&read(&empty.endpoint()).await.0), &["the source has no tags"]);
}

#[tokio::test]
async fn a_tag_that_stands_for_two_images_fails_and_names_both() {
    let (_dir, layout) = layout();
    let (one, other) = (oci_image(&["one"]), oci_image(&["other"]));
    layout.push("fine", &one);
    for (image, name) in [(&one, "nginx"), (&other, "redis")] {
        layout.list(image, &json!({REF_NAME: "1", IMAGE_NAME: format!("docker.io/library/{name}:1")}));
    }
    let (summary, target) = read(&layout.endpoint()).await;
    let digests = [one.digest().to_string(), other.digest().to_string()];
    let words = ["several images under tag 1", &digests[0], &digests[1], "docker.io/library/nginx"];
    assert_says(tag_error(&summary, "1"), &words);
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["fine"]);
    let (summary, target) = read(&format!("{}#docker.io/library/redis", layout.endpoint())).await;
    assert_succeeded(&summary);
    assert_eq!(target.tags("app")["1"], other.digest());
}

/// What befell a file on its way.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Lost,
    Cut,
    Changed,
    Linked,
}

impl Damage {
    fn befall(self, path: &Path) {
        let mut bytes = fs::read(path).unwrap();
        fs::remove_file(path).unwrap();
        match self {
            Self::Lost => {}
            Self::Cut => fs::write(path, &bytes[1..]).unwrap(),
            Self::Changed => {
                bytes[0] ^= 1;
                fs::write(path, bytes).unwrap();
            }
            Self::Linked => std::os::unix::fs::symlink("/etc/hostname", path).unwrap(),
        }
    }
}

#[tokio::test]
async fn what_is_missing_or_wrong_in_a_layout_fails_its_tag_and_is_named() {
    let image = attested_index(&["linux/amd64"]);
    let (root, child) = (image.digest(), image.children[0].digest());
    let layer = Digest::of(&image.children[0].blobs[1]);
    for (digest, damage, words) in [
        (root, Damage::Lost, ["is not in", "incomplete"]),
        (child, Damage::Lost, ["read manifest", "is not in"]),
        (layer, Damage::Lost, ["read blob", "is not in"]),
        (root, Damage::Cut, ["cannot ask for the tag", "wrong size"]),
        (child, Damage::Changed, ["read manifest", "wrong content"]),
        (layer, Damage::Cut, ["read blob", "wrong size"]),
        (layer, Damage::Changed, ["read blob", "wrong content"]),
        (layer, Damage::Linked, ["is a link and not a regular file", "`cp -rL`"]),
    ] {
        let (_dir, layout) = layout();
        layout.push("1", &image);
        damage.befall(&layout.blob(digest));
        let (summary, target) = read(&layout.endpoint()).await;
        let error = tag_error(&summary, "1");
        assert_says(&error, &words);
        assert!(error.contains(&digest.hex()), "{damage:?}: {error}");
        assert!(target.tags("app").is_empty());
        target.assert_consistent();
    }
}

/// The sources that it gets its content from are layouts; where they are makes no difference.
fn copier(sources: &[&Directory], target: &Path) -> Copier {
    let layout = |directory: &&Directory| Source::Layout(Layout::new(directory.root().to_owned()));
    let pass = PassId {
        pair: Pair { mirror: "app".to_owned(), target: "oci:target".to_owned() },
        generation: 1,
        number: 1,
        retry: 0,
        tag: None,
    };
    let shared = Shared {
        inflight: Inflight::default(),
        looks: Looks::default(),
        siblings: Siblings::new(Vec::new()),
        blob_slots: Arc::new(Semaphore::new(1)),
        retry: RETRY,
    };
    Copier {
        sources: Sources::new(layout(&sources[0]), sources[1..].iter().map(layout)),
        target: Target::Layout(Layout::new(target.to_owned())),
        events: Emitter { pass: Arc::new(pass), observer: Arc::new(Bytes::default()) },
        shared: Arc::new(shared),
        deadline: None,
        progress: None,
    }
}

#[tokio::test]
async fn content_comes_from_the_first_source_that_has_it() {
    let image = index(Format::Oci, &[("", oci_image(&["one"])), ("", oci_image(&["other"]))]);
    let [one, other] = &image.children[..] else { panic!("two children") };
    for damage in [Damage::Lost, Damage::Cut, Damage::Changed] {
        let (first, second) = (layout(), layout());
        first.1.push("1", &image);
        second.1.push("1", &image);
        // Each lacks what the other has.
        for (lacks, child) in [(&first, one), (&second, other)] {
            damage.befall(&lacks.1.blob(child.digest()));
            damage.befall(&lacks.1.blob(Digest::of(&child.blobs[1])));
        }
        let target = tempfile::tempdir().unwrap();
        let copier = copier(&[&first.1, &second.1], target.path());
        copier.target.create().await.unwrap();
        copier.tag(&"1".parse().unwrap(), None, &Root::Source(image.digest()), None).await.unwrap();
        assert_eq!(copier.target.digest(&"1".parse().unwrap()).await.unwrap(), Some(image.digest()));
    }
}

#[tokio::test]
async fn what_no_source_has_fails_with_what_says_more() {
    let image = oci_image(&["one"]);
    let layer = Digest::of(&image.blobs[1]);
    for (damages, words) in [
        ([Damage::Lost, Damage::Changed], "wrong content"),
        ([Damage::Changed, Damage::Lost], "wrong content"),
        ([Damage::Lost, Damage::Lost], "is not in"),
    ] {
        let layouts = damages.map(|damage| {
            let (dir, layout) = layout();
            layout.push("1", &image);
            damage.befall(&layout.blob(layer));
            (dir, layout)
        });
        let target = tempfile::tempdir().unwrap();
        let copier = copier(&[&layouts[0].1, &layouts[1].1], target.path());
        copier.target.create().await.unwrap();
        let error =
            copier.tag(&"1".parse().unwrap(), None, &Root::Source(image.digest()), None).await.unwrap_err();
        assert_says(chain(&error), &[words]);
    }
}

#[tokio::test]
async fn an_entry_that_leads_out_of_the_directory_is_not_followed() {
    let (_dir, layout) = layout();
    layout.list_entry(json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": "sha256:../../../../etc/hostname",
        "size": 7,
        "annotations": {REF_NAME: "1"},
    }));
    let (summary, _) = read(&layout.endpoint()).await;
    assert_says(tag_error(&summary, "1"), &["entry for tag 1 without a usable digest"]);
    let (_dir, nothing) = self::layout();
    nothing.list_entry(json!({"size": 7, "mediaType": "a/b", "annotations": {REF_NAME: "1"}}));
    let (summary, _) = read(&nothing.endpoint()).await;
    assert_says(tag_error(&summary, "1"), &["without a usable digest and size: missing field `digest`"]);

    let (dir, layout) = self::layout();
    layout.push("1", &oci_image(&["one"]));
    let elsewhere = tempfile::tempdir().unwrap();
    fs::rename(dir.path().join("blobs"), elsewhere.path().join("blobs")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("blobs"), dir.path().join("blobs")).unwrap();
    let (summary, _) = read(&layout.endpoint()).await;
    assert_says(tag_error(&summary, "1"), &["not a folder"]);
}

/// helm/helm#10250, regclient/regclient#871, containers/image#318: nobody missed them.
#[tokio::test]
async fn what_is_left_out_of_a_layout_is_told() {
    let (_dir, layout) = layout();
    let image = oci_image(&["one"]);
    for name in ["1.9", "1.10+build", "host.test/x:2", "host.test/x:3+4"] {
        layout.push(name, &image);
    }
    // Called by a tag as well; called nothing; an index of referrers.
    layout.list(&image, &json!({REF_NAME: "1.9", IMAGE_NAME: "docker.io/library/app:1.9"}));
    layout.list(&image, &json!(null));
    layout.push(&format!("host.test/y:sha256-{}", image.digest().hex()), &image);
    let told = [
        "index.json has images whose names are no tags, and which are left out: 1.10+build, host.test/x:3+4; a tag has",
        "and leaves them out: host.test/x; name one, as in `oci:DIR#NAME`",
    ];
    let (summary, _) = read(&layout.endpoint()).await;
    assert_succeeded(&summary);
    let [warning] = &only(&summary).warnings[..] else { panic!("{summary:#?}") };
    assert_eq!(warning.code, "left_out");
    assert_says(&warning.message, &told);
    let (summary, target) = read(&format!("{}#host.test/x", layout.endpoint())).await;
    assert_eq!(target.tags("app").into_keys().collect::<Vec<_>>(), ["2"]);
    let [warning] = &only(&summary).warnings[..] else { panic!("{summary:#?}") };
    assert!(
        warning
            .message
            .contains("left out: host.test/x:3+4; a tag has letters, digits, `_`, `.` and `-` alone")
    );

    let target = tempfile::tempdir().unwrap();
    let config = mirror(&layout.endpoint(), &format!("oci:{}", target.path().display()), &[]);
    let ran = Program::configured(&config).run(&["check", "--online"]);
    assert_says(&ran.assert_code(0).stdout, &told);
    Program::configured(&config).run(&["check", "--online", "--strict"]).assert_code(2);
    let ran = Program::new().run(&["tags", &layout.endpoint()]);
    assert_eq!(ran.assert_code(0).stdout, "1.9\n");
    assert_says(&ran.stderr, &told);
}

#[test]
fn the_tags_of_a_layout_are_listed_and_checked() {
    let (_dir, layout) = layout();
    layout.push("apps/web:1.10.0", &oci_image(&["a"]));
    layout.push("apps/web:1.9.0", &oci_image(&["b"]));
    let source = format!("{}#apps/web", layout.endpoint());
    let ran = Program::new().run(&["tags", &source]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "1.10.0\n1.9.0\n"), "{}", ran.stderr);
    let ran = Program::new().run(&["tags", &source, "--output", "json"]);
    assert!(ran.stdout.contains(r#""name": "apps/web""#), "{}", ran.stdout);
    let ran = Program::new().run(&["tags", &format!("{}#apps/api", layout.endpoint())]);
    assert_eq!(ran.code, Some(1));
    assert_says(&ran.stderr, &["holds no images of `apps/api`; it holds apps/web"]);
    let target = tempfile::tempdir().unwrap();
    let config = mirror(&source, &format!("oci:{}", target.path().display()), &[]);
    let ran = Program::configured(&config).run(&["check", "--online"]);
    assert_says(&ran.stdout, &[&source, "2 tags"]);
}

#[tokio::test]
async fn a_directory_that_is_no_layout_fails_the_mirror() {
    let dir = tempfile::tempdir().unwrap();
    let missing = format!("oci:{}/none", dir.path().display());
    assert_says(mirror_error(&read(&missing).await.0), &["no image layout", "oci-layout"]);
    fs::write(dir.path().join("thesis.txt"), "").unwrap();
    assert_says(mirror_error(&read(&format!("oci:{}", dir.path().display())).await.0), &["no image layout"]);
    let archive = format!("oci:{}/thesis.txt", dir.path().display());
    assert_says(mirror_error(&read(&archive).await.0), &["oci-layout", "`tar -xf`"]);
    assert!(!dir.path().join("none").exists());
}

#[tokio::test]
async fn platforms_are_chosen_from_a_layout_as_from_a_registry() {
    let (_dir, layout) = layout();
    layout.push("all", &attested_index(&["linux/amd64", "linux/arm64"]));
    let config = r#"{"os":"linux","architecture":"arm64"}"#;
    layout.push("single", &Draft::new(Format::Oci).config(config).layer("x").build());
    let target = Registry::start(Face::Open).await;
    let config = mirror(&layout.endpoint(), &format!("{}/app", target.host()), &[Side::from(&target)]);
    let summary = sync(&config.replace("tags:", "platforms: [linux/amd64], tags:")).await;
    assert_says(tag_error(&summary, "single"), &["none of the platforms linux/amd64", "linux/arm64"]);
    let expected = attested_index(&["linux/amd64", "linux/arm64"]).children[0].digest();
    assert_eq!(target.tags("app"), [("all".to_owned(), expected)].into());
}
