//! The client of one Registry V2 host.
//!
//! Knows no ECR, no configuration, no progress and no schedule. In reading order: the way to the wire (`transport`),
//! how we log in (`challenge`, `access`), the two together (`client`), and the verbs of a repository (`tags`,
//! `manifests`, `blobs`, `upload`, `chunks`).

mod access;
mod blobs;
mod challenge;
mod chunks;
mod client;
pub mod code;
mod error;
mod hint;
mod manifests;
mod pages;
mod prefetch;
mod referrers;
mod repository;
mod tags;
mod transport;
mod upload;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub use blobs::BlobReader;
pub use chunks::Chunks;
pub use client::{BuildError, Client, Options};
pub use error::{ApiError, Error, Kind, Refusal};
pub use prefetch::{Ranges, Slow};
pub use repository::Repository;
pub use transport::limit::Limits;
pub use transport::observer::{Exchange, RequestObserver};
pub use transport::origin::PrivateHosts;
pub use transport::retry::{Budget, Retry, retry_after};
pub use upload::{Started, Upload};
