//! Why a target did not do what it was asked, whatever its kind.

use std::borrow::Cow;

use http::StatusCode;

use crate::ecr;
use crate::layout;
use crate::registry;
use crate::registry::{Refusal, code};
use crate::text::{chain, with_hint};

/// A failure at the target.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of the registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// Of the AWS API.
    #[error(transparent)]
    Ecr(Box<ecr::Error>),
    /// Of the directory.
    #[error(transparent)]
    Layout(#[from] layout::Error),
}

impl From<ecr::Error> for Error {
    fn from(error: ecr::Error) -> Self {
        Self::Ecr(Box::new(error))
    }
}

impl Error {
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Registry(error) => error.refusal(),
            Self::Ecr(_) | Self::Layout(_) => None,
        }
    }

    /// Whether it may pass by itself.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Registry(error) => ecr::is_transient(error),
            Self::Ecr(error) => error.is_transient(),
            Self::Layout(error) => error.is_transient(),
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Registry(error) => error.hint(),
            Self::Ecr(_) => None,
            Self::Layout(error) => error.hint(),
        }
    }

    /// In full, for where it is no part of another failure: with all its causes, and what to do about it.
    pub fn told(&self) -> String {
        with_hint(chain(self), self.hint())
    }

    /// What went wrong, as a word.
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Registry(error) => error.code(),
            Self::Ecr(error) => error.code(),
            Self::Layout(error) => error.code(),
        }
    }

    /// By this id, AWS or the registry finds the failed request in its own logs.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Registry(error) => ecr::request_id(error),
            Self::Ecr(error) => error.request_id.as_deref(),
            Self::Layout(_) => None,
        }
    }

    /// Whether the registry refused with one of these.
    pub fn is_status(&self, statuses: &[StatusCode]) -> bool {
        self.refusal().is_some_and(|refusal| statuses.contains(&refusal.status))
    }

    /// Whether the registry refused this very request for good.
    pub fn is_refused_for_good(&self) -> bool {
        matches!(self, Self::Registry(error) if error.is_refused_for_good())
    }

    /// Whether access was refused.
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_denied(),
            Self::Ecr(error) => error.is_denied(),
            Self::Layout(error) => error.is_denied(),
        }
    }

    /// Whether a manifest was refused because something that it refers to is not there. Registries name it in
    /// any of several errors, not always the first.
    pub fn is_missing_reference(&self) -> bool {
        if let Self::Layout(error) = self {
            return error.is_missing_reference();
        }
        self.refusal().is_some_and(|refusal| {
            let codes = [code::MANIFEST_BLOB_UNKNOWN, code::BLOB_UNKNOWN, code::MANIFEST_UNKNOWN];
            let by_code = codes.iter().any(|code| refusal.has_code(code));
            by_code
                || (refusal.status == StatusCode::NOT_FOUND || refusal.status == StatusCode::BAD_REQUEST)
                    && refusal.says("do not exist")
        })
    }

    /// Whether the repository is not there.
    pub fn is_missing_repository(&self) -> bool {
        match self {
            Self::Ecr(error) => error.is_repository_missing(),
            _ => self.refusal().is_some_and(|refusal| refusal.has_code(code::NAME_UNKNOWN)),
        }
    }

    /// Whether a tag was refused because it exists and cannot be overwritten.
    pub fn is_immutable_tag(&self) -> bool {
        let statuses = [StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED];
        self.refusal().is_some_and(|refusal| {
            refusal.says("immutable")
                && (refusal.has_code(code::TAG_INVALID) || statuses.contains(&refusal.status))
        })
    }
}
