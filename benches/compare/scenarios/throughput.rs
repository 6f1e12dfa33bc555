//! What copying costs: two releases of a JDK for two platforms, about a gigabyte, everybody in turns.

use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;
use crate::contender::{Contender, Job};
use crate::corpus::{Image, jdk};
use crate::distribution::Distribution;
use crate::floor;
use crate::registry::Registry;
use crate::report::{Report, Table};
use crate::runs::{Rounds, Runs, in_turns};
use crate::scenarios::{Effort, with_peers};
use crate::tls;

const REPOSITORY: &str = "java/jdk";
const TAGS: [&str; 2] = ["21.0.10", "21.0.11"];
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

fn images(effort: Effort) -> [Image; 2] {
    [jdk(10, effort.shrink), jdk(11, effort.shrink)]
}

/// Between registries in memory, over plain HTTP.
pub(crate) async fn plain(report: &mut Report, effort: Effort) -> Result<(), String> {
    in_memory(report, effort, None).await
}

/// The same over TLS.
pub(crate) async fn tls(report: &mut Report, effort: Effort) -> Result<(), String> {
    in_memory(report, effort, Some(&Authority::new())).await
}

async fn in_memory(report: &mut Report, effort: Effort, authority: Option<&Authority>) -> Result<(), String> {
    let acceptor: Option<TlsAcceptor> = authority.map(tls::acceptor);
    let (source, target) = (Registry::start(acceptor.clone()).await, Registry::start(acceptor).await);
    let images = images(effort);
    for (tag, image) in TAGS.iter().zip(&images) {
        source.push(REPOSITORY, tag, image);
    }
    let mut job = job(&source.address, &target.address, &images);
    job.authority = authority.map(|authority| authority.folder().to_owned());
    let job = Arc::new(job);
    let contenders = with_peers(&[Contender::Tagferry, Contender::Floor]);
    let rounds = Rounds { warm_up: 1, counted: effort.rounds };
    let runs = in_turns(report, &contenders, rounds, async |contender| {
        target.clear();
        let took = contender.run(&job).await?;
        let arrived = TAGS
            .iter()
            .zip(&images)
            .all(|(tag, image)| target.tag(&format!("mirror/{REPOSITORY}"), tag) == Some(image.digest()));
        let is_done = arrived || contender == Contender::Floor;
        if is_done { Ok(took) } else { Err(format!("{contender} ended well and did not copy the tags")) }
    });
    let runs = runs.await?;
    let way = if authority.is_some() { "TLS" } else { "plain HTTP" };
    summarise(report, &runs, way, gib(&job));
    Ok(())
}

/// Between two of Debian's `docker-registry`, which keep files.
pub(crate) async fn distribution(report: &mut Report, effort: Effort) -> Result<(), String> {
    if !Distribution::is_here() {
        report.not_run("copies between two `docker-registry`, which is not on the PATH");
        return Ok(());
    }
    let source = Distribution::start().await;
    let images = images(effort);
    for (tag, image) in TAGS.iter().zip(&images) {
        source.push(REPOSITORY, tag, image).await;
    }
    let mut job = job(&source.address(), "", &images);
    let size = gib(&job);
    let contenders = with_peers(&[Contender::Tagferry, Contender::Floor]);
    let rounds = Rounds { warm_up: 0, counted: effort.rounds.min(3) };
    let runs = in_turns(report, &contenders, rounds, async |contender| {
        let target = Distribution::start().await;
        job.target = target.address();
        contender.run(&job).await
    });
    let runs = runs.await?;
    summarise(report, &runs, "plain HTTP between two docker-registry", size);
    Ok(())
}

fn job(source: &str, target: &str, images: &[Image]) -> Job {
    let blobs = floor::blobs(images.iter().flat_map(Image::all_blobs));
    Job { blobs, ..Job::new(source, target, REPOSITORY, &TAGS) }
}

fn gib(job: &Job) -> f64 {
    job.blobs.iter().map(|(_, size)| *size as f64).sum::<f64>() / GIB
}

fn summarise(report: &mut Report, runs: &Runs, way: &str, gib: f64) {
    let title = format!("Copying {gib:.2} GiB over {way}");
    let columns = [("CPU s per GiB", 2), ("of the floor", 2), ("MB/s", 0), ("peak MB", 1)];
    let mut table = Table::new(title, &columns);
    for contender in runs.contenders() {
        let seconds = runs.median(contender, |took| took.wall_s);
        let cells = [
            runs.median(contender, |took| took.cpu_s) / gib,
            runs.ratio(contender, Contender::Floor, |took| took.cpu_s),
            gib * GIB / 1e6 / seconds,
            runs.median(contender, |took| took.peak_mb),
        ];
        table.row(contender, &cells);
    }
    report.table(table);
    // At the floor; and below regsync as far as that allows: a hash and two sockets cost the same in any language.
    for (other, wanted) in [(Contender::Floor, 1.05), (Contender::Skopeo, 0.33), (Contender::Regsync, 0.90)] {
        let ratio = runs.ratio(Contender::Tagferry, other, |took| took.cpu_s);
        report.at_most(format!("CPU over {way}, as part of {other}'s"), "", ratio, wanted);
    }
}
