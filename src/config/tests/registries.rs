//! Faults of registries' settings.

use crate::config::tests::{check, check_mirror, check_registries};

#[test]
fn keys_are_hosts() {
    check_registries(
        &["  https://a.b/: {plain_http: 1}", "  me:hunter2@a.b: {}", "  a.b/c: {}", "  A.b: {}", "  a.B: {}"],
        &[
            r#"6:3: registries["https://a.b/"]: not a registry host: write HOST or HOST:PORT, without `https://` or a path"#,
            r#"6:30: registries["https://a.b/"].plain_http: expected true or false, found a number"#,
            "7:3: registries[…]: not a registry host: write HOST or HOST:PORT, without `https://` or a path",
            r#"8:3: registries["a.b/c"]: not a registry host: write HOST or HOST:PORT, without `https://` or a path"#,
            r#"10:3: registries["a.B"]: the same registry as another key here: put all its settings under one"#,
        ],
    );
}

#[test]
fn a_host_that_no_mirror_uses_may_be_a_slip() {
    check(
        &[
            "mirrors:",
            "  - source: container-registry.oracle.com/java/jdk",
            "    target: 123456789012.dkr.ecr.us-east-1.amazonaws.com/jdk",
            "    tags: [{match: x}]",
            "  - {source: ghcr.io/a/b, target: registry.test/b, tags: [{match: x}]}",
            "registries:",
            "  container-registry.orcale.com: {}",
            "  container-registry.oracle.com: {}",
            "  123456789012.dkr.ecr.us-east-2.amazonaws.com: {}",
            "  gcr.io: {}",
            "  quay.example.com: {}",
        ],
        &[
            r#"7:3: registries["container-registry.orcale.com"]: no mirror uses this host, did you mean `container-registry.oracle.com`?"#,
        ],
    );
}

#[test]
fn credentials_are_of_one_kind_and_whole() {
    check_registries(
        &["  a.b: {credentials: {}}"],
        &[
            r#"6:22: registries["a.b"].credentials: incomplete: write `username` with `password` or `password_file`, or `secret` alone"#,
        ],
    );
    check_registries(
        &["  a.b: {credentials: {username: me}}"],
        &[
            r#"6:22: registries["a.b"].credentials: incomplete: write `username` with `password` or `password_file`, or `secret` alone"#,
        ],
    );
    check_registries(
        &["  a.b: {credentials: {password: it}}"],
        &[r#"6:22: registries["a.b"].credentials.username: missing: write whose password this is"#],
    );
    check_registries(
        &["  a.b: {credentials: {username: me, password: it, password_file: f}}"],
        &[
            r#"6:66: registries["a.b"].credentials.password_file: one too many: write only one of `password`, `password_file` and `secret`"#,
        ],
    );
    check_registries(
        &["  a.b: {credentials: {password: it, secret: id}}"],
        &[
            r#"6:45: registries["a.b"].credentials.secret: one too many: write only one of `password`, `password_file` and `secret`"#,
        ],
    );
    check_registries(
        &["  a.b: {credentials: {username: me, secret: id}}"],
        &[
            r#"6:33: registries["a.b"].credentials.username: the secret holds the user name too: leave it out"#,
        ],
    );
    check_registries(
        &["  a.b: {credentials: {username: '', password: ''}}"],
        &[
            r#"6:33: registries["a.b"].credentials.username: empty: write a value"#,
            r#"6:47: registries["a.b"].credentials.password: empty: write a value"#,
        ],
    );
    check_registries(
        &["  a.b: {credentials: {username: me, password_file: ''}}"],
        &[r#"6:52: registries["a.b"].credentials.password_file: empty: write a value"#],
    );
}

#[test]
fn an_unset_variable_is_reported_once() {
    check_registries(
        &["  a.b: {credentials: {username: '${NO_USER}', password: '${NO_TOKEN}'}}"],
        &[
            r#"6:33: registries["a.b"].credentials.username: the environment variable `NO_USER` is not set: set it, or give a default as in `${NO_USER:-default}`"#,
            r#"6:57: registries["a.b"].credentials.password: the environment variable `NO_TOKEN` is not set: set it, or give a default as in `${NO_TOKEN:-default}`"#,
        ],
    );
    check_registries(
        &["  a.b: {credentials: {username: me, password: '${TOKEN'}}"],
        &[
            r#"6:47: registries["a.b"].credentials.password: a `${` that is not finished: write `${NAME}` or `${NAME:-default}` (the default without `}` and `${`), or `$${` for the two characters themselves"#,
        ],
    );
    check_registries(
        &["  a.b: {credentials: {username: me, secret: '${NO_ID}'}}"],
        &[
            r#"6:45: registries["a.b"].credentials.secret: the environment variable `NO_ID` is not set: set it, or give a default as in `${NO_ID:-default}`"#,
        ],
    );
}

#[test]
fn an_empty_variable_is_no_password() {
    check_registries(
        &["  a.b: {credentials: {username: '${EMPTY}', password: '${EMPTY}'}}"],
        &[
            r#"6:33: registries["a.b"].credentials.username: empty: the environment variable `EMPTY` is empty"#,
            r#"6:55: registries["a.b"].credentials.password: empty: the environment variable `EMPTY` is empty"#,
        ],
    );
}

#[test]
fn a_variable_that_spoils_a_value_by_being_empty_is_named() {
    check(
        &["mirrors:", "  - {source: '${EMPTY}/jdk', target: '${EMPTY}', tags: [{match: x}]}"],
        &[
            "2:14: mirrors[0].source: not valid with its variables filled in: `EMPTY` is empty",
            "2:38: mirrors[0].target: empty: the environment variable `EMPTY` is empty",
        ],
    );
}

#[test]
fn a_key_in_a_wrong_place_is_sent_to_the_right_one() {
    check_registries(
        &["  a.b: {create_repositories: true, concurrency: {tags: 3}, username: me, Hunter-2!: x}"],
        &[
            r#"6:9: registries["a.b"]: unknown key `create_repositories` (it belongs under `registries.HOST.ecr`), expected one of credentials, token_service, limits, plain_http, ca_file, private_redirects, ecr"#,
            r#"6:36: registries["a.b"]: unknown key `concurrency` (it belongs at the top), expected one of credentials, token_service, limits, plain_http, ca_file, private_redirects, ecr"#,
            r#"6:60: registries["a.b"]: unknown key `username` (it belongs under `registries.HOST.credentials`), expected one of credentials, token_service, limits, plain_http, ca_file, private_redirects, ecr"#,
            r#"6:74: registries["a.b"]: unknown key, expected one of credentials, token_service, limits, plain_http, ca_file, private_redirects, ecr"#,
        ],
    );
}

#[test]
fn a_token_service_is_a_host() {
    let text = "    tags: [{match: ^21$}]\nregistries: {a.test: {token_service: AUTH.docker.io:8443}}";
    let config = super::parse(&format!("{}{text}", super::MIRROR)).unwrap();
    let service = config.registry(&"a.test".parse().unwrap()).token_service;
    assert_eq!(service.map(|host| host.to_string()).as_deref(), Some("auth.docker.io:8443"));
    for faulty in ["https://auth.test", "auth.test/token", "me:hunter2@auth.test"] {
        check_registries(
            &[&format!("  a.test: {{token_service: '{faulty}'}}")],
            &[
                "6:27: registries[\"a.test\"].token_service: expected HOST or HOST:PORT, without `https://` or a path",
            ],
        );
    }
}

#[test]
fn limits_are_counts() {
    check_registries(
        &["  a.b: {limits: {concurrent: 0, per_second: 5000000000}}"],
        &[
            r#"6:30: registries["a.b"].limits.concurrent: 0 is too few: write 1 or more"#,
            r#"6:45: registries["a.b"].limits.per_second: too many: write 10000 or fewer"#,
        ],
    );
}

#[test]
fn concurrency_is_bounded() {
    check_mirror(
        &[
            "concurrency: {mirrors: 18446744073709551615, tags: 1001, blobs: 1000}",
            "registries: {a.b: {limits: {concurrent: 1001, per_second: 10000}}}",
        ],
        &[
            "5:24: concurrency.mirrors: too many: write 1000 or fewer",
            "5:52: concurrency.tags: too many: write 1000 or fewer",
            r#"6:41: registries["a.b"].limits.concurrent: too many: write 1000 or fewer"#,
        ],
    );
}

#[test]
fn no_certificates_without_tls() {
    check_registries(
        &["  a.b: {plain_http: true, ca_file: ca.pem}"],
        &[r#"6:36: registries["a.b"].ca_file: has no meaning with `plain_http`: leave one of them out"#],
    );
}

#[test]
fn a_host_that_does_not_say_so_needs_account_and_region() {
    check_registries(
        &["  a.b: {ecr: {}}"],
        &[
            r#"6:14: registries["a.b"].ecr.account: missing: the host's name does not say it: write the twelve digits of the account"#,
            r#"6:14: registries["a.b"].ecr.region: missing: the host's name does not say it: write the region, such as `ap-northeast-1`"#,
        ],
    );
    check_registries(
        &["  a.b: {ecr: {account: 12, region: Tokyo}}"],
        &[
            r#"6:24: registries["a.b"].ecr.account: expected the twelve digits of an AWS account"#,
            r#"6:36: registries["a.b"].ecr.region: expected an AWS region such as `ap-northeast-1`"#,
        ],
    );
}

#[test]
fn the_name_of_an_ecr_host_is_not_contradicted() {
    check_registries(
        &[
            "  123456789012.dkr.ecr.us-east-1.amazonaws.com:",
            "    plain_http: true",
            "    ecr: {account: 210987654321, region: us-east-1}",
            "  123456789012.dkr-ecr.us-east-1.on.aws: {ecr: {account: 123456789012, region: us-east-2}}",
        ],
        &[
            r#"7:17: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].plain_http: ECR is reached over TLS alone: leave this out"#,
            r#"8:20: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.account: the host's name says `123456789012`: leave this out"#,
            r#"9:80: registries["123456789012.dkr-ecr.us-east-1.on.aws"].ecr.region: the host's name says `us-east-1`: leave this out"#,
        ],
    );
}

#[test]
fn ecr_settings_are_checked() {
    check_registries(
        &[
            "  123456789012.dkr.ecr.us-east-1.amazonaws.com:",
            "    ecr:",
            "      role_arn: mirror",
            "      endpoint_url: localhost",
            "      repository:",
            "        tag_mutability: fixed",
            "        exclude: [a b]",
            "        kms_key: ''",
            "        tags: {aws:x: y}",
            "        lifecycle_policy: {rules: []}",
        ],
        &[
            r#"8:17: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.role_arn: expected the ARN of a role, such as `arn:aws:iam::123456789012:role/mirror`"#,
            r#"9:21: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.endpoint_url: expected an address such as `https://HOST`, without a user or a query"#,
            r#"11:25: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.tag_mutability: expected one of mutable, immutable, mutable_with_exclusion, immutable_with_exclusion"#,
            r#"12:19: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.exclude[0]: expected up to 128 letters, digits, `.`, `_`, `-`, and `*` for anything"#,
            r#"13:18: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.kms_key: empty: write a value"#,
            r#"14:16: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.tags["aws:x"]: a resource tag's key has 1 to 128 characters and does not start with `aws:`"#,
            r#"15:27: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.lifecycle_policy: as JSON this has to have 100 to 30720 characters"#,
        ],
    );
}

#[test]
fn exclusions_need_their_mode_and_the_mode_them() {
    check_registries(
        &[
            "  123456789012.dkr.ecr.us-east-1.amazonaws.com: {ecr: {repository: {tag_mutability: immutable_with_exclusion}}}",
        ],
        &[
            r#"6:68: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.exclude: missing: `…_with_exclusion` needs the tags that are excepted, such as `exclude: [latest]`"#,
        ],
    );
    check_registries(
        &[
            "  123456789012.dkr.ecr.us-east-1.amazonaws.com: {ecr: {repository: {tag_mutability: mutable_with_exclusion, exclude: [a, b, c, d, e, f]}}}",
        ],
        &[
            r#"6:118: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.exclude: expected 1 to 5 names, as ECR takes no more"#,
        ],
    );
    check_registries(
        &[
            "  123456789012.dkr.ecr.us-east-1.amazonaws.com: {ecr: {repository: {tag_mutability: immutable, exclude: [a]}}}",
        ],
        &[
            r#"6:105: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.exclude: has no meaning without `tag_mutability: immutable_with_exclusion` or `mutable_with_exclusion`"#,
        ],
    );
}

#[test]
fn a_policy_is_a_json_object_of_some_size() {
    check_registries(
        &[
            "  123456789012.dkr.ecr.us-east-1.amazonaws.com: {ecr: {repository: {policy: [], scan_on_push: often}}}",
        ],
        &[
            r#"6:77: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.policy: expected the repository's policy, as a mapping that starts with `Statement:` or as JSON text"#,
            r#"6:95: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.scan_on_push: expected true or false, found a text"#,
        ],
    );
    let long = format!(
        "  123456789012.dkr.ecr.us-east-1.amazonaws.com: {{ecr: {{repository: {{policy: {{Statement: [{}]}}}}}}}}",
        "x".repeat(10_240)
    );
    check_registries(
        &[&long],
        &[
            r#"6:77: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.policy: as JSON this has to have 2 to 10240 characters"#,
        ],
    );
}

#[test]
fn a_lifecycle_policy_is_a_json_object() {
    check_registries(
        &[
            r#"  123456789012.dkr.ecr.us-east-1.amazonaws.com: {ecr: {repository: {lifecycle_policy: '{"rules": x}'}}}"#,
        ],
        &[
            r#"6:87: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.lifecycle_policy: not a JSON object: stops at 1:11"#,
        ],
    );
    check_registries(
        &["  123456789012.dkr.ecr.us-east-1.amazonaws.com: {ecr: {repository: {lifecycle_policy: []}}}"],
        &[
            r#"6:87: registries["123456789012.dkr.ecr.us-east-1.amazonaws.com"].ecr.repository.lifecycle_policy: expected ECR's lifecycle policy, as a mapping that starts with `rules:` or as JSON text"#,
        ],
    );
}

#[test]
fn empty_sections_do_not_hide_wrong_ones() {
    check_registries(
        &["concurrency: 5", "timeouts: [x]"],
        &[
            "6:14: concurrency: expected a mapping with `mirrors`, `tags`, `blobs` or `ranges`, found a number",
            "7:11: timeouts: expected a mapping with `connect`, `stall`, `metadata`, `pace` or `pass`, found a list",
        ],
    );
}
