//! The client of one Registry V2 host.
//!
//! Knows no ECR, no configuration, no progress and no schedule. In reading order: who we are
//! (`credentials`, `challenge`, `auth`), the way to the wire (`wire`, `limit`, `retry`, `origin`, `client`),
//! and the verbs of a repository (`tags`, `manifests`, `blobs`, `upload`).

mod ahead;
mod auth;
mod blobs;
mod challenge;
mod client;
mod credentials;
mod docker_config;
mod docker_helper;
mod error;
mod expiring;
mod hint;
mod limit;
mod manifests;
mod origin;
mod pages;
mod password_file;
mod quota;
mod referrers;
mod repository;
mod resolve;
mod retry;
mod sent;
mod tags;
mod tap;
mod upload;
mod wire;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub use ahead::{Ranges, Slow};
pub use blobs::BlobReader;
pub use client::{BuildError, Client, Options};
pub use credentials::{Credentials, CredentialsError, Freshness, Login, Manner};
pub use docker_config::{DockerConfig, DockerFiles};
pub use error::{ApiError, Error, Kind, Refusal, chain};
pub use expiring::{Expiring, Fresh};
pub use limit::Limits;
pub use password_file::PasswordFile;
pub use repository::Repository;
pub use retry::{Budget, Retry, retry_after};
pub use tap::{Exchange, Tap};
pub use upload::{Started, Upload};
