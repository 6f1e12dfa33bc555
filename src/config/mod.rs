//! The configuration: YAML in, valid types out, or every fault of the text at once.
//!
//! `yaml` reads the text as the types of `raw`: all that may be written, none of it required. [`Config`] and the types it
//! is made of are built of those, each value checked by the module of its type, and every fault goes to the document.
//!
//! No message repeats a password, a value from the environment, or a value whose place says nothing about it.
//!
//! This module reads no file, no clock and no environment, and contacts nothing.

mod choice;
mod destination;
mod discovered;
mod discovery;
mod ecr;
mod mirror;
mod mirrors;
mod notice;
mod raw;
mod region;
mod registry;
mod rule;
mod schedule;
mod secret;
mod settings;
mod written;

#[cfg(any(test, fuzzing))]
pub mod fuzzing;
#[cfg(test)]
mod tests;

pub use choice::{Shard, ShardError, UnknownMirror};
pub use destination::{Destination, SecretUrl};
pub use discovered::{Found, Listed};
pub use discovery::Discovery;
pub use ecr::Ecr;
pub use mirror::{Endpoint, Mirror};
pub use notice::{Heartbeat, Notice};
pub use raw::NoticeKind;
pub use raw::schema;
pub use registry::{Credentials, Limits, Registry};
pub use schedule::Schedule;
pub use settings::{Concurrency, Config, Timeouts};

pub use crate::yaml::{Fault, Faults, Position, Warning};
