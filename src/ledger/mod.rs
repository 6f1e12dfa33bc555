//! What is known of each mirror and each of its targets: one [`Record`], into which the events of passes are folded.
//!
//! The page, the API, metrics and notices are forms of it, and none of them folds events by itself: a new figure is a field
//! of the record, and its form. The clock comes with the events, and with whoever looks. Nothing here outlives the process: what matters is with
//! the registries, and the first pass finds it there.

mod counts;
mod entry;
mod exchanges;
mod fold;
mod progress;
mod record;
mod records;
mod verdict;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use counts::{Counts, Durations};
pub use entry::{Entry, Glance};
pub use exchanges::{Exchanges, RequestKey, RetryKey};
pub use progress::{BlobProgress, Phase, Progress, RetryCount, Wait};
pub use record::{Failure, Newest, PassRecord, Record, State, TagState, TagStatus, Transition};
pub use records::{Configured, Ledger};
pub use verdict::{Freshness, Verdict};
