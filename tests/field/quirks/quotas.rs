//! Headers about quotas and waiting: whom they are about, and how long they are believed.

use http::header::RETRY_AFTER;

use super::Ends::{Copied, TagFails};
use super::{Row, answer, check, one, row};
use crate::fake::{Action, Face, Fault, Match, Registry, Reply};

const REMAINING: &str = "ratelimit-remaining";

/// Every answer to these requests has this header.
fn says(requests: Match, header: &'static str, value: &'static str) -> impl FnOnce(&Registry, &Registry) {
    move |source, _| {
        one(source);
        source.fault(Fault::new(requests, Action::Header(header, value.to_owned())));
    }
}

fn harmless(id: &'static str, seen: &'static str, header: &'static str, value: &'static str) -> Row {
    row(id, seen, says(Match::any(), header, value), Copied)
}

#[tokio::test]
async fn what_is_no_quota_of_pulls_stops_none() {
    let by = harmless;
    check(vec![
        by("some are left", "docker/docs#11648", REMAINING, "76;w=21600"),
        // Of requests a minute, as GitLab says it: that is what 429 and `Retry-After` are for.
        by("none, without a window", "docker/docs#11648", REMAINING, "0"),
        by("two numbers", "docker/docs#11648", REMAINING, "76, 76"),
        by("less than none", "docker/docs#11648", REMAINING, "-1;w=21600"),
        by("a word", "docker/docs#11648", REMAINING, "abc"),
        by("members of a newer draft", "docker/docs#11648", REMAINING, "r=0;t=30"),
        by("all in one header", "docker/docs#11648", "ratelimit", "limit=100, remaining=0, reset=30"),
        by("a reset as a span", "deniz-blue/mcman#36", "x-ratelimit-reset", "42"),
        by("a reset in the year 5138", "itsoltech/canopy-desktop#344", "x-ratelimit-reset", "99999999999"),
        by(
            "a reset beyond all times",
            "none found; brother of the above",
            "x-ratelimit-reset",
            "18446744073709551615",
        ),
        by(
            "a reset in milliseconds",
            "ioggstream/draft-polli-ratelimit-headers#41",
            "ratelimit-reset",
            "1700000000000",
        ),
    ])
    .await;
}

#[tokio::test]
async fn only_the_registry_itself_knows_its_quota() {
    let elsewhere = |source: &Registry, _: &Registry| {
        one(source);
        let header = Action::Header(REMAINING, "0;w=21600".to_owned());
        source.storage().fault(Fault::new(Match::any(), header));
        // A second tag, whose manifest is asked for when the storage has answered.
        source.push("app", "1.1", &crate::fake::image(&["other"]));
    };
    let token = says(Match::token(), REMAINING, "0;w=21600");
    check(vec![
        row("storage behind a redirect", "ioggstream/draft-polli-ratelimit-headers#26", elsewhere, Copied)
            .source(Registry::builder(Face::Open).blobs_elsewhere()),
        row("the token service", "none found; brother of the above", token, Copied)
            .source(Registry::builder(Face::Token)),
    ])
    .await;
}

#[tokio::test]
async fn no_quota_lasts_for_ages() {
    let none = |id, seen, value| {
        row(
            id,
            seen,
            says(Match::manifest_head(), REMAINING, value),
            TagFails(&["the pull quota of this host is used up", "it is asked again in 1h;"]),
        )
    };
    check(vec![
        none("six hours", "regclient/regclient#711", "0;w=21600"),
        none("three million years", "none found; brother of the above", "0;w=99999999999999"),
        none("the largest number", "none found; brother of the above", "0;w=18446744073709551615"),
    ])
    .await;
}

#[tokio::test]
async fn a_wish_to_be_left_alone_is_heeded_within_bounds() {
    let later = |id, seen, seconds: &'static str, words: &'static [&'static str]| {
        let given = move |source: &Registry, _: &Registry| {
            one(source);
            let reply = Reply::error(429, "TOOMANYREQUESTS", "later").header(RETRY_AFTER, seconds);
            answer(source, Match::manifest_get(), reply);
        };
        // Asked for more patience than there is, nobody is asked twice.
        row(id, seen, given, TagFails(words))
            .then(|source, _| assert_eq!(source.count(&Match::manifest_get()), 1))
    };
    const AGES: &[&str] = &["429 Too Many Requests", "to be asked again in more than a day"];
    let limit = |source: &Registry, _: &Registry| {
        one(source);
        let reply = Reply::error(429, "TOOMANYREQUESTS", "later").header(RETRY_AFTER, "3600");
        answer(source, Match::token(), reply);
    };
    // Its own pause is the least, five tries are the most.
    let at_once = |source: &Registry, _: &Registry| {
        one(source);
        answer(
            source,
            Match::manifest_get(),
            Reply::error(429, "TOOMANYREQUESTS", "now").header(RETRY_AFTER, "0"),
        );
    };
    let negative = |source: &Registry, _: &Registry| {
        one(source);
        let reply = Reply::error(429, "TOOMANYREQUESTS", "now").header(RETRY_AFTER, "-1484742195");
        answer(source, Match::manifest_get(), reply);
    };
    let five = |source: &Registry, _: &Registry| assert_eq!(source.count(&Match::manifest_get()), 5);
    // Without its status: a proxy made another of it.
    let words = |source: &Registry, _: &Registry| {
        one(source);
        let text = "toomanyrequests: You have reached your pull rate limit";
        source.fault(Fault::new(Match::manifest_get(), Action::error(403, "DENIED", text)).once());
    };
    check(vec![
        later("eleven days", "urllib3/urllib3#3743", "999999", AGES),
        later("three centuries", "shashankswe2020-ux/whoop-mcp#17", "9999999999", &["429"]),
        later(
            "the largest number",
            "atlassian-api/atlassian-python-api#1602",
            "9223372036854775807",
            &["429"],
        ),
        row("a negative number", "alisaifee/flask-limiter#62", negative, TagFails(&["429"])).then(five),
        row("none at all", "alisaifee/flask-limiter#62", at_once, TagFails(&["429"])).then(five),
        row("a limit that is told as a denial", "containers/image#1078", words, Copied),
        row(
            "the token service is asked too much",
            "jupyterhub/mybinder.org-deploy#2514",
            limit,
            super::Ends::MirrorFails(&["from the token service", "to be asked again in 1h"]),
        )
        .source(Registry::builder(Face::Token)),
    ])
    .await;
}
