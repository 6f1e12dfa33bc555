//! `tagferry plan`.

use clap::Args;

use crate::cli::Global;
use crate::cli::exit::{ExitCode, Failure};
use crate::cli::run::Run;
use crate::cli::terminal::Terminal;
use crate::pass::Mode;

const EXAMPLES: &str = r#"Examples:
  $ tagferry plan
  $ tagferry plan --mirror java/jdk
  $ tagferry plan --output json | jq '.mirrors[].tags[] | select(.action == "copy")'"#;

/// Show what sync would do, and why; writes nothing
///
/// For every tag of every source: its version and variant as the rules read them, the rule that decided, what is to be
/// done with the tag, and why it is selected or left out.
///
/// The exit code is 1 where something stands in the way of a sync, such as a conflict with an immutable tag.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Plan {
    #[command(flatten)]
    run: Run,
}

impl Plan {
    pub(super) async fn run(self, global: &Global, terminal: &mut Terminal) -> Result<ExitCode, Failure> {
        self.run.run(Mode::Plan, global, terminal).await
    }
}
