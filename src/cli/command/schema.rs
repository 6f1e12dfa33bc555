//! `tagferry schema`.

use std::io;
use std::io::Write;

use clap::Args;

use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::terminal::Terminal;
use crate::config;

const EXAMPLES: &str = "Example:
  $ tagferry schema > tagferry.schema.json";

/// Print the JSON Schema of the configuration, for editors
///
/// Editors with a YAML language server complete and check the configuration by it, where its first line is
/// `# yaml-language-server: $schema=tagferry.schema.json`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Schema {}

pub(in crate::cli) fn run(terminal: &mut Terminal) -> Result<ExitCode, ExitError> {
    serde_json::to_writer_pretty(&mut terminal.out, &config::schema()).map_err(io::Error::from)?;
    writeln!(terminal.out)?;
    Ok(ExitCode::Success)
}
