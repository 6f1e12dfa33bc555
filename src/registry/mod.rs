//! The client of one Registry V2 host.
//!
//! Knows no ECR, no configuration, no progress and no schedule. In reading order: the way to the wire (`transport`),
//! how we log in (`challenge`, `access`), the two together (`client`), and the verbs of a registry and its repositories
//! (`lists`, `manifests`, `blobs`).

mod access;
mod blobs;
mod challenge;
mod client;
pub mod code;
mod error;
mod hint;
mod lists;
mod manifests;
mod options;
mod referrers;
mod refusal;
mod repository;
mod request;
mod transport;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub use blobs::capacity::Chunks;
pub use blobs::ranges::{Ranges, Slow};
pub use blobs::reader::{BlobReader, Found};
pub use blobs::upload::{Started, Upload};
pub use client::Client;
pub use error::{Error, Kind};
pub use manifests::Heads;
pub use options::{BuildError, Options};
pub use refusal::Refusal;
pub use repository::Repository;
pub use transport::limit::Limits;
pub use transport::observer::{Exchange, RequestObserver};
pub use transport::origin::PrivateHosts;
pub use transport::patience::Patience;
pub use transport::retry::{Budget, Retry, retry_after};
