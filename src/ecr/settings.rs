//! How a repository that tagferry creates is to be made.

use std::collections::BTreeMap;

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

/// Encryption at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// S3's own keys.
    #[default]
    Aes256,
    /// A key in KMS: its ARN, id or alias.
    Kms(String),
}
