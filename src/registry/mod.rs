//! The client of one Registry V2 host.
//!
//! Knows no ECR, no configuration, no progress and no schedule. In reading order: the way to the wire (`transport`),
//! how we log in (`challenge`, `auth`), the two together (`client`), and the verbs of a repository (`tags`,
//! `manifests`, `blobs`, `upload`).

mod ahead;
mod auth;
mod blobs;
mod challenge;
mod client;
mod error;
mod hint;
mod manifests;
mod pages;
mod referrers;
mod repository;
mod tags;
mod transport;
mod upload;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub use ahead::{Ranges, Slow};
pub use blobs::BlobReader;
pub use client::{BuildError, Client, Options};
pub use error::{ApiError, Error, Kind, Refusal};
pub use repository::Repository;
pub use transport::limit::Limits;
pub use transport::retry::{Budget, Retry, retry_after};
pub use transport::tap::{Exchange, Tap};
pub use upload::{Started, Upload};
