//! Any Registry V2 source: how it asks for a login, how it lists, and what it gives in place of an image.

use http::Method;
use serde_json::json;
use tagferry::event::{RunOutcome, TagOutcome};
use tagferry::oci::MediaType;

use crate::fake::{
    Action, Auth, Bearer, DigestHeader, Face, Fault, Gate, Image, Kind, Layout, Licence, LinkStyle, Match,
    Registry, Reply, image,
};
use crate::world::{
    APP, Side, assert_says, assert_succeeded, copy, mirror, mirror_error, only, plan, sync, tag, tag_error,
};

/// A source with three tags of `app`.
async fn three_tags(face: Face) -> Registry {
    let source = Registry::start(face).await;
    push_three(&source);
    source
}

fn push_three(source: &Registry) {
    for tag in ["1.0", "1.1", "latest"] {
        source.push("app", tag, &image(&["base", tag]));
    }
}

/// Copies `app` to an empty registry, and fails the test unless all of it arrives.
async fn copies(source: &Registry) {
    let target = Registry::start(Face::Open).await;
    assert_succeeded(&copy(source, &target).await);
    assert_eq!(target.tags("app"), source.tags("app"));
    target.assert_consistent();
}

#[tokio::test]
async fn every_face_is_read_with_one_token_at_most() {
    for (face, tokens) in [
        (Face::Open, 0),
        (Face::Basic, 0),
        (Face::Token, 1),
        (Face::Oracle, 1),
        (Face::EcrPublic, 1),
        (Face::Quay, 1),
    ] {
        let source = three_tags(face).await;
        copies(&source).await;
        assert_eq!(source.tokens_made(), tokens, "{face:?}");
    }
}

#[tokio::test]
async fn a_challenge_is_found_among_others_and_a_token_under_either_name() {
    for layout in [Layout::Headers, Layout::OneHeader] {
        let others = vec!["Negotiate", r#"Basic realm="other, and more""#];
        let bearer = Bearer { others, layout, member: "access_token", ..Bearer::default() };
        let source = Registry::builder(Face::Token).bearer(bearer).start().await;
        push_three(&source);
        copies(&source).await;
        assert_eq!(source.tokens_made(), 1, "{layout:?}");
    }
}

#[tokio::test]
async fn a_realm_may_be_at_another_port() {
    let source = three_tags(Face::Token).await;
    let scope = "repository:app:pull";
    let token = format!("http://{}/token?service=registry.test&scope={scope}", source.host());
    assert_eq!(reqwest::get(token).await.unwrap().status(), 200);

    let realm = Registry::start(Face::Open).await;
    let answer = Reply::json(200, &json!({"token": "token-1"}));
    realm.fault(Fault::new(Match::token(), Action::Answer(answer)));
    let host = realm.host();
    let challenge = format!(r#"Bearer realm="http://{host}/token",service="registry.test",scope="{scope}""#);
    source.fault(Fault::new(Match::any(), Action::Header("www-authenticate", challenge)));

    copies(&source).await;
    let asked: Vec<String> = realm.requests().iter().map(|seen| seen.head.target()).collect();
    assert_eq!(asked, ["/token?service=registry.test&scope=repository%3Aapp%3Apull"]);
    assert!(realm.requests()[0].is_authorized());
}

#[tokio::test]
async fn a_token_that_dies_in_mid_run_is_replaced() {
    let bearer = Bearer { uses: Some(3), ..Bearer::default() };
    let source = Registry::builder(Face::Token).bearer(bearer).start().await;
    push_three(&source);
    let target = Registry::start(Face::Open).await;
    let one_by_one = "concurrency: {mirrors: 1, tags: 1, blobs: 1}\n";
    let side = Side::plain(&source, "limits: {concurrent: 1}");
    assert_succeeded(&sync(&(mirror(side, &target, APP) + one_by_one)).await);
    let served = source.requests().iter().filter(|seen| seen.status == Some(200)).count();
    let with_a_token = served - source.tokens_made();
    assert_eq!(source.tokens_made(), with_a_token.div_ceil(3));
}

#[tokio::test]
async fn requests_that_are_refused_at_once_share_one_new_token() {
    let source = Registry::start(Face::Token).await;
    let tags: Vec<String> = (1..=8).map(|number| number.to_string()).collect();
    for tag in &tags {
        source.push("app", tag, &image(&[tag]));
    }
    let target = Registry::start(Face::Open).await;
    let gate = Gate::closed();
    source.fault(Fault::new(Match::manifest_head(), Action::Hold(gate.clone())).times(tags.len()));
    let config = mirror(&source, &target, APP);
    let revoke = async {
        source.wait_for(&Match::manifest_head(), tags.len()).await;
        source.revoke_tokens();
        gate.open();
    };
    let (summary, ()) = tokio::join!(sync(&config), revoke);
    assert_succeeded(&summary);
    assert_eq!(source.tokens_made(), 2);
}

#[tokio::test]
async fn mirrors_of_one_repository_share_its_token() {
    let source = three_tags(Face::Token).await;
    let target = Registry::start(Face::Open).await;
    let gate = Gate::closed();
    source.fault(Fault::new(Match::token(), Action::Hold(gate.clone())));
    let two = "  - {name: a, source: SOURCE/app, target: TARGET/a, tags: [{match: .}]}\n  \
               - {name: b, source: SOURCE/app, target: TARGET/b, tags: [{match: .}]}\n";
    let config = mirror(&source, &target, two);
    let open = async {
        source.wait_for(&Match::tags(), 2).await;
        gate.open();
    };
    let (summary, ()) = tokio::join!(sync(&config), open);
    assert_succeeded(&summary);
    assert_eq!(source.count(&Match::token()), 1);
}

#[tokio::test]
async fn a_wrong_password_is_told_after_few_requests() {
    for (face, requests) in [(Face::Basic, 2), (Face::Token, 2), (Face::Oracle, 2)] {
        let source = three_tags(face).await;
        let target = Registry::start(Face::Open).await;
        let summary = copy(Side::login(&source, "hunter2"), &target).await;
        let error = mirror_error(&summary);
        assert_says(error, &["cannot read the tags of the source", &source.host(), "401 Unauthorized"]);
        assert!(!error.contains("hunter2") && !error.contains('?'), "{error}");
        assert_eq!(source.requests().len(), requests, "{face:?}");
        assert_eq!(target.requests().len(), 0);
    }
}

#[tokio::test]
async fn no_password_for_a_registry_that_wants_one_is_told_with_what_to_do() {
    let source = three_tags(Face::Basic).await;
    let target = Registry::start(Face::Open).await;
    let summary = copy(Side::plain(&source, ""), &target).await;
    assert_says(mirror_error(&summary), &["401", "hint: no credentials are configured for", "`credentials`"]);
}

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
    for (link, words, requests_max) in
        [(LinkStyle::Looping, "its tag list goes in circles", 3), (LinkStyle::Endless, "does not end", 2000)]
    {
        let source = many_tags(link).await;
        let summary = plan(&mirror(&source, &target, NONE)).await;
        assert_says(mirror_error(&summary), &["cannot read the tags of the source", words]);
        assert!(source.requests().len() <= requests_max);
    }
}

#[tokio::test]
async fn null_for_tags_is_an_empty_list() {
    let source = Registry::start(Face::Open).await;
    let null = Reply::json(200, &json!({"name": "app", "tags": null}));
    source.fault(Fault::new(Match::tags(), Action::Answer(null)));
    let target = Registry::start(Face::Open).await;
    assert_says(mirror_error(&copy(&source, &target).await), &["none of the 0 tags"]);
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
async fn a_registry_that_moved_is_followed_without_our_login() {
    let sibling = three_tags(Face::Open).await;
    let source = Registry::builder(Face::Open)
        .auth(Auth::Basic)
        .quirks(|quirks| quirks.moved_to = Some(sibling.host()))
        .start()
        .await;
    let target = Registry::start(Face::Open).await;
    assert_succeeded(&copy(&source, &target).await);
    assert!(sibling.requests().iter().all(|seen| !seen.is_authorized()));
}

/// What may be found under a tag in place of an image, and what is said about it.
fn unusable() -> Vec<(&'static str, Image, &'static str)> {
    let document = |media_type: &str, bytes: String| Image {
        media_type: media_type.to_owned(),
        bytes: bytes.into(),
        blobs: Vec::new(),
        children: Vec::new(),
    };
    let layers = r#""config":{"mediaType":"c","digest":"sha256:SHA","size":1},"layers":[]"#;
    let layers = layers.replace("SHA", &"0".repeat(64));
    let padding = " ".repeat(4 * 1024 * 1024 + 1);
    vec![
        (
            "schema1",
            document(
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
                r#"{"schemaVersion":1,"fsLayers":[]}"#.to_owned(),
            ),
            "schema 1",
        ),
        (
            "unknown",
            document("application/x", format!(r#"{{"mediaType":"application/x",{layers}}}"#)),
            "unsupported media type `application/x`",
        ),
        (
            "both",
            document(MediaType::OCI_MANIFEST, format!(r#"{{"manifests":[],{layers}}}"#)),
            "ambiguous document",
        ),
        (
            "lying",
            document(
                MediaType::OCI_MANIFEST,
                format!(r#"{{"mediaType":"{}",{layers}}}"#, MediaType::DOCKER_MANIFEST),
            ),
            "ambiguous document",
        ),
        ("junk", document(MediaType::OCI_MANIFEST, "<html>".to_owned()), "not a valid manifest"),
        ("oversize", document(MediaType::OCI_MANIFEST, format!("{{{layers}}}{padding}")), "larger than"),
    ]
}

#[tokio::test]
async fn what_is_no_usable_image_fails_its_tag_alone() {
    let source = three_tags(Face::Open).await;
    for (tag, image, _) in unusable() {
        source.push("app", tag, &image);
    }
    let nowhere = image(&["never pushed"]).digest();
    source.edit("app", |app| app.tags.insert("vanished".to_owned(), nowhere));

    let target = Registry::start(Face::Open).await;
    let summary = copy(&source, &target).await;
    assert_eq!(summary.outcome, RunOutcome::Failed);
    assert_eq!(only(&summary).error, None);
    for (tag, _, words) in unusable() {
        assert_says(tag_error(&summary, tag), &["source: cannot read manifest sha256:", words]);
    }
    assert_says(tag_error(&summary, "vanished"), &["there is no image under it"]);
    for name in ["1.0", "1.1", "latest"] {
        assert_eq!(tag(&summary, name).outcome, Some(TagOutcome::Copied));
    }
    assert_eq!(target.tags("app").len(), 3);
    target.assert_consistent();
}

#[tokio::test]
async fn a_manifest_that_is_not_what_its_digest_says_is_refused() {
    let source = three_tags(Face::Open).await;
    source.fault(Fault::new(Match::manifest_get(), Action::Corrupt { at: 5 }));
    let target = Registry::start(Face::Open).await;
    let summary = copy(&source, &target).await;
    assert_says(tag_error(&summary, "latest"), &["wrong content: expected sha256:"]);
    assert!(target.tags("app").is_empty());
}

/// The licence of `paid` is not accepted; `free` needs none.
async fn licensed(licence: Licence) -> (Registry, Registry, String) {
    let source = Registry::start(Face::Oracle).await;
    for number in 0..100 {
        source.push("paid", &format!("1.{number}"), &image(&["paid"]));
    }
    source.push("free", "1.0", &image(&["free"]));
    source.require_licence("paid", licence);
    let target = Registry::start(Face::Open).await;
    let two = "  - {source: SOURCE/paid, target: TARGET/paid, tags: [{match: .}]}\n  \
               - {source: SOURCE/free, target: TARGET/free, tags: [{match: .}]}\n";
    let config = mirror(&source, &target, two);
    (source, target, config)
}

#[tokio::test]
async fn a_licence_that_is_not_accepted_fails_its_mirror_alone_and_soon() {
    for (licence, words, requests_max) in [
        (Licence::AtRealm, ["cannot read the tags of the source", "401 Unauthorized"], 2),
        (Licence::AtManifest, ["the source refuses to show tag 1.", "403 Forbidden"], 20),
    ] {
        let (source, target, config) = licensed(licence).await;
        let summary = sync(&config).await;
        assert_eq!(summary.outcome, RunOutcome::Failed);
        assert_says(summary.mirrors[0].error.as_deref().unwrap(), &words);
        assert_eq!(summary.mirrors[1].outcome, RunOutcome::Succeeded);
        assert_eq!(target.tags("free"), source.tags("free"));
        assert!(target.tags("paid").is_empty());
        let asked = source.count(&Match::any().containing("paid"));
        assert!(asked <= requests_max, "{asked} requests for {licence:?}");
    }
}

#[tokio::test]
async fn once_the_licence_is_accepted_the_next_run_copies() {
    let (source, _target, config) = licensed(Licence::AtRealm).await;
    assert_eq!(sync(&config).await.outcome, RunOutcome::Failed);
    source.accept_licence("paid");
    assert_succeeded(&sync(&config).await);
}

#[tokio::test]
async fn a_source_is_only_ever_read() {
    let source = three_tags(Face::Token).await;
    copies(&source).await;
    let is_read = |method: &Method| [Method::GET, Method::HEAD].contains(method);
    assert!(source.requests().iter().all(|seen| is_read(&seen.head.method)));
    assert_eq!(source.count(&Match::blob_head()), 0);
}
