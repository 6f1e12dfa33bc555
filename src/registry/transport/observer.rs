//! Who counts requests: the client calls it, and does not know who it is.

use std::sync::Arc;
use std::time::Duration;

/// Told of every request after its answer, and of every retry and every longer wait before it.
pub type RequestObserver = Arc<dyn Fn(&Exchange<'_>) + Send + Sync>;

/// What a [`RequestObserver`] is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange<'a> {
    /// A request was answered, or failed without an answer (`status` is none).
    Requested {
        /// The host that was asked.
        host: &'a str,
        /// The HTTP method.
        method: &'a str,
        /// The status of the answer.
        status: Option<u16>,
    },
    /// A request is about to be tried again.
    Retried {
        /// The host that is asked again.
        host: &'a str,
        /// Why, one of a few words.
        reason: &'static str,
    },
    /// A request waits before it is sent.
    Held {
        /// The host that is to be asked.
        host: &'a str,
        /// Why, one of a few words.
        reason: &'static str,
        /// For how long.
        pause: Duration,
    },
}
