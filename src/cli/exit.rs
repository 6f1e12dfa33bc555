//! How the program ends.

use std::fmt;
use std::io;

use crate::text::chain;

/// How the program ends. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// Everything selected is in the target, or the question was answered.
    Success = 0,
    /// At least one tag or mirror failed. A tag list that could not be read and an empty selection are failures.
    Incomplete = 1,
    /// The arguments or the configuration are wrong. The argument parser ends with the same number.
    Usage = 2,
    /// The program could not start: something that the configuration asks for is not to be had.
    NotStarted = 3,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command could not do its work. `Display` is what people see, in one or more lines.
#[derive(Debug)]
pub(super) struct ExitError {
    /// How the program ends.
    pub(super) code: ExitCode,
    text: String,
}

impl ExitError {
    /// A failure that is told in these words.
    pub(super) fn new(code: ExitCode, text: impl fmt::Display) -> Self {
        Self { code, text: format!("error: {text}") }
    }

    /// A failure for the reasons that an error and its causes give.
    pub(super) fn of(code: ExitCode, error: &dyn std::error::Error) -> Self {
        Self::new(code, chain(error))
    }

    /// A failure whose text stands by itself.
    pub(super) fn verbatim(code: ExitCode, text: String) -> Self {
        Self { code, text }
    }
}

impl fmt::Display for ExitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Commands do no input and output of their own but writing to standard output.
impl From<io::Error> for ExitError {
    fn from(error: io::Error) -> Self {
        Self::new(ExitCode::Incomplete, format_args!("cannot write to standard output: {error}"))
    }
}
