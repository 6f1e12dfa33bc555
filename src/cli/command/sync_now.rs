//! `tagferry sync-now`.

use std::io::Write;
use std::time::Duration;

use clap::Args;

use crate::cli::config;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::terminal::Terminal;
use crate::control::{Client, ClientError};
use crate::event::RunOutcome;
use crate::text::visible_lines;
use crate::worker::{MirrorPass, PassState, RunState, RunStatus};

/// How often a daemon that cannot be reached is asked again during `--wait`.
const MISSES_MAX: u32 = 12;
/// The pause before each of these tries.
const PAUSE: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  $ tagferry sync-now
  $ tagferry sync-now --mirror java/jdk --wait
  $ TAGFERRY_API_TOKEN=… tagferry sync-now --url http://tagferry.tools.svc:8080";

/// Ask a running `tagferry serve` to sync now
///
/// Prints the ID of the run; `/api/v1/runs/ID` shows how far it is. With --wait it waits for the end,
/// prints what became of each mirror and which tags were copied, and ends as `sync` does: with 0 if everything selected is in the target, with 1
/// if not.
///
/// The token that `serve` was given, if any, is taken from the environment variable `TAGFERRY_API_TOKEN`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct SyncNow {
    #[command(flatten)]
    daemon: Address,
    /// Only the mirror of this name; may be given several times
    #[arg(short, long = "mirror", value_name = "NAME")]
    mirrors: Vec<String>,
    /// Wait until the run has ended
    #[arg(short, long)]
    wait: bool,
}

/// Where the daemon is.
#[derive(Debug, Args)]
pub(in crate::cli) struct Address {
    /// Where the daemon answers
    // Read later: the argument parser repeats what it cannot read, and secrets may be in it.
    #[arg(
        long,
        value_name = "URL",
        env = "TAGFERRY_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8080"
    )]
    url: String,
}

impl Address {
    pub(super) fn client(self) -> Result<Client, ExitError> {
        Client::new(&self.url, config::api_token()).map_err(|error| unanswered(&error))
    }
}

impl SyncNow {
    pub(in crate::cli) async fn run(self, terminal: &mut Terminal) -> Result<ExitCode, ExitError> {
        let client = self.daemon.client()?;
        let mut run = client.sync(&self.mirrors).await.map_err(|error| unanswered(&error))?;
        writeln!(terminal.out, "run {}", run.run)?;
        if !self.wait {
            return Ok(ExitCode::Success);
        }
        terminal.out.flush()?;
        let mut misses = 0;
        while run.state == RunState::Running {
            match client.run(&run.run).await {
                Ok(now) => (run, misses) = (now, 0),
                // A connection may break in the hours that a run takes, and the run goes on without us.
                Err(ClientError::Unreachable { .. }) if misses < MISSES_MAX => {
                    misses += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(ExitError::of(ExitCode::Incomplete, &error)),
            }
        }
        // What became of the run is known without it.
        let copied = client.copied_since(run.requested_at).await.unwrap_or_default();
        show(&mut terminal.out, &run, &copied)?;
        Ok(match run.outcome {
            Some(RunOutcome::Succeeded) => ExitCode::Success,
            Some(RunOutcome::Failed) | None => ExitCode::Incomplete,
        })
    }
}

/// A daemon that cannot be reached or refuses: nothing could be started.
fn unanswered(error: &ClientError) -> ExitError {
    ExitError::of(ExitCode::NotStarted, error)
}

fn show(out: &mut dyn Write, run: &RunStatus, copied: &[(String, String)]) -> std::io::Result<()> {
    for MirrorPass { name, state, .. } in &run.mirrors {
        match state {
            PassState::Finished { outcome: RunOutcome::Succeeded, .. } => {
                writeln!(out, "{name}: succeeded, {}", news(name, copied))?;
            }
            PassState::Finished { error: Some(error), .. } => {
                writeln!(out, "{name}: failed: {}", visible_lines(error))?;
            }
            PassState::Finished { error: None, .. } => {
                writeln!(out, "{name}: failed: some tags were not copied; see the daemon's log and page")?;
            }
            PassState::Waiting | PassState::Running | PassState::Forgotten => {
                writeln!(out, "{name}: not known")?;
            }
        }
    }
    Ok(())
}

/// Which tags of a mirror were copied.
fn news(mirror: &str, copied: &[(String, String)]) -> String {
    const NAMED_MAX: usize = 10;
    let tags: Vec<&str> =
        copied.iter().filter(|(name, _)| name == mirror).map(|(_, tag)| tag.as_str()).collect();
    let named = tags.iter().take(NAMED_MAX).copied().collect::<Vec<_>>().join(", ");
    match tags.len() {
        0 => "nothing new".to_owned(),
        count if count > NAMED_MAX => format!("copied {named} and {} more", count - NAMED_MAX),
        _ => format!("copied {named}"),
    }
}
