//! How a registry departs from the specification, as data.

use serde_json::Value;
use tagferry::oci::MediaType;

use super::store::Parts;
use super::wire::Reply;

/// What a registry does where registries differ. The default is a faithful one.
#[derive(Clone, Debug)]
pub struct Quirks {
    /// Whose error texts and statuses.
    pub flavour: Flavour,
    pub digest_header: DigestHeader,
    pub accept: Accept,
    pub link: LinkStyle,
    /// Names of a page, be they tags or repositories, when the client names no number.
    pub page_default: usize,
    /// The most names of a page.
    pub page_max: usize,
    /// A client that asks for more names than this is refused.
    pub page_refused_above: Option<usize>,
    /// Whether blobs can be read in part, and carry an `ETag`.
    pub ranges: bool,
    /// What a `POST` that starts an upload is answered with.
    pub upload_status: u16,
    pub location: Location,
    pub patch: Patch,
    /// A `PUT` of an upload with a body is answered so.
    pub put_refused: Option<Reply>,
    /// Uploads with more bytes than this in one request are answered so.
    pub body_refused_above: Option<(usize, Reply)>,
    /// The `OCI-Chunk-Min-Length` of an upload.
    pub chunk_min: Option<&'static str>,
    /// The least bytes of a part that is not the last.
    pub part_min: usize,
    /// Whether a `POST` with `?digest=` and a body is an upload.
    pub single_post: bool,
    pub mount: Mount,
    pub manifest_max: usize,
    /// Whether the blobs and children of a manifest must be there.
    pub references: bool,
    pub refuses: Vec<Refusal>,
    pub create_on_push: bool,
    /// Whether `/v2/NAME/referrers/` exists.
    pub referrers: bool,
    /// Whether `/v2/_catalog` exists.
    pub catalogue: bool,
    /// Every request for `/v2/` is sent to this `HOST:PORT`.
    pub moved_to: Option<String>,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            flavour: Flavour::Distribution,
            digest_header: DigestHeader::Always,
            accept: Accept::Ignored,
            link: LinkStyle::Relative,
            page_default: usize::MAX,
            page_max: usize::MAX,
            page_refused_above: None,
            ranges: true,
            upload_status: 202,
            location: Location::Relative,
            patch: Patch::Standard,
            put_refused: None,
            body_refused_above: None,
            chunk_min: None,
            part_min: 0,
            single_post: true,
            mount: Mount::Always,
            manifest_max: 4 * 1024 * 1024,
            references: true,
            refuses: Vec::new(),
            create_on_push: true,
            referrers: true,
            catalogue: true,
            moved_to: None,
        }
    }
}

/// Whose error texts and statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// CNCF distribution.
    Distribution,
    /// Amazon ECR.
    Ecr,
}

/// Which answers for manifests have `Docker-Content-Digest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestHeader {
    Always,
    /// As at ECR.
    HeadOnly,
    Never,
}

/// What happens when `Accept` lacks the stored type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    Ignored,
    /// 404, as CNCF distribution does for OCI indexes.
    Required,
    /// By tag, another document with another digest, as at ECR.
    Converts,
}

/// How the next page is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkStyle {
    Relative,
    Absolute,
    /// `<v2/…>`, seen at Quay.
    WithoutSlash,
    /// The place is an opaque `next_page`, as at Quay.
    Cursor,
    /// Absolute with another host, seen behind gateways.
    Host(&'static str),
    /// The next page is always this page.
    Looping,
    /// There is always one more page, with other tags.
    Endless,
    /// The tags end with the page and nothing says so.
    Missing,
}

/// How the `Location` of an upload looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    Relative,
    Absolute,
    /// `//HOST/…`
    WithoutScheme,
    /// The last part of the path alone.
    Bare,
    /// Outside of `/v2/`, as at Google's Artifact Registry.
    Outside,
    /// At another `HOST:PORT`.
    Elsewhere(String),
}

/// What a `PATCH` of an upload answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patch {
    Standard,
    /// 201, and a `Range` that stays at the end of the first part, as at ECR.
    Stale,
    Refused,
}

/// When a blob of another repository is mounted. Otherwise the answer is that of a new upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    Never,
    Always,
    /// When a manifest of the other repository refers to the blob and both have one encryption, as at ECR.
    Committed,
}

/// A manifest that is answered with 405 `UNSUPPORTED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    MediaType(&'static str),
    /// An index in an index.
    NestedIndex,
    /// A manifest with both `artifactType` and `subject`.
    Referrer,
}

impl Refusal {
    pub fn strikes(self, media_type: &str, bytes: &[u8]) -> bool {
        let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let is_index = |t: &Value| {
            t.as_str().is_some_and(|t| [MediaType::OCI_INDEX, MediaType::DOCKER_LIST].contains(&t))
        };
        match self {
            Self::MediaType(refused) => refused == media_type,
            Self::NestedIndex => {
                let children = document["manifests"].as_array();
                children.is_some_and(|children| children.iter().any(|c| is_index(&c["mediaType"])))
            }
            Self::Referrer => document["artifactType"].is_string() && Parts::of(bytes).subject.is_some(),
        }
    }
}
