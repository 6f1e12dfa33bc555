//! How hard a host is asked: what it bears, what it asks for, what it still allows.

use std::sync::Arc;
use std::time::Duration;

use tagferry::pass::{Mode, Stop};

use crate::fake::{Action, Face, Fault, Match, Registry, Reply, image};
use crate::world::{APP, Bytes, Side, app, assert_says, assert_succeeded, copy, mirror, plan, tag_error};

/// The most requests that are under way while so many tags are asked for, after so many throttled answers.
async fn in_flight_max(tags: usize, throttled: usize) -> usize {
    let source = Registry::start(Face::Open).await;
    let image = image(&["one"]);
    source.push("app", "0", &image);
    source.edit("app", |app| app.tags.extend((1..tags).map(|n| (n.to_string(), image.digest()))));
    source.fault(Fault::new(Match::tags(), Action::throttle(None)).times(throttled));
    source.fault(Fault::new(Match::manifest_head(), Action::Delay(Duration::from_millis(5))));
    let target = Registry::start(Face::Open).await;
    assert_succeeded(&plan(&mirror(Side::plain(&source, "limits: {concurrent: 8}"), &target, APP)).await);
    source.in_flight_max()
}

#[tokio::test]
async fn a_throttled_host_is_asked_less_and_with_success_as_hard_as_before() {
    assert_eq!(in_flight_max(12, 0).await, 8);
    let slowed = in_flight_max(12, 3).await;
    assert!((2..=5).contains(&slowed), "{slowed} at once");
    assert_eq!(in_flight_max(120, 3).await, 8);
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
