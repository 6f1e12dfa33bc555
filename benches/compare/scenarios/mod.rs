//! What is compared, one file a question.

mod cold;
mod far;
mod lists;
mod memory;
mod mirrors;
mod program;
mod slow;
mod strangers;
mod throughput;

use std::path::Path;

use crate::contender::{Contender, tagferry_binary};
use crate::report::Report;

/// How thoroughly to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Rounds of what takes seconds.
    pub(crate) rounds: usize,
    /// Layers are divided by this.
    pub(crate) shrink: u64,
}

/// The names of the scenarios, in the order in which they run.
pub(crate) const NAMES: [&str; 10] = [
    "program",
    "throughput",
    "tls",
    "distribution",
    "memory",
    "far",
    "mirrors",
    "lists",
    "strangers",
    "slow",
];

/// Runs the scenario of this name.
pub(crate) async fn run(name: &str, report: &mut Report, effort: Effort) -> Result<(), String> {
    match name {
        "program" => program::run(report, effort).await,
        "throughput" => throughput::plain(report, effort).await,
        "tls" => throughput::tls(report, effort).await,
        "distribution" => {
            throughput::distribution(report, effort).await?;
            cold::run(report).await
        }
        "memory" => memory::run(report, effort).await,
        "far" => far::run(report).await,
        "mirrors" => mirrors::run(report, effort).await,
        "lists" => lists::run(report).await,
        "strangers" => strangers::run(report).await,
        "slow" => slow::run(report, effort).await,
        other => Err(format!("no scenario is named `{other}`; there are: {}", NAMES.join(", "))),
    }
}

/// Tagferry, what else is named, and the peers that are here.
fn with_peers(first: &[Contender]) -> Vec<Contender> {
    first.iter().copied().chain(Contender::peers()).collect()
}

/// Whether this tagferry fetches ranges of a layer at once.
fn has_ranges() -> bool {
    let schema = std::process::Command::new(tagferry_binary()).arg("schema").output();
    schema.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("\"ranges\""))
}

/// The size of a file.
fn size_mb(path: &Path) -> f64 {
    std::fs::metadata(path).map_or(f64::NAN, |file| file.len() as f64 / 1e6)
}
