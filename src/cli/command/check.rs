//! `tagferry check`.

use std::io;
use std::io::Write;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;

use crate::app::{App, Options, Probe};
use crate::cli::config;
use crate::cli::exit::{ExitCode, Failure};
use crate::cli::global::{Global, Silent};
use crate::cli::terminal::Terminal;
use crate::config::{Config, Mirror, Schedule};
use crate::registry::Retry;
use crate::report::{Look, Table};

/// So many of a schedule's next times are shown.
const TIMES: usize = 5;

const EXAMPLES: &str = r"Examples:
  $ tagferry check
  $ tagferry check --online --config prod.yaml
  $ tagferry check --config - <<'END'
  mirrors:
    - source: container-registry.oracle.com/java/jdk
      target: 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/oracle/jdk
      tags:
        - match: ^21\.0\.[0-9]+$
          newest: 3
  END";

/// Check the configuration and show what it means
///
/// Reports every fault of the configuration at once, each with its line, column and path. A right one is shown as it
/// was understood: each mirror with its rules, and the next times of its schedule in the schedule's time zone, before
/// jitter. Schedules are for `tagferry serve`: `sync` runs when it is called.
///
/// With --online every source and every target is asked for its tags, which shows whether names, credentials and
/// networks are right. Nothing is written. The exit code is 1 where one of them fails.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Check {
    /// Also ask every source and every target
    #[arg(long)]
    online: bool,
    /// Warnings are faults: exit with 2 where there are any
    #[arg(long)]
    strict: bool,
    /// Only the mirror of this name; may be given several times
    #[arg(short, long = "mirror", value_name = "NAME")]
    mirrors: Vec<String>,
}

impl Check {
    pub(in crate::cli) async fn run(
        self,
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, Failure> {
        let mut config = config::load(global.config.as_deref())?;
        config.keep_named(&self.mirrors).map_err(|error| Failure::of(ExitCode::Usage, &error))?;
        describe(&mut terminal.out, &config, Timestamp::now())?;
        if self.strict && !config.warnings.is_empty() {
            terminal.out.flush()?;
            return Err(Failure::new(
                ExitCode::Usage,
                "there are warnings, and `--strict` makes faults of them",
            ));
        }
        if !self.online {
            return Ok(ExitCode::Success);
        }
        // What is known is worth reading while registries are asked.
        terminal.out.flush()?;
        let app = App::new(config, options(), Arc::new(Silent)).await;
        let probes = app.map_err(|error| Failure::of(ExitCode::NotStarted, &error))?.probe().await;
        show(&mut terminal.out, &probes, terminal.look)?;
        let all_answer = probes.iter().all(|probe| probe.result.is_ok());
        Ok(if all_answer { ExitCode::Success } else { ExitCode::Incomplete })
    }
}

/// Writes what was understood of every mirror.
fn describe(out: &mut dyn Write, config: &Config, now: Timestamp) -> io::Result<()> {
    for Mirror { name, source, target, rules, schedule, .. } in &config.mirrors {
        let is_ecr = target.host().is_some_and(|host| config.registry(host).ecr.is_some());
        let kind = if is_ecr { " (Amazon ECR)" } else { "" };
        writeln!(out, "{name}")?;
        writeln!(out, "  source     {source}")?;
        writeln!(out, "  target     {target}{kind}")?;
        for (index, rule) in rules.iter().enumerate() {
            writeln!(out, "  {:<9}  {rule}", if index == 0 { "tags" } else { "" })?;
        }
        match schedule {
            Some(schedule) => describe_schedule(out, schedule, now)?,
            None => writeln!(out, "  schedule   none: runs when asked")?,
        }
        writeln!(out)?;
    }
    Ok(())
}

fn describe_schedule(out: &mut dyn Write, schedule: &Schedule, now: Timestamp) -> io::Result<()> {
    write!(out, "  schedule   {schedule}")?;
    if !schedule.jitter.is_zero() {
        write!(out, ", up to {} later", humantime::format_duration(schedule.jitter))?;
    }
    writeln!(out, "{}; for `serve`", if schedule.on_start { ", and on start" } else { "" })?;
    for (index, run) in schedule.upcoming(now, TIMES).iter().enumerate() {
        let label = if index == 0 { "times" } else { "" };
        writeln!(out, "  {label:<9}  {}", run.strftime("%a %Y-%m-%d %H:%M:%S %:z"))?;
    }
    Ok(())
}

/// Writes what every side answered, the errors in full below.
fn show(out: &mut dyn Write, probes: &[Probe], look: Look) -> io::Result<()> {
    let mut table = Table::new(look, ["MIRROR", "SIDE", "REPOSITORY", "ANSWER", "SEEN"]);
    for Probe { mirror, side, place, result } in probes {
        let answer = if result.is_ok() { "ok" } else { "failed" };
        let seen = result.clone().unwrap_or_default();
        table.row([mirror.clone(), (*side).to_owned(), place.clone(), answer.to_owned(), seen]);
    }
    table.write(out)?;
    for Probe { mirror, side, result, .. } in probes {
        if let Err(error) = result {
            writeln!(out, "error: {mirror}: {side}: {error}")?;
        }
    }
    Ok(())
}

/// A check is asked by somebody who waits, and can be asked again: one try is enough.
fn options() -> Options {
    Options { retry: Retry { tries: 1, ..Retry::default() }, ..Options::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_mirror_is_shown_with_its_rules_and_its_times_by_its_own_clock() {
        let yaml = r#"
            schedule: {cron: "0 */6 * * *", timezone: Asia/Tokyo, jitter: 5m, on_start: true}
            mirrors:
              - source: container-registry.oracle.com/java/jdk
                target: 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/oracle/jdk
                tags: [{match: ^21$}, {match: ^25$}]
        "#;
        let config = Config::parse("test.yaml", yaml, &|_| None).unwrap();
        let now = "2026-09-01T00:00:00Z".parse().unwrap();
        insta::assert_snapshot!(text(|out| describe(out, &config, now)), @"
        java/jdk
          source     container-registry.oracle.com/java/jdk
          target     123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/oracle/jdk (Amazon ECR)
          tags       match ^21$
                     match ^25$
          schedule   0 */6 * * * (Asia/Tokyo), up to 5m later, and on start; for `serve`
          times      Tue 2026-09-01 12:00:00 +09:00
                     Tue 2026-09-01 18:00:00 +09:00
                     Wed 2026-09-02 00:00:00 +09:00
                     Wed 2026-09-02 06:00:00 +09:00
                     Wed 2026-09-02 12:00:00 +09:00
        ");
    }

    #[test]
    fn times_keep_to_the_clock_when_it_changes() {
        let yaml = r#"
            mirrors:
              - source: quay.io/a/b
                target: registry.test/a/b
                tags: [{match: ^21$}]
                schedule: {cron: "30 3 * * *", timezone: Europe/Berlin}
        "#;
        let config = Config::parse("test.yaml", yaml, &|_| None).unwrap();
        let now = "2026-10-23T22:00:00Z".parse().unwrap();
        insta::assert_snapshot!(text(|out| describe(out, &config, now)), @"
        a/b
          source     quay.io/a/b
          target     registry.test/a/b
          tags       match ^21$
          schedule   30 3 * * * (Europe/Berlin); for `serve`
          times      Sat 2026-10-24 03:30:00 +02:00
                     Sun 2026-10-25 03:30:00 +01:00
                     Mon 2026-10-26 03:30:00 +01:00
                     Tue 2026-10-27 03:30:00 +01:00
                     Wed 2026-10-28 03:30:00 +01:00
        ");
    }

    #[test]
    fn a_side_that_fails_is_told_in_full_below_the_table() {
        let probe = |side, place: &str, result| Probe {
            mirror: "java/jdk".to_owned(),
            side,
            place: place.to_owned(),
            result,
        };
        let probes = [
            probe("source", "container-registry.oracle.com/java/jdk", Ok("812 tags".to_owned())),
            probe(
                "target",
                "registry.test/jdk",
                Err("GET https://registry.test: 401\nhint: log in".to_owned()),
            ),
        ];
        insta::assert_snapshot!(text(|out| show(out, &probes, Look::Plain)), @"
        MIRROR    SIDE    REPOSITORY                              ANSWER  SEEN
        java/jdk  source  container-registry.oracle.com/java/jdk  ok      812 tags
        java/jdk  target  registry.test/jdk                       failed  -
        error: java/jdk: target: GET https://registry.test: 401
        hint: log in
        ");
    }
}
