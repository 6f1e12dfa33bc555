//! The mirrors of a daemon: when each is asked to run, that it runs, and what is known of it.
//!
//! A [`Worker`] belongs to one mirror and makes its passes one after the other, each the very pass that `sync` makes.
//! Whoever wants one fires its [`Trigger`]; a clock, a person and a start are the same to it. What is known of a mirror
//! is its [`Status`]; [`Workers`] keeps it up to date by observing passes, and remembers who asked for which.
//!
//! Nothing here outlives the process: what matters is with the registries, and the first pass finds it there.

mod history;
mod known;
mod run;
mod status;
mod trigger;
mod work;
mod workers;

pub use history::PassRecord;
pub use run::{MirrorPass, PassState, Run, RunState, RunStatus};
pub use status::{Failure, Newest, Progress, State, Status, TagState, TagStatus};
pub use trigger::Trigger;
pub use work::{Fingerprint, Worker};
pub use workers::Workers;
