//! The executor: copies one image by digest, children before parents, blobs before manifests, the tag last.
//!
//! It chooses nothing: what to copy is the plan's business.

mod blob;
mod copier;
mod deadline;
mod error;
mod graph;
mod inflight;
mod looks;
mod pace;
mod progress;
mod referrers;
mod siblings;
mod tag;

pub use copier::{Copier, Shared};
pub use deadline::Deadline;
pub use error::Error;
pub use inflight::Inflight;
pub use looks::Looks;
pub use progress::Progress;
pub use siblings::Siblings;
pub use tag::Copied;
