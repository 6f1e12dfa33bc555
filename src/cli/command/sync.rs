//! `tagferry sync`.

use clap::Args;

use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::global::Global;
use crate::cli::run::Run;
use crate::cli::terminal::Terminal;
use crate::pass::Mode;
use crate::report::SyncTable;

const EXAMPLES: &str = r#"Examples:
  $ tagferry sync
  $ tagferry sync --mirror java/jdk --mirror database/free
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
}

impl Sync {
    pub(in crate::cli) async fn run(
        self,
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, ExitError> {
        let table = Box::new(SyncTable::new(terminal.look));
        self.run.run(Mode::Sync, table, global, terminal).await
    }
}
