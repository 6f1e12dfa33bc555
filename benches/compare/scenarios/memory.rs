//! Peak memory: it must not grow with the size of a layer, and little with the number of layers.

use crate::contender::{Contender, Job};
use crate::corpus::{Image, MB, database, layered};
use crate::registry::Registry;
use crate::report::{Report, Table};
use crate::runs::{Rounds, in_turns};
use crate::scenarios::{Effort, has_ranges, with_peers};

const GOAL_MB: f64 = 32.0;
const GOAL_RANGES_MB: f64 = 64.0;
/// More than one range, in settings.
const RANGES: usize = 6;

pub(crate) async fn run(report: &mut Report, effort: Effort) -> Result<(), String> {
    let mut table = Table::new("Peak memory in MB", &[("3 GB layer", 1), ("8 layers of 200 MB", 1)]);
    let database = database(3000 * MB / effort.shrink);
    let layers = layered(8, 200 * MB / effort.shrink);
    let contenders = with_peers(&[Contender::Tagferry]);
    let mut peaks = Vec::new();
    for image in [&database, &layers] {
        peaks.push(measure(report, &contenders, image, "").await?);
    }
    for contender in &contenders {
        let of = |peaks: &[(Contender, f64)]| {
            peaks.iter().find(|(other, _)| other == contender).map_or(f64::NAN, |(_, peak)| *peak)
        };
        table.row(contender, &[of(&peaks[0]), of(&peaks[1])]);
    }
    for (peaks, what) in peaks.iter().zip(["with a 3 GB layer", "with eight layers at once"]) {
        report.at_most(format!("peak memory {what}"), " MB", peaks[0].1, GOAL_MB);
    }
    if has_ranges() {
        let settings = format!("concurrency: {{ranges: {RANGES}}}");
        let one = measure(report, &[Contender::Tagferry], &database, &settings).await?[0].1;
        let many = measure(report, &[Contender::Tagferry], &layers, &settings).await?[0].1;
        table.row(format!("tagferry, {RANGES} ranges"), &[one, many]);
        report.at_most("peak memory with parallel ranges", " MB", one.max(many), GOAL_RANGES_MB);
    } else {
        report.not_run("parallel ranges: this tagferry has no `concurrency.ranges`");
    }
    report.table(table);
    Ok(())
}

/// The peak of each contender, the largest of two runs.
async fn measure(
    report: &mut Report,
    contenders: &[Contender],
    image: &Image,
    settings: &str,
) -> Result<Vec<(Contender, f64)>, String> {
    let (source, target) = (Registry::start(None).await, Registry::start(None).await);
    source.push("java/jdk", "21", image);
    let mut job = Job::new(&source.address, &target.address, "java/jdk", &["21"]);
    job.settings = settings.to_owned();
    let runs = in_turns(report, contenders, Rounds { warm_up: 0, counted: 2 }, async |contender| {
        target.clear();
        contender.run(&job).await
    });
    let runs = runs.await?;
    Ok(runs.contenders().map(|contender| (contender, runs.max(contender, |took| took.peak_mb))).collect())
}
