//! What all commands share.

use std::path::PathBuf;

use clap::Args;

use crate::cli::logging::Logging;
use crate::event::{Event, Observer};

/// What every command takes, before or after its name.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of all commands")]
pub(super) struct Global {
    /// The configuration; `-` is standard input [default: tagferry.yaml]
    ///
    /// Without it, the text in the environment variable `TAGFERRY_CONFIG_YAML` is used if there is any, and else the
    /// file `tagferry.yaml`. With it, the variable has no effect.
    #[arg(short, long, global = true, value_name = "PATH")]
    pub(super) config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) logging: Logging,
}

/// For commands that are over before progress means anything.
pub(super) struct Silent;

impl Observer for Silent {
    fn observe(&self, _: &Event<'_>) {}
}
