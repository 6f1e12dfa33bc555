//! What the log says of what is to come: how many mirrors there are, when they run, and which only run when asked.

use jiff::Timestamp;
use tracing::{info, warn};

use crate::config::Mirror;
use crate::text::listed;

/// The most mirrors that are named.
const NAMED_MAX: usize = 10;

/// What to do where nothing ever runs by itself.
const NO_SCHEDULE: &str = "No mirror has a schedule: nothing runs until somebody asks for it, by the page or by `tagferry sync-now`. \
    For a run every six hours, add this line to the configuration: schedule: {cron: \"0 */6 * * *\", jitter: 5m, on_start: true}";

/// Logs it. `next` is the mirror that runs first by its schedule, and when.
pub(super) fn tell(mirrors: &[Mirror], next: Option<(&str, Timestamp)>) {
    // One with several targets is one.
    let mirrors: Vec<_> = mirrors.iter().filter(|mirror| mirror.first_target.is_none()).collect();
    info!(mirrors = mirrors.len(), "{}", sentence(&mirrors, next));
    if !mirrors.is_empty() && mirrors.iter().all(|mirror| mirror.schedule.is_none()) {
        warn!(code = "no_schedule", "{NO_SCHEDULE}");
    }
}

fn sentence(mirrors: &[&Mirror], next: Option<(&str, Timestamp)>) -> String {
    let count = mirrors.len();
    let mut told = vec![format!("{count} mirror{}", if count == 1 { "" } else { "s" })];
    if let Some((name, at)) = next {
        told.push(format!("the next run by schedule is that of {name} at {at:.0}"));
    }
    let unscheduled: Vec<_> = mirrors.iter().filter(|mirror| mirror.schedule.is_none()).collect();
    if !unscheduled.is_empty() && unscheduled.len() < count {
        let names: Vec<_> = unscheduled.iter().map(|mirror| &mirror.name).collect();
        told.push(format!("without a schedule, so only when asked: {}", listed(&names, NAMED_MAX)));
    }
    told.join("; ")
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;
    use crate::config::Config;

    #[track_caller]
    fn check(mirrors: &[(&str, bool)], next: Option<(&str, Timestamp)>, expected: &str) {
        let mirrors = mirrors.iter().map(|(name, is_scheduled)| {
            let schedule = if *is_scheduled { ", schedule: {cron: '0 3 * * *'}" } else { "" };
            format!("  - {{source: quay.io/{name}, target: 'oci:{name}', tags: [{{match: x}}]{schedule}}}\n")
        });
        let yaml = iter::once("mirrors:\n".to_owned()).chain(mirrors).collect::<String>();
        let config = Config::parse("test.yaml", &yaml, &|_| None).unwrap();
        let mirrors: Vec<_> = config.mirrors.iter().collect();
        assert_eq!(sentence(&mirrors, next), expected);
    }

    #[test]
    fn the_next_run_is_told_and_who_never_runs() {
        let at: Timestamp = "2026-09-01T03:00:00.4Z".parse().unwrap();
        let next = Some(("a/a", at));
        check(
            &[("a/a", true)],
            next,
            "1 mirror; the next run by schedule is that of a/a at 2026-09-01T03:00:00Z",
        );
        check(
            &[("a/a", true), ("a/b", false), ("a/c", false)],
            next,
            "3 mirrors; the next run by schedule is that of a/a at 2026-09-01T03:00:00Z; without a schedule, so only when asked: a/b, a/c",
        );
        check(&[("a/a", false), ("a/b", false)], None, "2 mirrors");
    }

    #[test]
    fn very_many_are_counted() {
        let names: Vec<String> = (0..20).map(|number| format!("m/{number}")).collect();
        let mut mirrors: Vec<_> = names.iter().map(|name| (name.as_str(), false)).collect();
        mirrors[0].1 = true;
        let first: Vec<_> = names[1..11].iter().map(String::as_str).collect();
        let expected =
            format!("20 mirrors; without a schedule, so only when asked: {} and 9 more", first.join(", "));
        check(&mirrors, None, &expected);
    }
}
