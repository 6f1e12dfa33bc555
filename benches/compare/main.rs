//! The comparison: tagferry beside skopeo, regsync and crane where they are installed, and beside the floor, a bare pipe
//! made of the same libraries. Each runs as a process of its own, in turns, on the same job.
//!
//! `make bench` runs it in one go. By hand, after `cargo build --release`:
//!
//! ```text
//! cargo bench --bench compare -- [--quick] [SCENARIO]...
//! ```
//!
//! It prints what it found and writes it to `target/bench/results.json` and `results.md`. `--quick` takes smaller layers and
//! fewer rounds: a look, no figures to quote.
#![allow(clippy::unwrap_used, reason = "a comparison that cannot go on has nothing to say")]
#![allow(clippy::cast_precision_loss, reason = "figures have fewer digits than an f64")]

mod child;
mod contender;
mod corpus;
mod distribution;
mod floor;
mod link;
mod registry;
mod report;
mod runs;
mod scenarios;
mod tls;

#[expect(dead_code, reason = "the tests use all of it")]
#[path = "../../tests/peers/fixtures/authority.rs"]
mod authority;
#[path = "../../tests/fake/mod.rs"]
mod fake;
#[path = "../../tests/peers/fixtures/server.rs"]
mod server;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, thread};

use crate::contender::Contender;
use crate::report::Report;
use crate::scenarios::{Effort, NAMES};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match &arguments[..] {
        [mode, orders] if mode == "floor" => floor(orders).await,
        _ => compare(&arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("the comparison failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// This program as one of the contenders.
async fn floor(orders: &str) -> Result<(), Failure> {
    floor::run(serde_json::from_slice(&fs::read(orders)?)?).await
}

async fn compare(arguments: &[String]) -> Result<(), Failure> {
    if !child::can_measure() {
        return Err("no /usr/bin/time: please install the package `time`".into());
    }
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let effort = if is_quick { Effort { rounds: 1, shrink: 10 } } else { Effort { rounds: 5, shrink: 1 } };
    // Cargo adds `--bench`.
    let named: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|argument| !argument.starts_with("--")).collect();
    let mut report = Report::new(machine());
    for peer in Contender::PEERS.into_iter().filter(|peer| !peer.is_here()) {
        report.not_run(format!("{peer}, which is not on the PATH"));
    }
    for name in if named.is_empty() { NAMES.to_vec() } else { named } {
        say(&format!("measuring: {name}"));
        scenarios::run(name, &mut report, effort).await?;
    }
    let text = report.markdown();
    print(&text);
    let folder = output_folder();
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("results.md"), text)?;
    fs::write(folder.join("results.json"), report.json())?;
    say(&format!("written to {}/results.json", folder.display()));
    Ok(())
}

fn output_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench")
}

/// Where this was, as far as the figures depend on it.
fn machine() -> Vec<String> {
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
    };
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    [
        run("date", &["-u", "+%F"]),
        model.map(|(_, name)| format!("{cores} cores of {name}")),
        run("uname", &["-sr"]),
        run("rustc", &["--version"]),
        run("git", &["describe", "--always", "--dirty"]).map(|version| format!("tagferry {version}")),
        run("skopeo", &["--version"]),
        run("regsync", &["version", "--format", "regsync {{.VCSTag}}"]),
        run("crane", &["version"]).map(|version| format!("crane {version}")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[expect(clippy::print_stdout, reason = "what was found is for people")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a comparison of minutes says where it is")]
fn say(text: &str) {
    eprintln!("{text}");
}
