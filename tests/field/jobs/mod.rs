//! Jobs that people have: the configuration that does each, run by the program between registries in memory.
//!
//! Each host of a job is a registry of its own on a loopback address. The program asks them by their real names, through
//! a proxy that knows no others.
#![expect(clippy::print_stdout, reason = "the figures are what these tests are run for")]

mod job;
mod stage;
mod tunnel;

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use serde_json::Value;

pub(crate) use self::job::{Import, Job, jobs};
use self::stage::Stage;

/// Jobs that need what is on its way: repositories found by a catalogue, and `scan_on_push`. They count as done, and are not run.
const AWAITED: &[&str] = &[
    "dregsy-all-of-a-project-out-of-ecr",
    "lambda-all-of-a-group-as-it-is-pushed",
    "regsync-whole-registry",
    "script-govcloud-list-by-registry",
    "zot-migrate-a-whole-registry",
];

/// How many jobs are done at a time: each is a process.
const AT_A_TIME: usize = 4;

/// Does a job, and tells what is not as it has to be.
async fn fault_of(job: &Job) -> Option<String> {
    let stage = Stage::new(job).await;
    let ran = stage.run().await;
    let code = i32::from(!job.fails.is_empty());
    if ran.code != Some(code) {
        return Some(format!("exit code {:?}, not {code}: {}{}", ran.code, ran.stdout, ran.stderr));
    }
    let fails = |(place, names): (&String, &Vec<String>)| {
        names.iter().map(|name| (place.clone(), name.clone())).collect::<Vec<_>>()
    };
    let (failed, expected) = (failed(&ran.document()), job.fails.iter().flat_map(fails).collect());
    let mut faults = stage.differences();
    if failed != expected {
        faults.push(format!("failed are {failed:?}, not {expected:?}"));
    }
    (!faults.is_empty()).then(|| faults.join("\n"))
}

/// Targets and names that failed.
fn failed(document: &Value) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut failed = BTreeSet::new();
    for mirror in document["mirrors"].as_array().into_iter().flatten() {
        let tags = mirror["tags"].as_array().into_iter().flatten();
        let names = tags.filter(|tag| tag["outcome"] == "failed").map(|tag| text(&tag["tag"]));
        failed.extend(names.map(|name| (text(&mirror["target"]), name)));
    }
    failed
}

/// Does the jobs of a folder. Fails where other ones than these do not come out as they have to, or fewer than nine of
/// ten can be done.
async fn check(folder: &str, known: &[&str]) {
    let jobs = jobs(folder);
    let possible: Vec<_> = jobs.iter().filter(|job| job.cannot.is_none()).collect();
    let run = possible.iter().filter(|job| !AWAITED.contains(&&*job.name));
    let faults: Vec<(&str, String)> = stream::iter(run)
        .map(|job| async { Some((&*job.name, fault_of(job).await?)) })
        .buffered(AT_A_TIME)
        .filter_map(|fault| async { fault })
        .collect()
        .await;
    let done = possible.len() - faults.len();
    let percent = done * 100 / jobs.len();
    println!("{done} of {} jobs in `{folder}` can be done, {percent} %", jobs.len());
    let unknown = faults.iter().filter(|(name, _)| !known.contains(name));
    let unknown: Vec<_> = unknown.map(|(name, fault)| format!("{name}: {fault}")).collect();
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
    let names: BTreeSet<&str> = faults.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, known.iter().copied().collect(), "these come out right now");
    assert!(percent >= 90, "{done} of {} jobs can be done", jobs.len());
}

#[tokio::test]
async fn nine_of_ten_jobs_can_be_done() {
    check("", &[]).await;
}

/// Jobs that nothing was made to fit.
#[tokio::test]
async fn so_can_those_that_were_set_aside() {
    check("aside", &[]).await;
}

#[test]
fn each_job_says_where_it_was_seen_and_what_it_does_once() {
    let all: Vec<_> = ["", "aside"].into_iter().flat_map(jobs).collect();
    let names: BTreeSet<_> = all.iter().map(|job| &job.name).collect();
    assert_eq!(names.len(), all.len());
    for Job { name, seen, does, config, cannot, args, .. } in &all {
        assert!(!seen.is_empty() && !does.is_empty(), "{name}");
        let is_done = config.is_some() || args.is_some();
        assert!(is_done != cannot.is_some(), "{name}: either it is done, or it is said why not");
    }
    assert!(AWAITED.iter().all(|awaited| names.iter().any(|name| name == awaited)));
    assert!(all.len() >= 60, "{}", all.len());
}
