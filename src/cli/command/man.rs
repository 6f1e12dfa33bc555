//! `tagferry man`.

use std::fs;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Args, Command, CommandFactory};
use clap_mangen::roff::{Roff, roman};

use crate::cli::Cli;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  $ tagferry man | man -l -
  $ tagferry man sync | man -l -
  $ tagferry man --output /usr/local/share/man/man1";

/// Print the manual, as man pages
///
/// One page is printed: that of the program, or of one of its commands. They say what `--help` says. With --output every
/// page is written into a folder instead, under the name by which `man` looks for it.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Man {
    /// The command whose page to print [default: the program]
    #[arg(value_name = "COMMAND", conflicts_with = "output")]
    command: Option<String>,
    /// Write every page into this folder, which is made if it is not there
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Man {
    pub(in crate::cli) fn run(self, terminal: &mut Terminal) -> Result<ExitCode, ExitError> {
        let mut program = Cli::command().disable_help_subcommand(true);
        // Gives the commands their full names and the options of all commands.
        program.build();
        match (&self.output, &self.command) {
            (Some(folder), _) => write_all(&program, folder).map_err(|error| {
                ExitError::new(
                    ExitCode::Incomplete,
                    format_args!("cannot write into {}: {error}", folder.display()),
                )
            })?,
            (None, None) => terminal.out.write_all(&page(&program)?)?,
            (None, Some(name)) => {
                let command = program.find_subcommand(name).ok_or_else(|| unknown(&program, name))?;
                terminal.out.write_all(&page(command)?)?;
            }
        }
        Ok(ExitCode::Success)
    }
}

fn unknown(program: &Command, name: &str) -> ExitError {
    let known: Vec<_> = program.get_subcommands().map(Command::get_name).collect();
    ExitError::new(
        ExitCode::Usage,
        format_args!("there is no command `{name}`; there are: {}", known.join(", ")),
    )
}

fn write_all(program: &Command, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for command in std::iter::once(program).chain(program.get_subcommands()) {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name());
        fs::write(folder.join(format!("{name}.1")), page(command)?)?;
    }
    Ok(())
}

/// The page of a command.
///
/// What stands below the options in `--help` is set line by line here: the generator would make one paragraph of it.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let below = command.get_after_long_help().or_else(|| command.get_after_help()).map(ToString::to_string);
    let rest = command.clone().after_help(Resettable::Reset).after_long_help(Resettable::Reset);
    // Ragged: a command that is spread to the margin cannot be copied.
    let mut page = b".ad l\n".to_vec();
    clap_mangen::Man::new(rest)
        .source(concat!("tagferry ", env!("CARGO_PKG_VERSION")))
        .manual("tagferry")
        .render(&mut page)?;
    sections(below.as_deref().unwrap_or_default()).to_writer(&mut page)?;
    Ok(page)
}

/// Text as sections: a line that is not indented and ends with a colon is the heading of those below.
fn sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    for line in text.lines() {
        match line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            Some(heading) => {
                roff.control("fi", []).control("SH", [&*heading.to_uppercase()]).control("nf", []);
            }
            None => {
                roff.text([roman(line)]);
            }
        }
    }
    roff.control("fi", []);
    roff
}
