//! What targets say of blobs and tags: those that are there, those that are not, and those that were just written.

use http::Method;
use http::header::LOCATION;

use super::Ends::{Copied, MirrorFails, TagFails};
use super::{Row, answer, check, one, row};
use crate::fake::{Action, Face, Fault, Kind, Match, Registry, Reply, image};

/// The tag that is copied.
fn tag(method: Method) -> Match {
    Match::verb(method, Kind::Manifest).containing("manifests/1.0")
}

fn blobs(method: Method) -> Match {
    Match::verb(method, Kind::Blob)
}

/// An image of which the target has the blobs, be they whole or empty.
fn blobs_at(source: &Registry, target: &Registry, are_whole: bool) {
    one(source);
    let mut blobs = source.repository("app").unwrap().blobs;
    if !are_whole {
        blobs.values_mut().for_each(bytes::Bytes::clear);
    }
    target.edit("app", |app| app.blobs.extend(blobs));
}

#[tokio::test]
async fn a_blob_of_another_size_is_no_blob() {
    check(vec![
        row(
            "blobs of which nothing is left",
            "project-zot/zot#1922, distribution/distribution#2788",
            |source, target| blobs_at(source, target, false),
            Copied,
        )
        .then(|_, target| {
            assert_eq!(target.count(&Match::upload_put()), 2);
            assert_eq!(target.count(&blobs(Method::HEAD)), 4, "asked again once sent");
        }),
        row(
            "blobs that are not replaced",
            "brother of project-zot/zot#1922",
            |source, target| {
                blobs_at(source, target, true);
                target.fault(Fault::new(Match::kind(Kind::Blob), Action::Resize { to: 3 }));
            },
            TagFails(&[
                "target: cannot check blob sha256:",
                "got 3",
                "the target holds 3 bytes under this digest (expected ",
                "remove it there",
            ]),
        )
        .then(|_, target| assert_eq!(target.count(&Match::manifest_put()), 0)),
        row(
            "`HEAD` says 0 of everything",
            "brother of project-zot/zot#1922",
            |source, target| {
                blobs_at(source, target, true);
                target.fault(Fault::new(blobs(Method::HEAD), Action::Resize { to: 0 }));
            },
            Copied,
        )
        .then(|_, target| assert_eq!(target.count(&Match::upload_start()), 0)),
    ])
    .await;
}

/// `HEAD` of a blob that is not there is answered so.
fn refused(id: &'static str, seen: &'static str, reply: Reply) -> Row {
    let given = |source: &Registry, target: &Registry| {
        one(source);
        answer(target, blobs(Method::HEAD), reply);
    };
    row(id, seen, given, Copied)
}

#[tokio::test]
async fn a_blob_that_is_not_shown_is_sent() {
    check(vec![
        refused(
            "403",
            "brother of google/go-containerregistry#1691",
            Reply::error(403, "DENIED", "forbidden"),
        ),
        refused("405", "containerd/containerd#3291", Reply::error(405, "UNSUPPORTED", "no")),
        refused("400", "brother of the above", Reply::status(400)),
    ])
    .await;
}

#[tokio::test]
async fn an_upload_begins_where_the_registry_says_and_is_over_where_bytes_were_sent() {
    let nowhere = |source: &Registry, target: &Registry| {
        one(source);
        answer(target, Match::upload_start(), Reply::status(201));
    };
    let redirected = |id, requests: Match| {
        let given = move |source: &Registry, target: &Registry| {
            one(source);
            let away = Reply::status(307).header(LOCATION, "/r/v2/app/blobs/uploads/1?secret=1");
            answer(target, requests, away);
        };
        row(
            id,
            "arg-sh/argsh#135",
            given,
            TagFails(&[
                "307 Temporary Redirect: it leads to http://127.0.0.1:",
                "/r/v2/app/blobs/uploads/1, where this is not sent",
            ]),
        )
    };
    check(vec![
        row(
            "201 for an upload that begins",
            "brother of goharbor/harbor#22863",
            |source, _| one(source),
            Copied,
        )
        .target(Registry::builder(Face::Open).quirks(|quirks| quirks.upload_status = 201))
        .then(|_, target| assert_eq!(target.count(&Match::upload_put()), 2)),
        row(
            "201 for an upload that begins nowhere",
            "brother of the above",
            nowhere,
            TagFails(&["the answer does not say where to upload"]),
        ),
        redirected("a redirected `POST`", Match::upload_start()),
        redirected("a redirected `PUT`", Match::upload_put()),
    ])
    .await;
}

fn immutable(status: u16) -> Reply {
    Reply::error(
        status,
        "PRECONDITION",
        "Failed to process request due to 'app:1.0' configured as immutable.",
    )
}

/// The answer to the first `PUT` of the tag is lost, the others are these.
fn lost(id: &'static str, seen: &'static str, others: Reply) -> Row {
    let given = |source: &Registry, target: &Registry| {
        one(source);
        target.fault(Fault::new(tag(Method::PUT), Action::LoseAnswer).once());
        target.fault(Fault::new(tag(Method::PUT), Action::Answer(others)).skip(1));
    };
    row(id, seen, given, Copied)
}

/// A tag that has to move, and may not.
fn moved(id: &'static str, seen: &'static str, reply: Reply, words: &'static [&'static str]) -> Row {
    let given = |source: &Registry, target: &Registry| {
        one(source);
        target.push("app", "1.0", &image(&["old"]));
        answer(target, tag(Method::PUT), reply);
    };
    row(id, seen, given, TagFails(words))
}

#[tokio::test]
async fn a_tag_that_is_refused_is_right_where_it_is_there() {
    const CONFLICT: &[&str] = &["conflict: the target has "];
    let denied = || Reply::error(403, "DENIED", "not enough permissions to overwrite artifact");
    check(vec![
        lost("412 after a lost answer", "replicatedhq/kots#5940", immutable(412)),
        lost("403 after a lost answer", "brother of replicatedhq/kots#5940", denied()),
        moved("412 for a tag that moves", "goharbor/harbor#18792", immutable(412), CONFLICT),
        moved("409 for a tag that moves", "brother of the above", immutable(409), CONFLICT),
        moved(
            "412 for something else",
            "brother of the above",
            Reply::error(412, "PROJECTPOLICYVIOLATION", "current image has vulnerabilities"),
            &["target: cannot write manifest 1.0", "412 Precondition Failed: PROJECTPOLICYVIOLATION"],
        ),
    ])
    .await;
}

/// After its `PUT`, the tag is so many times what it was before: nothing, or another image.
fn late(id: &'static str, seen: &'static str, was_there: bool, times: usize, ends: super::Ends) -> Row {
    let given = move |source: &Registry, target: &Registry| {
        one(source);
        let old = image(&["old"]);
        let action = if was_there {
            target.push("app", "1.0", &old);
            Action::Header("docker-content-digest", old.digest().to_string())
        } else {
            Action::error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        };
        // The first is the look before.
        target.fault(Fault::new(tag(Method::HEAD), action).skip(1).times(times));
    };
    row(id, seen, given, ends)
}

#[tokio::test]
async fn a_tag_may_be_seen_later_than_it_is_written() {
    let asked =
        |times| move |_: &Registry, target: &Registry| assert_eq!(target.count(&tag(Method::HEAD)), times);
    check(vec![
        late("nothing at first", "int128/docker-manifest-create-action#857", false, 2, Copied).then(asked(4)),
        late("the old image at first", "p2pool-starter-stack/pithead#429", true, 2, Copied).then(asked(4)),
        late(
            "nothing for ever",
            "brother of the above",
            false,
            usize::MAX,
            TagFails(&["the tag is not what was written: expected sha256:", "got nothing"]),
        )
        // As often as requests are tried.
        .then(asked(6)),
    ])
    .await;
}

/// Two tags, of which the target refuses to show one.
fn hidden(id: &'static str, seen: &'static str, reply: Reply, words: &'static [&'static str]) -> Row {
    let given = |source: &Registry, target: &Registry| {
        one(source);
        source.push("app", "1.1", &image(&["other"]));
        answer(target, tag(Method::HEAD), reply.clone());
        answer(target, tag(Method::GET), reply);
    };
    row(id, seen, given, TagFails(words)).then(|source, target| {
        assert_eq!(target.tags("app").get("1.1"), source.tags("app").get("1.1"));
        assert_eq!(target.tags("app").len(), 1);
    })
}

#[tokio::test]
async fn a_tag_that_is_not_shown_fails_alone() {
    let all = |source: &Registry, target: &Registry| {
        for number in 0..100 {
            source.push("app", &format!("1.{number}"), &image(&["layer"]));
        }
        answer(target, Match::kind(Kind::Manifest), Reply::error(403, "DENIED", "forbidden"));
    };
    check(vec![
        hidden(
            "403 for a tag that is not there",
            "google/go-containerregistry#1691, sigstore/cosign#2973",
            Reply::error(403, "DENIED", "forbidden"),
            &["target: cannot ask for the tag", "manifests/1.0: 403 Forbidden: DENIED"],
        ),
        hidden(
            "412 for an image with vulnerabilities",
            "goharbor/harbor#18792",
            Reply::error(412, "PROJECTPOLICYVIOLATION", "current image has vulnerabilities"),
            &["target: cannot ask for the tag", "PROJECTPOLICYVIOLATION: current image has vulnerabilities"],
        ),
        row(
            "403 for all tags",
            "brother of the above",
            all,
            MirrorFails(&["cannot ask the target what it has", "403 Forbidden: DENIED"]),
        )
        .then(|_, target| assert!(target.count(&Match::manifest_head()) < 60, "some of them show it")),
    ])
    .await;
}
