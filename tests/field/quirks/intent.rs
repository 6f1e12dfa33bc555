//! Configurations that cannot be what was meant: faults and warnings of `check`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::world::program::Program;

/// What is written, the exit code of `check`, and words of what it says.
struct Row {
    id: &'static str,
    #[expect(dead_code, reason = "for people")]
    seen: &'static str,
    /// `source` and `target` of a mirror, or what is written instead.
    source: &'static str,
    target: &'static str,
    rest: &'static str,
    code: i32,
    says: &'static str,
}

const ECR: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";

const fn target(id: &'static str, seen: &'static str, target: &'static str, says: &'static str) -> Row {
    Row { id, seen, source: "quay.io/a/b", target, rest: "", code: 2, says }
}

const fn registries(
    id: &'static str,
    seen: &'static str,
    rest: &'static str,
    code: i32,
    says: &'static str,
) -> Row {
    Row { id, seen, source: "ghcr.io/a/b", target: "registry.example.com/a", rest, code, says }
}

const ROWS: &[Row] = &[
    target(
        "a host of ECR alone",
        "moby/moby#28225",
        ECR,
        "is a host without a repository: write `123456789012.dkr",
    ),
    target("a host alone", "moby/moby#15806", "registry.example.com", "write `registry.example.com/PATH`"),
    target("a host and port alone", "moby/moby#28225", "registry:5000", "write `registry:5000/PATH`"),
    target("no host", "moby/moby#36263", "proxy/library/hello", "names no registry"),
    target("localhost alone", "containers/common#2541", "localhost", "is a host without a repository"),
    target(
        "one character in ECR",
        "int128/create-ecr-repository-action#231",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com/a",
        "names of 2 to 256 characters, and this has 1",
    ),
    target(
        "several separators in ECR",
        "aws/copilot-cli#283",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com/a__b",
        "several in a row",
    ),
    target(
        "a letter in upper case",
        "jenkins-x/jx#1344, aws/aws-cdk#9877",
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com/MyOrg/app",
        "target",
    ),
    target(
        "typographic quotes",
        "moby/moby#26144",
        "\u{201c}registry.example.com/a\u{201d}",
        "typographic quote",
    ),
    target(
        "a placeholder",
        "docker/for-win#3591",
        "<account>.dkr.ecr.eu-central-1.amazonaws.com/a",
        "placeholder",
    ),
    target("a scheme", "brother of the host alone", "docker://registry.example.com/a", "without `docker://`"),
    target("a tag", "brother of the host alone", "registry.example.com/a:1.0", "target"),
    Row {
        id: "ECR Public",
        seen: "aws-actions/amazon-ecr-login#537, docker/login-action#38",
        source: "quay.io/a/b",
        target: "public.ecr.aws/abcd1234/app",
        rest: "",
        code: 0,
        says: "Amazon ECR Public has another API",
    },
    registries(
        "settings for another port",
        "snagles/docker-registry-manager#134",
        "registries: {'registry.example.com:443': {}}",
        0,
        "no mirror uses this host, so these settings do nothing for mirrors: is `registry.example.com` meant?",
    ),
    registries(
        "settings for a slip of a short name",
        "hashicorp/nomad#1662",
        "registries: {ghrc.io: {}}",
        0,
        "is `ghcr.io` meant?",
    ),
    registries(
        "settings for nobody",
        "brother of the slip",
        "registries: {quay.io: {}}",
        0,
        "no mirror uses this host",
    ),
    registries(
        "a region of EventBridge that does not exist",
        "a newcomer's",
        "notices: [{eventbridge: {region: us-est-1}}]",
        0,
        "is `us-east-1` meant?",
    ),
    Row {
        id: "settings for another account of ECR",
        seen: "brother of the slip",
        source: "quay.io/a/b",
        target: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/ab",
        rest: "registries: {210987654321.dkr.ecr.eu-central-1.amazonaws.com: {}}",
        code: 0,
        says: "no mirror uses this host, so these settings do nothing for mirrors: is `123456789012.dkr.ecr.eu-central-1.amazonaws.com` meant?",
    },
    Row {
        id: "a slip in the domain of AWS",
        seen: "a newcomer's",
        source: "quay.io/a/b",
        target: "123456789012.dkr.ecr.eu-central-1.amazonaw.com/ab",
        rest: "",
        code: 0,
        says: "is no host of Amazon ECR, but nearly one: is `123456789012.dkr.ecr.eu-central-1.amazonaws.com` meant?",
    },
    Row {
        id: "a region that does not exist",
        seen: "a newcomer's",
        source: "quay.io/a/b",
        target: "123456789012.dkr.ecr.eu-centrl-1.amazonaws.com/ab",
        rest: "",
        code: 0,
        says: "this version knows no AWS region of that name: is `eu-central-1` meant?",
    },
    Row {
        id: "settings of new repositories that are not made",
        seen: "a newcomer's",
        source: "quay.io/a/b",
        target: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/ab",
        rest: "registries: {123456789012.dkr.ecr.eu-central-1.amazonaws.com: {ecr: {repository: {tag_mutability: immutable}}}}",
        code: 0,
        says: "does nothing without `create_repositories: true`",
    },
    registries(
        "every 25 hours",
        "a newcomer's",
        "schedule: {cron: '0 */25 * * *'}",
        0,
        "`*/25` is a step over more than the 24 hours of a day, so only the first of them counts",
    ),
    registries("every 12 hours", "brother of the above", "schedule: {cron: '0 */12 * * *'}", 0, ""),
    registries("hourly in a word", "a newcomer's", "schedule: {cron: '@hourly'}", 0, ""),
    registries(
        "a city for a time zone",
        "a newcomer's",
        "schedule: {cron: '0 6 * * *', timezone: Tokyo}",
        2,
        "no such time zone, did you mean `Asia/Tokyo`?",
    ),
    registries(
        "a time zone with a slip",
        "a newcomer's",
        "schedule: {cron: '0 6 * * *', timezone: Europe/Berln}",
        2,
        "no such time zone, did you mean `Europe/Berlin`?",
    ),
    registries(
        "a scheme before the host of settings",
        "pulumi/pulumi-docker#472",
        "registries: {'https://ghcr.io': {}}",
        2,
        "write HOST or HOST:PORT, without `https://` or a path",
    ),
    registries("another spelling of a host", "brother of the above", "registries: {GHCR.io: {}}", 0, ""),
    registries(
        "a time zone before a schedule",
        "robfig/cron#148, dagucloud/dagu#706",
        "schedule: {cron: 'CRON_TZ=Asia/Tokyo 0 6 * * *'}",
        2,
        "write `cron: \"0 6 * * *\"` and beside it `timezone: Asia/Tokyo`",
    ),
    registries(
        "a time zone alone",
        "robfig/cron#567, netresearch/go-cron#240",
        "schedule: {cron: 'TZ='}",
        2,
        "the time zone has a key of its own",
    ),
    registries(
        "an alias that nothing has",
        "VirtusLab/scala-yaml#365, rust-works/succinctly#372",
        "schedule: *nope",
        2,
        "an alias (`*name`) has no anchor (`&name`) before it",
    ),
    registries(
        "link-local addresses allowed inside",
        "bolna-ai/bolna#805",
        "registries: {ghcr.io: {private_redirects: ['169.254.169.254']}}",
        2,
        "it is never allowed",
    ),
    registries(
        "everything allowed inside",
        "bolna-ai/bolna#805",
        "registries: {ghcr.io: {private_redirects: ['*']}}",
        2,
        "expected a host without a port",
    ),
];

#[test]
fn what_cannot_be_meant_is_told_by_check() {
    for Row { id, source, target, rest, code, says, .. } in ROWS {
        let config = format!(
            "mirrors:\n  - source: {source}\n    target: {target}\n    tags: [{{match: x}}]\n{rest}\n"
        );
        let program = Program::configured(&config);
        let ran = program.run(&["check"]);
        assert_eq!(ran.code, Some(*code), "{id}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(says), "{id}: {}", ran.stderr);
        let has_warnings = ran.stderr.contains("WARN");
        assert_eq!(has_warnings, *code == 0 && !says.is_empty(), "{id}: {}", ran.stderr);
        let strict = program.run(&["check", "--strict"]);
        assert_eq!(strict.code, Some(if has_warnings { 2 } else { *code }), "{id}: {}", strict.stderr);
    }
}

/// The file, and what is said of it; seen in seanmonstar/reqwest#3076, distribution/distribution-library-image#105.
#[test]
fn a_file_without_certificates_starts_nothing() {
    let config = "mirrors: [{source: quay.io/a/b, target: r.test/a, tags: [{match: x}]}]\nregistries: {r.test: {ca_file: ca.pem}}\n";
    for (file, says) in [
        ("", "`ca_file` of r.test is empty"),
        ("words", "holds no certificate"),
        (
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
            "holds no certificate, but `PRIVATE KEY`",
        ),
    ] {
        let program = Program::configured(config);
        std::fs::write(program.folder().join("ca.pem"), file).unwrap();
        let ran = program.run(&["sync"]);
        ran.assert_code(3);
        assert!(ran.stderr.contains(says) && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
    }
}

/// twilight-rs/http-proxy#34, rust-lang/rust#122663: it would count as one that is not set.
#[test]
fn a_variable_of_ours_that_is_no_text_is_refused_by_its_name() {
    let config = "mirrors: [{source: quay.io/a/b, target: r.test/a, tags: [{match: x}]}]\n";
    for name in [
        "TAGFERRY_API_TOKEN",
        "TAGFERRY_SHARDS",
        "JOB_COMPLETION_INDEX",
        "AWS_BATCH_JOB_ARRAY_SIZE",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "RUST_LOG",
    ] {
        let program = Program::configured(config).raw_variable(name, OsStr::from_bytes(b"x\xff").to_owned());
        let ran = program.run(&["check"]);
        let told = format!("the environment variable `{name}` is set but is not UTF-8");
        assert!(ran.assert_code(2).stderr.contains(&told), "{}", ran.stderr);
    }
}
