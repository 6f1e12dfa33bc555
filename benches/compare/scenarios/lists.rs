//! Long lists of tags in many mirrors: what a run holds must not be mirrors times tags.

use std::ffi::OsString;
use std::fs;

use serde_json::json;
use tempfile::TempDir;

use crate::child;
use crate::contender::{Job, tagferry, tagferry_binary};
use crate::fake;
use crate::fake::{Action, Ecr, Face, Fault, Match, Reply, random_image};
use crate::report::{Report, Table};
use crate::scenarios::far::ecr;

const MIRRORS: usize = 200;
const TAGS: usize = 5000;
const GOAL_MB: f64 = 40.0;

const RUNS: [&str; 4] =
    ["sync --output table", "sync --output json", "plan --output table", "plan --output json"];

pub(crate) async fn run(report: &mut Report) -> Result<(), String> {
    let title = format!("{MIRRORS} mirrors of {TAGS} tags, one of them selected and in ECR");
    let mut table = Table::new(title, &[("seconds", 2), ("CPU s", 2), ("peak MB", 1)]);
    let (source, target) = (fake::Registry::start(Face::Open).await, Ecr::start().await);
    let tags: Vec<_> = (0..TAGS).map(|number| format!("21.{}.{}-slim", number / 50, number % 50)).collect();
    let list = Reply::json(200, &json!({"name": "java/jdk", "tags": tags}));
    source.fault(Fault::new(Match::tags(), Action::Answer(list)));
    let mut job = Job::new(&source.host(), &target.host(), "java/jdk", &[]);
    job.target_settings = ecr(&target.host());
    job.repositories.clear();
    let image = random_image(1, &[100]);
    for number in 0..MIRRORS {
        let name = format!("java/jdk-{number}");
        source.push(&name, &tags[0], &image);
        target.push(&format!("mirror/{name}"), &tags[0], &image);
        job.repositories.push((name, vec![tags[0].clone()]));
    }
    let home = TempDir::with_prefix("tagferry-bench-").map_err(|error| error.to_string())?;
    let file = home.path().join("job.yaml");
    fs::write(&file, tagferry(&job)).map_err(|error| error.to_string())?;
    for run in RUNS {
        let mut arguments: Vec<OsString> =
            vec![tagferry_binary().into(), "-q".into(), "-c".into(), file.clone().into()];
        arguments.extend(run.split(' ').map(OsString::from));
        let took = child::run(&arguments, home.path()).await?;
        table.row(run, &[took.wall_s, took.cpu_s, took.peak_mb]);
        report.at_most(
            format!("peak memory of `{run}`, {MIRRORS} × {TAGS} tags"),
            " MB",
            took.peak_mb,
            GOAL_MB,
        );
    }
    report.table(table);
    Ok(())
}
