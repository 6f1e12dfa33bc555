//! A daemon left alone: a thousand passes and more, then nothing. Does its memory grow, and what does it cost idle?
//!
//! `cargo bench --bench soak [-- PASSES]` prints a line for every tenth of the passes, then what a minute of waiting
//! cost, and fails where memory went on growing. Linux alone: it reads `/proc`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on fails, and it prints"
)]

#[path = "../tests/fake/mod.rs"]
mod fake;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fake::{Face, Registry, image};
use tempfile::TempDir;

/// Passes of each of the two mirrors.
const PASSES: u64 = 1000;
const TAGS: usize = 50;
/// The daemon may hold so much more at the end than after a fifth of the passes.
const GROWTH_MAX_KB: u64 = 2048;
const IDLE: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() {
    let passes = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(PASSES);
    let (source, target) = (Registry::start(Face::Token).await, Registry::start(Face::Basic).await);
    for tag in 0..TAGS {
        source.push("app", &format!("1.{tag}"), &image(&["base", &tag.to_string()]));
    }
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("tagferry.yaml"), configuration(&source, &target)).unwrap();
    let (mut daemon, url) = start(&folder);
    println!("{:>8}  {:>10}  {:>14}  {:>8}", "passes", "memory kB", "CPU µs a pass", "time s");
    let (start, mut memory) = (Instant::now(), Vec::new());
    for pass in 1..=passes {
        // One pass in ten has something to do.
        if pass % 10 == 0 {
            source.push("app", "latest", &image(&["base", &format!("build {pass}")]));
        }
        sync(&url).await;
        if pass % (passes / 10).max(1) == 0 {
            let (kb, ms) = (memory_kb(&daemon), processor_ms(&daemon));
            let (pass_us, elapsed) = (ms * 1000 / pass, start.elapsed().as_secs());
            println!("{pass:>8}  {kb:>10}  {pass_us:>14}  {elapsed:>8}");
            memory.push(kb);
        }
    }
    let before = processor_ms(&daemon);
    tokio::time::sleep(IDLE).await;
    println!("idle for {} s: {} ms of processor time", IDLE.as_secs(), processor_ms(&daemon) - before);
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let (early, late) = (memory[1.min(memory.len() - 1)], *memory.last().unwrap());
    assert!(late <= early + GROWTH_MAX_KB, "memory grew from {early} kB to {late} kB");
}

fn configuration(source: &Registry, target: &Registry) -> String {
    let (source, target) = (source.host(), target.host());
    let login =
        format!("plain_http: true, credentials: {{username: {}, password: {}}}", fake::USER, fake::PASSWORD);
    format!(
        "schedule: {{cron: \"0 0 1 1 *\"}}\nmirrors:\n\
         \x20 - {{source: {source}/app, target: {target}/app, tags: [{{match: .}}]}}\n\
         \x20 - {{name: newest, source: {source}/app, target: {target}/newest, tags: [{{match: ^1, newest: 5}}]}}\n\
         registries:\n  {source}: {{{login}}}\n  {target}: {{{login}}}\n"
    )
}

/// Starts the daemon, and reads from its log where it listens.
fn start(folder: &TempDir) -> (Child, String) {
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_tagferry"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(daemon.stderr.take().unwrap()).lines();
    let url =
        lines.find_map(|line| Some(line.unwrap().split_once("Serving on ")?.1.trim().to_owned())).unwrap();
    // The log is read on, so that it never fills its pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (daemon, url)
}

/// Asks for a pass over all mirrors, and waits for its end.
async fn sync(url: &str) {
    let client = reqwest::Client::new();
    let started = client.post(format!("{url}/api/v1/sync")).send().await.unwrap().text().await.unwrap();
    let started: serde_json::Value = serde_json::from_str(&started).unwrap();
    let status = format!("{url}{}?wait=20", started["status_url"].as_str().unwrap());
    let ended = client.get(status).send().await.unwrap().text().await.unwrap();
    assert!(ended.contains("\"outcome\":\"succeeded\""), "{ended}");
}

fn memory_kb(daemon: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// User and system time, in ticks of 10 ms.
fn processor_ms(daemon: &Child) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.id())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}
