//! The whole job in a few seconds, with no account and no network.
//!
//! The configuration is a real one and the program is the real program; only the two ends are embedded: a source
//! that looks like Oracle Container Registry (its login, its tags of `java/jdk`, blobs behind redirects) and an
//! Amazon ECR with its API. Run it with `cargo run --example quickstart`.
// The future of a run has the types of all that it awaits in its own.
#![recursion_limit = "256"]
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::io::IsTerminal;
use std::sync::Arc;

use aws_sdk_ecr::config::{Credentials, SharedCredentialsProvider};
use tagferry::app::{App, Options};
use tagferry::config::Config;
use tagferry::event::{Observer, RunOutcome, RunSummary};
use tagferry::pass::{Mode, Stop};
use tagferry::report::{Bytes, Lines, Look, PlanTables, Progress, Rows, RunReport, SyncTable};

use terminal_size::Width;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::fake::{Draft, Ecr, Face, Format, Image, PASSWORD, USER, index, random_bytes};

#[path = "../tests/fake/mod.rs"]
mod fake;

const MIB: usize = 1024 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let source = source().await;
    let target = Ecr::start().await;
    let text = configuration(&source, &target);
    println!(
        "A source like Oracle Container Registry listens on {}, an ECR on {}.",
        source.host(),
        target.host()
    );
    println!("\nThe configuration:\n\n{}", indent(&text));

    let config = Config::parse("quickstart.yaml", &text, &environment)?;
    let width = terminal_size::terminal_size_of(io::stdout()).map(|(Width(width), _)| width);
    let look = width.map_or(Look::Plain, |width| Look::Boxed { width });
    let progress = Arc::new(Progress::stderr());
    // Bars where there is a terminal, lines elsewhere.
    let observer: Arc<dyn Observer> =
        if io::stderr().is_terminal() { progress.clone() } else { Arc::new(Lines::default()) };
    // Written around the bars, and without colours where nobody would see them.
    let logs = progress.log_writer();
    let logs = tracing_subscriber::fmt().with_writer(move || logs.clone());
    let logs = logs.with_ansi(io::stderr().is_terminal()).without_time().with_target(false).finish();
    // The lines say which mirror and tag they are about; the spans around them are for traces.
    logs.with(filter_fn(|log| !log.is_span())).init();
    let app = App::new(config, Options { aws: Some(aws_login()), ..Options::default() }, observer).await?;
    let stop = Stop::default();

    println!("\n`tagferry plan`: what would be copied, and why everything else would not:\n");
    let plan = app.run(Mode::Plan, &stop).await;
    write(&mut PlanTables::new(Rows::All, look), &plan)?;

    println!("\n`tagferry sync`: the first run copies:\n");
    let first = app.run(Mode::Sync, &stop).await;
    progress.clear();
    write(&mut SyncTable::new(look), &first)?;

    println!("\n`tagferry sync`: the second run finds nothing to do:\n");
    let second = app.run(Mode::Sync, &stop).await;
    progress.clear();
    write(&mut SyncTable::new(look), &second)?;

    println!("\nWhat the ECR repository oracle/jdk now holds:\n");
    for (tag, digest) in target.tags("oracle/jdk") {
        println!("  {tag:24} {digest}");
    }
    let same = target
        .tags("oracle/jdk")
        .iter()
        .all(|(tag, digest)| source.tags("java/jdk").get(tag) == Some(digest));
    target.assert_consistent();
    if !same || second.outcome != RunOutcome::Succeeded {
        return Err("the target is not what the source is".into());
    }
    println!("\nEvery tag has the digest that it has at the source, and all that it refers to is there.");
    println!(
        "{} were copied, in {} requests; the second run took {}.",
        Bytes(first.totals.bytes),
        first.totals.requests,
        second.totals.requests
    );
    Ok(())
}

/// Writes what came of a run.
fn write(report: &mut dyn RunReport, run: &RunSummary) -> io::Result<()> {
    let out = &mut io::stdout();
    run.mirrors.iter().try_for_each(|mirror| report.mirror(out, mirror.clone()))?;
    report.end(out, run)
}

fn configuration(source: &fake::Registry, target: &Ecr) -> String {
    let (source, target, endpoint) = (source.host(), target.host(), target.endpoint_url());
    format!(
        r#"mirrors:
  - source: {source}/java/jdk
    target: {target}/oracle/jdk
    tags:
      - match: ^21\.0\.[0-9]+$
        newest: 2
      - match: ^(?<line>17|21|25)\..*-oraclelinux9$
        newest: 1
        per: line
      - match: ^21$

registries:
  {source}:
    plain_http: true                      # a real one is reached over TLS
    credentials: {{username: "${{OCR_USERNAME}}", password: "${{OCR_AUTH_TOKEN}}"}}
  {target}:
    plain_http: true
    ecr:                                  # a real one is known by its name
      account: "{account}"
      region: {region}
      endpoint_url: {endpoint}
      create_repositories: true
"#,
        account = fake::ACCOUNT,
        region = fake::REGION,
    )
}

/// The variables that the configuration refers to.
fn environment(name: &str) -> Option<OsString> {
    match name {
        "OCR_USERNAME" => Some(USER.into()),
        "OCR_AUTH_TOKEN" => Some(PASSWORD.into()),
        _ => None,
    }
}

fn aws_login() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new(fake::ACCESS_KEY, "secret", None, None, "quickstart"))
}

/// `java/jdk` as Oracle has it: many tags, images for two platforms, a base layer that all share.
async fn source() -> fake::Registry {
    let source = fake::Registry::builder(Face::Oracle).blobs_elsewhere().start().await;
    let tags = [
        "8",
        "8u381-oraclelinux8",
        "8u491",
        "11.0.31",
        "17.0.13",
        "17.0.16-oraclelinux9",
        "17.0.17-oraclelinux9",
        "21.0.9",
        "21.0.10",
        "21.0.11",
        "21.0.10-oraclelinux9",
        "21.0.11-oraclelinux9",
        "23",
        "25.0.2-oraclelinux9",
        "25.0.3-oraclelinux9",
        "latest",
    ];
    for (seed, tag) in (1..).zip(tags) {
        source.push("java/jdk", tag, &jdk(seed));
    }
    source.push("java/jdk", "21", &jdk(10));
    source
}

/// A JDK for two platforms: a shared base, and a layer of its own for each.
fn jdk(seed: u64) -> Image {
    let platform = |number: u64| {
        Draft::new(Format::Oci)
            .layer(random_bytes(number, 6 * MIB))
            .layer(random_bytes(1000 * seed + number, 12 * MIB))
            .config(format!(r#"{{"os":"linux","seed":{seed},"platform":{number}}}"#))
            .build()
    };
    index(Format::Oci, &[("linux/amd64", platform(1)), ("linux/arm64", platform(2))])
}

fn indent(text: &str) -> String {
    text.lines().fold(String::new(), |text, line| text + "    " + line + "\n")
}
