//! What may be written: the keys of the configuration, their shapes and their meaning. The JSON Schema is made of it.
//!
//! Everything is optional here and nothing is checked but its kind, so that one reading finds every fault. What is
//! required and what is valid is decided by the modules of the types that these become.

mod form;
mod notice;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::secret::Secret;

use self::form::OrText;

pub(super) use self::form::{OneOrMore, TextOr};
pub use self::notice::NoticeKind;
pub(super) use self::notice::{EventBridge, Heartbeat, Notice, Slack, Sns, Webhook};

/// More than this at a time is a typing error: the rest would only wait for sockets and memory.
pub(super) const AT_A_TIME_MAX: u64 = 1000;
/// More parts of a layer than this find no room in memory.
pub(super) const RANGES_MAX: u64 = 6;
/// More requests a second than this are no limit.
pub(super) const PER_SECOND_MAX: u64 = 10_000;

/// The configuration of tagferry: which tags of which repositories to keep where.
///
/// Keys that start with `x-` are for anchors. `${NAME}` and `${NAME:-default}` in values are read from the environment; `$${NAME}` is a literal `${NAME}`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping that starts with `mirrors:`")]
#[schemars(title = "tagferry", extend("required" = ["mirrors"], "patternProperties" = {"^x-": true}))]
pub(super) struct Config {
    /// The repositories to mirror. At least one. A text is an image, HOST/PATH:TAG, HOST/PATH@DIGEST or both: that tag of that
    /// repository, into `defaults.target`.
    #[schemars(length(min = 1))]
    pub(super) mirrors: Option<Vec<TextOr<Mirror>>>,
    /// What goes for every mirror that does not say otherwise.
    pub(super) defaults: Defaults,
    /// When `tagferry serve` runs a mirror that has no schedule of its own; `sync` runs when it is called. Default: none.
    pub(super) schedule: Option<Schedule>,
    /// Settings of registries, by HOST or HOST:PORT.
    pub(super) registries: BTreeMap<String, Registry>,
    /// Where notices of new tags, failures and recoveries are sent.
    pub(super) notices: Vec<Notice>,
    /// Where people reach the page of `tagferry serve`, such as through a proxy: a daemon on loopback answers to this host
    /// too, and notices lead there.
    #[schemars(example = "https://tagferry.example.com")]
    pub(super) public_url: Option<String>,
    /// How much is done at a time.
    pub(super) concurrency: Concurrency,
    /// How long to wait for a registry.
    pub(super) timeouts: Timeouts,
    /// How long copies in flight may go on after SIGTERM or SIGINT. Default: `25s`, as ECS and Kubernetes kill after 30.
    #[schemars(example = "25s")]
    pub(super) shutdown_grace: Option<String>,
}

/// What goes for every mirror that does not say otherwise; a mirror's own key replaces the whole value.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping with keys of mirrors, such as `target`")]
pub(super) struct Defaults {
    /// The repository to write, or a directory, with `{host}`, `{path}` and `{name}` of the source in it.
    #[schemars(example = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/{path}")]
    pub(super) target: Option<OneOrMore>,
    /// The mirror fails when its rules choose fewer tags than this. Default: 1.
    pub(super) at_least: Option<u64>,
    /// Keep only these platforms. Default: all.
    #[schemars(example = ["linux/amd64", "linux/arm64"])]
    pub(super) platforms: Option<Vec<String>>,
    /// Copy signatures, SBOMs and attestations too. Default: false.
    pub(super) referrers: Option<bool>,
    /// How old a last success may be. Default: as long as the schedule says.
    #[schemars(example = "26h")]
    pub(super) fresh_within: Option<String>,
}

/// One source repository, one target repository, and the tags to keep in it.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "an image, or a mapping with `source`, `target` and `tags`"
)]
#[schemars(extend("required" = ["source", "tags"]))]
pub(super) struct Mirror {
    /// What a text says in its place.
    #[serde(skip)]
    pub(super) image: Option<String>,
    /// What the mirror is called in `--mirror` and in logs. Default: the source's path, such as `java/jdk`.
    #[schemars(length(min = 1, max = 128))]
    pub(super) name: Option<String>,
    /// The repository to read, HOST[:PORT]/PATH. Without a host Docker Hub's rules apply: `nginx` is
    /// `docker.io/library/nginx`. `oci:DIR` is a directory in the OCI image layout, `oci:DIR#NAME` one repository in it.
    /// Or a list of several, in the order of preference. `HOST/PATH/*` is every repository that the registry lists under
    /// the path: each becomes a mirror.
    #[schemars(
        example = "container-registry.oracle.com/java/jdk",
        example = "oci:./carried",
        example = "cgr.dev/acme/*"
    )]
    pub(super) source: Option<OneOrMore>,
    /// With a source such as `HOST/PATH/*`: leave out repositories whose path matches this regular expression.
    #[schemars(example = "-dev$")]
    pub(super) except: Option<String>,
    /// The repository to write, HOST[:PORT]/PATH, or a directory as for `source`; `{host}`, `{path}` and `{name}` in it are
    /// those of the source. Or a list of several: further ones are filled from the first. Default: `defaults.target`.
    #[schemars(
        example = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/oracle/jdk",
        example = "oci:./mirror"
    )]
    pub(super) target: Option<OneOrMore>,
    /// The rules that choose tags, or tags by their names. At least one; a tag that several choose is copied once.
    #[schemars(length(min = 1))]
    pub(super) tags: Option<Vec<TextOr<Rule>>>,
    /// The mirror fails when its rules choose fewer tags than this, so a mishap upstream never looks like success.
    /// What they do choose is copied all the same. Default: 1.
    pub(super) at_least: Option<u64>,
    /// Keep only these platforms. One gives its manifest under the tag, several an index of them. Default: all.
    #[schemars(example = ["linux/amd64", "linux/arm64"])]
    pub(super) platforms: Option<Vec<String>>,
    /// Copy signatures, SBOMs and attestations too, and their own signatures, as far as the target takes them.
    /// Default: false.
    pub(super) referrers: Option<bool>,
    /// When `tagferry serve` runs this mirror, instead of the schedule for all.
    pub(super) schedule: Option<Schedule>,
    /// How old the last success may become before the mirror is late. Default: up to an hour after the first time of its
    /// schedule, and its jitter; without a schedule it never is.
    #[schemars(example = "26h")]
    pub(super) fresh_within: Option<String>,
}

/// One way of choosing tags: by `match`, or by name with `tag`, `digest` or both. A text is a tag by its name.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a tag, or a mapping such as `match: ^21$`")]
#[schemars(extend("anyOf" = [{"required": ["match"]}, {"required": ["tag"]}, {"required": ["digest"]}]))]
pub(super) struct Rule {
    /// A tag by its name. That it is not there is a failure.
    #[schemars(example = "1.10", example = &"latest", extend("type" = ["string", "number", "null"]))]
    pub(super) tag: Option<String>,
    /// The digest that the image has to have, whatever `tag` points at; that it points elsewhere is told. Without `tag` the
    /// image is copied by its digest, and gets no tag but those of `as`.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub(super) digest: Option<String>,
    /// The name in the target, or a list of several, with `{tag}` and the named groups of `match` in braces.
    /// Default: `{tag}`.
    #[schemars(example = "{line}-newest")]
    pub(super) r#as: Option<OneOrMore>,
    /// A regular expression over the whole tag, anchored only where it is anchored (`^…$`). A group named `version`
    /// is all that is compared of a tag, what a group named `revision` matches counts rebuilds, and a group named
    /// `variant` replaces the variant that was detected.
    #[schemars(example = r"^21\.0\.[0-9]+$", example = r"^(?<line>17|21|25)\..*-oraclelinux9$")]
    pub(super) r#match: Option<String>,
    /// Leave out tags that also match this regular expression.
    pub(super) except: Option<String>,
    /// How many versions to keep, of each variant and each value of `per`. Default: all.
    #[schemars(range(min = 1))]
    pub(super) newest: Option<u64>,
    /// How many builds of each version (rebuilds, dates, commits) count for `newest`; the newest ones do. Default: all.
    #[schemars(range(min = 1))]
    pub(super) revisions: Option<u64>,
    /// A named group of `match`, or a list of them: `newest` counts within each of their values.
    pub(super) per: Option<OneOrMore>,
    /// A semver requirement on the first three numbers of the version.
    #[schemars(example = ">=21, <26")]
    pub(super) range: Option<String>,
    /// Whether `newest` and `range` take pre-releases too. Default: false.
    pub(super) prereleases: Option<bool>,
    /// The source never moves these tags, so one that the target has is not asked for again. Default: false.
    pub(super) immutable: Option<bool>,
    /// The mirror fails when this rule selects fewer tags, counted alone; what it selects is copied all the same.
    /// Default: 1, or 0 where the mirror says 0.
    pub(super) at_least: Option<u64>,
}

/// When `tagferry serve` runs.
///
/// Where daylight time skips an hour, a time in it runs when the hour would have begun; where it doubles one, once.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `{cron: \"0 */6 * * *\"}`")]
#[schemars(extend("required" = ["cron"]))]
pub(super) struct Schedule {
    /// Minute, hour, day of month, month, day of week; with six fields the first are seconds.
    #[schemars(example = "0 */6 * * *")]
    pub(super) cron: Option<String>,
    /// The time zone of `cron`, by its IANA name. Default: `UTC`.
    #[schemars(example = "Asia/Tokyo")]
    pub(super) timezone: Option<String>,
    /// Start later by a random time of up to this. Default: `0s`.
    #[schemars(example = "5m")]
    pub(super) jitter: Option<String>,
    /// Also run when `tagferry serve` starts, and when a reload adds the mirror. Default: false.
    pub(super) on_start: Option<bool>,
    /// How long after a failed pass it is tried again, once for each span, where its failure may pass by itself; `never`
    /// for not before the next time. Default: `[1m, 5m, 15m, 30m]`.
    #[schemars(example = ["1m", "5m", "15m", "30m"])]
    pub(super) retry: Option<OneOrMore>,
}

/// Settings of one registry.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping of settings, such as `{plain_http: true}`")]
pub(super) struct Registry {
    /// The login. Default: that of Docker's `config.json` and its helpers, else none; at ECR that of the AWS default
    /// chain.
    pub(super) credentials: Option<Credentials>,
    /// The token service to which alone the login may go, HOST or HOST:PORT. Default: whichever the registry names in its
    /// challenge, which is how the protocol works.
    #[schemars(example = "auth.docker.io")]
    pub(super) token_service: Option<String>,
    /// Limits on the requests to it.
    pub(super) limits: Limits,
    /// Talk HTTP without TLS. Default: false.
    pub(super) plain_http: Option<bool>,
    /// A PEM file of certificate authorities to trust besides the known ones; relative to the working directory.
    pub(super) ca_file: Option<String>,
    /// Hosts that the registry may lead to although they have an address inside this network and the registry has none:
    /// names, or `*.DOMAIN` for all below one. Never link-local addresses and metadata services.
    #[schemars(example = ["*.s3.eu-central-1.amazonaws.com"])]
    pub(super) private_redirects: Vec<String>,
    /// The registry is Amazon ECR. Needed for settings, and for hosts whose name does not say so.
    pub(super) ecr: Option<Ecr>,
}

/// `username` with `password` or `password_file`, or `secret`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping with `username` and `password`")]
pub(super) struct Credentials {
    /// The user.
    #[schemars(example = "${OCR_USERNAME}")]
    pub(super) username: Option<String>,
    /// The password or token; best from a variable.
    #[schemars(example = "${OCR_AUTH_TOKEN}")]
    pub(super) password: Option<Secret>,
    /// A file that holds the password or token; read again when needed; relative to the working directory.
    pub(super) password_file: Option<String>,
    /// The ARN or name of a secret in AWS Secrets Manager whose JSON holds `username` and `password`.
    pub(super) secret: Option<String>,
}

/// Limits on the requests to a registry.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping with `concurrent` or `per_second`")]
pub(super) struct Limits {
    /// Requests at a time, up to 1000. Default: 8.
    #[schemars(range(min = 1, max = AT_A_TIME_MAX))]
    pub(super) concurrent: Option<u64>,
    /// Requests a second, up to 10000. Default: no limit.
    #[schemars(range(min = 1, max = PER_SECOND_MAX))]
    pub(super) per_second: Option<u64>,
}

/// What only Amazon ECR has.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a mapping of settings, such as `{create_repositories: true}`"
)]
pub(super) struct Ecr {
    /// The AWS region. Default: as the host's name says.
    #[schemars(example = "ap-northeast-1")]
    pub(super) region: Option<String>,
    /// The twelve digits of the account that owns the registry. Default: as the host's name says.
    #[schemars(regex(pattern = r"^[0-9]{12}$"))]
    pub(super) account: Option<String>,
    /// A role to assume for this registry.
    #[schemars(example = "arn:aws:iam::123456789012:role/mirror")]
    pub(super) role_arn: Option<String>,
    /// The address of the AWS API for ECR, where it is not the public one.
    #[schemars(example = "http://127.0.0.1:4566")]
    pub(super) endpoint_url: Option<String>,
    /// Create target repositories that do not exist. Default: false.
    pub(super) create_repositories: Option<bool>,
    /// How created repositories are set up; those that exist stay as they are.
    pub(super) repository: Repository,
}

/// How created repositories are set up.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a mapping of settings, such as `{tag_mutability: mutable}`"
)]
pub(super) struct Repository {
    /// Whether tags may move. Default: `mutable`.
    pub(super) tag_mutability: Option<TagMutability>,
    /// The tags that `…_with_exclusion` excepts: 1 to 5 names, in which `*` stands for anything.
    #[schemars(length(min = 1, max = 5), inner(regex(pattern = r"^[0-9a-zA-Z._*-]{1,128}$")))]
    pub(super) exclude: Option<Vec<String>>,
    /// The KMS key (ARN, id or alias) that encrypts the images. Default: S3's own encryption.
    #[schemars(length(min = 1, max = 2048))]
    pub(super) kms_key: Option<String>,
    /// Resource tags, for cost and access; not image tags.
    pub(super) tags: BTreeMap<String, String>,
    /// ECR's lifecycle policy, as a mapping or as JSON text.
    pub(super) lifecycle_policy: Option<Policy>,
    /// The repository's policy, as a mapping or as JSON text: who else may do what with it.
    pub(super) policy: Option<Policy>,
    /// Whether ECR scans each image when it is pushed. Default: false.
    pub(super) scan_on_push: Option<bool>,
}

/// Whether a repository's tags may move.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TagMutability {
    /// Every tag may move.
    Mutable,
    /// No tag may move.
    Immutable,
    /// Every tag may move but those of `exclude`.
    MutableWithExclusion,
    /// No tag may move but those of `exclude`.
    ImmutableWithExclusion,
}

/// How much is done at a time.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping with `mirrors`, `tags`, `blobs` or `ranges`")]
pub(super) struct Concurrency {
    /// Mirrors at a time. Default: 2.
    #[schemars(range(min = 1, max = AT_A_TIME_MAX))]
    pub(super) mirrors: Option<u64>,
    /// Tags of one mirror at a time. Default: 4.
    #[schemars(range(min = 1, max = AT_A_TIME_MAX))]
    pub(super) tags: Option<u64>,
    /// Layers at a time, in all. Default: 8.
    #[schemars(range(min = 1, max = AT_A_TIME_MAX))]
    pub(super) blobs: Option<u64>,
    /// Parts of one layer at a time, where the source is slow for each connection. They wait in memory, up to 24 MiB in
    /// all. Default: 4; 1 for never.
    #[schemars(range(min = 1, max = RANGES_MAX))]
    pub(super) ranges: Option<u64>,
}

/// How long to wait for a registry.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a mapping with `connect`, `stall`, `metadata`, `pace` or `pass`"
)]
pub(super) struct Timeouts {
    /// For a connection. Default: `10s`.
    #[schemars(example = "10s")]
    pub(super) connect: Option<String>,
    /// For the next byte of a transfer. Default: `30s`.
    #[schemars(example = "30s")]
    pub(super) stall: Option<String>,
    /// For a whole answer that is no blob: a page of tags, a token, a manifest, an error. Default: `60s`.
    #[schemars(example = "60s")]
    pub(super) metadata: Option<String>,
    /// The least pace of a blob, over 60 seconds in which its bytes were waited for; slower ones are resumed, as after a
    /// stall. Default: `1KiB/s`; `0` for none.
    #[schemars(example = "1KiB/s")]
    pub(super) pace: Option<String>,
    /// For a whole pass over a mirror; what is copied then is dropped, and the mirror has failed. Default: any time.
    #[schemars(example = "2h")]
    pub(super) pass: Option<String>,
}

impl OrText for Rule {
    const EXPECTED: &'static str = "a tag, or a mapping such as `match: ^21$`";
    const KEYS: &'static [&'static str] = &["match", "tag", "digest"];

    fn of_text(text: &str) -> Self {
        Self { tag: Some(text.to_owned()), ..Self::default() }
    }
}

impl OrText for Mirror {
    const EXPECTED: &'static str =
        "an image such as `nginx:1.27`, or a mapping with `source`, `target` and `tags`";
    const KEYS: &'static [&'static str] = &["source", "target", "name"];

    fn of_text(text: &str) -> Self {
        Self { image: Some(text.to_owned()), ..Self::default() }
    }
}

/// JSON as such or as its text.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("type" = ["object", "string"]))]
pub(super) struct Policy(pub(super) serde_json::Value);

/// The JSON Schema of the configuration, for editors.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Config).to_value()
}
