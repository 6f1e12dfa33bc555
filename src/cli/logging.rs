//! Logs on standard error.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::env;
use std::io;
use std::io::{IsTerminal, Write};
use std::panic;
use std::panic::PanicHookInfo;

use clap::{ArgAction, Args, ValueEnum};
use tracing::field::display;
use tracing::{Level, Metadata, error, warn};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::json::JsonLines;
use crate::cli::text::TextLines;
use crate::cli::traces::Traces;
use crate::report::Progress;

const FILTER_VARIABLE: &str = "RUST_LOG";

/// What is logged unless something else is asked for. The verifier of certificates logs what its caller tells, too.
const DEFAULT: &str = "error,rustls_platform_verifier=off,tagferry=info";

/// Which logs are shown, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of all commands")]
pub(super) struct Logging {
    /// Show more logs: once for what is retried and skipped, twice for every request, those to AWS too
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
    /// Starts to log, and to trace where the environment asks for it. While there are bars, logs go around them.
    pub(super) fn start(&self, bars: Option<&Progress>) -> Result<Option<Traces>, ExitError> {
        let given = env::var(FILTER_VARIABLE).ok().filter(|filter| !filter.is_empty());
        let filter = EnvFilter::try_new(self.filter(given.as_deref())).map_err(|error| {
            ExitError::new(
                ExitCode::Usage,
                format_args!("the environment variable {FILTER_VARIABLE}: {error}"),
            )
        })?;
        let writer = match bars.map(Progress::log_writer) {
            Some(writer) => BoxMakeWriter::new(move || writer.clone()),
            None => BoxMakeWriter::new(io::stderr),
        };
        let filter = filter.and(filter_fn(is_discreet).with_max_level_hint(Level::TRACE));
        // The fields of spans as JSON in both formats: there they can be looked up by name.
        let logs = tracing_subscriber::fmt::layer().with_writer(writer).fmt_fields(JsonFields::new());
        let logs = match self.log_format {
            Format::Text => {
                logs.with_ansi(has_colour()).event_format(TextLines(SystemTime)).with_filter(filter).boxed()
            }
            Format::Json => logs.event_format(JsonLines(SystemTime)).with_filter(filter).boxed(),
        };
        let (traces, fault) = Traces::start(|name| env::var(name).ok())
            .map_or_else(|fault| (None, Some(fault)), |traces| (traces, None));
        let layers: Vec<_> = std::iter::once(logs).chain(traces.as_ref().map(Traces::layer)).collect();
        // A library user may have started logs of their own, which then are the ones to go to.
        let _ = tracing_subscriber::registry().with(layers).try_init();
        panic::set_hook(Box::new(report_panic));
        if let Some(fault) = fault {
            // The program works without traces, but says that there are none.
            warn!("No traces: {fault}");
        }
        Ok(traces)
    }

    /// Whether progress bars may be drawn.
    pub(super) fn allows_bars(&self) -> bool {
        !self.quiet && self.log_format == Format::Text
    }

    /// Tells why a command could not do its work, in the format of the logs. It is no log: no filter hides it, and it is told
    /// also where logs could not be started.
    pub(super) fn report(&self, failure: &ExitError) {
        let text = failure.to_string();
        let line = match self.log_format {
            Format::Json => JsonLines(SystemTime).error(module_path!(), text.clone()).unwrap_or(text),
            Format::Text => text,
        };
        // Where standard error is closed there is nobody to tell.
        drop(writeln!(io::stderr(), "{line}"));
    }

    /// The options win over the environment. Other people's crates are never made verbose by an option of ours, and warn
    /// only by the variable: the AWS SDK warns, in the form for its programmers, of each place where it finds no credentials
    /// on its way to one.
    fn filter<'a>(&self, given: Option<&'a str>) -> &'a str {
        match (self.quiet, self.verbose) {
            // What failed is in the result, which is not to be told twice.
            (true, _) => "error,rustls_platform_verifier=off,tagferry::report=off",
            (false, 0) => given.unwrap_or(DEFAULT),
            (false, 1) => "error,rustls_platform_verifier=off,tagferry=debug",
            (false, _) => "error,rustls_platform_verifier=off,tagferry=trace",
        }
    }
}

/// A panic as one log line, with its mirror and tag like any other.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let (place, words) = (panic.location().map(display), panic.payload_as_str().unwrap_or("no words"));
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| display(&backtrace));
    error!(place, backtrace, "internal error: {words}; please report this");
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
        assert_eq!(logging(0, false).filter(None), DEFAULT);
        assert_eq!(logging(0, false).filter(Some("trace")), "trace");
        assert_eq!(
            logging(1, false).filter(Some("trace")),
            "error,rustls_platform_verifier=off,tagferry=debug"
        );
        assert_eq!(
            logging(0, true).filter(Some("trace")),
            "error,rustls_platform_verifier=off,tagferry::report=off"
        );
    }
}
