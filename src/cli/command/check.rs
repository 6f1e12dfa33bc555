//! `tagferry check`.

use std::collections::BTreeSet;
use std::io;
use std::io::Write;
use std::sync::Arc;

use clap::Args;
use jiff::Timestamp;
use tracing::warn;

use crate::app::{App, Options, Probe};
use crate::cli::command::settings;
use crate::cli::config;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::global::{Global, Silent};
use crate::cli::terminal::Terminal;
use crate::config::{Config, Discovery, Found, Mirror, Schedule};
use crate::event::Warning;
use crate::oci::Tag;
use crate::pass::Stop;
use crate::report::{Look, Table};
use crate::select;
use crate::select::Unanchored;
use crate::text::chain;

/// How many of a schedule's next times are shown.
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
/// jitter. Schedules are for `tagferry serve`: `sync` runs when it is called. Below are the registries, with where their
/// logins come from and what is done in ECR, the limits, and who is sent notices. No secret is shown.
///
/// A valid setting that is probably a mistake is a warning on standard error; with --strict, a fault. So is a password
/// file that cannot be read here: no other command would start with it.
///
/// With --online, a source such as `HOST/PATH/*` is shown as the mirrors that it stands for.
/// Every source and every target is asked for its tags, which shows whether names, credentials and
/// networks are right, and each rule says what it selects now. Nothing is written. The exit code is 1 where a registry
/// does not answer or a rule selects fewer tags than its `at_least`.
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
    ) -> Result<ExitCode, ExitError> {
        let loaded = config::load(global.config.as_deref())?;
        let mut config = if self.online && !loaded.config.has_all(&self.mirrors) {
            loaded.discovered(options(), &mut Found::new(), &Stop::default()).await?
        } else {
            loaded.config
        };
        config.keep_named(&self.mirrors).map_err(|error| ExitError::of(ExitCode::Usage, &error))?;
        describe(&mut terminal.out, &config, Timestamp::now())?;
        settings::describe(&mut terminal.out, &config)?;
        let unreadable = App::faulty_password_files(&config).await;
        for fault in &unreadable {
            // It may be there where this configuration is for.
            warn!(code = "password_file", "{}", chain(fault));
        }
        let mut has_warnings = !config.warnings.is_empty() || !unreadable.is_empty();
        if self.strict && has_warnings {
            return Err(too_many_warnings(terminal)?);
        }
        if !self.online {
            return Ok(ExitCode::Success);
        }
        // What is known is worth reading while registries are asked.
        terminal.out.flush()?;
        let app = App::new(config, options(), Arc::new(Silent)).await;
        let app = app.map_err(|error| ExitError::of(ExitCode::NotStarted, &error))?;
        let probes = app.probe().await;
        show(&mut terminal.out, &probes, terminal.look)?;
        has_warnings |= probes.iter().any(|probe| probe.warning.is_some());
        let mut is_right = probes.iter().all(|probe| probe.result.is_ok());
        for mirror in app.config().mirrors.iter().filter(|mirror| mirror.first_target.is_none()) {
            let is_source = |probe: &&Probe| probe.mirror == mirror.name && probe.side == "source";
            let sources: Vec<_> = probes.iter().filter(is_source).collect();
            if sources.iter().all(|probe| probe.result.is_ok()) {
                // Several sources may have the same tags.
                let tags: BTreeSet<_> = sources.iter().flat_map(|probe| probe.tags.iter().cloned()).collect();
                let tags: Vec<_> = tags.into_iter().collect();
                let shown = show_rules(&mut terminal.out, mirror, &tags)?;
                is_right &= shown.is_right;
                has_warnings |= shown.has_warnings;
            }
        }
        if self.strict && has_warnings {
            return Err(too_many_warnings(terminal)?);
        }
        Ok(if is_right { ExitCode::Success } else { ExitCode::Incomplete })
    }
}

/// The end of a strict check with warnings, after what was found.
fn too_many_warnings(terminal: &mut Terminal) -> io::Result<ExitError> {
    terminal.out.flush()?;
    Ok(ExitError::new(ExitCode::Usage, "there are warnings, and `--strict` makes faults of them"))
}

/// What was seen of the rules of a mirror.
struct Shown {
    is_right: bool,
    has_warnings: bool,
}

/// Writes what was understood of every mirror.
fn describe(out: &mut dyn Write, config: &Config, now: Timestamp) -> io::Result<()> {
    for mirror in config.mirrors.iter().filter(|mirror| mirror.first_target.is_none()) {
        let name = &mirror.name;
        writeln!(out, "{name}")?;
        for (index, source) in mirror.sources().enumerate() {
            writeln!(out, "  {:<9}  {source}", if index == 0 { "source" } else { "" })?;
        }
        let targets = config.mirrors.iter().filter(|other| other.name == *name).map(|mirror| &mirror.target);
        for (index, target) in targets.enumerate() {
            let is_ecr = target.host().is_some_and(|host| config.registry(host).ecr.is_some());
            let kind = if is_ecr { " (Amazon ECR)" } else { "" };
            writeln!(out, "  {:<9}  {target}{kind}", if index == 0 { "target" } else { "" })?;
        }
        describe_settings(out, mirror, now)?;
    }
    for Discovery { source, targets, except, example, .. } in &config.discoveries {
        writeln!(out, "{source}")?;
        writeln!(
            out,
            "  source     each repository that the registry lists; `--online` finds out which these are"
        )?;
        if let Some(except) = except {
            writeln!(out, "  except     {except}")?;
        }
        for (index, target) in targets.iter().enumerate() {
            writeln!(out, "  {:<9}  {target}", if index == 0 { "target" } else { "" })?;
        }
        describe_settings(out, example, now)?;
    }
    Ok(())
}

/// Writes what a mirror says besides from where to where.
fn describe_settings(out: &mut dyn Write, mirror: &Mirror, now: Timestamp) -> io::Result<()> {
    let Mirror { rules, schedule, platforms, referrers, at_least, .. } = mirror;
    for (index, rule) in rules.iter().enumerate() {
        writeln!(out, "  {:<9}  {rule}", if index == 0 { "tags" } else { "" })?;
        if let Some(what) = Unanchored::find(rule) {
            writeln!(out, "  {:<9}  note: {what}", "")?;
        }
    }
    if !platforms.is_empty() {
        let platforms: Vec<_> = platforms.iter().map(ToString::to_string).collect();
        writeln!(out, "  platforms  {}", platforms.join(", "))?;
    }
    if *referrers {
        writeln!(out, "  referrers  copied too")?;
    }
    if *at_least != 1 {
        writeln!(out, "  at_least   {at_least}")?;
    }
    match schedule {
        Some(schedule) => describe_schedule(out, schedule, now)?,
        None => writeln!(out, "  schedule   none: runs when asked")?,
    }
    writeln!(out)
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
    for Probe { mirror, side, place, result, .. } in probes {
        let answer = if result.is_ok() { "ok" } else { "failed" };
        let seen = result.clone().unwrap_or_default();
        table.row([mirror.clone(), (*side).to_owned(), place.clone(), answer.to_owned(), seen]);
    }
    table.write(out)?;
    for Probe { mirror, side, result, warning, .. } in probes {
        if let Some(warning) = warning {
            writeln!(out, "warning: {mirror}: {side}: {warning}")?;
        }
        if let Err(error) = result {
            writeln!(out, "error: {mirror}: {side}: {error}")?;
        }
    }
    Ok(())
}

/// Writes what each rule of a mirror selects now. Gives whether all of them select enough.
fn show_rules(out: &mut dyn Write, mirror: &Mirror, tags: &[Tag]) -> io::Result<Shown> {
    let name = &mirror.name;
    let selection = select::select(tags, &mirror.rules);
    for (index, (rule, choice)) in mirror.rules.iter().zip(&selection.choices).enumerate() {
        let newest: Vec<_> = choice.newest.iter().map(Tag::as_str).collect();
        let more = if choice.selected > newest.len() { ", …" } else { "" };
        let newest = if newest.is_empty() { String::new() } else { format!(": {}{more}", newest.join(", ")) };
        writeln!(
            out,
            "{name}: tags[{index}] ({rule}) selects {} of {}{newest}",
            choice.selected,
            tags.len()
        )?;
    }
    // What is said of a pattern alone stands above.
    for note in selection.notes(&mirror.rules).iter().filter(|note| !note.selected.is_empty()) {
        writeln!(out, "note: {name}: {note}")?;
    }
    for warning in &selection.warnings {
        writeln!(out, "warning: {name}: {}", Warning::from(warning))?;
    }
    let shortfalls = selection.shortfalls(&mirror.rules);
    for shortfall in &shortfalls {
        writeln!(out, "error: {name}: {shortfall}")?;
    }
    Ok(Shown { is_right: shortfalls.is_empty(), has_warnings: !selection.warnings.is_empty() })
}

/// A check is asked by somebody who waits, and can be asked again: one try is enough.
fn options() -> Options {
    let mut options = Options::default();
    options.retry.tries = 1;
    options
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
    fn what_is_to_be_discovered_is_shown_as_it_is_written() {
        let yaml = r"
            defaults: {target: 'registry.test/{path}'}
            mirrors:
              - {source: cgr.dev/acme/*, except: -dev$, tags: [latest], at_least: 0}
        ";
        let config = Config::parse("test.yaml", yaml, &|_| None).unwrap();
        insta::assert_snapshot!(text(|out| describe(out, &config, Timestamp::UNIX_EPOCH)), @"
        cgr.dev/acme/*
          source     each repository that the registry lists; `--online` finds out which these are
          except     -dev$
          target     registry.test/{path}
          tags       tag latest
          at_least   0
          schedule   none: runs when asked
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
            tags: Vec::new(),
            warning: None,
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

    #[test]
    fn each_rule_says_what_it_selects() {
        let yaml = r"
            mirrors:
              - source: quay.io/a/b
                target: registry.test/a/b
                tags: [{match: '^1\.', newest: 2}, {match: ^21-oraclelinx9$}, {match: ^3, newest: 1}, {match: ^x, at_least: 0}]
        ";
        let config = Config::parse("test.yaml", yaml, &|_| None).unwrap();
        let tags = ["1.0", "1.1", "1.2", "21-oraclelinux8", "21-oraclelinux9", "3.0-rc1", "3.0-rc2"];
        let tags = tags.map(|tag| tag.parse().unwrap());
        insta::assert_snapshot!(text(|out| show_rules(out, &config.mirrors[0], &tags).map(|shown| assert!(!shown.is_right))), @r"
        a/b: tags[0] (match ^1\.; newest 2) selects 2 of 7: 1.2, 1.1
        a/b: tags[1] (match ^21-oraclelinx9$) selects 0 of 7
        a/b: tags[2] (match ^3; newest 1) selects 0 of 7
        a/b: tags[3] (match ^x; at_least 0) selects 0 of 7
        error: a/b: tags[1] (match ^21-oraclelinx9$) matches no tag; the nearest: 21-oraclelinux9, 21-oraclelinux8
        error: a/b: tags[2] (match ^3) selects none of the 2 tags that it matches: pre-release: needs `prereleases: true`
        ");
    }
}
