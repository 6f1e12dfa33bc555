//! How hard a host is asked: what it bears, what it asks for, what it still allows.

use std::sync::Arc;

use tagferry::pass::{Mode, Stop};

use crate::fake::{Action, Face, Fault, Gate, Match, Registry, Reply, image};
use crate::world::clock::settled;
use crate::world::{APP, Bytes, Side, app, assert_says, assert_succeeded, copy, mirror, plan, tag_error};

/// How many requests are under way at once, of a host that throttled so many and then answered so many; no fewer than
/// `expected`.
async fn in_flight(throttled: usize, answered: usize, expected: usize) -> usize {
    let tags = answered + 20;
    let source = Registry::start(Face::Open).await;
    let image = image(&["one"]);
    source.push("app", "0", &image);
    source.edit("app", |app| app.tags.extend((1..tags).map(|n| (n.to_string(), image.digest()))));
    source.fault(Fault::new(Match::tags(), Action::throttle(None)).times(throttled));
    let gate = Gate::closed();
    source.fault(Fault::new(Match::manifest_head(), Action::Hold(gate.clone())).skip(answered));
    let target = Registry::start(Face::Open).await;
    let config = mirror(Side::plain(&source, "limits: {concurrent: 8}"), &target, APP);
    let look = async {
        source.wait_for(&Match::manifest_head(), answered + expected).await;
        settled().await;
        let held = source.count(&Match::manifest_head()) - answered;
        gate.open();
        held
    };
    let (summary, held) = tokio::join!(plan(&config), look);
    assert_succeeded(&summary);
    held
}

#[tokio::test]
async fn a_throttled_host_is_asked_less_and_with_success_as_hard_as_before() {
    assert_eq!(in_flight(0, 0, 8).await, 8);
    let slowed = in_flight(3, 0, 1).await;
    assert!(slowed <= 4, "{slowed} at once");
    assert_eq!(in_flight(3, 100, 8).await, 8);
}

#[tokio::test]
async fn where_no_pulls_are_left_no_manifest_is_asked_for_until_there_are_more() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    for tag in ["1.0", "1.1", "1.2"] {
        source.push("app", tag, &image(&["base", tag]));
    }
    let says = |number: u32| Action::Header("ratelimit-remaining", format!("{number};w=21600"));
    source.fault(Fault::new(Match::manifest_head(), says(0)));
    let app = app(&mirror(&source, &target, APP), Arc::new(Bytes::default())).await;
    let summary = app.run(Mode::Sync, &Stop::default()).await;
    assert_says(
        tag_error(&summary, "1.1"),
        &["the pull quota of this host is used up: it is asked again in 1h;"],
    );
    assert_eq!((summary.totals.failed, source.count(&Match::manifest_get())), (3, 0));
    source.heal();
    source.fault(Fault::new(Match::manifest_head(), says(100)));
    assert_succeeded(&app.run(Mode::Sync, &Stop::default()).await);
    target.assert_consistent();
}

#[tokio::test]
async fn one_pull_too_many_is_not_tried_again() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1.0", &image(&["base"]));
    let reply = Reply::error(429, "TOOMANYREQUESTS", "You have reached your pull rate limit");
    let refusal = Action::Answer(reply.named("ratelimit-remaining", "0;w=21600"));
    source.fault(Fault::new(Match::manifest_get(), refusal));
    let summary = copy(&source, &target).await;
    assert_says(tag_error(&summary, "1.0"), &["the pull quota of this host is used up"]);
    assert_eq!(source.count(&Match::manifest_get()), 1);
}
