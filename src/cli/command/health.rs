//! `tagferry health`.

use clap::Args;

use crate::cli::command::sync_now::Address;
use crate::cli::exit::{ExitCode, ExitError};

const EXAMPLES: &str = "\
Examples:
  $ tagferry health
  HEALTHCHECK CMD [\"tagferry\", \"health\"]        # in an image that has no shell and no curl";

/// Ask whether `tagferry serve` is alive
///
/// Says nothing and ends with 0 if it is, and with 1 if not. For health checks of containers.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Health {
    #[command(flatten)]
    daemon: Address,
}

impl Health {
    pub(in crate::cli) async fn run(self) -> Result<ExitCode, ExitError> {
        let health = self.daemon.client()?.health().await;
        // Not 3: who runs health checks knows 0 and 1.
        health.map_err(|error| ExitError::of(ExitCode::Incomplete, &error))?;
        Ok(ExitCode::Success)
    }
}
