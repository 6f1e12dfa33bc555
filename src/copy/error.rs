//! What fails in a copy: the step, and on which side.

use crate::event::{Fault, Side};
use crate::oci::Digest;
use crate::source;
use crate::target;

/// A step of a copy that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// At the source.
    #[error("source: cannot {step}")]
    Source {
        /// What was to be done.
        step: String,
        /// Why it failed.
        #[source]
        cause: source::Error,
    },
    /// At the target.
    #[error("target: cannot {step}")]
    Target {
        /// What was to be done.
        step: String,
        /// Why it failed.
        #[source]
        cause: target::Error,
    },
    /// The image cannot be copied as it is.
    #[error("{0}")]
    Image(String),
    /// The tag came to point at another image meanwhile, and cannot be moved.
    #[error("conflict: the target has {} under this tag, and its tags are immutable", .0.short())]
    Conflict(Digest),
    /// The target answers with another digest under the tag after all was written.
    #[error("target: the tag is not what was written: {0}")]
    Unverified(String),
}

impl Error {
    pub(super) fn source(step: impl Into<String>) -> impl FnOnce(source::Error) -> Self {
        |cause| Self::Source { step: step.into(), cause }
    }

    pub(super) fn target(step: impl Into<String>) -> impl FnOnce(target::Error) -> Self {
        |cause| Self::Target { step: step.into(), cause }
    }

    /// Where it failed.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Source { cause, .. } => Fault::at(Side::Source, cause.request_id()),
            Self::Target { cause, .. } => Fault::at(Side::Target, cause.request_id()),
            Self::Image(_) => Fault::at(Side::Source, None),
            Self::Conflict(_) | Self::Unverified(_) => Fault::at(Side::Target, None),
        }
    }

    /// Whether access was refused: the same will happen to every tag of the mirror.
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Source { cause, .. } => cause.is_denied(),
            Self::Target { cause, .. } => cause.is_denied(),
            _ => false,
        }
    }
}
