//! Any registry as a target: it is asked by `HEAD`, makes its repositories itself, and mounts what it has.

use tagferry::event::TagOutcome;

use crate::fake::{
    Accept, Auth, Bearer, Face, Location, Match, Mount, Quirks, Registry, attested_index, image, oci_image,
};
use crate::world::{APP, assert_says, assert_succeeded, copy, mirror, mirror_error, sync, tag};

/// A source with an image of each common kind.
async fn source() -> Registry {
    let source = Registry::start(Face::Open).await;
    source.push("app", "docker", &image(&["base", "docker"]));
    source.push("app", "oci", &oci_image(&["base", "oci"]));
    source.push("app", "index", &attested_index(&["linux/amd64"]));
    source
}

/// Copies to a target that starts empty, twice; the second run has nothing to do.
async fn takes_all(target: &Registry) {
    let source = source().await;
    assert_succeeded(&copy(&source, target).await);
    assert_eq!(target.tags("app"), source.tags("app"));
    target.assert_consistent();
    let again = copy(&source, target).await;
    assert_eq!((again.totals.up_to_date, again.totals.bytes), (3, 0));
}

#[tokio::test]
async fn every_way_to_log_in_serves_to_push() {
    for face in [Face::Open, Face::Basic, Face::Token] {
        takes_all(&Registry::start(face).await).await;
    }
    let closed = Bearer { anonymous: false, ..Bearer::default() };
    takes_all(&Registry::builder(Face::Token).bearer(closed).start().await).await;
}

#[tokio::test]
async fn every_form_of_a_registry_is_written_to() {
    let forms: [fn(&mut Quirks); 6] = [
        |quirks| quirks.location = Location::Absolute,
        |quirks| quirks.location = Location::WithoutScheme,
        |quirks| quirks.single_post = false,
        |quirks| quirks.accept = Accept::Required,
        |quirks| quirks.mount = Mount::Never,
        |quirks| quirks.referrers = false,
    ];
    for form in forms {
        takes_all(&Registry::builder(Face::Token).quirks(form).start().await).await;
    }
}

#[tokio::test]
async fn an_upload_elsewhere_does_not_get_our_login() {
    let elsewhere = Registry::start(Face::Open).await;
    let target = Registry::builder(Face::Open)
        .auth(Auth::Basic)
        .quirks(|quirks| quirks.location = Location::Elsewhere(elsewhere.host()))
        .start()
        .await;
    copy(&source().await, &target).await;
    let seen = elsewhere.requests();
    assert!(!seen.is_empty() && seen.iter().all(|seen| !seen.is_authorized()));
}

#[tokio::test]
async fn tags_and_blobs_are_asked_for_one_by_one_and_those_at_hand_are_not_fetched() {
    let (source, target) = (source().await, Registry::start(Face::Open).await);
    target.push("app", "docker", &image(&["base", "docker"]));
    target.edit("app", |app| app.tags.remove("docker"));
    let summary = copy(&source, &target).await;
    assert_succeeded(&summary);
    assert_eq!(tag(&summary, "docker").blobs.present, 3);
    assert_eq!(target.count(&Match::manifest_head().containing("manifests/docker")), 2);
    let blobs = source.repository("app").unwrap().blobs.len();
    assert_eq!(source.count(&Match::blob_get()), blobs - 3);
}

#[tokio::test]
async fn blobs_are_mounted_from_the_repository_that_has_them() {
    let (source, target) = (source().await, Registry::start(Face::Token).await);
    source.push("other", "same", &oci_image(&["base", "oci"]));
    let both = APP.to_owned() + &APP.replace("app", "other");
    let summary = sync(&mirror(&source, &target, &both)).await;
    assert_succeeded(&summary);
    let blobs: Vec<_> = summary.mirrors.iter().flat_map(|mirror| &mirror.tags).map(|tag| tag.blobs).collect();
    let sent: u64 = blobs.iter().map(|blobs| blobs.uploaded).sum();
    let distinct = source.repository("app").unwrap().blobs.len();
    assert_eq!((sent, source.count(&Match::blob_get())), (distinct as u64, distinct));
    assert!(blobs.iter().any(|blobs| blobs.mounted > 0));
    target.assert_consistent();
}

#[tokio::test]
async fn a_tag_that_moved_upstream_moves() {
    let (source, target) = (source().await, Registry::start(Face::Open).await);
    target.push("app", "oci", &oci_image(&["base", "old"]));
    target.push("app", "alien", &oci_image(&["alien"]));
    let summary = copy(&source, &target).await;
    assert_says(&tag(&summary, "oci").reason, &["target has "]);
    assert_eq!(tag(&summary, "oci").outcome, Some(TagOutcome::Copied));
    assert_eq!(target.tags("app")["oci"], source.tags("app")["oci"]);
    // What only the target has is nobody's business.
    assert!(target.tags("app").contains_key("alien"));
}

#[tokio::test]
async fn a_target_that_denies_fails_the_mirror_with_what_it_was_asked() {
    let source = source().await;
    let target = Registry::start(Face::Basic).await;
    let summary = copy(&source, crate::world::Side::login(&target, "wrong")).await;
    assert_says(mirror_error(&summary), &["cannot ask the target what it has", "401 Unauthorized"]);
    assert_eq!(source.count(&Match::blob_get()), 0);
}
