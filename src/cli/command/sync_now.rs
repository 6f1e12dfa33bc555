//! `tagferry sync-now`.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use secrecy::SecretString;

use crate::cli::config;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::terminal::Terminal;
use crate::control::{Client, ClientError, Copied};
use crate::event::RunOutcome;
use crate::text::{listed, visible_lines};
use crate::worker::{MirrorPass, PassState, RunState, RunStatus};

/// How often a daemon that does not answer is asked again during `--wait`.
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
    /// A client that shows this token, if any.
    pub(super) fn client(self, token: Option<SecretString>) -> Result<Client, ClientError> {
        Client::new(&self.url, token)
    }
}

impl SyncNow {
    pub(in crate::cli) async fn run(self, terminal: &mut Terminal) -> Result<ExitCode, ExitError> {
        // One that cannot be reached or refuses: nothing could be started.
        let unanswered = |error: ClientError| ExitError::of(ExitCode::NotStarted, &error);
        let client = self.daemon.client(config::api_token()).map_err(unanswered)?;
        let run = client.sync(&self.mirrors).await.map_err(unanswered)?;
        writeln!(terminal.out, "run {}", run.run)?;
        if !self.wait {
            return Ok(ExitCode::Success);
        }
        terminal.out.flush()?;
        let id = run.run.clone();
        let ended = end_of(run, async || client.run(&id).await).await;
        let run = ended.map_err(|error| ExitError::of(ExitCode::Incomplete, &error))?;
        // What became of the run is known without it.
        let copied = client.copied_since(run.requested_at).await.ok();
        show(&mut terminal.out, &run, copied.as_deref())?;
        Ok(match run.outcome {
            Some(RunOutcome::Succeeded) => ExitCode::Success,
            Some(RunOutcome::Failed) | None => ExitCode::Incomplete,
        })
    }
}

/// Asks until the run has ended. A connection may break in the hours that it takes, and it goes on without us.
async fn end_of(
    mut run: RunStatus,
    ask: impl AsyncFn() -> Result<RunStatus, ClientError>,
) -> Result<RunStatus, ClientError> {
    let mut misses = 0;
    while run.state == RunState::Running {
        match ask().await {
            Ok(now) => (run, misses) = (now, 0),
            Err(error) if error.is_passing() && misses < MISSES_MAX => {
                misses += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(run)
}

/// Writes what came of each pass. `copied` is none where nobody knows.
fn show(out: &mut dyn Write, run: &RunStatus, copied: Option<&[Copied]>) -> std::io::Result<()> {
    for MirrorPass { name: mirror, target, state, .. } in &run.mirrors {
        let has_several = run.mirrors.iter().filter(|other| other.name == *mirror).count() > 1;
        let name = if has_several { &format!("{mirror} to {target}") } else { mirror };
        match state {
            PassState::Finished { outcome: RunOutcome::Succeeded, .. } => {
                let is_own = |copied: &&Copied| copied.mirror == *mirror && copied.target == *target;
                let news = copied.map(|copied| news(copied.iter().filter(is_own)));
                writeln!(out, "{name}: succeeded{}", news.unwrap_or_default())?;
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

/// Which tags were copied, to follow what came of the pass.
fn news<'a>(copied: impl Iterator<Item = &'a Copied>) -> String {
    const NAMED_MAX: usize = 10;
    let tags: Vec<&str> = copied.map(|copied| copied.tag.as_str()).collect();
    if tags.is_empty() {
        ", nothing new".to_owned()
    } else {
        format!(", copied {}", listed(&tags, NAMED_MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use jiff::Timestamp;
    use reqwest::StatusCode;
    use tokio::time::Instant;

    use super::*;

    fn pass(name: &str, target: &str) -> MirrorPass {
        let state = PassState::Finished { outcome: RunOutcome::Succeeded, error: None };
        MirrorPass { name: name.to_owned(), target: target.to_owned(), pass: 1, tag: None, state }
    }

    fn run(state: RunState, mirrors: Vec<MirrorPass>) -> RunStatus {
        let requested_at = Timestamp::UNIX_EPOCH;
        RunStatus { run: "1".to_owned(), requested_at, state, outcome: None, mirrors }
    }

    #[track_caller]
    fn check(copied: Option<&[Copied]>, expected: &str) {
        let mirrors =
            vec![pass("app", "a.test/app"), pass("app", "b.test/app"), pass("other", "a.test/other")];
        let mut out = Vec::new();
        show(&mut out, &run(RunState::Finished, mirrors), copied).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn each_target_of_a_mirror_has_its_own_news() {
        let copied = |mirror: &str, target: &str, tag: &str| {
            let [mirror, target, tag] = [mirror, target, tag].map(str::to_owned);
            Copied { mirror, target, tag }
        };
        let copied = [
            copied("app", "a.test/app", "1.0"),
            copied("app", "b.test/app", "1.0"),
            copied("app", "b.test/app", "1.1"),
        ];
        check(
            Some(&copied),
            "app to a.test/app: succeeded, copied 1.0\n\
             app to b.test/app: succeeded, copied 1.0, 1.1\n\
             other: succeeded, nothing new\n",
        );
        check(None, "app to a.test/app: succeeded\napp to b.test/app: succeeded\nother: succeeded\n");
    }

    /// What comes of a run for which the daemon is silent so often before it answers, and after which time.
    async fn waited(misses: u32) -> (Result<RunState, ClientError>, Duration) {
        let miss = || {
            Err(ClientError::Refused {
                url: String::new(),
                status: StatusCode::BAD_GATEWAY,
                said: String::new(),
            })
        };
        let answers = (0..misses).map(|_| miss()).chain([Ok(run(RunState::Finished, Vec::new()))]);
        let answers = RefCell::new(answers.collect::<Vec<_>>().into_iter());
        let start = Instant::now();
        let ended =
            end_of(run(RunState::Running, Vec::new()), async || answers.borrow_mut().next().unwrap()).await;
        (ended.map(|run| run.state), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_behind_a_proxy_may_be_gone_for_a_minute() {
        let (state, time) = waited(MISSES_MAX).await;
        assert_eq!((state.unwrap(), time), (RunState::Finished, MISSES_MAX * PAUSE));
        assert!(waited(MISSES_MAX + 1).await.0.unwrap_err().is_passing());
    }
}
