//! The client of one Registry V2 host.
//!
//! Knows no ECR, no configuration, no progress and no schedule.

mod credentials;

pub use credentials::{Anonymous, Credentials, CredentialsError, Freshness, Login, Manner};
