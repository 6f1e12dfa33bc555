//! Is a mirror in time, and does its pass move? The one computation behind page, API, metrics and notices.

use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::config::{Mirror, Schedule};
use crate::ledger::entry::Glance;
use crate::ledger::record::Record;

/// How much later than its time and its jitter a success may come: a pass takes a while.
const GRACE: Duration = Duration::from_hours(1);

/// A pass that did not move for this time is stuck. The alert on it has the same.
const STUCK_AFTER: Duration = Duration::from_mins(15);

/// Whether a mirror is in time, and whether its pass moves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// Whether the last success is as young as it has to be.
    pub freshness: Freshness,
    /// When it is late without another success, or since when it is; none where it never is: it has no schedule and no
    /// `fresh_within`.
    pub late_at: Option<Timestamp>,
    /// Since when the pass under way has not moved, where that is too long; none where it moves, or there is none.
    pub stuck_since: Option<Timestamp>,
}

/// Whether the last success is as young as it has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Freshness {
    /// No pass of this process succeeded yet, and none had to.
    #[default]
    Unknown,
    /// It is.
    Fresh,
    /// A success was due and did not come.
    Late,
}

/// How old a success may become.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    schedule: Option<Schedule>,
    fresh_within: Option<Duration>,
}

impl Limits {
    pub(super) fn of(mirror: &Mirror) -> Self {
        Self { schedule: mirror.schedule.clone(), fresh_within: mirror.fresh_within }
    }

    /// When a success of this time is too old.
    pub(super) fn end(&self, success: Timestamp) -> Option<Timestamp> {
        let Self { schedule, fresh_within } = self;
        let later = |time: Timestamp, span: Duration| time.checked_add(span).ok();
        match (fresh_within, schedule) {
            (Some(span), _) => later(success, *span),
            (None, Some(schedule)) => {
                let due = schedule.next(success)?.timestamp();
                later(due, schedule.jitter.saturating_add(GRACE))
            }
            (None, None) => None,
        }
    }
}

impl Glance {
    /// How the mirror is at this time.
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        let is_late = self.late_at.is_some_and(|late_at| late_at <= now);
        let freshness = match self.has_succeeded {
            _ if is_late => Freshness::Late,
            true => Freshness::Fresh,
            false => Freshness::Unknown,
        };
        let stuck_since = self.moved_at.filter(|_| self.idle(now) >= STUCK_AFTER);
        Verdict { freshness, late_at: self.late_at, stuck_since }
    }

    /// For how long the pass under way has not moved; nothing where there is none. A clock may be set back.
    pub fn idle(&self, now: Timestamp) -> Duration {
        now.duration_since(self.moved_at.unwrap_or(now)).try_into().unwrap_or_default()
    }
}

impl Record {
    /// How the mirror is at this time.
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        Glance::of(self).verdict(now)
    }

    /// For how long the pass under way has not moved; nothing where there is none.
    pub fn idle(&self, now: Timestamp) -> Duration {
        Glance::of(self).idle(now)
    }

    /// Seconds since the last success; none before the first one of this process.
    pub fn freshness(&self, now: Timestamp) -> Option<f64> {
        Some(now.duration_since(self.last_success_at?).as_secs_f64().max(0.0))
    }

    /// Counts anew when it is late. Until a success is known, it is as if there was one when the process came to know the
    /// mirror: what is not known cannot be late before it was due.
    pub(super) fn set_late_at(&mut self) {
        self.late_at = self.limits.end(self.last_success_at.unwrap_or(self.configured_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::event::{EventKind, Exchange, RunOutcome};
    use crate::ledger::samples::Story;

    /// A mirror with these keys, first seen at midnight of 2026-09-01.
    fn story(keys: &str) -> Story {
        let yaml = format!(
            "mirrors: [{{name: a, source: source.test/a, target: target.test/a, tags: [{{match: .}}], {keys}}}]"
        );
        let config = Config::parse("test.yaml", &yaml, &|_| None).unwrap();
        let mut story = Story::of(&[]);
        story.reload(&config.mirrors);
        story
    }

    fn after(story: &mut Story, hours: f64) -> (Freshness, Option<String>) {
        story.wait(Duration::from_secs_f64(hours * 3600.0).as_secs());
        let verdict = story.record("a").verdict;
        (verdict.freshness, verdict.late_at.map(|at| at.to_string()))
    }

    const SIX_HOURLY: &str = "schedule: {cron: '0 */6 * * *', jitter: 5m}";

    #[test]
    fn a_success_is_due_an_hour_after_the_next_time_and_its_jitter() {
        let mut story = story(SIX_HOURLY);
        story.wait(60);
        story.pass("a", RunOutcome::Succeeded);
        let late_at = Some("2026-09-01T07:05:00Z".to_owned());
        assert_eq!(after(&mut story, 7.0), (Freshness::Fresh, late_at.clone()));
        story.pass("a", RunOutcome::Failed);
        assert_eq!(after(&mut story, 0.2), (Freshness::Late, late_at));
        story.pass("a", RunOutcome::Succeeded);
        assert_eq!(after(&mut story, 0.0).0, Freshness::Fresh);
    }

    #[test]
    fn after_a_start_nothing_is_known_until_a_success_or_the_time_for_it() {
        let mut story = story(SIX_HOURLY);
        assert_eq!(after(&mut story, 7.0).0, Freshness::Unknown);
        assert_eq!(story.record("a").freshness(story.now), None);
        assert_eq!(after(&mut story, 0.1).0, Freshness::Late);
    }

    #[test]
    fn fresh_within_always_counts_and_nothing_else_is_late_without_a_schedule() {
        let mut never = story("at_least: 0");
        never.pass("a", RunOutcome::Succeeded);
        assert_eq!(after(&mut never, 10_000.0), (Freshness::Fresh, None));
        for keys in ["fresh_within: 26h", "fresh_within: 26h, schedule: {cron: '0 * * * *'}"] {
            let mut story = story(keys);
            story.pass("a", RunOutcome::Succeeded);
            assert_eq!(after(&mut story, 25.9).0, Freshness::Fresh);
            assert_eq!(after(&mut story, 0.2).0, Freshness::Late);
        }
    }

    #[test]
    fn a_reload_changes_what_is_late_and_not_when_the_last_success_was() {
        let mut story = story("fresh_within: 26h");
        story.pass("a", RunOutcome::Succeeded);
        assert_eq!(after(&mut story, 2.0).0, Freshness::Fresh);
        let yaml = "mirrors: [{name: a, source: source.test/a, target: target.test/a, tags: [{match: .}], fresh_within: 1h}]";
        story.reload(&Config::parse("test.yaml", yaml, &|_| None).unwrap().mirrors);
        assert_eq!(after(&mut story, 0.0).0, Freshness::Late);
    }

    #[test]
    fn a_pass_that_does_not_move_is_stuck_and_failed_tries_move_nothing() {
        let mut story = story("at_least: 0");
        let pass = story.start("a");
        let moved_at = story.now;
        let requested =
            |status| EventKind::Exchange(Exchange::Requested { host: "a", method: "GET", status });
        for status in [Some(503), Some(429), None] {
            story.wait(300);
            story.tell(&pass, requested(status));
        }
        let record = story.record("a");
        assert_eq!((record.verdict.stuck_since, record.idle(story.now)), (Some(moved_at), STUCK_AFTER));
        story.tell(&pass, requested(Some(200)));
        let record = story.record("a");
        assert_eq!((record.verdict.stuck_since, record.idle(story.now)), (None, Duration::ZERO));
        story.wait(10_000);
        story.finish(&pass, RunOutcome::Failed);
        assert_eq!(story.record("a").verdict.stuck_since, None);
    }
}
