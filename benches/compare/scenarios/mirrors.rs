//! Many mirrors with nothing to do: time and memory must grow in a line.

use crate::child::median;
use crate::contender::{Contender, Job};
use crate::fake;
use crate::fake::{Ecr, Face, random_image};
use crate::report::{Report, Table};
use crate::scenarios::Effort;
use crate::scenarios::far::ecr;

const COUNTS: [usize; 3] = [100, 300, 1000];
const TAGS: u64 = 5;
/// Ten times the mirrors may take so many times as long.
const LINEAR_MAX: f64 = 12.0;

pub(crate) async fn run(report: &mut Report, effort: Effort) -> Result<(), String> {
    let title = format!("Many mirrors with nothing to do, {TAGS} tags each, to ECR");
    let mut table = Table::new(title, &[("seconds", 2), ("CPU s", 2), ("peak MB", 1), ("requests", 0)]);
    let (source, target) = (fake::Registry::start(Face::Open).await, Ecr::start().await);
    let tags: Vec<String> = (0..TAGS).map(|number| format!("21.0.{number}")).collect();
    let mut job = Job::new(&source.host(), &target.host(), "java/jdk", &[]);
    job.target_settings = ecr(&target.host());
    job.repositories.clear();
    let mut all = Vec::new();
    for count in COUNTS {
        for number in job.repositories.len()..count {
            let name = format!("java/jdk-{number}");
            for (seed, tag) in (0..).zip(&tags) {
                let image = random_image(seed, &[100]);
                source.push(&name, tag, &image);
                target.push(&format!("mirror/{name}"), tag, &image);
            }
            job.repositories.push((name, tags.clone()));
        }
        let asked = || source.requests().len() + target.requests().len();
        let (mut took, mut requests) = (Vec::new(), 0);
        for _ in 0..effort.rounds.min(3) {
            let before = asked();
            took.push(Contender::Tagferry.run(&job).await?);
            requests = asked() - before;
        }
        let figures = [
            median(took.iter().map(|took| took.wall_s)),
            median(took.iter().map(|took| took.cpu_s)),
            took.iter().map(|took| took.peak_mb).fold(f64::NAN, f64::max),
            requests as f64,
        ];
        table.row(format!("{count} mirrors"), &figures);
        all.push(figures);
    }
    let (few, many) = (all[0], all[COUNTS.len() - 1]);
    report.at_most("1,000 mirrors against 100, CPU time", "", many[1] / few[1], LINEAR_MAX);
    report.at_most("peak memory with 1,000 mirrors", " MB", many[2], 60.0);
    report.table(table);
    Ok(())
}
