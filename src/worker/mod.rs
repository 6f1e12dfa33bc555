//! The mirrors of a daemon: when each is asked to run, and that it runs.
//!
//! A [`Worker`] belongs to one mirror and one of its targets and makes its passes one after the other, each the very pass
//! that `sync` makes. Whoever wants one fires its [`Trigger`]; a clock, a person and a start are the same to it.
//! [`Workers`] remembers who asked for which. What passes find out is in the ledger.

mod parts;
mod passes;
mod retry;
mod run;
#[cfg(test)]
mod tests;
mod trigger;
mod work;
mod workers;

pub use parts::TooManyTags;
pub use passes::PassState;
pub use run::{MirrorPass, Run, RunState, RunStatus};
pub use trigger::Trigger;
pub use work::{Fingerprint, Worker};
pub use workers::Workers;

/// Workers of these mirrors, none of which is at work.
#[cfg(test)]
pub(crate) fn sample(mirrors: &[crate::config::Mirror]) -> Workers {
    let ledger = std::sync::Arc::new(crate::ledger::Ledger::new(jiff::Timestamp::UNIX_EPOCH));
    let workers = Workers::new(std::sync::Arc::clone(&ledger));
    workers.configure(&ledger.configure(mirrors, 1, jiff::Timestamp::UNIX_EPOCH), std::time::Duration::ZERO);
    workers
}
