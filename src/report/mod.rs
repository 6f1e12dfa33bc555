//! What happened, for people and scripts: tables and documents of what is over, bars and log lines of what goes on.
//!
//! Renders what `event` and `select` say and decides nothing. Everything is written to a writer that the caller
//! gives; bars are the exception, they belong to the terminal behind standard error.

mod errors;
mod families;
mod json;
mod lines;
mod plan;
mod progress;
mod run;
mod sync;
mod table;
mod transfers;
mod units;

#[cfg(test)]
mod samples;

pub use families::families;
pub use json::{Document, tag_list};
pub use lines::Lines;
pub use plan::{PlanTables, Rows, explain};
pub use progress::{LogWriter, Progress};
pub use run::{RunReport, Silence};
pub use sync::SyncTable;
pub use table::{Look, Table};
pub use units::{Bytes, Span};
