//! Lists, tags and manifests of the source, and the login for them.

use serde_json::json;

use crate::fake::Action::{CutBody, Header, Reset, Stall};
use crate::fake::{Action, Licence, Reply};
use crate::faults::scenario::Ends::{Copied, MirrorFails, TagFails};
use crate::faults::scenario::How::Meanwhile;
use crate::faults::scenario::When::{Always, From, Once, Twice};
use crate::faults::scenario::{Scenario, assert_all, given, row};
use crate::faults::stage::Way::{Oracle, Plain};
use crate::faults::stage::What::{ChildGet, IndexGet, LayerGet, LayerPut, List, Realm, TagGet, TagHead};
use crate::faults::{NOWHERE, page, redirect};

fn questions() -> Vec<Scenario> {
    let unknown = || Action::error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    let throttling = || Action::Answer(Reply::json(400, &json!({"__type": "ThrottlingException"})));
    let lists: &[&str] = &["cannot read the tags of the source"];
    let few = Header("ratelimit-remaining", "1;w=21600".to_owned());
    vec![
        row("list: reset twice", Plain, List, Reset, Twice, Copied).counts([(List, 3)]),
        row("list: no answer once", Plain, List, Stall, Once, Copied).counts([(List, 2)]),
        row("list: cut in the body", Plain, List, CutBody { after: 5 }, Always, MirrorFails(lists)),
        row("list: 502 each time", Plain, List, page(502), Always, MirrorFails(&["502 Bad Gateway"]))
            .counts([(List, 5)]),
        row("list: 404", Plain, List, page(404), Always, MirrorFails(&["404 Not Found"])).counts([(List, 1)]),
        row("list: a page", Plain, List, page(200), Always, MirrorFails(&["a web page came instead"])),
        row(
            "list: circles",
            Plain,
            List,
            redirect("?again"),
            Always,
            MirrorFails(&["more than 5 redirects"]),
        ),
        row("list: nobody listens", Plain, List, redirect(NOWHERE), Always, MirrorFails(&["no answer"]))
            .counts([(List, 5)]),
        row("tag: 408 twice", Plain, TagHead, Action::status(408), Twice, Copied).counts([(TagHead, 3)]),
        row("tag: throttled", Plain, TagHead, Action::throttle(Some(0)), Twice, Copied),
        row("tag: 500 each time", Plain, TagHead, page(500), Always, TagFails(&["source: cannot ask"]))
            .and(TagGet, page(500), Always)
            .counts([(TagHead, 5), (TagGet, 5)]),
        row("tag: gone", Plain, TagHead, unknown(), Always, TagFails(&["there is no image under it"]))
            .and(TagGet, unknown(), Always)
            .counts([(TagHead, 1), (TagGet, 1)]),
        row("tag: refused", Plain, TagHead, page(403), Always, MirrorFails(&["refuses to show tag 2.0"]))
            .and(TagGet, page(403), Always)
            .counts([(TagHead, 1), (TagGet, 1)]),
        row("tag: `HEAD` refused", Plain, TagHead, page(403), Always, Copied)
            .counts([(TagHead, 1), (TagGet, 1)]),
        row("index: 400 that is throttling", Plain, IndexGet, throttling(), Twice, Copied)
            .counts([(IndexGet, 3)]),
        row("index: no answer once", Plain, IndexGet, Stall, Once, Copied),
        row("index: gone after `HEAD`", Plain, IndexGet, unknown(), Always, TagFails(&["404 Not Found"]))
            .and(TagGet, unknown(), Always)
            .counts([(IndexGet, 1), (TagGet, 1)]),
        row("index: few pulls left", Plain, IndexGet, few, Always, Copied),
        row("child: 504 twice", Plain, ChildGet, page(504), Twice, Copied).counts([(ChildGet, 3)]),
        row("child: gone", Plain, ChildGet, unknown(), Always, TagFails(&["404 Not Found"]))
            .counts([(ChildGet, 1), (LayerGet, 0)]),
    ]
}

#[tokio::test]
async fn questions_to_the_source_end_as_they_must() {
    assert_all(questions()).await;
}

fn logins() -> Vec<Scenario> {
    let not_found = || Action::Answer(Reply::status(404).body("Not found"));
    let says = |status| Action::error(status, "UNAUTHORIZED", "Auth failed.");
    let revoke = || Meanwhile(|world| world.source.revoke_tokens());
    let realm = |name, action, words| {
        row(name, Oracle, Realm, action, Always, MirrorFails(words)).counts([(Realm, 1), (List, 0)])
    };
    vec![
        realm("realm: 401", says(401), &["cannot read the tags", "401 Unauthorized", "Auth failed"]),
        realm("realm: 403", says(403), &["cannot read the tags", "403 Forbidden", "Auth failed"]),
        realm("realm: 404", not_found(), &["cannot read the tags", "404 Not Found: Not found"]),
        row("realm: 500 twice", Oracle, Realm, page(500), Twice, Copied).counts([(Realm, 3)]),
        row("realm: no answer once", Oracle, Realm, Stall, Once, Copied),
        row("token dies at a tag", Oracle, TagHead, revoke(), Once, Copied).counts([(Realm, 2)]),
        row("token dies at an index", Oracle, IndexGet, revoke(), Once, Copied).counts([(Realm, 2)]),
        row("token dies at a layer", Oracle, LayerGet, revoke(), Once, Copied)
            .counts([(Realm, 2), (LayerPut, 1)]),
        row("token dies, realm: 404", Oracle, TagHead, revoke(), Once, MirrorFails(&["Not found"])).and(
            Realm,
            not_found(),
            From(2),
        ),
        row("token dies, realm: 401", Oracle, TagHead, revoke(), Once, MirrorFails(&["Auth failed"])).and(
            Realm,
            says(401),
            From(2),
        ),
        given(
            "licence wanted by the realm",
            Oracle,
            |world| world.source.require_licence("app", Licence::AtRealm),
            MirrorFails(&["401 Unauthorized", "Auth failed"]),
        ),
        given(
            "licence wanted by the registry",
            Oracle,
            |world| world.source.require_licence("app", Licence::AtManifest),
            MirrorFails(&["the source refuses to show tag", "403 Forbidden"]),
        ),
    ]
}

#[tokio::test]
async fn logins_end_as_they_must() {
    assert_all(logins()).await;
}
