//! `tagferry plan`.

use clap::Args;

use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::global::Global;
use crate::cli::run::{Extras, Run};
use crate::cli::terminal::Terminal;
use crate::pass::Mode;
use crate::report::{PlanTables, Rows};

const EXAMPLES: &str = r#"Examples:
  $ tagferry plan
  $ tagferry plan --mirror java/jdk --selected
  $ tagferry plan --output json | jq '.mirrors[].tags[] | select(.action == "copy")'"#;

/// Show what sync would do, and why; writes nothing
///
/// For every tag of every source: its version and variant as the rules read them, the rule that decided, what is to be
/// done with the tag, and why it is selected or left out.
///
/// The exit code is 1 where something stands in the way of a sync, such as a conflict with an immutable tag.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Plan {
    #[command(flatten)]
    run: Run,
    /// Only the selected tags; the others are counted by the reason why they are left out
    #[arg(long)]
    selected: bool,
}

impl Plan {
    pub(in crate::cli) async fn run(
        self,
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, ExitError> {
        let rows = if self.selected { Rows::Selected } else { Rows::All };
        let table = Box::new(PlanTables::new(rows, terminal.look));
        Box::pin(self.run.run(Mode::Plan, table, Extras::default(), global, terminal)).await
    }
}
