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
mod sync;
mod table;
mod transfers;
mod units;

#[cfg(test)]
mod samples;

use std::io;
use std::io::Write;

use crate::event::{MirrorSummary, RunSummary};

pub use families::{families, suggestion};
pub use json::{Document, tag_list};
pub use lines::Lines;
pub use plan::{PlanTables, Rows, explain};
pub use progress::{LogWriter, Progress};
pub use sync::SyncTable;
pub use table::{Look, Table};
pub use units::{Bytes, Span};

/// Writes what came of a run while it goes on, so that little of it has to be kept.
pub trait RunReport {
    /// Takes a mirror, in the order of the configuration.
    fn mirror(&mut self, out: &mut dyn Write, mirror: MirrorSummary) -> io::Result<()>;

    /// Writes what is to be said at the end. `run` has the sums.
    fn end(&mut self, out: &mut dyn Write, run: &RunSummary) -> io::Result<()>;
}

/// Writes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silence;

impl RunReport for Silence {
    fn mirror(&mut self, _: &mut dyn Write, _: MirrorSummary) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, _: &mut dyn Write, _: &RunSummary) -> io::Result<()> {
        Ok(())
    }
}
