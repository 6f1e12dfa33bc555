//! YAML text to typed values, with every fault of it at once and where each is written.
//!
//! The way of a text through the modules:
//!
//! 1. `reader` makes nodes of it that know their line and column, `syntax` explains where it is no YAML;
//! 2. `variables` fills in `${NAME}` in values;
//! 3. `de` reads the nodes as types of serde;
//! 4. `value` checks what many types have: texts, counts, spans of time.
//!
//! A [`Document`] goes with it from step to step and collects the faults. Reading by serde stops at the first fault, so a
//! faulty node is reported, removed and read again without, until the rest fits. What was removed is not reported as
//! missing.
//!
//! No message repeats a value from the environment, or a value whose place says nothing about it.

mod de;
mod document;
mod fault;
mod node;
mod place;
mod reader;
mod schema;
mod suggest;
mod syntax;
#[cfg(test)]
mod tests;
mod value;
mod variables;

pub use de::OR_TEXT;
pub use document::Document;
pub use fault::{Fault, Faults, Warning};
pub use place::{Path, Position};
pub use suggest::suggest;
