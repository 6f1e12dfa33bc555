//! The way to the wire: one request and its answer, how many at a time, how often, and where to.

pub(super) mod limit;
pub(super) mod link;
pub(super) mod observer;
pub(super) mod origin;
pub(super) mod patience;
pub(super) mod quota;
pub(super) mod resolve;
pub(super) mod retry;
mod sent;
pub(super) mod upload_clock;
pub(super) mod wire;
