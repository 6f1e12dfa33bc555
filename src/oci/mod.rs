//! The vocabulary of the OCI specifications: what may be named, and what a registry stores.
//!
//! Pure: parsing and formatting, no I/O. Every type has one door, its parser; whoever holds a value
//! holds a valid one.

mod descriptor;
mod digest;
mod manifest;
mod platform;
mod reference;
mod referrers;
mod stored;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;

pub use descriptor::{Descriptor, MediaType};
pub use digest::{Digest, DigestError, Hasher};
pub use manifest::{MANIFEST_MAX_BYTES, Manifest, ManifestError};
pub use platform::{Platform, PlatformError};
pub use reference::{Host, LayoutName, Name, NameError, Reference, Repository, Tag};
pub use referrers::{Referrers, list_referrers};
pub use stored::Stored;
