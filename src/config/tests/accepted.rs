//! Texts without a fault, and what they become.

use std::num::NonZeroU64;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::config::tests::{MIRROR, parse};
use crate::config::{Config, Credentials, Endpoint, Registry};
use crate::ecr::{Encryption, TagMutability};
use crate::oci::Host;

const EXAMPLE: &str = include_str!("../../../config/example.yaml");
const MINIMAL: &str = include_str!("../../../config/minimal.yaml");

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

#[track_caller]
fn registry_of(entry: &str) -> Registry {
    let text = format!("{MIRROR}    tags: [{{match: ^21$}}]\nregistries:\n  registry.test: {entry}\n");
    parse(&text).unwrap().registry(&host("registry.test"))
}

#[test]
fn the_minimal_file_has_the_defaults() {
    let config = parse(MINIMAL).unwrap();
    let [mirror] = &config.mirrors[..] else { panic!("one mirror") };
    assert_eq!(mirror.name, "java/jdk");
    assert_eq!(mirror.source.to_string(), "container-registry.oracle.com/java/jdk");
    assert_eq!(mirror.rules.len(), 1);
    assert_eq!((mirror.at_least, mirror.referrers, mirror.platforms.len()), (1, false, 0));
    assert!(mirror.schedule.is_none());
    assert!(config.registries.is_empty());
    assert_eq!(config.concurrency, Config::default().concurrency);
    assert_eq!(config.timeouts, Config::default().timeouts);
    assert_eq!(config.shutdown_grace, Duration::from_secs(25));
}

#[test]
fn the_example_is_without_fault() {
    let config = parse(EXAMPLE).unwrap();
    let [jdk, base, web, pause, _, alpine, temurin, _] = &config.mirrors[..] else { panic!("eight mirrors") };
    assert_eq!((alpine.other_sources.len(), alpine.first_target.is_some()), (1, true));
    let lts = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/library/eclipse-temurin";
    assert_eq!((pause.name.as_str(), temurin.target.to_string().as_str()), ("pause", lts));
    assert_eq!((jdk.name.as_str(), jdk.rules.len(), jdk.at_least), ("jdk", 5, 3));
    assert_eq!((base.name.as_str(), base.target.to_string().as_str()), ("team/base", "oci:./mirror/base"));
    assert_eq!(base.target, Endpoint::Layout { dir: "./mirror/base".into(), name: None });
    assert_eq!((web.name.as_str(), web.source.to_string().as_str()), ("apps/web", "oci:./carried#apps/web"));
    assert_eq!(config.registries.len(), 6);
}

#[test]
fn a_pace_may_be_any_and_a_pass_have_an_end() {
    let timeouts = |entry: &str| {
        let text = format!("{MIRROR}    tags: [{{match: ^21$}}]\ntimeouts: {entry}\n");
        parse(&text).unwrap().timeouts
    };
    let default = timeouts("{}");
    assert_eq!((default.pace.map(NonZeroU64::get), default.pass), (Some(1024), None));
    assert_eq!(default.metadata, Duration::from_mins(1));
    let given = timeouts("{pace: 0, pass: 2h, metadata: 5m}");
    assert_eq!((given.pace, given.pass), (None, Some(Duration::from_hours(2))));
    assert_eq!(given.metadata, Duration::from_mins(5));
}

#[test]
fn the_schedule_for_all_is_that_of_mirrors_without_their_own() {
    let config = parse(EXAMPLE).unwrap();
    let schedules: Vec<String> =
        config.mirrors.iter().map(|mirror| mirror.schedule.as_ref().unwrap().to_string()).collect();
    let for_all = "0 */6 * * * (Asia/Tokyo)";
    assert_eq!(schedules[0], "30 3 * * * (Europe/Berlin)");
    assert!(schedules[1..].iter().all(|schedule| schedule == for_all), "{schedules:?}");
    let all = config.mirrors[1].schedule.as_ref().unwrap();
    assert_eq!((all.jitter, all.on_start), (Duration::from_mins(5), true));
}

#[test]
fn a_failed_pass_is_tried_again_four_times_within_the_hour_unless_told_otherwise() {
    let retry = |retry: &str| {
        let yaml = format!("{MIRROR}    tags: [{{match: .}}]\nschedule: {{cron: 0 0 * * *{retry}}}\n");
        let retry = parse(&yaml).unwrap().mirrors.remove(0).schedule.unwrap().retry;
        retry.iter().map(Duration::as_secs).collect::<Vec<_>>()
    };
    assert_eq!(retry(""), [60, 300, 900, 1800]);
    assert_eq!(retry(", retry: [30s, 2h]"), [30, 7200]);
    assert_eq!(retry(", retry: never"), [0_u64; 0]);
}

#[test]
fn a_variable_is_not_read_as_yaml() {
    let registry = parse(EXAMPLE).unwrap().registry(&host("container-registry.oracle.com"));
    let Some(Credentials::Password { username, password }) = registry.credentials else {
        panic!("a password")
    };
    assert_eq!((username.as_str(), password.expose_secret()), ("me@example.com", "hunter2: ["));
    assert_eq!((registry.limits.concurrent.get(), registry.limits.per_second.map(u32::from)), (8, Some(20)));
}

#[test]
fn texts_stay_as_they_are_written() {
    for (written, expected) in [
        ("0123", "0123"),
        ("1.10", "1.10"),
        ("true", "true"),
        ("1e3", "1e3"),
        ("0x1F", "0x1F"),
        ("2024-05-01", "2024-05-01"),
        ("'~'", "~"),
        ("!!str null", "null"),
        ("${UNSET:-null}", "null"),
        ("'a''b\"c'", "a'b\"c"),
    ] {
        let entry = format!("\n    credentials:\n      username: u\n      password: {written}");
        let Some(Credentials::Password { password, .. }) = registry_of(&entry).credentials else {
            panic!("{written}")
        };
        assert_eq!(password.expose_secret(), expected);
    }
}

#[test]
fn the_wanted_type_decides_how_a_scalar_is_read() {
    let text =
        format!("{MIRROR}    tags: [{{match: 21, newest: \"3\", prereleases: 'true'}}]\n    at_least: '2'\n");
    assert_eq!(parse(&text).unwrap().mirrors[0].at_least, 2);
}

#[test]
fn sections_without_content_are_as_if_left_out() {
    let text = format!(
        "{MIRROR}    tags: [{{match: x}}]\n    platforms:\n    schedule: ~\nregistries:\nconcurrency:\ntimeouts: null\n"
    );
    assert!(parse(&text).is_ok());
}

#[test]
fn a_value_with_an_anchor_can_be_used_again() {
    let text = format!(
        "{MIRROR}    tags: &tags [{{match: ^21}}]\n  - source: nginx\n    target: registry.test/nginx\n    tags: *tags\n"
    );
    assert_eq!(parse(&text).unwrap().mirrors[1].rules.len(), 1);
}

#[test]
fn byte_order_marks_and_carriage_returns_do_no_harm() {
    assert!(parse(&format!("\u{feff}{}", MINIMAL.replace('\n', "\r\n"))).is_ok());
}

#[test]
fn json_is_yaml() {
    let text = r#"{"mirrors": [{"source": "a.b/c", "target": "d.e/f", "tags": [{"match": "^21\\.0$"}]}]}"#;
    assert!(parse(text).is_ok());
}

#[test]
fn the_kinds_of_credentials() {
    let credentials = registry_of("{credentials: {username: u, password_file: f}}").credentials;
    let Some(Credentials::PasswordFile { username, path }) = credentials else { panic!("a file") };
    assert_eq!((username.as_str(), path.to_str()), ("u", Some("f")));
    let credentials = registry_of("{credentials: {secret: id}}").credentials;
    let Some(Credentials::Secret { id }) = credentials else { panic!("a secret") };
    assert_eq!(id, "id");
}

#[test]
fn a_host_of_ecr_is_ecr_without_an_entry() {
    let config = parse(MINIMAL).unwrap();
    let ecr = config.registry(&host("123456789012.dkr.ecr.ap-northeast-1.amazonaws.com")).ecr.unwrap();
    assert_eq!((ecr.account.as_str(), ecr.region.as_str()), ("123456789012", "ap-northeast-1"));
    assert!(!ecr.create_repositories);
    assert!(config.registry(&host("registry.test")).ecr.is_none());
    assert!(registry_of("{plain_http: true}").ecr.is_none());
}

#[test]
fn an_entry_makes_any_host_ecr() {
    let ecr = registry_of(
        "{ecr: {account: 012345678901, region: us-east-1, endpoint_url: 'http://127.0.0.1:4566'}}",
    );
    let ecr = ecr.ecr.unwrap();
    assert_eq!(ecr.account, "012345678901");
    assert_eq!(ecr.endpoint_url.unwrap().as_str(), "http://127.0.0.1:4566/");
}

#[test]
fn settings_of_repositories() {
    let config = parse(EXAMPLE).unwrap();
    let ecr = config.registry(&host("123456789012.dkr.ecr.ap-northeast-1.amazonaws.com")).ecr.unwrap();
    let settings = ecr.repository;
    let exclude = ["latest", "21", "*-snapshot"].map(str::to_owned).to_vec();
    assert_eq!(settings.tag_mutability, TagMutability::ImmutableWithExclusion(exclude));
    assert_eq!(settings.encryption, Encryption::Kms("alias/mirror".to_owned()));
    assert_eq!(settings.tags["cost-center"], "0042");
    let policy: serde_json::Value = serde_json::from_str(&settings.lifecycle_policy.unwrap()).unwrap();
    assert_eq!(policy["rules"][0]["selection"]["countNumber"], 14);
    let policy: serde_json::Value = serde_json::from_str(&settings.policy.unwrap()).unwrap();
    assert_eq!(policy["Statement"][0]["Effect"], "Allow");
    assert!(settings.scan_on_push);
}

#[test]
fn a_lifecycle_policy_may_be_json_text() {
    let policy = format!(r#"{{"rules": [{}]}}"#, r#"{"rulePriority": 1}"#.to_owned() + &" ".repeat(100));
    let entry = format!(
        "{{ecr: {{account: 012345678901, region: us-east-1, repository: {{lifecycle_policy: '{policy}'}}}}}}"
    );
    assert_eq!(registry_of(&entry).ecr.unwrap().repository.lifecycle_policy, Some(policy));
}

#[test]
fn hosts_are_found_by_any_of_their_spellings() {
    let text = format!(
        "{MIRROR}    tags: [{{match: x}}]\nregistries:\n  Index.Docker.IO: {{limits: {{concurrent: 3}}}}\n  A.Test:5000: {{plain_http: true}}\n"
    );
    let config = parse(&text).unwrap();
    assert_eq!(config.registry(&host("docker.io")).limits.concurrent.get(), 3);
    assert_eq!(config.registry(&host("registry-1.docker.io")).limits.concurrent.get(), 3);
    assert!(config.registry(&host("a.test:5000")).plain_http);
    assert!(!config.registry(&host("a.test")).plain_http);
}
