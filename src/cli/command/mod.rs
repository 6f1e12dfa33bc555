//! One file a command.

mod check;
mod completions;
mod copy;
mod health;
mod import;
mod man;
mod notices;
mod plan;
mod schema;
mod serve;
mod settings;
mod suggest;
mod sync;
mod sync_now;
mod tags;

use clap::Subcommand;

use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::global::Global;
use crate::cli::terminal::Terminal;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Sync(sync::Sync),
    Plan(plan::Plan),
    Copy(copy::Copy),
    Serve(serve::Serve),
    SyncNow(sync_now::SyncNow),
    Health(health::Health),
    Tags(tags::Tags),
    Suggest(suggest::Suggest),
    Import(import::Import),
    Check(check::Check),
    Notices(notices::Notices),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
}

impl Command {
    pub(super) async fn run(self, global: &Global, terminal: &mut Terminal) -> Result<ExitCode, ExitError> {
        match self {
            Self::Sync(command) => command.run(global, terminal).await,
            Self::Plan(command) => command.run(global, terminal).await,
            Self::Copy(command) => command.run(global, terminal).await,
            Self::Serve(command) => command.run(global, terminal).await,
            Self::SyncNow(command) => command.run(terminal).await,
            Self::Health(command) => command.run().await,
            Self::Tags(command) => command.run(global, terminal).await,
            Self::Suggest(command) => command.run(global, terminal).await,
            Self::Import(command) => command.run(terminal),
            Self::Check(command) => command.run(global, terminal).await,
            Self::Notices(command) => command.run(global, terminal).await,
            Self::Schema(schema::Schema {}) => schema::run(terminal),
            Self::Completions(command) => command.run(terminal),
            Self::Man(command) => command.run(terminal),
        }
    }
}
