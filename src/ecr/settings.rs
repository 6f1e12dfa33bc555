//! How a repository that tagferry creates is to be made.

use std::collections::BTreeMap;
use std::fmt;

use crate::oci::Tag;

/// The settings of a new repository. One that exists is left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositorySettings {
    /// Whether tags may move.
    pub tag_mutability: TagMutability,
    /// Encryption at rest, fixed at creation.
    pub encryption: Encryption,
    /// Resource tags, as AWS calls labels on things that cost money.
    pub tags: BTreeMap<String, String>,
    /// The text of a lifecycle policy, JSON.
    pub lifecycle_policy: Option<String>,
    /// The text of a policy that says who else may do what with the repository, JSON.
    pub policy: Option<String>,
    /// Whether ECR scans each image when it is pushed.
    pub scan_on_push: bool,
}

/// Whether a repository's tags may move, and which are excepted (wildcards with `*`, at most five).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TagMutability {
    /// Every tag may move; moving tags can be followed.
    #[default]
    Mutable,
    /// No tag may move.
    Immutable,
    /// No tag may move but these.
    ImmutableWithExclusion(Vec<String>),
    /// Every tag may move but these.
    MutableWithExclusion(Vec<String>),
}

impl TagMutability {
    /// Whether a tag that exists must stay where it is.
    pub fn forbids_moving(&self, tag: &Tag) -> bool {
        let is_excluded = |filters: &[String]| filters.iter().any(|filter| matches(filter, tag.as_str()));
        match self {
            Self::Mutable => false,
            Self::Immutable => true,
            Self::ImmutableWithExclusion(filters) => !is_excluded(filters),
            Self::MutableWithExclusion(filters) => is_excluded(filters),
        }
    }
}

/// Whether a filter fits the whole text; `*` stands for any characters, also for none.
fn matches(filter: &str, text: &str) -> bool {
    let Some((start, rest)) = filter.split_once('*') else { return filter == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<_> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    // The leftmost place for each part is the best one: it leaves the most for those that follow.
    for part in parts {
        match text.split_once(part) {
            Some((_, after)) => text = after,
            None => return false,
        }
    }
    text.ends_with(end)
}

impl fmt::Display for TagMutability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mutable => f.write_str("mutable"),
            Self::Immutable => f.write_str("immutable"),
            Self::ImmutableWithExclusion(filters) => write!(f, "immutable but for {}", filters.join(", ")),
            Self::MutableWithExclusion(filters) => write!(f, "mutable but for {}", filters.join(", ")),
        }
    }
}

/// What is said of a new repository; of resource tags their keys.
impl fmt::Display for RepositorySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tag_mutability, encryption, tags, lifecycle_policy, policy, scan_on_push } = self;
        write!(f, "its tags {tag_mutability}")?;
        if let Encryption::Kms(key) = encryption {
            write!(f, "; encrypted with {key}")?;
        }
        if !tags.is_empty() {
            let keys: Vec<_> = tags.keys().map(String::as_str).collect();
            write!(f, "; resource tags {}", keys.join(", "))?;
        }
        if lifecycle_policy.is_some() {
            f.write_str("; with a lifecycle policy")?;
        }
        if policy.is_some() {
            f.write_str("; with a policy")?;
        }
        if *scan_on_push {
            f.write_str("; images are scanned when they are pushed")?;
        }
        Ok(())
    }
}

/// Encryption at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// S3's own keys.
    #[default]
    Aes256,
    /// A key in KMS: its ARN, id or alias.
    Kms(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_fit_the_whole_tag() {
        for (filter, tag, expected) in [
            ("latest", "latest", true),
            ("latest", "latest-lite", false),
            ("21", "8.21", false),
            ("*", "anything", true),
            ("dev-*", "dev-", true),
            ("dev-*", "my-dev-1", false),
            ("*-ol9", "21-ol9", true),
            ("*-ol9", "21-ol9-slim", false),
            ("21*ol*", "21.0.7-ol9", true),
            ("*a*b*c", "aabbcc", true),
            ("*a*b*c", "aacc", false),
            ("ab*ba", "aba", false),
            ("ab**ba", "abba", true),
        ] {
            assert_eq!(matches(filter, tag), expected, "{filter} and {tag}");
        }
    }

    #[test]
    fn exclusions_turn_the_rule_around() {
        let filters = || vec!["latest".to_owned(), "dev-*".to_owned()];
        let forbids = |mutability: TagMutability| {
            ["latest", "dev-1", "21.0.7"].map(|tag| mutability.forbids_moving(&tag.parse().unwrap()))
        };
        assert_eq!(forbids(TagMutability::Mutable), [false, false, false]);
        assert_eq!(forbids(TagMutability::Immutable), [true, true, true]);
        assert_eq!(forbids(TagMutability::ImmutableWithExclusion(filters())), [false, false, true]);
        assert_eq!(forbids(TagMutability::MutableWithExclusion(filters())), [true, true, false]);
    }
}
