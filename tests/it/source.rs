//! Any Registry V2 source: how it lists, and what it gives in place of an image.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tagferry::event::RunOutcome;

use crate::fake::{
    Accept, Action, DigestHeader, Face, Fault, Format, Kind, LinkStyle, Match, Registry, Reply, Route, image,
    index, oci_image,
};
use crate::world::{
    APP, Side, assert_says, assert_succeeded, copies, copy, mirror, mirror_error, only, plan, push_three,
    three_tags,
};

/// A registry whose tag list has 2,500 tags and comes in pages.
async fn many_tags(link: LinkStyle) -> Registry {
    let source = Registry::builder(Face::Open)
        .quirks(|quirks| {
            quirks.link = link;
            quirks.page_max = 1000;
        })
        .start()
        .await;
    let image = image(&["one"]);
    source.push("app", "0000", &image);
    source.edit("app", |app| app.tags.extend((1..2500).map(|n| (format!("{n:04}"), image.digest()))));
    source
}

const NONE: &str = "  - {source: SOURCE/app, target: TARGET/app, tags: [{match: ^none$}]}\n";

#[tokio::test]
async fn every_style_of_link_leads_to_all_tags() {
    let target = Registry::start(Face::Open).await;
    for link in [
        LinkStyle::Relative,
        LinkStyle::Absolute,
        LinkStyle::WithoutSlash,
        LinkStyle::Cursor,
        LinkStyle::Host("elsewhere.example"),
        LinkStyle::Missing,
    ] {
        let source = many_tags(link.clone()).await;
        let summary = plan(&mirror(&source, &target, NONE)).await;
        assert_eq!(only(&summary).selection.as_ref().unwrap().verdicts.len(), 2500, "{link:?}");
        assert_eq!(source.count(&Match::tags()), 3, "{link:?}");
    }
}

#[tokio::test]
async fn a_list_without_end_is_an_error_after_a_bounded_number_of_pages() {
    let target = Registry::start(Face::Open).await;
    let source = many_tags(LinkStyle::Endless).await;
    let summary = plan(&mirror(&source, &target, NONE)).await;
    assert_says(mirror_error(&summary), &["cannot read the tags of the source", "does not end"]);
    assert!(source.count(&Match::tags()) <= 2000);
}

#[tokio::test]
async fn a_list_that_goes_in_circles_ends_where_nothing_new_comes() {
    let target = Registry::start(Face::Open).await;
    let source = many_tags(LinkStyle::Looping).await;
    let summary = plan(&mirror(&source, &target, NONE)).await;
    assert_eq!(only(&summary).selection.as_ref().unwrap().verdicts.len(), 1000);
    assert_eq!(source.count(&Match::tags()), 2);
}

#[tokio::test]
async fn null_for_tags_is_an_empty_list() {
    let source = Registry::start(Face::Open).await;
    let null = Reply::json(200, &json!({"name": "app", "tags": null}));
    source.fault(Fault::new(Match::tags(), Action::Answer(null)));
    let target = Registry::start(Face::Open).await;
    assert_says(mirror_error(&copy(&source, &target).await), &["the source has no tags"]);
}

#[tokio::test]
async fn where_head_gives_no_digest_a_get_does() {
    let source =
        Registry::builder(Face::Open).quirks(|q| q.digest_header = DigestHeader::Never).start().await;
    push_three(&source);
    copies(&source).await;
    assert_eq!((source.count(&Match::manifest_head()), source.count(&Match::manifest_get())), (3, 6));

    let source = three_tags(Face::Open).await;
    source.fault(Fault::new(Match::manifest_head(), Action::status(405)));
    copies(&source).await;
}

#[tokio::test]
async fn blobs_at_another_origin_are_fetched_without_our_login() {
    for face in [Face::Basic, Face::Oracle] {
        let source = Registry::builder(face).blobs_elsewhere().start().await;
        push_three(&source);
        copies(&source).await;
        let fetched = source.storage().requests();
        assert_eq!(fetched.len(), source.repository("app").unwrap().blobs.len());
        assert!(fetched.iter().all(|seen| !seen.is_authorized()));
        assert!(source.requests().iter().filter(|seen| seen.route().kind == Kind::Blob).count() > 0);
    }
}

#[tokio::test]
async fn errors_of_redirected_blobs_do_not_show_the_presigned_query() {
    for action in [Action::status(500), Action::Reset, Action::status(403), Action::CutBody { after: 1 }] {
        let source = Registry::builder(Face::Open).blobs_elsewhere().start().await;
        source.push("app", "latest", &image(&["base"]));
        source.storage().fault(Fault::new(Match::any(), action));
        let summary = copy(&source, &Registry::start(Face::Open).await).await;
        let text = serde_json::to_string(&summary).unwrap();
        assert_says(&text, &["source: cannot read blob sha256:"]);
        assert!(!text.contains("X-Amz") && !text.contains("Signature"), "{text}");
    }
}

#[tokio::test]
async fn a_source_is_only_ever_read() {
    let source = three_tags(Face::Token).await;
    copies(&source).await;
    let is_read = |method: &Method| [Method::GET, Method::HEAD].contains(method);
    assert!(source.requests().iter().all(|seen| is_read(&seen.head.method)));
    assert_eq!(source.count(&Match::blob_head()), 0);
}

#[tokio::test]
async fn a_source_is_asked_no_harder_than_configured() {
    let source = Registry::start(Face::Open).await;
    for number in 0..40 {
        source.push("app", &format!("1.{number}"), &image(&["one"]));
    }
    source.fault(Fault::new(Match::manifest_head(), Action::Delay(Duration::from_millis(5))));
    let target = Registry::start(Face::Open).await;
    let side = Side::plain(&source, "limits: {concurrent: 2}");
    assert_eq!(plan(&mirror(side, &target, APP)).await.outcome, RunOutcome::Succeeded);
    assert_eq!(source.in_flight_max(), 2);
}

#[tokio::test]
async fn a_source_that_gives_only_what_is_accepted_gives_every_kind() {
    let source =
        Registry::builder(Face::Open).quirks(|quirks| quirks.accept = Accept::Required).start().await;
    push_three(&source);
    source.push("app", "oci", &oci_image(&["base"]));
    source.push("app", "index", &index(Format::Oci, &[("linux/amd64", oci_image(&["base"]))]));
    source.push("app", "list", &index(Format::Docker, &[("linux/amd64", image(&["base"]))]));
    copies(&source).await;
}

#[tokio::test]
async fn names_that_are_no_tags_are_left_out() {
    let source = three_tags(Face::Open).await;
    let tags = json!(["1.0", "../../other/manifests/1.0", "a b", "", "1.0?x=y", "-x", "é", "1.0"]);
    let list = Reply::json(200, &json!({"name": "app", "tags": tags, "child": [], "manifest": {}}));
    source.fault(Fault::new(Match::tags(), Action::Answer(list)));
    let summary = copy(&source, &Registry::start(Face::Open).await).await;
    assert_succeeded(&summary);
    assert_eq!(only(&summary).tags.len(), 1);
    let is_meant = |route: &Route| route.kind == Kind::Ping || route.name == "app";
    assert!(source.requests().iter().all(|seen| is_meant(&seen.route())));
}
