//! What all calls of AWS share: the SDK's configuration, credentials fit to be sent, errors told to people, and logins
//! kept in Secrets Manager.

mod call;
mod chain;
mod config;
mod credential_process;
mod credentials;
mod error;
mod http;
mod profiles;
mod secret;
#[cfg(test)]
pub(crate) mod testing;
mod variables;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub use call::Call;
pub use config::{check_credentials, config};
pub use error::{Error, Kind, NO_CREDENTIALS};
#[cfg(feature = "aws-notices")]
pub(crate) use http::redact;
pub use secret::SecretCredentials;
