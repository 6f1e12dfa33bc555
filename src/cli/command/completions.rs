//! `tagferry completions`.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::terminal::Terminal;

const EXAMPLES: &str = r#"Examples:
  $ tagferry completions bash > /etc/bash_completion.d/tagferry
  $ tagferry completions zsh > "${fpath[1]}/_tagferry"
  $ tagferry completions fish > ~/.config/fish/completions/tagferry.fish"#;

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub(in crate::cli) fn run(self, terminal: &mut Terminal) -> Result<ExitCode, ExitError> {
        // The generator panics where it cannot write; memory takes everything.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "tagferry", &mut script);
        terminal.out.write_all(&script)?;
        Ok(ExitCode::Success)
    }
}
