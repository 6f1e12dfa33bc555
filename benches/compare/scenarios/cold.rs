//! A cold copy: the requests that it takes, and that no blob is fetched twice.

use std::collections::BTreeMap;

use http::{Method, StatusCode};

use crate::contender::{Contender, Job};
use crate::corpus::jdk;
use crate::distribution::Distribution;
use crate::registry::{Registry, Seen};
use crate::report::{Report, Table};
use crate::scenarios::with_peers;

const REPOSITORY: &str = "java/jdk";
const TAGS: [&str; 5] = ["21.0.7", "21.0.8", "21.0.9", "21.0.10", "21.0.11"];
/// Bytes do not matter here.
const SHRINK: u64 = 1000;

pub(crate) async fn run(report: &mut Report) -> Result<(), String> {
    if Distribution::is_here() {
        five_tags(report).await?;
    } else {
        report.not_run("the requests of a cold copy: no `docker-registry` on the PATH");
    }
    shared_blobs(report).await
}

/// Five tags of two platforms, from one `docker-registry` to another, which count.
async fn five_tags(report: &mut Report) -> Result<(), String> {
    let source = Distribution::start().await;
    for (release, tag) in (7..).zip(TAGS) {
        source.push(REPOSITORY, tag, &jdk(release, SHRINK)).await;
    }
    let mut table = Table::new("Cold copy of 5 tags, requests", &[("source", 0), ("target", 0), ("all", 0)]);
    let mut counts = BTreeMap::new();
    for contender in with_peers(&[Contender::Tagferry]) {
        let target = Distribution::start().await;
        let before = source.requests();
        let job = Job::new(&source.address(), &target.address(), REPOSITORY, &TAGS);
        match contender.run(&job).await {
            Ok(_) => {}
            Err(error) if contender == Contender::Tagferry => return Err(error),
            Err(error) => {
                report.not_run(error);
                continue;
            }
        }
        let (asked, told) = (source.requests() - before, target.requests());
        table.row(contender, &[asked, told, asked + told].map(|count| count as f64));
        counts.insert(contender, asked + told);
    }
    report.table(table);
    let ours = counts.remove(&Contender::Tagferry).unwrap_or_default();
    for (peer, theirs) in counts {
        let what = format!("cold copy of 5 tags, requests against {peer}'s");
        report.at_most(what, "", ours as f64, (theirs - 1) as f64);
    }
    Ok(())
}

/// Three repositories of the same layers, each a mirror of its own.
async fn shared_blobs(report: &mut Report) -> Result<(), String> {
    let (source, target) = (Registry::start(None).await, Registry::start(None).await);
    let mut job = Job::new(&source.address, &target.address, REPOSITORY, &TAGS);
    for name in ["java/jdk-no-fee-term", "java/openjdk"] {
        job.repositories.push((name.to_owned(), job.repositories[0].1.clone()));
    }
    for (name, _) in &job.repositories {
        for (release, tag) in (7..).zip(TAGS) {
            source.push(name, tag, &jdk(release, SHRINK));
        }
    }
    let title = "Cold copy of 5 tags in 3 repositories with the same blobs";
    let columns = [("blobs", 0), ("fetched", 0), ("fetched again", 0), ("uploaded", 0), ("mounted", 0)];
    let mut table = Table::new(title, &columns);
    for contender in with_peers(&[Contender::Tagferry]) {
        target.clear();
        let done = contender.run(&job).await;
        let (asked, told) = (source.take_log(), target.take_log());
        if let Err(error) = done {
            report.not_run(error);
            continue;
        }
        let mut fetched = BTreeMap::<&str, usize>::new();
        for blob in asked.iter().filter_map(Seen::blob) {
            *fetched.entry(blob).or_default() += 1;
        }
        let all: usize = fetched.values().sum();
        let count = |method: Method, status| {
            told.iter().filter(|seen| seen.method == method && seen.status == status).count()
        };
        let is_upload = |seen: &&Seen| seen.method == Method::PUT && seen.path.contains("/uploads/");
        let figures = [
            fetched.len(),
            all,
            all - fetched.len(),
            told.iter().filter(is_upload).count(),
            count(Method::POST, StatusCode::CREATED),
        ];
        table.row(contender, &figures.map(|figure| figure as f64));
        if contender == Contender::Tagferry {
            report.at_most("blobs fetched more than once in a run", "", figures[2] as f64, 0.0);
        }
    }
    report.table(table);
    Ok(())
}
