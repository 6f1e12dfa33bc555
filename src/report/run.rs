//! What every report of a run has in common.

use std::io;
use std::io::Write;

use crate::event::{MirrorSummary, RunSummary};

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
