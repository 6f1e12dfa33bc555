//! Logs on standard error.

use std::env;
use std::io;
use std::io::{IsTerminal, Write};

use clap::{ArgAction, Args, ValueEnum};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::exit::{ExitCode, Failure};
use crate::cli::prose::Prose;
use crate::report::Progress;

const FILTER_VARIABLE: &str = "RUST_LOG";

/// Which logs are shown, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of all commands")]
pub(super) struct Logging {
    /// Show more logs: once for what is retried and skipped, twice for every request
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Show no progress, and no logs but errors that the result does not tell
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// How logs and progress are written to standard error
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    log_format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

impl Logging {
    /// Starts to log. While there are bars, logs go around them.
    pub(super) fn start(&self, bars: Option<&Progress>) -> Result<(), Failure> {
        let given = env::var(FILTER_VARIABLE).ok().filter(|filter| !filter.is_empty());
        let filter = EnvFilter::try_new(self.filter(given.as_deref())).map_err(|error| {
            Failure::new(ExitCode::Usage, format_args!("the environment variable {FILTER_VARIABLE}: {error}"))
        })?;
        let writer = match bars.map(Progress::log_writer) {
            Some(writer) => BoxMakeWriter::new(move || writer.clone()),
            None => BoxMakeWriter::new(io::stderr),
        };
        let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
        // A library user may have started logs of their own, which then are the ones to go to.
        let _ = match self.log_format {
            Format::Text => {
                let subscriber =
                    subscriber.with_target(false).with_ansi(has_colour()).fmt_fields(Prose).finish();
                subscriber.with(filter_fn(is_discreet)).try_init()
            }
            Format::Json => {
                let subscriber = subscriber.json().flatten_event(true).finish();
                subscriber.with(filter_fn(is_discreet)).try_init()
            }
        };
        Ok(())
    }

    /// Whether bars may stand between the logs.
    pub(super) fn allows_bars(&self) -> bool {
        !self.quiet && self.log_format == Format::Text
    }

    /// Tells why a command could not do its work, in the format of the logs.
    pub(super) fn report(&self, failure: &Failure) {
        match self.log_format {
            Format::Json => tracing::error!("{failure}"),
            // Where standard error is closed there is nobody to tell.
            Format::Text => drop(writeln!(io::stderr(), "{failure}")),
        }
    }

    /// The options win over the environment. Other people's crates are never made verbose by an option of ours, and
    /// warn only on request: the AWS SDK warns of each place where it finds no credentials on its way to one.
    fn filter<'a>(&self, given: Option<&'a str>) -> &'a str {
        match (self.quiet, self.verbose) {
            // What failed is in the result, which is not to be told twice.
            (true, _) => "error,tagferry::report=off",
            (false, 0) => given.unwrap_or("error,tagferry=info"),
            (false, 1) => "warn,tagferry=debug",
            (false, _) => "warn,tagferry=trace",
        }
    }
}

/// Whether a log shows no secrets, whatever the filter asks for: at trace level the AWS SDK writes whole answers, with
/// ECR's token in them.
fn is_discreet(log: &Metadata<'_>) -> bool {
    *log.level() != Level::TRACE || log.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"))
}

/// See <https://no-color.org>.
fn has_colour() -> bool {
    io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_win_over_the_environment() {
        let logging = |verbose, quiet| Logging { verbose, quiet, log_format: Format::Text };
        assert_eq!(logging(0, false).filter(None), "error,tagferry=info");
        assert_eq!(logging(0, false).filter(Some("trace")), "trace");
        assert_eq!(logging(1, false).filter(Some("trace")), "warn,tagferry=debug");
        assert_eq!(logging(0, true).filter(Some("trace")), "error,tagferry::report=off");
    }
}
