//! Told as what it is: pages, compressed bodies, refusals without words.

use http::header::LOCATION;

use super::Ends::{Copied, MirrorFails, TagFails};
use super::{answer, check, one, row};
use crate::fake::{Action, Face, Fault, Match, Registry, Reply};
use crate::world::{assert_says, copy, mirror_error};

const CAPTCHA: &str = "<!DOCTYPE html>\n<!--[if lt IE 7]> <html> <![endif]-->\n<title>Attention Required! | Cloudflare</title>\
                       <p>Please complete the security check";

#[tokio::test]
async fn what_came_in_between_is_named() {
    check(vec![
        row(
            "a captcha of a storage host",
            "docker-library/official-images#4309",
            |source, _| {
                one(source);
                answer_storage(source, Reply::status(403).body(CAPTCHA));
            },
            TagFails(&["403 Forbidden: a web page (Attention Required! | Cloudflare), from the host that the registry redirected to"]),
        )
        .source(Registry::builder(Face::Open).blobs_elsewhere()),
        row(
            "a storage that says it in XML",
            "docker-library/official-images#4309",
            |source, _| {
                one(source);
                let xml = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message>";
                answer_storage(source, Reply::status(403).body(xml));
            },
            TagFails(&["403 Forbidden: an XML document (Request has expired), from the host that the registry redirected to"]),
        )
        .source(Registry::builder(Face::Open).blobs_elsewhere()),
        row(
            "text for an error of the server",
            "moby/moby#25166",
            |source, _| answer(source, Match::tags(), Reply::status(500).body("Internal Server Error")),
            MirrorFails(&["500 Internal Server Error: Internal Server Error"]),
        ),
        row(
            "a registry that takes no uploads",
            "containers/image#1007",
            |source, target| {
                one(source);
                answer(target, Match::upload_start(), Reply::status(405).body("Method not allowed\n"));
            },
            TagFails(&["POST http://127.0.0.1", "/v2/app/blobs/uploads/: 405 Method Not Allowed: Method not allowed"]),
        )
        .then(|_, target| assert!(target.count(&Match::upload_start()) <= 2, "tried again")),
        row(
            "429 as text",
            "getnora-io/nora#895",
            |source, target| {
                one(source);
                let reply = Reply::status(429).body("\nToo many concurrent uploads");
                target.fault(Fault::new(Match::upload_start(), Action::Answer(reply)).times(2));
            },
            Copied,
        ),
        row(
            "429 as an object",
            "containerd/containerd#4674",
            |source, _| {
                let body = r#"{"details":"Too Many Requests. See https://docs.docker.com/","error":{"details":"Too Many Requests. See https://docs.docker.com/"}}"#;
                answer(source, Match::tags(), Reply::status(429).body(body));
            },
            MirrorFails(&["429 Too Many Requests: Too Many Requests. See https://docs.docker.com/"]),
        ),
    ])
    .await;
}

// google/go-containerregistry#2333.
#[tokio::test]
async fn a_redirect_to_a_registry_that_wants_a_login_says_whom_to_name() {
    let there = Registry::start(Face::Token).await;
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    one(&source);
    let location = format!("http://{}/v2/app/tags/list", there.host());
    answer(&source, Match::tags(), Reply::status(307).header(LOCATION, location));
    let error = mirror_error(&copy(&source, &target).await);
    let (here, there) = (source.host(), there.host());
    let hint =
        format!("{here} redirects to {there}, which wants a login, and gets none from here: name {there}");
    assert_says(error, &["401 Unauthorized", "from the host that the registry redirected to", &hint]);
}

#[tokio::test]
async fn a_page_in_the_place_of_a_blob_is_named() {
    let page = |id, seen, page: String| {
        let given = |source: &Registry, _: &Registry| {
            one(source);
            answer(source, Match::blob_get(), Reply::status(200).body(page));
        };
        row(id, seen, given, TagFails(&["/blobs/sha256:", "a web page (Blocked by Zscaler) came instead"]))
    };
    let start = "<!DOCTYPE html><html><head><title>Blocked by Zscaler</title></head>";
    check(vec![
        page("a short page", "none found; brother of moby/moby#40448", start.to_owned()),
        page("a long page", "none found; brother of moby/moby#40448", start.to_owned() + &" ".repeat(9000)),
    ])
    .await;
}

fn answer_storage(source: &Registry, reply: Reply) {
    source.storage().fault(Fault::new(Match::any(), Action::Answer(reply)));
}

#[tokio::test]
async fn an_encoding_that_nobody_asked_for_is_told_where_it_does_harm() {
    let encoding = |value: &str| Action::Header("content-encoding", value.to_owned());
    let plain = encoding("gzip");
    let apache = encoding("x-gzip");
    let smaller = encoding("gzip");
    check(vec![
        row(
            "a layer that is called x-gzip",
            "moby/moby#17595",
            move |source, _| {
                one(source);
                source.fault(Fault::new(Match::blob_get(), apache));
            },
            Copied,
        ),
        row(
            "a manifest that is called gzip and is not",
            "NuGet/NuGetGallery#3531",
            move |source, _| {
                one(source);
                source.fault(Fault::new(Match::manifest_get(), plain));
            },
            Copied,
        ),
        row(
            "a manifest that is compressed",
            "oven-sh/bun#35890",
            |source, _| {
                one(source);
                answer(source, Match::manifest_get(), Reply::status(200).body(&b"\x1f\x8b\x08\x00"[..]));
            },
            TagFails(&["compressed (gzip), which was not asked for: a proxy in between may do that"]),
        ),
        row(
            "a layer that is compressed once more",
            "cloudflare/serverless-registry#136",
            move |source, _| {
                one(source);
                source.fault(Fault::new(Match::blob_get(), smaller));
                source.fault(Fault::new(Match::blob_get(), Action::Resize { to: 3 }));
            },
            TagFails(&["wrong size: expected", "`Content-Encoding: gzip`, which was not asked for"]),
        ),
    ])
    .await;
}
