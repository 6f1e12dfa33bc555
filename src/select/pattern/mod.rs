//! Regular expressions over tags: how they are compiled, what they match, and what they match by oversight.

mod anchor;
mod compile;
mod sample;

pub use anchor::{Note, Unanchored};
pub use compile::{PatternError, compile, escape};
pub(super) use sample::sample;
