//! Descriptors: how a manifest points at what it consists of.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::oci::{Digest, Platform};

/// How the types begin of which registries keep blobs: layers, configurations, and the configuration of a build cache.
const BLOB_TYPES: [&str; 5] = [
    "application/vnd.oci.image.layer.",
    "application/vnd.docker.image.rootfs.",
    "application/vnd.oci.image.config.",
    "application/vnd.docker.container.image.",
    "application/vnd.buildkit.cacheconfig.",
];
/// How the types begin of layers that registries need not hold.
const FOREIGN_TYPES: [&str; 2] =
    ["application/vnd.docker.image.rootfs.foreign.", "application/vnd.oci.image.layer.nondistributable."];

/// The media type of a manifest, blob or artifact, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(transparent)]
pub struct MediaType(String);

impl MediaType {
    /// An OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// An OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// A Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// A Docker manifest, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// The configuration of a Docker image.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Every manifest type that is copied, as an `Accept` header. ECR converts what is not asked for.
    pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
         application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

    /// Takes the type from a `Content-Type` header: parameters are dropped, and case does not count.
    pub fn new(text: &str) -> Self {
        Self(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it says what a document is. Stores, static servers and proxies send types such as
    /// `application/octet-stream`, `text/plain` or `application/json` for whatever they hold.
    pub fn is_telling(&self) -> bool {
        self.0.starts_with("application/vnd.")
    }

    /// Whether it is one of the two index types.
    pub fn is_index(&self) -> bool {
        matches!(self.as_str(), Self::OCI_INDEX | Self::DOCKER_LIST)
    }

    /// Whether it is one of the four manifest types, indexes included.
    pub fn is_manifest(&self) -> bool {
        self.is_index() || matches!(self.as_str(), Self::OCI_MANIFEST | Self::DOCKER_MANIFEST)
    }

    /// Whether it is known to be one of a blob. Of other types a registry has to be asked.
    pub fn is_blob(&self) -> bool {
        BLOB_TYPES.iter().any(|start| self.0.starts_with(start))
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a manifest says of one of its parts: type, digest, size.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The type of the part.
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// In an index: the platform that a child is for, where it says so in full.
    #[serde(default, deserialize_with = "if_valid")]
    pub platform: Option<Platform>,
    /// Where else its bytes may be had. Never fetched (CVE-2020-15157).
    #[serde(default, deserialize_with = "if_valid")]
    pub urls: Option<Vec<String>>,
}

impl Descriptor {
    /// Whether its bytes live elsewhere by design: such a layer travels as a descriptor only. Its type says so; `urls` of
    /// other types are a hint where the same bytes may be had too.
    pub fn is_foreign(&self) -> bool {
        let is_elsewhere = self.urls.as_ref().is_some_and(|urls| !urls.is_empty());
        is_elsewhere && FOREIGN_TYPES.iter().any(|start| self.media_type.0.starts_with(start))
    }
}

/// A member that may be missing: one that cannot be read is as none.
pub(super) fn if_valid<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    Ok(raw.and_then(|raw| serde_json::from_str(raw.get()).ok()))
}
