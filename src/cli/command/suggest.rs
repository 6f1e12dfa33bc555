//! `tagferry suggest`.

use clap::Args;

use crate::cli::command::tags;
use crate::cli::config;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::global::Global;
use crate::cli::terminal::Terminal;
use crate::config::Endpoint;
use crate::import;
use crate::import::Draft;

const EXAMPLES: &str = r"Examples:
  $ tagferry suggest container-registry.oracle.com/java/jdk > tagferry.yaml
  $ tagferry suggest nginx quay.io/keycloak/keycloak";

/// Write a configuration for repositories, with rules read off their tags
///
/// For each repository a mirror: a rule for each of its main variants, further ones as comments, and beside each rule
/// what it selects now. The targets are examples: put your own there. What is left out is named for what it is: names
/// that move, commits, proposed changes, digests and signatures.
///
/// Needs no configuration. Where there is one, its settings of the registry are used, as by `tagferry tags`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Suggest {
    /// `HOST[:PORT]/PATH` without a tag; a path alone is one of Docker Hub; `oci:DIR[#NAME]` is a directory
    #[arg(value_name = "REPOSITORY", value_parser = tags::repository, required = true)]
    repositories: Vec<Endpoint>,
}

impl Suggest {
    pub(in crate::cli) async fn run(
        self,
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, ExitError> {
        let config = config::load_if_any(global.config.as_deref())?;
        // Making every kind of client is a large future; it need not be in those around it.
        let all = Box::pin(tags::read(config, &self.repositories)).await?;
        let mut draft = Draft::default();
        for (repository, tags) in self.repositories.iter().zip(&all) {
            import::suggest(&mut draft, &repository.to_string(), &repository.path(), tags);
        }
        import::write(&mut terminal.out, draft)?;
        Ok(ExitCode::Success)
    }
}
