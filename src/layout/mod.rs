//! A directory as an OCI image layout: a source and a target that need no registry, for air gaps and archives.
//!
//! Follows the image layout of the OCI image specification: `oci-layout` says what the directory is,
//! `blobs/sha256/` holds manifests and blobs under their digests, and `index.json` holds the tags.
//!
//! Manifests are kept as they came, Docker's types too. Some readers of layouts, skopeo among them, see only tags
//! that point at one of OCI's own types.
//!
//! What a tag points at is whole, whenever the program is killed: files appear under their names only once they
//! are complete and on disk, and a manifest is taken only after all that it refers to. Symbolic links below the
//! directory are never written through.
//!
//! It deletes no image: what a moved tag pointed at before stays in `blobs/`. It does not guard against others who
//! may write to the directory and swap its folders while it works.

mod blobs;
mod directory;
mod error;
mod files;
mod index;
mod known;
mod manifests;
mod probe;
mod reading;
mod referrers;
mod staged;
mod tags;
#[cfg(test)]
mod tests;
mod unclear;

pub use directory::Layout;
pub use error::Error;
#[cfg(any(test, fuzzing))]
pub use index::fuzzing;
pub use reading::BlobReader;
