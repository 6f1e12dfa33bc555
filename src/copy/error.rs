//! What fails in a copy: the step, and on which side.

use std::fmt;

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
        step: Box<Step>,
        /// Why it failed.
        #[source]
        cause: source::Error,
    },
    /// At the target.
    #[error("target: cannot {step}")]
    Target {
        /// What was to be done.
        step: Box<Step>,
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

/// What was to be done: an operation, and with what, where that differs from image to image.
#[derive(Clone, Debug)]
pub struct Step {
    operation: &'static str,
    object: Option<String>,
}

impl From<&'static str> for Step {
    fn from(operation: &'static str) -> Self {
        Self { operation, object: None }
    }
}

impl<T: ToString> From<(&'static str, T)> for Step {
    fn from((operation, object): (&'static str, T)) -> Self {
        Self { operation, object: Some(object.to_string()) }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation)?;
        self.object.iter().try_for_each(|object| write!(f, " {object}"))
    }
}

impl Error {
    pub(super) fn source(step: impl Into<Step>) -> impl FnOnce(source::Error) -> Self {
        |cause| Self::Source { step: Box::new(step.into()), cause }
    }

    pub(super) fn target(step: impl Into<Step>) -> impl FnOnce(target::Error) -> Self {
        |cause| Self::Target { step: Box::new(step.into()), cause }
    }

    /// The failure as a value.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Source { step, cause } => Fault::new(step.operation, cause.code(), self)
                .at(Side::Source, cause.request_id())
                .with_hint(cause.hint())
                .transient(cause.is_transient()),
            Self::Target { step, cause } => Fault::new(step.operation, cause.code(), self)
                .at(Side::Target, cause.request_id())
                .with_hint(cause.hint())
                .transient(cause.is_transient()),
            Self::Image(_) => Fault::new("read image", "unusable", self).at(Side::Source, None),
            Self::Conflict(_) => Fault::new("set tag", "conflict", self).at(Side::Target, None),
            // Somebody else may have moved it.
            Self::Unverified(_) => {
                Fault::new("verify tag", "unverified", self).at(Side::Target, None).transient(true)
            }
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
