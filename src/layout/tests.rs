//! The layout on a real file system.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;

use bytes::Bytes;
use futures_util::stream;
use tempfile::TempDir;

use crate::layout::{Error, Layout};
use crate::oci::{Descriptor, Digest, Manifest, MediaType, Reference, Tag};

type Body = Vec<Result<Bytes, String>>;

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn descriptor(media_type: &str, content: &[u8]) -> Descriptor {
    Descriptor {
        media_type: MediaType::new(media_type),
        digest: Digest::of(content),
        size: content.len() as u64,
        platform: None,
        urls: None,
    }
}

fn json(descriptor: &Descriptor) -> String {
    let Descriptor { media_type, digest, size, .. } = descriptor;
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}}}"#)
}

fn image(config: &Descriptor) -> Manifest {
    let text = format!(r#"{{"schemaVersion":2, "config": {}, "layers":[]}}"#, json(config));
    Manifest::parse(text.into(), None).unwrap()
}

fn index(child: &Manifest) -> Manifest {
    let child = json(&descriptor(MediaType::OCI_MANIFEST, child.bytes()));
    Manifest::parse(format!(r#"{{"schemaVersion":2,"manifests":[{child}]}}"#).into(), None).unwrap()
}

fn body(content: &[u8]) -> Body {
    content.chunks(3).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect()
}

async fn put(layout: &Layout, blob: &Descriptor, body: Body) -> Result<(), Error> {
    layout.put_blob(blob, stream::iter(body)).await
}

async fn layout() -> (TempDir, Layout) {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path().join("images"));
    layout.ensure().await.unwrap();
    (dir, layout)
}

/// A layout with a config blob, and an image that needs it.
async fn with_image() -> (TempDir, Layout, Manifest) {
    let (dir, layout) = layout().await;
    let config = descriptor("application/vnd.oci.image.config.v1+json", b"{\"os\":\"linux\"}");
    put(&layout, &config, body(b"{\"os\":\"linux\"}")).await.unwrap();
    (dir, layout, image(&config))
}

async fn set(layout: &Layout, name: &str, manifest: &Manifest) -> Result<(), Error> {
    layout.put_manifest(manifest, &Reference::Tag(tag(name))).await
}

fn names(folder: &Path) -> HashSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_new_layout_is_what_the_specification_asks_for() {
    let (_dir, layout) = layout().await;
    let read = |name: &str| fs::read_to_string(layout.dir().join(name)).unwrap();
    assert_eq!(read("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#);
    assert_eq!(
        read("index.json"),
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#
    );
    assert!(names(&layout.blobs()).is_empty());
    assert_eq!(names(layout.dir()).len(), 3);
}

// Seen in project-stacker/stacker#638.
#[tokio::test]
async fn a_fresh_file_system_is_as_good_as_empty() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("lost+found")).unwrap();
    fs::write(dir.path().join(".DS_Store"), "").unwrap();
    let layout = Layout::new(dir.path().to_owned());
    layout.ensure().await.unwrap();
    assert_eq!(names(dir.path()).len(), 5);
}

#[tokio::test]
async fn a_missing_directory_holds_nothing_and_stays_missing() {
    let dir = tempfile::tempdir().unwrap();
    let layout = Layout::new(dir.path().join("none"));
    let digest = Digest::of(b"");
    assert_eq!(layout.digests(&[tag("21")]).await.unwrap(), BTreeMap::new());
    assert_eq!(layout.present(&[digest]).await.unwrap(), HashSet::new());
    assert!(!layout.has_manifest(digest).await.unwrap());
    assert!(!layout.dir().exists());
}

#[tokio::test]
async fn a_directory_with_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "").unwrap();
    let error = Layout::new(dir.path().to_owned()).ensure().await.unwrap_err();
    assert!(matches!(error, Error::NotALayout(_)), "{error}");
    assert_eq!(names(dir.path()).len(), 1);
}

#[tokio::test]
async fn a_layout_of_an_unknown_version_is_refused() {
    let (_dir, layout) = layout().await;
    fs::write(layout.dir().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    let error = layout.ensure().await.unwrap_err();
    assert!(matches!(&error, Error::Version { version, .. } if version == "2.0.0"), "{error}");
}

#[tokio::test]
async fn what_a_killed_run_left_is_mended() {
    let (_dir, layout, image) = with_image().await;
    set(&layout, "21", &image).await.unwrap();
    let leftover = layout.blobs().join(".tagferry-0123456789abcdef.tmp");
    fs::write(&leftover, "half a layer").unwrap();
    fs::write(layout.dir().join("oci-layout"), "").unwrap();
    layout.ensure().await.unwrap();
    assert!(!leftover.exists());
    assert_eq!(
        fs::read_to_string(layout.dir().join("oci-layout")).unwrap(),
        r#"{"imageLayoutVersion":"1.0.0"}"#
    );
    assert_eq!(layout.digest(&tag("21")).await.unwrap(), Some(image.digest()));
}

#[tokio::test]
async fn a_blob_is_stored_under_its_digest() {
    let (_dir, layout) = layout().await;
    for content in [&b"a layer"[..], b""] {
        let blob = descriptor("x", content);
        put(&layout, &blob, body(content)).await.unwrap();
        assert_eq!(fs::read(layout.blobs().join(blob.digest.hex())).unwrap(), content);
        assert_eq!(layout.present(&[blob.digest, Digest::of(b"other")]).await.unwrap(), [blob.digest].into());
    }
    assert_eq!(names(&layout.blobs()).len(), 2);
}

#[tokio::test]
async fn a_blob_that_is_not_what_was_announced_leaves_nothing() {
    let (_dir, layout) = layout().await;
    let blob = descriptor("x", b"a layer");
    let mut broken = body(b"a layer");
    broken[1] = Err("reset".to_owned());
    let results = [
        put(&layout, &blob, body(b"a liar!")).await,
        put(&layout, &blob, body(b"a lay")).await,
        put(&layout, &blob, body(b"a layer and more")).await,
        put(&layout, &blob, broken).await,
    ];
    assert!(
        matches!(
            results,
            [
                Err(Error::Digest { .. }),
                Err(Error::Size { got: 5, .. }),
                Err(Error::Size { got: 9, .. }),
                Err(Error::Body { .. })
            ]
        ),
        "{results:?}"
    );
    assert!(names(&layout.blobs()).is_empty());
}

#[tokio::test]
async fn a_dropped_blob_leaves_nothing() {
    let (_dir, layout) = layout().await;
    let blob = descriptor("x", b"a layer");
    let (asked, mut is_asked) = tokio::sync::mpsc::channel(1);
    let stalled = stream::once(async move {
        asked.send(()).await.unwrap();
        std::future::pending::<Result<Bytes, String>>().await
    });
    let mut writing = Box::pin(layout.put_blob(&blob, stalled));
    tokio::select! {
        _ = &mut writing => panic!("its body never ends"),
        _ = is_asked.recv() => {}
    }
    assert_eq!(names(&layout.blobs()).len(), 1);
    layout.ensure().await.unwrap();
    assert_eq!(names(&layout.blobs()).len(), 1, "it is being written and must not be swept");
    drop(writing);
    assert!(names(&layout.blobs()).is_empty());
}

#[tokio::test]
async fn tags_answer_with_what_was_put_byte_for_byte() {
    let (_dir, layout, image) = with_image().await;
    let index = index(&image);
    layout.put_manifest(&image, &image.digest().into()).await.unwrap();
    assert!(layout.has_manifest(image.digest()).await.unwrap());
    assert_eq!(layout.digest(&tag("21")).await.unwrap(), None);
    for (name, manifest) in [("21", &image), ("21.0.7", &image), ("21", &index)] {
        set(&layout, name, manifest).await.unwrap();
    }
    let digests = layout.digests(&[tag("21"), tag("21.0.7"), tag("none")]).await.unwrap();
    assert_eq!(digests, [(tag("21"), index.digest()), (tag("21.0.7"), image.digest())].into());
    for manifest in [&image, &index] {
        assert_eq!(fs::read(layout.blob(manifest.digest())).unwrap(), *manifest.bytes());
    }
}

#[tokio::test]
async fn a_manifest_without_its_parts_is_refused() {
    let (_dir, layout) = layout().await;
    let image = image(&descriptor("x", b"config"));
    let index = index(&image);
    for (manifest, missing) in [(&image, Digest::of(b"config")), (&index, image.digest())] {
        let error = set(&layout, "21", manifest).await.unwrap_err();
        assert!(matches!(&error, Error::MissingPart { part, .. } if *part == missing), "{error}");
        assert!(error.is_missing_reference());
    }
    assert!(names(&layout.blobs()).is_empty());
    assert_eq!(layout.digest(&tag("21")).await.unwrap(), None);
}

#[tokio::test]
async fn an_image_that_lost_a_part_counts_as_missing() {
    let (_dir, layout, image) = with_image().await;
    let index = index(&image);
    layout.put_manifest(&image, &image.digest().into()).await.unwrap();
    set(&layout, "21", &index).await.unwrap();
    let config = layout.blob(image.blobs()[0].digest);
    fs::write(&config, "cut").unwrap();
    assert_eq!(layout.digest(&tag("21")).await.unwrap(), None);
    assert!(!layout.has_manifest(index.digest()).await.unwrap());
    fs::write(&config, "{\"os\":\"linux\"}").unwrap();
    assert!(layout.has_manifest(index.digest()).await.unwrap());
    fs::write(layout.blob(image.digest()), "damaged").unwrap();
    assert!(!layout.has_manifest(index.digest()).await.unwrap());
}

#[tokio::test]
async fn a_manifest_is_read_and_written_again_only_when_its_file_changed() {
    use std::os::unix::fs::MetadataExt;
    use std::time::SystemTime;

    let (_dir, layout, image) = with_image().await;
    set(&layout, "21", &image).await.unwrap();
    let path = layout.blob(image.digest());
    let written = fs::metadata(&path).unwrap();
    set(&layout, "21.0.7", &image).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), written.ino());

    let overwrite = |bytes: &[u8], modified: SystemTime| {
        fs::write(&path, bytes).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    };
    let damaged = vec![b' '; image.bytes().len()];
    overwrite(&damaged, written.modified().unwrap());
    assert!(layout.has_manifest(image.digest()).await.unwrap(), "it looks as before, and is not hashed");
    overwrite(&damaged, SystemTime::UNIX_EPOCH);
    assert!(!layout.clone().has_manifest(image.digest()).await.unwrap());
    assert_eq!(layout.digests(&[tag("21"), tag("21.0.7")]).await.unwrap(), BTreeMap::new());
    set(&layout, "22", &image).await.unwrap();
    assert_eq!(fs::read(&path).unwrap(), *image.bytes());
}

#[tokio::test]
async fn tags_written_at_once_are_all_kept() {
    let (_dir, layout, image) = with_image().await;
    let tags: Vec<Tag> = (0..32).map(|number| tag(&format!("1.{number}"))).collect();
    // Each its own `Layout`, as mirrors with one target directory have.
    let writes = tags.iter().map(|tag| {
        let (layout, image) = (Layout::new(layout.dir().to_owned()), image.clone());
        async move {
            layout.ensure().await?;
            layout.put_manifest(&image, &tag.clone().into()).await
        }
    });
    futures_util::future::try_join_all(writes).await.unwrap();
    assert_eq!(layout.digests(&tags).await.unwrap().len(), tags.len());
}

#[tokio::test]
async fn a_faulty_or_huge_index_is_reported_and_kept() {
    let (_dir, layout, image) = with_image().await;
    let path = layout.dir().join("index.json");
    for content in ["{", &" ".repeat(4 * 1024 * 1024 + 1)] {
        fs::write(&path, content).unwrap();
        let results = [
            layout.ensure().await,
            layout.digest(&tag("21")).await.map(drop),
            set(&layout, "21", &image).await,
        ];
        for result in results {
            let error = result.unwrap_err();
            assert!(matches!(error, Error::Json { .. } | Error::TooLarge(_)), "{error}");
            assert!(error.to_string().contains("index.json"), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn links_do_not_lead_writes_out_of_the_directory() {
    use std::os::unix::fs::symlink;

    let (dir, layout, image) = with_image().await;
    let outside = dir.path().join("outside");
    fs::write(&outside, "precious").unwrap();
    let blob = descriptor("x", b"a layer");
    symlink(&outside, layout.blob(blob.digest)).unwrap();
    assert_eq!(layout.present(&[blob.digest]).await.unwrap(), HashSet::new());
    put(&layout, &blob, body(b"a layer")).await.unwrap();
    assert_eq!(layout.present(&[blob.digest]).await.unwrap(), [blob.digest].into());
    assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");

    fs::remove_dir_all(layout.blobs()).unwrap();
    symlink(dir.path(), layout.blobs()).unwrap();
    let results = [
        layout.ensure().await,
        put(&layout, &blob, body(b"a layer")).await,
        set(&layout, "21", &Manifest::parse(Bytes::from(r#"{"layers":[]}"#), None).unwrap()).await,
    ];
    for result in results {
        assert!(matches!(result, Err(Error::Unexpected { .. })), "{result:?}");
    }
    assert_eq!(names(dir.path()).len(), 2);
    assert!(!layout.has_manifest(image.digest()).await.unwrap());
}

#[test]
fn a_failure_says_its_cause_and_what_to_do_about_it() {
    let cause = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let error = Error::io("write", Path::new("/images/blobs"))(cause);
    assert_eq!(error.to_string(), "cannot write /images/blobs: no storage space");
    assert_eq!(error.hint(), Some("the disk is full, free some space"));
    let cause = serde_json::from_str::<u8>("x").unwrap_err();
    let error = Error::Json { path: "/images/index.json".into(), cause };
    assert_eq!(error.to_string(), "/images/index.json is not valid: expected value at line 1 column 1");
    assert_eq!(error.hint(), Some("restore it, or name another directory"));
    assert!(std::error::Error::source(&error).is_none());
}
