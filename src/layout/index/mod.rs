//! `index.json`: the document as it is kept, and what it offers to whoever reads the layout.

mod document;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub(in crate::layout) mod offer;

pub(in crate::layout) use document::{EMPTY, Entry, INDEX_MAX_BYTES, Index};
