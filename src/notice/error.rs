//! Why a destination does not take a notice.

use std::time::Duration;

/// Why a destination did not take a notice. Holds no secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SendError {
    /// It will not take it later either.
    #[error("{0}")]
    Final(String),
    /// It may take it later.
    #[error("{text}")]
    Transient {
        text: String,
        /// How long it wants to be left alone, if it says.
        asked: Option<Duration>,
    },
}
