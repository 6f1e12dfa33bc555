//! Manifests: the bytes exactly as the registry gave them, and what can be read from them.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::Error as _;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::oci::descriptor::if_valid;
use crate::oci::{Descriptor, Digest, MediaType};
use crate::text::excerpt;

/// Larger manifests are refused: the distribution specification asks both sides to expect at least
/// 4 megabytes, and ECR accepts no more.
pub const MANIFEST_MAX_BYTES: usize = 4 * 1024 * 1024;
/// More children or layers than this in one manifest are refused.
const PARTS_MAX: usize = 10_000;
/// Children and layers of more bytes in one manifest are refused. It is the most that JSON says exactly everywhere,
/// and leaves room to add up the sizes of many manifests.
const PARTS_MAX_BYTES: u64 = 1 << 53;

/// A manifest or index. Its bytes are never changed; they are what is hashed, sent and stored.
#[derive(Clone, Debug)]
pub struct Manifest {
    bytes: Bytes,
    digest: Digest,
    media_type: MediaType,
    children: Vec<Descriptor>,
    /// The config first, if there is one.
    blobs: Vec<Descriptor>,
    has_config: bool,
    subject: Option<Digest>,
}

/// A document that is not a manifest which can be copied.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Larger than [`MANIFEST_MAX_BYTES`].
    #[error("larger than {MANIFEST_MAX_BYTES} bytes, the most that registries accept")]
    TooLarge,
    /// Not JSON, or a part is missing or faulty.
    #[error("not a valid manifest")]
    Json(#[source] serde_json::Error),
    /// A part is named by a digest of another algorithm.
    #[error("a part of it has the digest `{0}`, and only sha256 digests are supported")]
    OtherDigest(String),
    /// Docker schema 1, which ECR no longer takes.
    #[error("Docker image manifest schema 1, which registries no longer accept; the image has to be rebuilt")]
    Schema1,
    /// A type that is not copied.
    #[error("unsupported media type `{}`", excerpt(.0.as_str()))]
    MediaType(MediaType),
    /// The body says one type and the registry another, or parts of both kinds are present (CVE-2021-41190).
    #[error("ambiguous document: {0}")]
    Ambiguous(String),
    /// More parts than are accepted.
    #[error("{0} parts, more than the {PARTS_MAX} that are accepted")]
    TooManyParts(usize),
    /// Sizes that add up to more than is accepted.
    #[error("parts of more than {PARTS_MAX_BYTES} bytes: the sizes cannot be right")]
    TooManyBytes,
}

impl ManifestError {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Json(_) => Some(
                "look at what built the image, and push it again with a current tool; a proxy in front of the registry may \
                 also have answered in its place",
            ),
            Self::OtherDigest(_) => Some(
                "the image may be good, but tagferry cannot copy it: leave its tag out by the rules, or push the image again with \
                 sha256 digests",
            ),
            Self::Ambiguous(_) => Some(
                "look at what built the image, and push it again with a current tool; a proxy in front of the registry may \
                 also have changed its Content-Type",
            ),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: Option<u32>,
    media_type: Option<MediaType>,
    #[serde(default, deserialize_with = "if_null_empty")]
    manifests: Option<Children>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    #[serde(default, deserialize_with = "if_valid")]
    subject: Option<Descriptor>,
    /// The blobs of schema 1.
    fs_layers: Option<serde::de::IgnoredAny>,
}

/// The children of an index; none where the member is null.
struct Children(Option<Vec<Descriptor>>);

fn if_null_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Children>, D::Error> {
    Option::deserialize(deserializer).map(|children| Some(Children(children)))
}

impl Manifest {
    /// Reads `bytes`, which came with this `Content-Type`, if with any.
    pub fn parse(bytes: Bytes, content_type: Option<&MediaType>) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_MAX_BYTES {
            return Err(ManifestError::TooLarge);
        }
        let mut document: Document = serde_json::from_slice(&bytes)
            .map_err(|error| other_digest(&bytes).map_or_else(|| json(&error), ManifestError::OtherDigest))?;
        if document.schema_version == Some(1) || document.fs_layers.is_some() {
            return Err(ManifestError::Schema1);
        }
        let is_image = document.config.is_some() || document.layers.is_some();
        // Null is none, and in what is nothing else it is an index without children.
        document.manifests = document.manifests.filter(|Children(children)| children.is_some() || !is_image);
        let media_type = media_type_of(&document, content_type)?;
        let is_index = document.manifests.is_some();
        if is_index == is_image || is_index != media_type.is_index() {
            return Err(ManifestError::Ambiguous(format!(
                "`{}` with {}",
                excerpt(media_type.as_str()),
                match (is_index, is_image) {
                    (true, true) => "both `manifests` and `config` or `layers`",
                    (true, false) => "`manifests`",
                    (false, true) => "`config` or `layers`",
                    (false, false) => "neither `manifests` nor `config` or `layers`",
                }
            )));
        }
        let has_config = document.config.is_some();
        let children = document.manifests.and_then(|Children(children)| children).unwrap_or_default();
        let blobs: Vec<_> = document.config.into_iter().chain(document.layers.unwrap_or_default()).collect();
        let parts = children.len() + blobs.len();
        if parts > PARTS_MAX {
            return Err(ManifestError::TooManyParts(parts));
        }
        let mut sizes = children.iter().chain(&blobs).map(|part| part.size);
        let total = sizes.try_fold(0, u64::checked_add);
        if total.is_none_or(|total| total > PARTS_MAX_BYTES) {
            return Err(ManifestError::TooManyBytes);
        }
        let subject = document.subject.map(|subject| subject.digest);
        Ok(Self { digest: Digest::of(&bytes), bytes, media_type, children, blobs, has_config, subject })
    }

    /// The bytes, exactly as they came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The type to send it under.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The manifests that an index points at; empty for an image.
    pub fn children(&self) -> &[Descriptor] {
        &self.children
    }

    /// The config of an image; none for an index.
    pub fn config(&self) -> Option<&Descriptor> {
        self.blobs.first().filter(|_| self.has_config)
    }

    /// Config and layers of an image, in order, repetitions included; empty for an index.
    pub fn blobs(&self) -> &[Descriptor] {
        &self.blobs
    }

    /// What it was written about, such as the image of a signature.
    pub fn subject(&self) -> Option<Digest> {
        self.subject
    }

    /// The index with only those of its children that `keeps` says. The same source and choice always give the same
    /// bytes: the other members stay as they were written, and the children keep their order.
    pub fn filtered(&self, keeps: impl Fn(&Descriptor) -> bool) -> Result<Self, ManifestError> {
        // A map of raw values keeps every byte of the members that are not touched. Their names may hold escapes.
        let mut document: std::collections::BTreeMap<String, &RawValue> =
            serde_json::from_slice(&self.bytes).map_err(|error| json(&error))?;
        let all: Vec<&RawValue> = document
            .get("manifests")
            .map_or(Ok(Vec::new()), |raw| serde_json::from_str(raw.get()))
            .map_err(|error| json(&error))?;
        let kept: Vec<&RawValue> = all
            .into_iter()
            .zip(&self.children)
            .filter(|(_, child)| keeps(child))
            .map(|(raw, _)| raw)
            .collect();
        let kept = serde_json::value::to_raw_value(&kept).map_err(|error| json(&error))?;
        document.insert("manifests".to_owned(), &kept);
        let bytes = serde_json::to_vec(&document).map_err(|error| json(&error))?;
        Self::parse(bytes.into(), Some(&self.media_type))
    }
}

/// The parser's words repeat what they are about, however long it is.
fn json(error: &serde_json::Error) -> ManifestError {
    ManifestError::Json(serde_json::Error::custom(excerpt(&error.to_string())))
}

/// The first digest of another algorithm by which a document names a part.
fn other_digest(bytes: &[u8]) -> Option<String> {
    let document: Value = serde_json::from_slice(bytes).ok()?;
    let lists = [&document["layers"], &document["manifests"]].into_iter().filter_map(Value::as_array);
    let mut parts = std::iter::once(&document["config"]).chain(lists.flatten());
    parts.find_map(|part| part["digest"].as_str().filter(|text| Digest::is_other(text)).map(excerpt))
}

/// The header and the body must agree where both speak; where neither does, its parts tell what a document is.
fn media_type_of(document: &Document, content_type: Option<&MediaType>) -> Result<MediaType, ManifestError> {
    let body = document.media_type.as_ref().filter(|body| !body.as_str().is_empty());
    let header = content_type.filter(|header| header.is_telling());
    let media_type = match (body, header) {
        (Some(body), Some(header)) if body != header => {
            return Err(ManifestError::Ambiguous(format!(
                "the body says `{}`, its Content-Type `{}`",
                excerpt(body.as_str()),
                excerpt(header.as_str())
            )));
        }
        (Some(body), _) => body.clone(),
        (None, Some(header)) => header.clone(),
        (None, None) => MediaType::new(by_parts(document)),
    };
    if media_type.is_manifest() { Ok(media_type) } else { Err(ManifestError::MediaType(media_type)) }
}

fn by_parts(document: &Document) -> &'static str {
    let is_docker = |part: &Descriptor, kinds: &[&str]| kinds.contains(&part.media_type.as_str());
    match (&document.manifests, &document.config) {
        (Some(Children(children)), _) => {
            let children = children.as_deref().unwrap_or_default();
            let kinds = [MediaType::DOCKER_MANIFEST, MediaType::DOCKER_LIST];
            let is_list = !children.is_empty() && children.iter().all(|child| is_docker(child, &kinds));
            if is_list { MediaType::DOCKER_LIST } else { MediaType::OCI_INDEX }
        }
        (None, Some(config)) if is_docker(config, &[MediaType::DOCKER_CONFIG]) => MediaType::DOCKER_MANIFEST,
        (None, _) => MediaType::OCI_MANIFEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(Bytes::copy_from_slice(text.as_bytes()), None)
    }

    fn descriptor(seed: &str, more: &str) -> String {
        format!(
            r#"{{"mediaType":"{}","digest":"{}","size":{}{more}}}"#,
            MediaType::OCI_MANIFEST,
            Digest::of(seed.as_bytes()),
            seed.len()
        )
    }

    fn index() -> String {
        format!(
            "{{\n  \"schemaVersion\": 2, \"annotations\": {{\"b\": \"1\",  \"a\":\"2\"}},\n \"manifests\": [{}, {}, {}]}}",
            descriptor("amd", r#", "platform": {"os":"linux","architecture":"amd64"}"#),
            descriptor("arm", r#","platform":{"architecture":"arm64","os":"linux","variant":"v8"}"#),
            descriptor("att", r#","platform":{"architecture":"unknown","os":"unknown"}"#),
        )
    }

    #[test]
    fn the_bytes_stay_as_they_came() {
        let text = index();
        let manifest = parse(&text).unwrap();
        assert_eq!(manifest.bytes(), text.as_bytes());
        assert_eq!(manifest.digest(), Digest::of(text.as_bytes()));
        assert_eq!(manifest.children().len(), 3);
        assert_eq!(manifest.media_type().as_str(), MediaType::OCI_INDEX);
    }

    #[test]
    fn a_filtered_index_is_the_same_each_time_and_touches_only_its_children() {
        let source = parse(&index()).unwrap();
        let is_known =
            |child: &Descriptor| child.platform.as_ref().is_some_and(|platform| platform.os == "linux");
        let filtered = source.filtered(is_known).unwrap();
        assert_eq!(filtered.bytes(), source.filtered(is_known).unwrap().bytes());
        assert_eq!(filtered.children(), &source.children()[..2]);
        let text = std::str::from_utf8(filtered.bytes()).unwrap();
        assert!(text.contains(r#"{"b": "1",  "a":"2"}"#), "{text}");
    }

    #[test]
    fn names_with_escapes_are_filtered_like_others() {
        let escaped = index().replacen("annotations", r"annot\u0061tions", 1);
        let first = |child: &Descriptor| child.digest == Digest::of(b"amd");
        assert_eq!(parse(&escaped).unwrap().filtered(first).unwrap().children().len(), 1);
    }

    #[test]
    fn sizes_that_cannot_be_added_up_are_refused() {
        let layer =
            |size: u64| format!(r#"{{"mediaType":"x","digest":"{}","size":{size}}}"#, Digest::of(b""));
        let image = |sizes: [u64; 2]| format!(r#"{{"layers":[{},{}]}}"#, layer(sizes[0]), layer(sizes[1]));
        assert!(parse(&image([PARTS_MAX_BYTES - 1, 1])).is_ok());
        for sizes in [[PARTS_MAX_BYTES, 1], [u64::MAX, 1]] {
            assert!(matches!(parse(&image(sizes)), Err(ManifestError::TooManyBytes)), "{sizes:?}");
        }
    }

    #[test]
    fn what_a_document_says_is_repeated_in_parts_and_without_control_characters() {
        let long = "x".repeat(100_000);
        let errors = [
            parse(&format!(r#"{{"mediaType":"\u001b{long}","layers":[]}}"#)).unwrap_err(),
            parse(&format!(r#"{{"schemaVersion":"{long}"}}"#)).unwrap_err(),
            parse(r#"{"config":{"mediaType":"x","digest":"\u001b[2J","size":1}}"#).unwrap_err(),
        ];
        for error in errors {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            let message = format!("{error}{source}");
            assert!(message.len() < 1000 && !message.contains(char::is_control), "{message:.1000?}");
        }
    }

    #[test]
    fn confused_documents_are_refused() {
        let layer = descriptor("l", "");
        let both = format!(r#"{{"schemaVersion":2,"manifests":[],"layers":[{layer}]}}"#);
        assert!(matches!(parse(&both), Err(ManifestError::Ambiguous(_))));
        let lying = format!(r#"{{"mediaType":"{}","layers":[{layer}]}}"#, MediaType::OCI_INDEX);
        assert!(matches!(parse(&lying), Err(ManifestError::Ambiguous(_))));
        assert!(matches!(parse("{}"), Err(ManifestError::Ambiguous(_))));
        let image = Bytes::from(format!(r#"{{"mediaType":"{}","layers":[]}}"#, MediaType::OCI_MANIFEST));
        let header = MediaType::new(MediaType::DOCKER_MANIFEST);
        assert!(matches!(Manifest::parse(image, Some(&header)), Err(ManifestError::Ambiguous(_))));
    }

    #[test]
    fn what_cannot_be_copied_says_why() {
        assert!(matches!(parse(r#"{"schemaVersion":1,"fsLayers":[]}"#), Err(ManifestError::Schema1)));
        assert!(matches!(parse(r#"{"mediaType":"text/x","layers":[]}"#), Err(ManifestError::MediaType(_))));
        assert!(matches!(parse("<html>"), Err(ManifestError::Json(_))));
        let big = Bytes::from(vec![b' '; MANIFEST_MAX_BYTES + 1]);
        assert!(matches!(Manifest::parse(big, None), Err(ManifestError::TooLarge)));
        let digest = format!("sha512:{}", "0".repeat(128));
        let other = format!(r#"{{"layers":[{{"mediaType":"x","digest":"{digest}","size":1}}]}}"#);
        assert!(matches!(parse(&other), Err(ManifestError::OtherDigest(found)) if found == digest));
        let traversal = r#"{"layers":[{"mediaType":"x","digest":"sha256:../../etc","size":1}]}"#;
        assert!(matches!(parse(traversal), Err(ManifestError::Json(_))));
    }
}
