//! What only Amazon ECR does: its host names, its token, its repositories, its batch questions.
//!
//! Images and blobs travel by `registry`, as with any other host; nothing here moves them.

mod auth;
mod client;
mod host;
mod images;
mod presence;
mod repository;
mod settings;
mod target;
#[cfg(test)]
mod testing;

pub use crate::aws::Error;
pub use auth::{EcrCredentials, is_transient, request_id};
pub use client::{Api, Options as ApiOptions};
pub use host::EcrHost;
pub use images::Page;
pub use presence::Presence;
pub use settings::{Encryption, RepositorySettings, TagMutability};
pub use target::{Look, Repository};
