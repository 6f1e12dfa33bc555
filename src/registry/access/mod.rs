//! How we log in at a registry: the `auth` of a request, the `root` that says how, and the `token`s that a token service gives.

pub(in crate::registry) mod auth;
pub(in crate::registry) mod root;
mod token;
