//! Where output goes, and how it may look there.

use std::io;
use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::sync::Arc;

use terminal_size::Width;

use crate::cli::logging::Logging;
use crate::event::Observer;
use crate::report::{Lines, Look, Progress};

/// Where a terminal does not tell its width.
const WIDTH: u16 = 100;

/// The two outputs of the program.
pub(super) struct Terminal {
    /// Standard output.
    pub(super) out: Box<dyn Write>,
    /// How tables look there.
    pub(super) look: Look,
    /// Bars on standard error, where it can show some.
    pub(super) bars: Option<Arc<Progress>>,
}

impl Terminal {
    pub(super) fn new(logging: &Logging) -> Self {
        let stdout = io::stdout();
        let width = terminal_size::terminal_size_of(&stdout).map_or(WIDTH, |(Width(width), _)| width);
        let look = if stdout.is_terminal() { Look::Boxed { width } } else { Look::Plain };
        let has_bars = io::stderr().is_terminal() && logging.allows_bars();
        let bars = has_bars.then(|| Arc::new(Progress::stderr()));
        Self { out: Box::new(BufWriter::new(UntilClosed(stdout))), look, bars }
    }

    /// Standard error, beside the bars.
    pub(super) fn stderr(&self) -> Box<dyn Write + Send> {
        match &self.bars {
            Some(bars) => Box::new(bars.log_writer()),
            None => Box::new(io::stderr()),
        }
    }

    /// What shows the progress of a run.
    pub(super) fn observer(&self) -> Arc<dyn Observer> {
        match &self.bars {
            Some(bars) => Arc::clone(bars) as _,
            None => Arc::new(Lines::default()),
        }
    }
}

/// Takes everything, also when nobody reads any more: `tagferry tags … | head` is no failure, and what a run did does
/// not change by it.
struct UntilClosed<W>(W);

impl<W: Write> Write for UntilClosed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(bytes.len()),
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_that_has_enough_is_no_error_and_a_full_disk_is() {
        let write = |kind| UntilClosed(Fails(kind)).write_all(b"21.0.7\n").map_err(|error| error.kind());
        assert_eq!(write(ErrorKind::BrokenPipe), Ok(()));
        assert_eq!(write(ErrorKind::StorageFull), Err(ErrorKind::StorageFull));
        assert!(UntilClosed(Fails(ErrorKind::BrokenPipe)).flush().is_ok());
    }
}
