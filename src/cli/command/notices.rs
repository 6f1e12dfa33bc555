//! `tagferry notices`.

use clap::Args;

use crate::cli::command::settings;
use crate::cli::config;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::global::Global;
use crate::cli::terminal::Terminal;
use crate::notice;
use crate::notice::Tested;
use crate::report::Table;

const EXAMPLES: &str = "\
Examples:
  $ tagferry notices
  $ tagferry notices --test";

/// Show who is sent notices, and send tests
///
/// With --test each destination is sent one notice of each kind that it wants, marked as a test: by `test` in the
/// document, and in the words for people. Heartbeats are sent nothing: a sign of life would be taken for one.
/// The exit code is 1 where one is not taken.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Notices {
    /// Send one notice of each kind to every destination
    #[arg(long)]
    test: bool,
}

impl Notices {
    pub(in crate::cli) async fn run(
        self,
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, ExitError> {
        let config = config::load(global.config.as_deref())?.config;
        if config.notices.is_empty() && config.heartbeats.is_empty() {
            let text = "nobody is sent notices: write a destination under `notices`, such as \
                        `- slack: {url: \"${SLACK_WEBHOOK_URL}\"}`";
            return Err(ExitError::new(ExitCode::Usage, text));
        }
        if !self.test {
            settings::notices(&mut terminal.out, &config)?;
            return Ok(ExitCode::Success);
        }
        let tested = notice::test(&config, None).await;
        let mut table = Table::new(terminal.look, ["DESTINATION", "KIND", "RESULT"]);
        for Tested { destination, kind, result } in &tested {
            let result =
                result.as_ref().map_or_else(|error| format!("failed: {error}"), |()| "sent".to_owned());
            table.row([destination.clone(), kind.as_str().to_owned(), result]);
        }
        table.write(&mut terminal.out)?;
        let has_failed = tested.iter().any(|tested| tested.result.is_err());
        Ok(if has_failed { ExitCode::Incomplete } else { ExitCode::Success })
    }
}
