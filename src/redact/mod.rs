//! What was sent comes back: proxies, firewalls and debug pages repeat requests in their answers. Before such a text is shown
//! to anybody, what we sent is taken out of it, by its value.
//!
//! Found are a secret as it is, percent-encoded, with the escapes of HTML and JSON, in base64 at whatever place, broken by
//! line ends, and pieces of it. Texts alone are redacted: tags, names, digests and manifests pass as they are.

mod recent;
mod secrets;
mod text;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub use recent::{Recent, Redactor};
pub use secrets::Secrets;
