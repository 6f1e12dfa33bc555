//! What all calls of AWS share: the SDK's configuration, its errors told to people, and logins kept in Secrets Manager.

mod config;
mod error;
mod secret;
#[cfg(test)]
pub(crate) mod testing;

pub use config::{check_credentials, config};
pub use error::{Call, Error, Kind, NO_CREDENTIALS};
pub use secret::SecretCredentials;
