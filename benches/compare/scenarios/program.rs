//! The program itself: how soon it starts, how large it is, how long it takes to build, how fast it chooses.

use std::time::Instant;

use tagferry::oci::Tag;
use tagferry::select::{Rule, Spec, select};

use crate::child::median;
use crate::contender::{Contender, Job, tagferry_binary};
use crate::corpus::small;
use crate::fake::{Ecr, random_image};
use crate::registry::Registry;
use crate::report::{Report, Table};
use crate::scenarios::far::ecr;
use crate::scenarios::{Effort, size_mb};

const STARTS: usize = 20;
const TAGS: usize = 100_000;
/// Seconds that a clean release build took, where `scripts/bench` made one.
const BUILD_SECONDS: &str = "BENCH_BUILD_SECONDS";

pub(crate) async fn run(report: &mut Report, effort: Effort) -> Result<(), String> {
    let start_ms = start_ms().await?;
    let size = size_mb(&tagferry_binary());
    let chosen_ms = chosen_ms(effort.rounds.max(3));
    let build = std::env::var(BUILD_SECONDS).ok().and_then(|seconds| seconds.parse::<f64>().ok());
    let mut table = Table::new("The program", &[("figure", 1)]);
    table.row("start-up to the first request, ms", &[start_ms]);
    table.row("release binary, MB", &[size]);
    table.row("the newest 3 of each line among 100,000 tags, ms", &[chosen_ms]);
    match build {
        Some(seconds) => table.row("clean release build, s", &[seconds]),
        None => report.not_run("a clean release build: `BENCH_BUILD=1 make bench` makes one"),
    }
    report.at_most("start-up to the first request", " ms", start_ms, 20.0);
    report.at_most("release binary, stripped", " MB", size, 18.0);
    report.at_most("clean release build on two cores", " s", build.unwrap_or(f64::NAN), 480.0);
    report.at_most("the newest among 100,000 tags", " ms", chosen_ms, 100.0);
    report.table(table);
    Ok(())
}

/// From the start of the process to its first request, with ECR as the target.
async fn start_ms() -> Result<f64, String> {
    let (source, target) = (Registry::start(None).await, Ecr::start().await);
    let image = random_image(1, &[100]);
    target.push("mirror/java/jdk", "21", &image);
    source.push("java/jdk", "21", &small(1));
    let mut job = Job::new(&source.address, &target.host(), "java/jdk", &["21"]);
    job.target_settings = ecr(&target.host());
    let mut samples = Vec::new();
    for _ in 0..STARTS {
        let took = Contender::Tagferry.run(&job).await?;
        let first = source.take_log().first().map(|seen| seen.at).ok_or("tagferry asked for nothing")?;
        samples.push(first.saturating_duration_since(took.started).as_secs_f64() * 1000.0);
    }
    Ok(median(samples))
}

/// How long the choice among many tags takes, in this process.
fn chosen_ms(rounds: usize) -> f64 {
    let tags: Vec<Tag> = (0..TAGS).map(|n| tag(n).parse().unwrap()).collect();
    let pattern = r"^(?<line>[0-9]+)\.".to_owned();
    let spec = Spec { pattern, newest: 3.try_into().ok(), per: vec!["line".to_owned()], ..Spec::default() };
    let rules = [Rule::new(spec).unwrap()];
    median((0..rounds).map(|_| {
        let start = Instant::now();
        let selection = select(&tags, &rules);
        let took_ms = start.elapsed().as_secs_f64() * 1000.0;
        assert!(selection.selected().count() > 0);
        took_ms
    }))
}

/// A tag in the manner of Oracle's, another for each number.
fn tag(number: usize) -> String {
    let suffix = ["", "-oraclelinux8", "-oraclelinux9", "-ea"][number % 4];
    format!("{}.0.{}{suffix}", 8 + number / 4 % 20, number / 80)
}
