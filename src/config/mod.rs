//! The configuration: YAML in, valid types out, or every fault of the text at once.
//!
//! The way of a text through the modules:
//!
//! 1. `yaml` makes nodes of it that know their line and column, `syntax` explains where it is no YAML;
//! 2. `variables` fills in `${NAME}` in values;
//! 3. `de` reads the nodes as the types of `raw`: all that may be written, none of it required;
//! 4. [`Config`] and the types it is made of are built of those, each value checked by the module of its type.
//!
//! A `Document` goes with it from step to step and collects the faults. Reading by serde stops at the first fault, so a
//! faulty node is reported, removed and read again without, until the rest fits. What was removed is not reported as
//! missing.
//!
//! No message repeats a password, a value from the environment, or a value whose place says nothing about it.
//!
//! This module reads no file, no clock and no environment, and contacts nothing.

mod choice;
mod de;
mod destination;
mod document;
mod ecr;
mod fault;
mod home;
mod mirror;
mod nearest;
mod node;
mod notice;
mod place;
mod raw;
mod raw_notice;
mod registry;
mod rule;
mod schedule;
mod settings;
mod syntax;
mod value;
mod variables;
mod yaml;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
#[cfg(test)]
mod tests;

pub use choice::{Shard, ShardError, UnknownMirror};
pub use destination::{Destination, SecretUrl};
pub use ecr::Ecr;
pub use fault::{Fault, Faults};
pub use mirror::{Endpoint, Mirror};
pub use notice::{Notice, NoticeKind};
pub use place::Position;
pub use raw::schema;
pub use registry::{Credentials, Limits, Registry};
pub use schedule::Schedule;
pub use settings::{Concurrency, Config, Timeouts};
