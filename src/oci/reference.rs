//! What can be named: a registry host, a repository in it, a tag or digest in that.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};

use crate::oci::Digest;
use crate::text::excerpt;

/// Longer tags are refused (OCI distribution specification).
const TAG_MAX_BYTES: usize = 128;
/// Longer repository paths are refused (the specification's own bound for host and path together).
const REPOSITORY_MAX_BYTES: usize = 255;

/// A text that names nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameError {
    /// Not `HOST` or `HOST:PORT`.
    #[error("`{0}` is not a registry host: expected HOST or HOST:PORT, without `https://` or a path")]
    Host(String),
    /// Not a repository path.
    #[error(
        "`{0}` is not a repository: expected lower-case words joined by `/`, such as `java/jdk`, \
         with `.`, `_`, `__` or `-` only between letters and digits"
    )]
    Repository(String),
    /// Not the name of a repository in a layout.
    #[error(
        "`{0}` is not a repository in a layout: expected PATH or HOST/PATH, such as `java/jdk`, without a tag"
    )]
    LayoutName(String),
    /// Not a tag.
    #[error(
        "`{0}` is not a tag: expected at most 128 letters, digits, `_`, `.` and `-`, not starting with `.` or `-`"
    )]
    Tag(String),
    /// A repository was expected, and a tag or digest came with it.
    #[error("`{0}` names a tag or digest: give the repository alone")]
    NotARepository(String),
}

macro_rules! text_type {
    ($type:ident, $error:ident) => {
        impl $type {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if Self::is_valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError::$error(excerpt(text)))
                }
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// A registry: `HOST` or `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host(String);
text_type!(Host, Host);

impl Host {
    /// Docker Hub, whose API lives under another name and whose official images under `library/`.
    pub const DOCKER_HUB: &str = "docker.io";

    /// Whether this registry is known to list its repositories to nobody.
    pub fn lists_nothing(host: &str) -> bool {
        [Self::DOCKER_HUB, "container-registry.oracle.com", "ghcr.io"].contains(&host)
    }

    /// The one name of a registry that has several, as Docker Hub does.
    pub fn canonical(host: &str) -> &str {
        match host {
            "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => Self::DOCKER_HUB,
            host => host,
        }
    }

    fn is_valid(text: &str) -> bool {
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !name.is_empty() && !port.ends_with(']') => (name, Some(port)),
            _ => (text, None),
        };
        let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
        let is_v6 = |name: &str| {
            name.strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
                .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
        };
        let is_label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        port.is_none_or(is_port) && name.len() <= 253 && (is_v6(name) || name.split('.').all(is_label))
    }

    /// Whether the first part of `HOST/PATH` is a host rather than the first word of a path:
    /// it has a dot or a port, or is `localhost` (Docker's rule).
    fn looks_like_host(text: &str) -> bool {
        text.contains(['.', ':']) || text == "localhost"
    }
}

/// A repository's path in its registry: `java/jdk`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository(String);
text_type!(Repository, Repository);

impl Repository {
    fn is_valid(text: &str) -> bool {
        text.len() <= REPOSITORY_MAX_BYTES && text.split('/').all(is_path_component)
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends_well = bytes.first().is_some_and(alphanumeric) && bytes.last().is_some_and(alphanumeric);
    ends_well
        && bytes.split(alphanumeric).all(|separator| {
            matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|&b| b == b'-')
        })
}

/// A tag: `21.0.7-oraclelinux9`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, extend("pattern" = "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$"))]
pub struct Tag(String);
text_type!(Tag, Tag);

impl Tag {
    /// `latest`: what clients ask for where no tag is named.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// `sha256-<hex>`: where the referrers of a manifest are kept, by the distribution specification's rule for clients of
    /// registries that have no API for them.
    pub fn of_referrers(subject: Digest) -> Self {
        Self(format!("sha256-{}", subject.hex()))
    }

    /// The manifest whose referrers are kept under this tag, if it is such a tag.
    pub fn subject(&self) -> Option<Digest> {
        format!("sha256:{}", self.0.strip_prefix("sha256-")?).parse().ok()
    }

    fn is_valid(text: &str) -> bool {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        text.len() <= TAG_MAX_BYTES
            && text.bytes().next().is_some_and(word)
            && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
    }
}

/// A repository in an image layout that holds several: what stands before `:TAG` in the names of its images, such as
/// `java/jdk` or `docker.io/library/nginx`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct LayoutName(String);
text_type!(LayoutName, LayoutName);

impl LayoutName {
    fn is_valid(text: &str) -> bool {
        let has_host =
            |(host, path)| Host::looks_like_host(host) && Host::is_valid(host) && Repository::is_valid(path);
        Repository::is_valid(text) || text.split_once('/').is_some_and(has_host)
    }
}

/// A repository and where it is: `container-registry.oracle.com/java/jdk`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name {
    /// The registry.
    pub host: Host,
    /// The path in it.
    pub repository: Repository,
}

impl FromStr for Name {
    type Err = NameError;

    /// Reads `HOST[:PORT]/PATH`. Without a host, Docker Hub's rules apply: `nginx` is `docker.io/library/nginx`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains("://") {
            return Err(NameError::Host(excerpt(text)));
        }
        let (host, path) = match text.split_once('/') {
            Some((host, path)) if Host::looks_like_host(host) => (host, path),
            _ => (Host::DOCKER_HUB, text),
        };
        if path.contains(['@', ':']) {
            return Err(NameError::NotARepository(excerpt(text)));
        }
        let host = Host::canonical(host);
        let official = host == Host::DOCKER_HUB && !path.contains('/');
        let path = if official { format!("library/{path}") } else { path.to_owned() };
        Ok(Self { host: host.parse()?, repository: path.parse()? })
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.to_string()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)
    }
}

/// A manifest in a repository, by tag or by digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reference {
    /// By a tag, which may move.
    Tag(Tag),
    /// By its digest, which cannot.
    Digest(Digest),
}

impl Reference {
    /// The tag; none where it is a digest.
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Tag(tag) => Some(tag),
            Self::Digest(_) => None,
        }
    }
}

impl FromStr for Reference {
    type Err = NameError;

    /// Reads a tag, or a digest, which has a colon where a tag cannot.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<Digest>() {
            Ok(digest) => Ok(Self::Digest(digest)),
            Err(_) => text.parse().map(Self::Tag),
        }
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Reference {
    fn schema_name() -> Cow<'static, str> {
        "Reference".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "A tag, or the digest of an image that has none."})
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(text.parse::<Name>().map(|name| name.to_string()), Ok(expected.to_owned()));
    }

    #[test]
    fn docker_hub_rules_apply_without_a_host() {
        check("nginx", "docker.io/library/nginx");
        check("grafana/grafana", "docker.io/grafana/grafana");
        check("index.docker.io/nginx", "docker.io/library/nginx");
        check("container-registry.oracle.com/java/jdk", "container-registry.oracle.com/java/jdk");
        check("localhost/a", "localhost/a");
        check("127.0.0.1:5000/a__b/c---d", "127.0.0.1:5000/a__b/c---d");
        check("[::1]:5000/a", "[::1]:5000/a");
    }

    #[test]
    fn faulty_names_are_refused() {
        for text in [
            "",
            "/",
            "a.b/",
            "a.b//c",
            "a.b/C",
            "https://a.b/c",
            "a.b/c:21",
            "a.b:99999/c",
            "a..b/c",
            "a.b/c/../d",
            "a.b/c_-d",
            "a.b/-c",
            "a.b/c___d",
            "a.b/c d",
            "a.b:/c",
        ] {
            assert!(text.parse::<Name>().is_err(), "{text}");
        }
    }

    #[test]
    fn tags_have_the_grammar_of_the_specification() {
        assert_eq!("latest".parse(), Ok(Tag::latest()));
        for text in ["21", "latest", "_x", "RDBMS_23.26.3.0.0DBRU_LINUX.X64_260704", &"x".repeat(128)] {
            assert!(text.parse::<Tag>().is_ok(), "{text}");
        }
        for text in ["", ".x", "-x", "a/b", "a:b", "a b", "a?b", &"x".repeat(129)] {
            assert!(text.parse::<Tag>().is_err(), "{text}");
        }
    }
}
