//! Settings that only Amazon ECR has.

use std::collections::BTreeMap;

use url::Url;

use crate::config::raw;
use crate::config::region;
use crate::ecr::{EcrHost, Encryption, RepositorySettings, TagMutability};
use crate::oci::{Host, Name};
use crate::yaml::{Document, Path};

/// The bounds of ECR's API on the name of a repository.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=256;
/// The bounds of ECR's API on the texts of policies, in characters.
const LIFECYCLE_POLICY_CHARS: std::ops::RangeInclusive<usize> = 100..=30_720;
const POLICY_CHARS: std::ops::RangeInclusive<usize> = 2..=10_240;
/// The bound of ECR's API on a KMS key.
const KMS_KEY_MAX_CHARS: usize = 2048;
/// The bounds of ECR's API on exclusion filters and their length.
const EXCLUDE_MAX: usize = 5;
const EXCLUDE_MAX_CHARS: usize = 128;
/// The bounds of AWS on resource tags.
const RESOURCE_TAGS_MAX: usize = 50;
const RESOURCE_TAG_KEY_MAX_CHARS: usize = 128;
const RESOURCE_TAG_VALUE_MAX_CHARS: usize = 256;

/// An Amazon ECR registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ecr {
    /// The twelve digits of the account that owns it.
    pub account: String,
    /// Its region.
    pub region: String,
    /// The role to assume for it. None: as who the AWS default chain says.
    pub role_arn: Option<String>,
    /// The address of the AWS API for ECR. None: the public one of the region.
    pub endpoint_url: Option<Url>,
    /// Whether to create target repositories that do not exist.
    pub create_repositories: bool,
    /// How they are created.
    pub repository: RepositorySettings,
}

impl Ecr {
    /// The registry that the host's name says, with default settings. None for a name that is not ECR's.
    pub(super) fn of_host(host: &Host) -> Option<Self> {
        EcrHost::parse(host).map(|EcrHost { account, region, .. }| Self {
            account,
            region,
            role_arn: None,
            endpoint_url: None,
            create_repositories: false,
            repository: RepositorySettings::default(),
        })
    }

    pub(super) fn new(host: &Host, raw: raw::Ecr, path: &Path, document: &mut Document) -> Option<Self> {
        let named = EcrHost::parse(host);
        if let Some(EcrHost { account, region, .. }) = &named {
            let written = [("account", account, &raw.account), ("region", region, &raw.region)];
            for (key, named, written) in written {
                if written.as_ref().is_some_and(|written| written != named) {
                    document
                        .report(&path.key(key), format!("the host's name says `{named}`: leave this out"));
                }
            }
        }
        let (account, region) = named.map(|named| (named.account, named.region)).unzip();
        let hint = "the host's name does not say it: write";
        let account_path = path.key("account");
        let account = document
            .required(
                raw.account.or(account),
                &account_path,
                &format!("{hint} the twelve digits of the account"),
            )
            .filter(|account| is_account(account, &account_path, document));
        let region_path = path.key("region");
        let region = document
            .required(
                raw.region.or(region),
                &region_path,
                &format!("{hint} the region, such as `ap-northeast-1`"),
            )
            .filter(|region| is_region(region, &region_path, document));
        let role_path = path.key("role_arn");
        let role_arn = raw.role_arn.filter(|arn| is_role_arn(arn, &role_path, document));
        let endpoint_url =
            raw.endpoint_url.and_then(|text| endpoint_url(&text, &path.key("endpoint_url"), document));
        let repository_path = path.key("repository");
        let create_repositories = raw.create_repositories.unwrap_or(false);
        let repository = repository(raw.repository, &repository_path, document);
        if !create_repositories && repository != RepositorySettings::default() {
            let what = "does nothing without `create_repositories: true`: repositories that exist are left as they are";
            document.warn(&repository_path, "unused_repository", what);
        }
        Some(Self {
            account: account?,
            region: region?,
            role_arn,
            endpoint_url,
            create_repositories,
            repository,
        })
    }
}

/// Notes a host that would be ECR's if it started with an account: it is no other registry either. Warns of one that is
/// nearly ECR's, or in a region that is not known.
pub(super) fn check_host(host: &Host, path: &Path, document: &mut Document) {
    let with_account = |rest: &str| format!("000000000000.{rest}").parse().ok();
    let rest = host.as_str().split_once('.').map(|(_, rest)| rest);
    let would_be = rest.and_then(with_account).is_some_and(|host| EcrHost::parse(&host).is_some());
    match EcrHost::parse(host) {
        Some(EcrHost { region, .. }) => region::warn_unknown(&region, path, document),
        None if would_be => {
            let what = "looks like ECR, whose hosts start with the twelve digits of an account: check the first word";
            document.report(path, what);
        }
        None => {
            if let Some(meant) = EcrHost::misspelt(host) {
                let what = format!("is no host of Amazon ECR, but nearly one: is `{meant}` meant?");
                document.warn(path, "nearly_ecr", &what);
            }
        }
    }
}

/// Notes a target that ECR would refuse, or that is another ECR.
pub(super) fn check_target(name: &Name, path: &Path, document: &mut Document) {
    if name.host.as_str() == "public.ecr.aws" {
        document.warn(
            path,
            "public_ecr",
            "Amazon ECR Public has another API than private ECR: tagferry makes no repositories there, and its login is that \
             of `aws ecr-public get-login-password --region us-east-1`, user `AWS`, which lasts twelve hours",
        );
    }
    if EcrHost::parse(&name.host).is_none() {
        return;
    }
    let repository = name.repository.as_str();
    let length = repository.len();
    if !NAME_CHARS.contains(&length) {
        let (least, most) = NAME_CHARS.into_inner();
        document.report(
            path,
            format!("ECR's repositories have names of {least} to {most} characters, and this has {length}"),
        );
    } else if ["__", "--"].iter().any(|twice| repository.contains(twice)) {
        document.report(
            path,
            "ECR takes one `.`, `_`, `-` or `/` between letters and digits, and here are several in a row",
        );
    }
}

fn is_account(text: &str, path: &Path, document: &mut Document) -> bool {
    let is_valid = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if !is_valid {
        document.report(path, "expected the twelve digits of an AWS account");
    }
    is_valid
}

pub(super) fn is_region(text: &str, path: &Path, document: &mut Document) -> bool {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_valid = text.contains('-') && text.bytes().all(is_letter);
    if is_valid {
        region::warn_unknown(text, path, document);
    } else {
        document.report(path, "expected an AWS region such as `ap-northeast-1`");
    }
    is_valid
}

fn is_role_arn(text: &str, path: &Path, document: &mut Document) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let is_valid = matches!(parts[..], ["arn", partition, "iam", "", _, role]
        if partition.starts_with("aws") && role.len() > "role/".len() && role.starts_with("role/"));
    if !is_valid {
        document.report(path, "expected the ARN of a role, such as `arn:aws:iam::123456789012:role/mirror`");
    }
    is_valid
}

pub(super) fn endpoint_url(text: &str, path: &Path, document: &mut Document) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
    });
    if url.is_none() {
        document.report(path, "expected an address such as `https://HOST`, without a user or a query");
    }
    url
}

fn repository(raw: raw::Repository, path: &Path, document: &mut Document) -> RepositorySettings {
    let tag_mutability = tag_mutability(raw.tag_mutability, raw.exclude, path, document);
    let kms_path = path.key("kms_key");
    let kms_key = document.text(raw.kms_key, &kms_path);
    if kms_key.as_ref().is_some_and(|key| key.chars().count() > KMS_KEY_MAX_CHARS) {
        document.report(&kms_path, format!("longer than {KMS_KEY_MAX_CHARS} characters"));
    }
    check_resource_tags(&raw.tags, &path.key("tags"), document);
    let mut read = |policy: Option<raw::Policy>, key, what, chars| {
        policy.and_then(|raw::Policy(policy)| self::policy(policy, what, chars, &path.key(key), document))
    };
    let lifecycle = "ECR's lifecycle policy, as a mapping that starts with `rules:`";
    let lifecycle_policy = read(raw.lifecycle_policy, "lifecycle_policy", lifecycle, LIFECYCLE_POLICY_CHARS);
    let policy = "the repository's policy, as a mapping that starts with `Statement:`";
    let policy = read(raw.policy, "policy", policy, POLICY_CHARS);
    RepositorySettings {
        tag_mutability,
        encryption: kms_key.map_or(Encryption::Aes256, Encryption::Kms),
        tags: raw.tags,
        lifecycle_policy,
        policy,
        scan_on_push: raw.scan_on_push.unwrap_or(false),
    }
}

fn tag_mutability(
    raw: Option<raw::TagMutability>,
    exclude: Option<Vec<String>>,
    path: &Path,
    document: &mut Document,
) -> TagMutability {
    let exclude_path = path.key("exclude");
    let excepting = match raw {
        None | Some(raw::TagMutability::Mutable) => Err(TagMutability::Mutable),
        Some(raw::TagMutability::Immutable) => Err(TagMutability::Immutable),
        Some(raw::TagMutability::MutableWithExclusion) => {
            Ok(TagMutability::MutableWithExclusion as fn(_) -> _)
        }
        Some(raw::TagMutability::ImmutableWithExclusion) => {
            Ok(TagMutability::ImmutableWithExclusion as fn(_) -> _)
        }
    };
    match (excepting, exclude) {
        (Ok(excepting), exclude) => {
            let hint = "`…_with_exclusion` needs the tags that are excepted, such as `exclude: [latest]`";
            let exclude = document.required(exclude, &exclude_path, hint);
            check_exclude(exclude.as_deref(), &exclude_path, document);
            excepting(exclude.unwrap_or_default())
        }
        (Err(plain), Some(exclude)) => {
            check_exclude(Some(&exclude), &exclude_path, document);
            if !document.is_removed(&path.key("tag_mutability")) {
                let what = "has no meaning without `tag_mutability: immutable_with_exclusion` or \
                            `mutable_with_exclusion`";
                document.report(&exclude_path, what);
            }
            plain
        }
        (Err(plain), None) => plain,
    }
}

fn check_exclude(exclude: Option<&[String]>, path: &Path, document: &mut Document) {
    let Some(exclude) = exclude else { return };
    if !(1..=EXCLUDE_MAX).contains(&exclude.len()) {
        document.report(path, format!("expected 1 to {EXCLUDE_MAX} names, as ECR takes no more"));
    }
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b"._*-".contains(&b);
    for (index, filter) in exclude.iter().enumerate() {
        if !(1..=EXCLUDE_MAX_CHARS).contains(&filter.len()) || !filter.bytes().all(is_letter) {
            let what = "expected up to 128 letters, digits, `.`, `_`, `-`, and `*` for anything";
            document.report(&path.index(index), what);
        }
    }
}

fn check_resource_tags(tags: &BTreeMap<String, String>, path: &Path, document: &mut Document) {
    if tags.len() > RESOURCE_TAGS_MAX {
        document.report(path, format!("more than {RESOURCE_TAGS_MAX} resource tags"));
    }
    for (key, value) in tags {
        let path = path.key(key);
        if key.is_empty() || key.chars().count() > RESOURCE_TAG_KEY_MAX_CHARS || key.starts_with("aws:") {
            let what = "a resource tag's key has 1 to 128 characters and does not start with `aws:`";
            document.report_key(&path, what);
        }
        if value.chars().count() > RESOURCE_TAG_VALUE_MAX_CHARS {
            document.report(&path, format!("longer than {RESOURCE_TAG_VALUE_MAX_CHARS} characters"));
        }
    }
}

/// A mapping becomes JSON; a text has to be JSON and stays as it is.
fn policy(
    policy: serde_json::Value,
    expected: &str,
    chars: std::ops::RangeInclusive<usize>,
    path: &Path,
    document: &mut Document,
) -> Option<String> {
    let text = match policy {
        serde_json::Value::Object(policy) => serde_json::Value::Object(policy).to_string(),
        serde_json::Value::String(text) => {
            let policy = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
            if let Err(error) = policy {
                document
                    .report(path, format!("not a JSON object: stops at {}:{}", error.line(), error.column()));
                return None;
            }
            text
        }
        _ => {
            document.report(path, format!("expected {expected} or as JSON text"));
            return None;
        }
    };
    if !chars.contains(&text.chars().count()) {
        let (least, most) = chars.into_inner();
        document.report(path, format!("as JSON this has to have {least} to {most} characters"));
        return None;
    }
    Some(text)
}
