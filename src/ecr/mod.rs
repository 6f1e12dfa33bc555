//! What only Amazon ECR does: its host names, its token, its repositories, its batch questions.
//!
//! Images and blobs travel by `registry`, as with any other host; nothing here moves them.

mod auth;
mod aws;
mod client;
mod error;
mod host;
mod presence;
mod repository;
mod secret;
mod settings;
mod target;
#[cfg(test)]
mod testing;

pub use auth::EcrCredentials;
pub use aws::{check_credentials, config as sdk_config};
pub use client::{Api, Options as ApiOptions};
pub use error::{Call, Error, Kind, NO_CREDENTIALS};
pub use host::EcrHost;
pub use presence::Presence;
pub use secret::SecretCredentials;
pub use settings::{Encryption, RepositorySettings, TagMutability};
pub use target::Repository;
