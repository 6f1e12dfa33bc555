//! The client of one Registry V2 host.
//!
//! Knows no ECR, no configuration, no progress and no schedule.

mod credentials;
mod docker_config;
mod docker_helper;
mod expiring;
mod password_file;
mod tap;

pub use credentials::{Anonymous, Credentials, CredentialsError, Freshness, Login, Manner};
pub use docker_config::{DockerConfig, DockerFiles};
pub use expiring::{Expiring, Fresh};
pub use password_file::PasswordFile;
pub use tap::{Exchange, Tap};
