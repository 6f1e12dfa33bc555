//! The command line; one file a command in `command`.
//!
//! A command reads its arguments, calls what does the work and hands the result to `report`. Standard output is data,
//! standard error is logs, progress and errors. Nothing here decides what is copied.

mod command;
mod config;
mod cores;
mod exit;
mod global;
mod json;
mod listen;
mod logging;
mod misuse;
mod record;
mod run;
mod shard;
mod signals;
mod terminal;
#[cfg(test)]
mod testing;
mod text;
mod traces;

use clap::Parser;

use self::command::Command;
use self::global::Global;
use self::terminal::Terminal;

pub use self::exit::ExitCode;

const ABOUT: &str = "Keeps the newest versions of upstream container images in your own Amazon ECR";

const LONG_ABOUT: &str = "\
Keeps the newest versions of upstream container images in your own Amazon ECR.

A configuration names mirrors: a source repository, a target repository, and rules that choose tags. `plan` shows \
what a run would do and why, `sync` does it, `serve` does it on a schedule. Nothing is remembered between runs but \
what the registries say.

Start with a look at a repository, and with a file of one mirror:
  $ tagferry tags container-registry.oracle.com/java/jdk --match '^21\\.0\\.[0-9]+$' --newest 3
  $ tagferry check && tagferry plan && tagferry sync";

const AFTER_HELP: &str = "\
Environment:
  TAGFERRY_CONFIG_YAML  the configuration's text, where --config is not given
  TAGFERRY_API_TOKEN    the token for starting a run of `serve` over HTTP: 16
                        characters or more
  TAGFERRY_CORE_DUMPS   1 to let a crash write a core, which holds logins
  TAGFERRY_DEADLINE     how long a run of `sync` may take, as --deadline says it
  TAGFERRY_METRICS      where the metrics of `sync` go, as --metrics says it
  RUST_LOG              which logs to show, such as `warn,tagferry=debug`;
                        -v and -q win
  OTEL_EXPORTER_OTLP_ENDPOINT, ...
                        where traces go, over OTLP/HTTP; none are made without it
  NO_COLOR              no colour, whatever it is set to
  DOCKER_CONFIG         the folder of Docker's config.json, whose logins are used
                        where the configuration has none
  DOCKER_AUTH_CONFIG    the text of such a file
  SSL_CERT_FILE         a file of certificate authorities, in place of the machine's
  AWS_PROFILE, ...      what the AWS command line takes

Exit codes:
  0  everything selected is in the target
  1  at least one tag or mirror failed, or nothing was selected
  2  wrong usage or a faulty configuration
  3  could not start: something that the configuration asks for is not there";

/// The arguments of the program.
#[derive(Debug, Parser)]
#[command(name = "tagferry", version, about = ABOUT, long_about = LONG_ABOUT, after_help = AFTER_HELP)]
#[command(arg_required_else_help = true, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Runs the program with the arguments and the environment of this process.
///
/// Ends the process itself where the arguments are wrong or ask for help.
pub fn main() -> ExitCode {
    cores::forbid();
    run()
}

#[tokio::main]
async fn run() -> ExitCode {
    let Cli { global, command } = Cli::try_parse().unwrap_or_else(|error| misuse::explained(error).exit());
    let mut terminal = Terminal::new(&global.logging);
    let checked = config::check_variables().and_then(|()| cores::check());
    let started = checked.and_then(|()| global.logging.start(terminal.bars.as_deref()));
    let (traces, result) = match started {
        Ok(traces) => (traces, Box::pin(command.run(&global, &mut terminal)).await),
        Err(failure) => (None, Err(failure)),
    };
    let result = result.and_then(|code| Ok(terminal.out.flush().map(|()| code)?));
    let code = result.unwrap_or_else(|failure| {
        global.logging.report(&failure);
        failure.code
    });
    if let Some(traces) = traces {
        traces.finish();
    }
    code
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_one_another() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for arguments in [["tagferry", "-c", "a.yaml", "check"], ["tagferry", "check", "-c", "a.yaml"]] {
            let cli = Cli::try_parse_from(arguments).unwrap();
            assert_eq!(cli.global.config, Some(PathBuf::from("a.yaml")));
        }
    }

    #[test]
    fn every_command_has_examples_in_its_long_help() {
        for command in Cli::command().get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            assert!(help.contains("  $ tagferry "), "{help}");
            assert!(!help.contains("\\\""), "{help}");
        }
    }
}
