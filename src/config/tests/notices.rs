//! Who is told of what.

use crate::config::tests::{MIRROR, check, check_mirror, parse};
use crate::config::{Destination, Heartbeat, Notice, NoticeKind, SecretUrl, Shard};

/// The faults of entries under `notices`; their first line is line 6.
#[track_caller]
fn check_notices(lines: &[&str], expected: &[&str]) {
    check_mirror(&[&["notices:"], lines].concat(), expected);
}

#[track_caller]
fn notices(lines: &str) -> Vec<Notice> {
    parse(&format!("{MIRROR}    tags: [{{match: x}}]\nnotices:\n{lines}")).unwrap().notices
}

#[test]
fn an_item_without_more_is_told_of_what_passes_change() {
    let notices = notices("  - {slack: {url: '${SLACK_WEBHOOK_URL}'}}\n");
    let [Notice { destination, on, mirrors: None }] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!(destination.to_string(), "Slack at https://hooks.example.com");
    assert!(on.iter().eq(&NoticeKind::DEFAULT));
}

#[test]
fn headers_are_sent_and_not_shown() {
    let notices = notices(
        "  - {webhook: {url: 'http://127.0.0.1:9/a', headers: {Authorization: 'Bearer ${NOTICE_TOKEN}'}}}\n",
    );
    let Destination::Webhook { url, headers } = &notices[0].destination else { panic!("{notices:?}") };
    assert_eq!(url.expose().as_str(), "http://127.0.0.1:9/a");
    assert_eq!(headers["authorization"], "Bearer hunter2");
    assert!(headers["authorization"].is_sensitive());
}

#[test]
fn an_arn_says_the_region() {
    let notices = notices(
        "  - {sns: {topic_arn: 'arn:aws-cn:sns:cn-north-1:123456789012:t'}}\n  \
         - {eventbridge: {bus: 'arn:aws:events:eu-west-1:123456789012:event-bus/a'}}\n  \
         - {eventbridge: {region: eu-north-1}}\n",
    );
    let shown: Vec<String> = notices.iter().map(|notice| notice.destination.to_string()).collect();
    assert_eq!(
        shown,
        [
            "the SNS topic arn:aws-cn:sns:cn-north-1:123456789012:t",
            "the EventBridge bus arn:aws:events:eu-west-1:123456789012:event-bus/a in eu-west-1",
            "the EventBridge bus default in eu-north-1",
        ]
    );
}

#[test]
fn an_item_has_exactly_one_kind() {
    check_notices(
        &["  - {on: [failed]}", "  - {slack: {url: 'https://a.b/c'}, sns: {}}"],
        &[
            "6:5: notices[0]: incomplete: write one of `webhook`, `slack`, `sns`, `eventbridge` and `heartbeat`",
            "7:37: notices[1].sns: one too many: write another item for it",
        ],
    );
}

#[test]
fn words_and_names_are_those_that_there_are() {
    check_notices(
        &[
            "  - {slack: {url: 'https://a.b/c'}, on: [failed, fixed], mirrors: [java/jdk, java/jkd]}",
            "  - {slack: {url: 'https://a.b/c'}, on: [], mirrors: []}",
        ],
        &[
            "6:50: notices[0].on[1]: expected one of copied, failed, recovered, late, discovered, reload_refused",
            "6:78: notices[0].mirrors[1]: no mirror is named `java/jkd`, did you mean `java/jdk`?",
            "7:41: notices[1].on: empty: leave it out to be told of copied, failed and recovered",
            "7:54: notices[1].mirrors: empty: leave it out to be told of all mirrors",
        ],
    );
}

#[test]
fn a_mirror_with_a_fault_may_be_named() {
    check(
        &[
            "mirrors:",
            "  - {name: a, source: quay.io/a/b, tags: [{match: x}]}",
            "notices:",
            "  - {slack: {url: 'https://a.b/c'}, mirrors: [a]}",
        ],
        &[
            "2:5: mirrors[0].target: missing: write the repository to fill, such as `target: 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/oracle/jdk`, here or in `defaults`",
        ],
    );
}

#[test]
fn addresses_are_of_the_web_and_without_a_login() {
    let shape = "expected an address such as `https://HOST/PATH` (it is not shown, as it is a secret)";
    check_notices(
        &[
            "  - {slack: {}}",
            "  - {slack: {url: hooks.slack.com/services}}",
            "  - {slack: {url: 'ftp://hooks.slack.com/'}}",
            "  - {slack: {url: 'https://me:it@hooks.slack.com/'}}",
            "  - {slack: {url: '${EMPTY}'}}",
        ],
        &[
            "6:13: notices[0].slack.url: missing: write where to send, best as a variable such as `url: \"${NOTICE_URL}\"`",
            &format!("7:19: notices[1].slack.url: {shape}"),
            &format!("8:19: notices[2].slack.url: {shape}"),
            "9:19: notices[3].slack.url: holds a user or password before the host: send them in a header, such as `headers: {Authorization: \"Basic ${CREDENTIALS}\"}`",
            "10:19: notices[4].slack.url: empty: the environment variable `EMPTY` is empty",
        ],
    );
}

#[test]
fn headers_are_named_once_and_are_not_ours() {
    check_notices(
        &[
            "  - webhook:",
            "      url: https://a.b/c",
            "      headers:",
            "        Host: a.b",
            "        X Token: it",
            "        X-Token: it",
            "        x-token: it",
            "        X-Empty: ''",
            "        X-Odd: \"a\\u0001\"",
        ],
        &[
            "9:9: notices[0].webhook.headers[…]: `host` is set by tagferry: leave it out",
            "10:9: notices[0].webhook.headers[…]: not the name of a header: write it as in `Authorization: \"Bearer ${TOKEN}\"`",
            "12:9: notices[0].webhook.headers[…]: the same header as another key here: write it once",
            "13:18: notices[0].webhook.headers[…]: empty: write a value",
            "14:16: notices[0].webhook.headers[…]: cannot be a header: it holds a control character",
        ],
    );
}

#[test]
fn topics_and_buses_are_named_as_aws_names_them() {
    let topic = "expected the ARN of a topic, such as `arn:aws:sns:eu-central-1:123456789012:tagferry`";
    check_notices(
        &[
            "  - {sns: {}}",
            "  - {sns: {topic_arn: tagferry}}",
            "  - {sns: {topic_arn: 'arn:aws:sqs:eu-central-1:123456789012:a'}}",
            "  - {sns: {topic_arn: 'arn:aws:sns:eu-central-1:123456789012:a.fifo', endpoint_url: a}}",
            "  - {eventbridge: {bus: 'a b', region: eu-central-1}}",
            "  - {eventbridge: {bus: a}}",
            "  - {eventbridge: {region: frankfurt}}",
            "  - {eventbridge: {bus: 'arn:aws:events:eu-west-1:123456789012:event-bus/a', region: eu-central-1}}",
        ],
        &[
            "6:11: notices[0].sns.topic_arn: missing: write the topic, such as `topic_arn: arn:aws:sns:eu-central-1:123456789012:tagferry`",
            &format!("7:23: notices[1].sns.topic_arn: {topic}"),
            &format!("8:23: notices[2].sns.topic_arn: {topic}"),
            "9:23: notices[3].sns.topic_arn: a FIFO topic: notices need a standard one",
            "9:85: notices[3].sns.endpoint_url: expected an address such as `https://HOST`, without a user or a query",
            "10:25: notices[4].eventbridge.bus: expected the name of an event bus, or its ARN, such as `arn:aws:events:eu-central-1:123456789012:event-bus/images`",
            "11:19: notices[5].eventbridge.region: missing: the name of the bus does not say it: write the region, such as `eu-central-1`",
            "12:28: notices[6].eventbridge.region: expected an AWS region such as `ap-northeast-1`",
            "13:86: notices[7].eventbridge.region: the ARN of the bus says `eu-west-1`: leave this out",
        ],
    );
}

#[test]
fn a_heartbeat_is_a_secret_address_and_no_notice() {
    let config = parse(&format!(
        "{MIRROR}    tags: [{{match: x}}]\nnotices:\n  - {{heartbeat: {{url: '${{SLACK_WEBHOOK_URL}}'}}}}\n"
    ));
    let config = config.unwrap();
    let [Heartbeat { url, mirrors: None }] = &config.heartbeats[..] else {
        panic!("{:?}", config.heartbeats)
    };
    assert!(config.notices.is_empty());
    assert_eq!(format!("{url:?}"), "SecretUrl(https://hooks.example.com/…)");
    check_notices(
        &["  - {heartbeat: {url: 'https://a.b/c'}, on: [failed]}", "  - {heartbeat: {}}"],
        &[
            "6:41: notices[0].on: a heartbeat is sent whatever happens: leave this out",
            "7:17: notices[1].heartbeat.url: missing: write where to send, best as a variable such as `url: \"${NOTICE_URL}\"`",
        ],
    );
}

#[test]
fn a_heartbeat_is_sent_from_runs_over_all_of_its_mirrors_alone() {
    let mirror = |index| {
        format!(
            "  - {{name: m{index}, source: quay.io/a, target: registry.test/a{index}, tags: [{{match: x}}]}}\n"
        )
    };
    let mirrors = (0..8).map(mirror).collect::<Vec<_>>().concat();
    let shard: Shard = "0/2".parse().unwrap();
    let first = (0..8).map(|index| format!("m{index}")).find(|name| shard.has(name)).unwrap();
    let other = (0..8).map(|index| format!("m{index}")).find(|name| !shard.has(name)).unwrap();
    let yaml = format!(
        "mirrors:\n{mirrors}notices:\n  - {{heartbeat: {{url: 'https://a.b/all'}}}}\n  \
         - {{heartbeat: {{url: 'https://a.b/one'}}, mirrors: [{first}]}}\n  \
         - {{heartbeat: {{url: 'https://a.b/both'}}, mirrors: [{first}, {other}]}}\n"
    );
    let config = parse(&yaml).unwrap();
    let mut part = config.clone();
    assert_eq!(part.keep_shard(shard), 2);
    assert_eq!(part.heartbeats[0].url.expose().path(), "/one");
    let mut part = config.clone();
    part.keep_named(&[first]).unwrap();
    assert!(part.heartbeats.is_empty());
    let mut whole = config;
    whole.keep_named(&[]).unwrap();
    assert_eq!((whole.keep_shard("0/1".parse().unwrap()), whole.heartbeats.len()), (0, 3));
}

#[test]
fn paths_are_joined_before_the_query() {
    for (url, start) in [
        ("https://hc.test/uuid", "https://hc.test/uuid/start"),
        ("https://hc.test/key/slug/?create=1", "https://hc.test/key/slug/start?create=1"),
        ("https://hc.test", "https://hc.test/start"),
    ] {
        assert_eq!(SecretUrl::parse(url).unwrap().below(&["start"]).expose().as_str(), start);
    }
}
