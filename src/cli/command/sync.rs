//! `tagferry sync`.

use std::fmt::Display;
use std::time::Duration;

use clap::Args;

use crate::cli::config::variable;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::global::Global;
use crate::cli::run::{Extras, Run};
use crate::cli::terminal::Terminal;
use crate::metrics::Destination;
use crate::pass::{Deadline, Mode};
use crate::report::SyncTable;

const EXAMPLES: &str = r#"Examples:
  $ tagferry sync
  $ tagferry sync --mirror java/jdk --mirror database/free
  $ tagferry sync --metrics push=http://pushgateway:9091
  $ tagferry sync --output json | jq -r '.mirrors[].tags[] | select(.outcome == "copied").tag'"#;

/// Make every target equal to its selection, once, then exit
///
/// Reads the tags of each source, selects by the rules, compares with the target by digest and copies what is missing
/// or has moved. A tag is written last, so an interrupted run leaves nothing wrong; the next one moves only what is
/// still missing. One failing tag or mirror does not stop the others.
///
/// SIGTERM and SIGINT stop taking work and give the copies in flight `shutdown_grace` (25 s) to finish; a second signal
/// drops them at once.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Sync {
    #[command(flatten)]
    run: Run,
    /// Also hand on the result as metrics: `emf`, `emf=NAMESPACE`, `push=URL` or `file=PATH`
    ///
    /// `emf` writes lines for Amazon CloudWatch to standard error, `push` sends to a Prometheus Pushgateway, `file` is for
    /// the textfile collector of a node exporter. Without it, `TAGFERRY_METRICS` says where.
    #[arg(long, value_name = "WHERE")]
    metrics: Option<Destination>,
    /// End after this time, such as `5h45m`: tags that are not copied by then fail, and the next run goes on with them
    ///
    /// Use it where something else would kill the program before it can report what is missing: a Kubernetes Job at its
    /// `activeDeadlineSeconds`, a unit of systemd. Without it, `TAGFERRY_DEADLINE` says it.
    #[arg(long, value_name = "SPAN", value_parser = span)]
    deadline: Option<Duration>,
}

/// Where metrics go, where the command line does not say it. It may hold a password, which is not repeated.
const METRICS: &str = "TAGFERRY_METRICS";
/// The time for the run, where the command line does not say it.
const DEADLINE: &str = "TAGFERRY_DEADLINE";
/// As for the spans of the configuration.
const DEADLINE_MAX: Duration = Duration::from_hours(24 * 31);

fn of_environment<T, E: Display>(
    name: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, ExitError> {
    let Some(text) = variable(name).filter(|text| !text.is_empty()) else { return Ok(None) };
    let faulty =
        |what| ExitError::new(ExitCode::Usage, format_args!("the environment variable {name}: {what}"));
    parse(&text).map(Some).map_err(faulty)
}

fn span(text: &str) -> Result<Duration, &'static str> {
    let span = humantime::parse_duration(text.trim()).ok();
    span.filter(|span| !span.is_zero() && *span <= DEADLINE_MAX)
        .ok_or("expected a number and a unit, such as `5h 45m`, up to 31 days")
}

impl Sync {
    pub(in crate::cli) async fn run(
        self,
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, ExitError> {
        let metrics = match self.metrics {
            Some(metrics) => Some(metrics),
            None => of_environment(METRICS, str::parse)?,
        };
        let deadline = match self.deadline {
            Some(span) => Some(Deadline::after(span, "--deadline")),
            None => of_environment(DEADLINE, span)?.map(|span| Deadline::after(span, DEADLINE)),
        };
        let table = Box::new(SyncTable::new(terminal.look));
        Box::pin(self.run.run(Mode::Sync, table, Extras { metrics, deadline }, global, terminal)).await
    }
}
