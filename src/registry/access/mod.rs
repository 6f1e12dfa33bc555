//! How we log in at a registry: the `auth` of a request, and the `token`s that a token service gives for it.

pub(in crate::registry) mod auth;
mod token;
