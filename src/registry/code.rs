//! The codes of registries' errors that mean something to us, of the OCI distribution specification and beside it.

/// The blob is not there.
pub const BLOB_UNKNOWN: &str = "BLOB_UNKNOWN";
/// The upload does not go on.
pub(super) const BLOB_UPLOAD_INVALID: &str = "BLOB_UPLOAD_INVALID";
/// There is no such upload.
pub(super) const BLOB_UPLOAD_UNKNOWN: &str = "BLOB_UPLOAD_UNKNOWN";
/// A quota is used up: of images in a repository, of repositories, of tags of an image.
pub(super) const LIMIT_EXCEEDED: &str = "LIMIT_EXCEEDED";
/// The manifest refers to a blob that is not there.
pub const MANIFEST_BLOB_UNKNOWN: &str = "MANIFEST_BLOB_UNKNOWN";
/// The manifest is not there, or one that it refers to is not.
pub const MANIFEST_UNKNOWN: &str = "MANIFEST_UNKNOWN";
/// The repository is not there.
pub const NAME_UNKNOWN: &str = "NAME_UNKNOWN";
/// The tag may not be written: ECR says so of one that must not move.
pub const TAG_INVALID: &str = "TAG_INVALID";
/// Come back later.
pub(super) const TOO_MANY_REQUESTS: &str = "TOOMANYREQUESTS";
/// The registry does not do what was asked.
pub(super) const UNSUPPORTED: &str = "UNSUPPORTED";

/// All of them: words of the protocol, shown as they are.
pub(super) const ALL: [&str; 21] = [
    BLOB_UNKNOWN,
    BLOB_UPLOAD_INVALID,
    BLOB_UPLOAD_UNKNOWN,
    MANIFEST_BLOB_UNKNOWN,
    MANIFEST_UNKNOWN,
    NAME_UNKNOWN,
    TAG_INVALID,
    TOO_MANY_REQUESTS,
    "DENIED",
    "DIGEST_INVALID",
    "INTERNAL_ERROR",
    "MANIFEST_INVALID",
    "MANIFEST_UNVERIFIED",
    "NAME_INVALID",
    "PAGINATION_NUMBER_INVALID",
    "RANGE_INVALID",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "UNAVAILABLE",
    "UNKNOWN",
    UNSUPPORTED,
];
