//! A pass with nothing to do, 100 tags up to date, over links with a round trip of 50 ms.

use std::time::Duration;

use crate::child::median;
use crate::contender::{Contender, Job};
use crate::corpus::small;
use crate::fake;
use crate::fake::{Ecr, Face, PASSWORD, USER, random_image};
use crate::link::{Link, Quality};
use crate::registry::Registry;
use crate::report::{Report, Table};
use crate::runs::{Rounds, in_turns};
use crate::scenarios::with_peers;

const TAGS: u64 = 100;
const QUALITY: Quality = Quality { round_trip: Duration::from_millis(50), bytes_per_second: None };
const RUNS: usize = 5;
const REPOSITORY: &str = "java/jdk";

pub(crate) async fn run(report: &mut Report) -> Result<(), String> {
    let title = format!("Nothing to do: {TAGS} tags up to date, round trip 50 ms");
    let mut table = Table::new(title, &[("seconds", 2), ("requests", 0), ("CPU s", 2)]);
    oracle_to_ecr(report, &mut table).await?;
    between_plain_registries(report, &mut table).await?;
    report.table(table);
    Ok(())
}

/// A source with logins like Oracle's, and ECR with its API.
async fn oracle_to_ecr(report: &mut Report, table: &mut Table) -> Result<(), String> {
    let (source, target) = (fake::Registry::start(Face::Oracle).await, Ecr::start().await);
    let tags: Vec<String> = (0..TAGS).map(|number| format!("21.0.{number}")).collect();
    for (seed, tag) in (0..).zip(&tags) {
        let image = random_image(seed, &[100]);
        source.push(REPOSITORY, tag, &image);
        target.push(&format!("mirror/{REPOSITORY}"), tag, &image);
    }
    let links = (Link::start(&source.host(), QUALITY).await, Link::start(&target.host(), QUALITY).await);
    let mut job = Job::new(&links.0.address, &links.1.address, REPOSITORY, &[]);
    job.repositories[0].1 = tags;
    job.source_settings = format!(", credentials: {{username: {USER}, password: {PASSWORD}}}");
    job.target_settings = ecr(&links.1.address);
    for (rule, what, requests_max) in
        [("", "tagferry to ECR", 110.0), (", immutable: true", "tagferry to ECR, immutable rules", 6.0)]
    {
        job.rule = rule.to_owned();
        let asked = || source.requests().len() + target.requests().len();
        let (mut took, mut requests) = (Vec::new(), 0);
        for _ in 0..RUNS {
            let before = asked();
            took.push(Contender::Tagferry.run(&job).await?);
            requests = asked() - before;
        }
        let seconds = median(took.iter().map(|took| took.wall_s));
        table.row(what, &[seconds, requests as f64, median(took.iter().map(|took| took.cpu_s))]);
        let name =
            if rule.is_empty() { "a pass with nothing to do" } else { "the same with `immutable` rules" };
        report.at_most(format!("{name}, requests"), "", requests as f64, requests_max);
        report.at_most(format!("{name}, time"), " s", seconds, 1.5);
    }
    Ok(())
}

/// What the others can do too: no logins, no API.
async fn between_plain_registries(report: &mut Report, table: &mut Table) -> Result<(), String> {
    let (source, target) = (Registry::start(None).await, Registry::start(None).await);
    let tags: Vec<String> = (0..TAGS).map(|number| format!("21.0.{number}")).collect();
    for (seed, tag) in (0..).zip(&tags) {
        source.push(REPOSITORY, tag, &small(seed));
        target.push(&format!("mirror/{REPOSITORY}"), tag, &small(seed));
    }
    let links = (Link::start(&source.address, QUALITY).await, Link::start(&target.address, QUALITY).await);
    let mut job = Job::new(&links.0.address, &links.1.address, REPOSITORY, &[]);
    job.repositories[0].1 = tags;
    let mut requests = Vec::new();
    let contenders = with_peers(&[Contender::Tagferry]);
    let runs = in_turns(report, &contenders, Rounds::ONE, async |contender| {
        let took = contender.run(&job).await;
        requests.push((contender, source.take_log().len() + target.take_log().len()));
        took
    });
    let runs = runs.await?;
    for contender in runs.contenders() {
        let asked = requests.iter().find(|(other, _)| *other == contender).map_or(0, |(_, asked)| *asked);
        let cells = [
            runs.median(contender, |took| took.wall_s),
            asked as f64,
            runs.median(contender, |took| took.cpu_s),
        ];
        table.row(format!("{contender} to a plain registry"), &cells);
    }
    Ok(())
}

/// How the fake ECR is reached through an address of ours.
pub(crate) fn ecr(address: &str) -> String {
    format!(
        ", ecr: {{account: \"{}\", region: {}, endpoint_url: \"http://{address}\"}}",
        fake::ACCOUNT,
        fake::REGION
    )
}
