//! `tagferry health`.

use clap::Args;

use crate::cli::command::sync_now::Address;
use crate::cli::exit::{ExitCode, ExitError};
use crate::control::ClientError;

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
        // Not 2 or 3: who runs health checks knows 0 and 1.
        let unhealthy = |error: ClientError| ExitError::of(ExitCode::Incomplete, &error);
        // It sends no token, so a proxy may carry the request.
        let client = self.daemon.client(None).map_err(unhealthy)?;
        client.health().await.map_err(unhealthy)?;
        Ok(ExitCode::Success)
    }
}
