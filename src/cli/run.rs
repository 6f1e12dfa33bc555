//! One run, as `sync` and `plan` make it.

use std::io;
use std::io::Write;

use clap::{Args, ValueEnum};

use crate::app::{App, Options};
use crate::cli::Global;
use crate::cli::config;
use crate::cli::exit::{ExitCode, Failure};
use crate::cli::signals;
use crate::cli::terminal::Terminal;
use crate::event::{RunOutcome, RunSummary};
use crate::pass::{Mode, Stop};
use crate::report;
use crate::report::Look;

/// What a run takes.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Only the mirror of this name; may be given several times
    #[arg(short, long = "mirror", value_name = "NAME")]
    mirrors: Vec<String>,
    /// How the result is written to standard output
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Table,
    /// One document for scripts, also when some tags failed
    Json,
}

impl Run {
    /// Makes the run and writes what came of it, as a `table` or as a document.
    pub(super) async fn run(
        self,
        mode: Mode,
        table: impl FnOnce(&mut dyn Write, &RunSummary, Look) -> io::Result<()>,
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, Failure> {
        let config = config::load(global.config.as_deref())?;
        let grace = config.shutdown_grace;
        // Making every kind of client is a large future; it need not be in those around it.
        let app = Box::pin(App::new(config, Options::default(), terminal.observer())).await;
        let app = app.map_err(|error| Failure::of(ExitCode::NotStarted, &error))?;
        app.check_credentials().await.map_err(|error| Failure::of(ExitCode::NotStarted, &error))?;
        let stop = Stop::default();
        let signals = signals::signals().map_err(|error| {
            Failure::new(ExitCode::NotStarted, format_args!("cannot listen for signals: {error}"))
        })?;
        // So is everything that a run does.
        let work = Box::pin(app.run(&self.mirrors, mode, &stop));
        let result = signals::heed(signals, &stop, || grace, work).await;
        if let Some(bars) = &terminal.bars {
            bars.clear();
        }
        let summary = result.map_err(|error| Failure::of(ExitCode::Usage, &error))?;
        match self.output {
            Output::Json => report::document(&mut terminal.out, &summary)?,
            Output::Table => table(&mut terminal.out, &summary, terminal.look)?,
        }
        Ok(match summary.outcome {
            RunOutcome::Succeeded => ExitCode::Success,
            RunOutcome::Failed => ExitCode::Incomplete,
        })
    }
}
