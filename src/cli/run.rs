//! One run, as `sync` and `plan` make it.

use std::io;
use std::io::Write;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use futures_util::future::{Either, select};
use jiff::Timestamp;
use tracing::warn;

use crate::app;
use crate::app::{App, Options};
use crate::cli::config;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::global::Global;
use crate::cli::shard::Sharding;
use crate::cli::signals::Stopping;
use crate::cli::terminal::Terminal;
use crate::config::{Config, Found};
use crate::event::{Observer, Observers, RunOutcome, RunSummary};
use crate::ledger::Ledger;
use crate::metrics::{Destination, Exporter, Scope};
use crate::notice;
use crate::notice::{Delivery, Rhythm};
use crate::oci::Tag;
use crate::pass::{Deadline, Mode, Stop};
use crate::report;
use crate::report::{Progress, RunReport};
use crate::text::chain;

/// How long notices and metrics may take after the run.
const NOTICES_MAX: Duration = Duration::from_secs(10);
/// How long they may take where the program was told to stop, counted from then: ECS and Kubernetes kill 5 seconds after
/// the default of `shutdown_grace`.
const NOTICES_MAX_STOPPED: Duration = Duration::from_secs(3);

/// What a run takes.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Only the mirror of this name; may be given several times
    #[arg(short, long = "mirror", value_name = "NAME")]
    mirrors: Vec<String>,
    /// Only this tag of the source, which the rules have to select; with `--mirror`
    #[arg(short, long, value_name = "TAG", requires = "mirrors")]
    tag: Option<Tag>,
    #[command(flatten)]
    sharding: Sharding,
    /// How the result is written to standard output
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

/// What a run takes that does something.
#[derive(Debug, Default)]
pub(super) struct Extras {
    /// Who is handed its metrics.
    pub(super) metrics: Option<Destination>,
    /// When it has to end.
    pub(super) deadline: Option<Deadline>,
}

/// How the result of a run is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    Table,
    /// One document for scripts, also when some tags failed
    Json,
    /// Nothing: for logs alone, which tell the same
    None,
}

impl Run {
    /// Makes the run and writes what came of it, as a `table` or as a document.
    pub(super) async fn run(
        self,
        mode: Mode,
        table: Box<dyn RunReport>,
        extras: Extras,
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, ExitError> {
        let loaded = config::load(global.config.as_deref())?;
        let mut stopping = Stopping::new()?;
        let mut config = if loaded.config.has_all(&self.mirrors) {
            // All mirrors that were asked for are written in the file: nothing has to be discovered.
            loaded.config
        } else {
            let options = Options { deadline: extras.deadline, ..self.sharding.options()? };
            let (grace, stop, mut known) =
                (loaded.config.shutdown_grace, stopping.stop.clone(), Found::new());
            stopping.heed(|| grace, loaded.discovered(options, &mut known, &stop)).await?
        };
        config.keep_named(&self.mirrors).map_err(|error| ExitError::of(ExitCode::Usage, &error))?;
        if let Some(tag) = &self.tag {
            config.keep_tag(tag);
        }
        self.sharding.keep(&mut config)?;
        // All that a run does is a large future.
        Box::pin(self.over(config, mode, table, extras, stopping, terminal)).await
    }

    /// A run that takes nothing from its arguments but how the result is written.
    pub(super) fn of(output: Output) -> Self {
        Self { mirrors: Vec::new(), tag: None, sharding: Sharding::default(), output }
    }

    /// Makes the run over all mirrors of this configuration.
    pub(super) async fn over(
        self,
        config: Config,
        mode: Mode,
        table: Box<dyn RunReport>,
        extras: Extras,
        mut stopping: Stopping,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, ExitError> {
        let grace = config.shutdown_grace;
        let Extras { metrics, deadline } = extras;
        // A run of one tag says nothing of any mirror.
        let metrics = metrics.filter(|_| self.tag.is_none());
        let options = Options { deadline, ..self.sharding.options()? };
        let now = Timestamp::now();
        let ledger = Arc::new(Ledger::new(now));
        ledger.configure(&config.mirrors, 1, now);
        let (notifier, delivery) =
            notice::channel(&config, options.aws.clone(), Arc::clone(&ledger), Rhythm::Run);
        let scope = if self.mirrors.is_empty() { Scope::Whole } else { Scope::Part };
        let exporter = metrics.map(|destination| {
            let (ledger, shard) = (Arc::clone(&ledger), options.shard);
            Arc::new(Exporter::new(destination, scope, ledger, shard, terminal.stderr()))
        });
        let mut observers: Vec<Arc<dyn Observer>> =
            vec![ledger, terminal.observer(), Arc::clone(&notifier) as _];
        observers.extend(exporter.clone().map(|exporter| exporter as _));
        let observers = Observers(observers);
        let stop = stopping.stop.clone();
        // Making every kind of client is a large future; it need not be in those around it.
        let app = Box::pin(made(config, options, Arc::new(observers), &stop));
        let app = stopping.heed(|| grace, app).await;
        let app = app.map_err(|error| ExitError::of(ExitCode::NotStarted, &error))?;
        let mut report = match self.output {
            Output::Json => Box::new(report::Document::default()),
            Output::Table => table,
            Output::None => Box::new(report::Silence),
        };
        let Terminal { out, bars, .. } = terminal;
        let mut written = Ok(());
        // A run is a large future. It drops the app at its end, and with that the notifier: then the delivery can end.
        let work = Box::pin(async {
            let notifier = (mode == Mode::Sync).then_some(notifier);
            if let Some(notifier) = &notifier {
                notifier.run_started();
            }
            // A failed write to standard output does not stop the run; it is reported at its end.
            let tell = |mirror| {
                if written.is_ok() {
                    written = beside(bars.as_deref(), out, |out| report.mirror(out, mirror));
                }
            };
            let summary = { app }.run_each(mode, &stop, tell).await;
            if let Some(notifier) = notifier {
                notifier.run_finished(summary.finished_at);
            }
            if let Some(exporter) = exporter {
                Box::pin(export(&exporter, &summary, &stop)).await;
            }
            summary
        });
        let work = deliver_meanwhile(delivery, work, &stop);
        let summary = stopping.heed(|| grace, work).await;
        if let Some(bars) = bars {
            bars.clear();
        }
        written?;
        report.end(out, &summary)?;
        Ok(match summary.outcome {
            RunOutcome::Succeeded => ExitCode::Success,
            RunOutcome::Failed => ExitCode::Incomplete,
        })
    }
}

/// Makes what the run needs. It waits for credentials until told to stop: what a run that was stopped says of each mirror is known
/// without them.
async fn made(
    config: Config,
    options: Options,
    observer: Arc<dyn Observer>,
    stop: &Stop,
) -> Result<App, app::Error> {
    let app = App::new(config, options, observer).await?;
    // Asking AWS is a large future.
    let checked = Box::pin(app.check_credentials());
    stop.soft.run_until_cancelled(checked).await.transpose()?;
    Ok(app)
}

/// Writes to standard output, which may be the terminal on which the bars are.
fn beside(
    bars: Option<&Progress>,
    out: &mut dyn Write,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    match bars {
        Some(bars) => bars.suspend(|| {
            write(out)?;
            out.flush()
        }),
        None => write(out),
    }
}

/// Hands on the metrics of a run. What comes of it does not change what the run did.
async fn export(exporter: &Exporter, summary: &RunSummary, stop: &Stop) {
    let max = if stop.soft.is_cancelled() { NOTICES_MAX_STOPPED } else { NOTICES_MAX };
    match tokio::time::timeout(max, exporter.finish(summary)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!("No metrics of this run: {}", chain(&error)),
        Err(_) => warn!("No metrics of this run: the receiver did not answer in time"),
    }
}

/// Does the work, and delivers notices during it and for a while after it.
async fn deliver_meanwhile<T>(delivery: Delivery, work: impl Future<Output = T>, stop: &Stop) -> T {
    match select(pin!(work), Box::pin(delivery.run())).await {
        Either::Left((result, rest)) => {
            let patience = async {
                tokio::select! {
                    biased;
                    () = stop.soft.cancelled() => tokio::time::sleep(NOTICES_MAX_STOPPED).await,
                    () = tokio::time::sleep(NOTICES_MAX) => {}
                }
            };
            if let Either::Right(_) = select(rest, pin!(patience)).await {
                warn!("Not every notice was delivered soon after the run: what is left is dropped");
            }
            result
        }
        // There is nobody to tell.
        Either::Right(((), work)) => work.await,
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use tokio::time::Instant;

    use super::*;

    fn ledger() -> Arc<Ledger> {
        Arc::new(Ledger::new(Timestamp::now()))
    }

    /// How long it takes to end after a run whose notices are not taken.
    async fn elapsed(stop: &Stop) -> Duration {
        let yaml = "mirrors: [{source: quay.io/a, target: registry.test/a, tags: [{match: x}]}]\n\
            notices: [{slack: {url: 'http://127.0.0.1:9/'}}]";
        let config = Config::parse("test.yaml", yaml, &|_| None).unwrap();
        // While there is a notifier, more may come.
        let (_notifier, delivery) = notice::channel(&config, None, ledger(), Rhythm::Run);
        let start = Instant::now();
        assert_eq!(deliver_meanwhile(delivery, future::ready(7), stop).await, 7);
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_waits_for_its_notices_and_not_for_ever() {
        let stop = Stop::default();
        assert_eq!(elapsed(&stop).await.as_secs(), NOTICES_MAX.as_secs());
        stop.soft.cancel();
        assert_eq!(elapsed(&stop).await.as_secs(), NOTICES_MAX_STOPPED.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_tells_nobody_waits_for_nothing() {
        let (_notifier, delivery) = notice::channel(&Config::default(), None, ledger(), Rhythm::Run);
        let start = Instant::now();
        deliver_meanwhile(delivery, future::ready(()), &Stop::default()).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
