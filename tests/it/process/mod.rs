//! The program as a process: its commands, its daemon, what it writes and whom it tells.

mod cancel;
mod cli;
mod copy;
mod exports;
mod heartbeats;
mod import;
mod lasting;
mod logs;
mod metrics;
mod notices;
mod one_tag;
mod page;
mod serve;
mod signals;
#[cfg(feature = "otel")]
mod traces;
