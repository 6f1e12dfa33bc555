//! What the tests have in common: mirrors that run in this process, the program as a process, the daemon, a collector,
//! a clock.

pub(crate) mod clock;
#[cfg(feature = "otel")]
pub(crate) mod collector;
pub(crate) mod daemon;
pub(crate) mod program;
mod runs;

pub(crate) use runs::*;
