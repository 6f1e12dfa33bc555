//! What goes wrong in a layout: which file, and what to do about it.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use crate::layout::index::INDEX_MAX_BYTES;
use crate::layout::unclear::Unclear;
use crate::oci::{Digest, ManifestError};

/// A failure in a layout's directory.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {step} {}: {cause}", path.display())]
    Io {
        /// What was to be done.
        step: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// Why it failed. Part of the text.
        cause: io::Error,
    },
    /// The directory holds something else. Nothing was written to it.
    #[error("{} has files but no `oci-layout`, so it is no image layout", .0.display())]
    NotALayout(PathBuf),
    /// There is no layout to read.
    #[error("{} is no image layout", .0.display())]
    NoLayout(PathBuf),
    /// What is asked for is not there, or not clear.
    #[error("{} {cause}", index.display())]
    Unclear {
        /// The `index.json` file.
        index: PathBuf,
        /// In what way. Part of the text.
        cause: Unclear,
    },
    /// A file is missing that something in the layout refers to.
    #[error("{digest} is not in {}", dir.display())]
    Absent {
        /// What is missing.
        digest: Digest,
        /// The layout.
        dir: PathBuf,
    },
    /// A manifest that cannot be copied.
    #[error("manifest {digest} is unusable")]
    Manifest {
        /// Which manifest.
        digest: Digest,
        /// Why.
        #[source]
        cause: ManifestError,
    },
    /// The layout has a version whose rules are not known.
    #[error("{} says layout version {version:?}, only 1.0.0 is known", path.display())]
    Version {
        /// The `oci-layout` file.
        path: PathBuf,
        /// What it says.
        version: String,
    },
    /// A link, a device or another thing is where a file or folder is expected. It is not followed.
    #[error("{} is {}not {expected}", path.display(), if *is_link { "a link and " } else { "" })]
    Unexpected {
        /// Where.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
        /// Whether it is a link.
        is_link: bool,
    },
    /// A file of the layout is not the document it should be.
    #[error("{} is not valid: {cause}", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// Where it fails. Part of the text.
        cause: serde_json::Error,
    },
    /// `index.json` is larger than any reader should accept, or would become so.
    #[error("{} is larger than {INDEX_MAX_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
    /// A manifest was refused because something that it refers to is not there or has another size.
    #[error("manifest {manifest} needs {part}, which {} lacks", dir.display())]
    MissingPart {
        /// The manifest that was refused.
        manifest: Digest,
        /// What it refers to, itself or through its children.
        part: Digest,
        /// The layout.
        dir: PathBuf,
    },
    /// The source of a blob broke off.
    #[error("blob {blob} broke off")]
    Body {
        /// Which blob.
        blob: Digest,
        /// What the source says.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There are more or fewer bytes than the manifest says.
    #[error("{blob} has the wrong size: expected {expected} bytes, got {got}")]
    Size {
        /// Which blob.
        blob: Digest,
        /// What the manifest says.
        expected: u64,
        /// What came, at least.
        got: u64,
    },
    /// The bytes are not those of the digest.
    #[error("{expected} has the wrong content: its digest is {got}")]
    Digest {
        /// What was to come.
        expected: Digest,
        /// What came.
        got: Digest,
    },
}

impl Error {
    pub(super) fn io(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { step, path: path.to_owned(), cause }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Io { step, cause, .. } => io_hint(step, cause.kind()),
            Self::NotALayout(_) => Some("name an empty or a new directory"),
            Self::NoLayout(_) => Some("name the directory that holds `oci-layout` and `index.json`"),
            Self::Unclear { cause, .. } => cause.hint(),
            Self::Absent { .. } => Some("the layout is incomplete: fill it again"),
            Self::Manifest { cause, .. } => cause.hint(),
            Self::Version { .. } => Some("name another directory"),
            Self::Unexpected { is_link: true, .. } => {
                Some("links are not followed: copy the directory with `cp -rL`, and name the copy")
            }
            Self::Unexpected { .. } => Some("name another directory, or put there what belongs there"),
            Self::Json { .. } => Some("restore it, or name another directory"),
            Self::TooLarge(_) => Some("spread the tags over several directories"),
            Self::MissingPart { .. } | Self::Body { .. } | Self::Size { .. } | Self::Digest { .. } => None,
        }
    }

    /// What went wrong, as a word: what the operating system calls it, or one of ours.
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Io { cause, .. } => cause.kind().to_string().into(),
            Self::NotALayout(_) | Self::NoLayout(_) => "not_a_layout".into(),
            Self::Unclear { .. } => "unclear".into(),
            Self::Absent { .. } => "absent".into(),
            Self::Manifest { .. } => "unusable".into(),
            Self::Version { .. } => "unknown_version".into(),
            Self::Unexpected { .. } => "unexpected_file".into(),
            Self::Json { .. } => "invalid_file".into(),
            Self::TooLarge(_) => "too_large".into(),
            Self::MissingPart { .. } => "missing_part".into(),
            Self::Body { .. } => "truncated".into(),
            Self::Size { .. } => "wrong_size".into(),
            Self::Digest { .. } => "wrong_content".into(),
        }
    }

    /// Whether a manifest was refused because something that it refers to is not there.
    pub fn is_missing_reference(&self) -> bool {
        matches!(self, Self::MissingPart { .. })
    }

    /// Whether what was asked for is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Absent { .. })
    }

    /// Whether the bytes are not those that were asked for.
    pub fn is_wrong_content(&self) -> bool {
        matches!(self, Self::Digest { .. } | Self::Size { .. })
    }

    /// Whether it may pass by itself: a network's file system that does not answer, a source that broke off.
    pub fn is_transient(&self) -> bool {
        use io::ErrorKind::{Interrupted, ResourceBusy, StaleNetworkFileHandle, TimedOut};
        match self {
            Self::Io { cause, .. } => {
                [Interrupted, ResourceBusy, StaleNetworkFileHandle, TimedOut].contains(&cause.kind())
            }
            Self::Body { .. } => true,
            _ => false,
        }
    }

    /// Whether access was refused: the same will happen to every tag.
    pub fn is_denied(&self) -> bool {
        let kinds = [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem];
        matches!(self, Self::Io { cause, .. } if kinds.contains(&cause.kind()))
    }
}

/// What to do about the failures that operators can mend.
fn io_hint(step: &str, kind: io::ErrorKind) -> Option<&'static str> {
    let is_reading = ["open", "read", "look at", "list"].contains(&step);
    Some(match kind {
        io::ErrorKind::PermissionDenied if is_reading => {
            "let the user that runs this program read there, and write where it is a target"
        }
        io::ErrorKind::StorageFull => "the disk is full, free some space",
        io::ErrorKind::QuotaExceeded => "the disk quota is used up, raise it or free some space",
        io::ErrorKind::PermissionDenied => "let the user that runs this program write there",
        io::ErrorKind::NotADirectory => "name a directory: unpack an archive first (`tar -xf`)",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only, mount a volume there",
        _ => return None,
    })
}
