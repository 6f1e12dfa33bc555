//! One large layer from a source that gives 5 MB/s to each connection.

use std::time::Duration;

use crate::contender::{Contender, Job};
use crate::corpus::{MB, database};
use crate::link::{Link, Quality};
use crate::registry::Registry;
use crate::report::{Report, Table};
use crate::runs::{Rounds, in_turns};
use crate::scenarios::{Effort, has_ranges, with_peers};

const QUALITY: Quality = Quality { round_trip: Duration::from_millis(50), bytes_per_second: Some(5_000_000) };

pub(crate) async fn run(report: &mut Report, effort: Effort) -> Result<(), String> {
    let size = 200 * MB / effort.shrink;
    let title = format!("One layer of {} MB, 5 MB/s per connection, round trip 50 ms", size / MB);
    let mut table = Table::new(title, &[("seconds", 1), ("MB/s", 1), ("peak MB", 1)]);
    let (source, target) = (Registry::start(None).await, Registry::start(None).await);
    source.push("java/jdk", "21", &database(size));
    let link = Link::start(&source.address, QUALITY).await;
    let mut job = Job::new(&link.address, &target.address, "java/jdk", &["21"]);
    let mut seconds = Vec::new();
    let mut ways = vec![("tagferry", "")];
    if has_ranges() {
        ways.push(("tagferry, one range at a time", "concurrency: {ranges: 1}"));
    } else {
        report.not_run("one layer by parallel ranges: this tagferry has no `concurrency.ranges`");
    }
    let mut row = |name: String, wall_s: f64, peak_mb: f64| {
        table.row(name, &[wall_s, size as f64 / 1e6 / wall_s, peak_mb]);
    };
    for (name, settings) in ways {
        target.clear();
        job.settings = settings.to_owned();
        let took = Contender::Tagferry.run(&job).await?;
        row(name.to_owned(), took.wall_s, took.peak_mb);
        seconds.push(took.wall_s);
    }
    let peers = with_peers(&[]);
    let runs = in_turns(report, &peers, Rounds::ONE, async |contender| {
        target.clear();
        contender.run(&job).await
    });
    let runs = runs.await?;
    for contender in runs.contenders() {
        let median = |figure| runs.median(contender, figure);
        row(contender.to_string(), median(|took| took.wall_s), median(|took| took.peak_mb));
    }
    if let [default, single] = seconds[..] {
        report.at_least("one layer over a slow link, against one connection", "×", single / default, 3.0);
    }
    report.table(table);
    Ok(())
}
