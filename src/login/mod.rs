//! Logins at registries: where they come from, and how long they are valid.

mod credentials;
mod docker_config;
mod docker_file;
mod docker_helper;
mod docker_places;
mod expiring;
mod password_file;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub use credentials::{Credentials, CredentialsError, Freshness, Login, Manner};
pub use docker_config::DockerConfig;
pub use docker_places::{DockerFiles, Expected, Place};
pub use expiring::{Expiring, Fresh};
pub use password_file::{Error as PasswordFileError, PasswordFile};
