//! Schedules: the times of cron expressions, at which the triggers of workers are fired.
//!
//! Times are those of the wall clock, which may jump. Where it is set forward, the times that were skipped are one run;
//! where it is set back, schedules are computed anew from what it shows. The cron library waits for a time and does nothing else:
//! its own jobs overlap, and keep one distance to UTC for ever (tokio-cron-scheduler#83 and #107).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::config::Schedule;
use crate::worker::Worker;

/// A clock that goes back by less than this was adjusted, not set.
const CORRECTION_MAX: SignedDuration = SignedDuration::from_secs(1);
/// A clock that was set back is noticed at most this long after it shows the awaited time.
const BACKWARD_GRACE: Duration = Duration::from_secs(2);

/// When which worker is to run.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: Vec<Entry>,
    /// The latest time that was seen.
    seen: Timestamp,
}

/// A worker and its schedule.
#[derive(Debug)]
struct Entry {
    worker: Arc<Worker>,
    schedule: Schedule,
    /// When it is to run; none at the end of the calendar.
    due: Option<Timestamp>,
}

/// Chooses the jitter of a run: a delay of up to this.
pub(super) type Jitter = fn(Duration) -> Duration;

impl Agenda {
    /// An agenda of these workers. A schedule that is also in the agenda `before` keeps the time that it had chosen,
    /// unless the clock was set back since.
    pub(super) fn new(
        workers: impl IntoIterator<Item = (Arc<Worker>, Schedule)>,
        before: &Self,
        now: Timestamp,
        jitter: Jitter,
    ) -> Self {
        let is_set_back = before.is_set_back(now);
        let known: HashMap<_, _> = before.entries.iter().map(|entry| (entry.worker.pair(), entry)).collect();
        let entry = |(worker, schedule): (Arc<Worker>, Schedule)| {
            let same = known.get(worker.pair()).filter(|entry| !is_set_back && entry.schedule == schedule);
            let due = match same {
                Some(entry) => entry.due,
                None => following(&schedule, now, jitter),
            };
            worker.entry.set_next_run(due);
            Entry { worker, schedule, due }
        };
        Self { entries: workers.into_iter().map(entry).collect(), seen: now }
    }

    /// The time at which something is to be done next.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.entries.iter().filter_map(|entry| entry.due).min()
    }

    /// The mirror that runs first, and when.
    pub(super) fn first(&self) -> Option<(&str, Timestamp)> {
        let due = self.entries.iter().filter_map(|entry| Some((entry, entry.due?)));
        let (entry, due) = due.min_by_key(|(_, due)| *due)?;
        Some((&entry.worker.pair().mirror, due))
    }

    /// Fires the triggers whose time has come, each once, and chooses their next times.
    pub(super) fn fire(&mut self, now: Timestamp, jitter: Jitter) {
        let is_set_back = self.is_set_back(now);
        self.seen = now;
        for Entry { worker, schedule, due } in &mut self.entries {
            let is_due = due.is_some_and(|due| due <= now);
            if is_due {
                worker.trigger.fire();
            }
            if is_due || is_set_back {
                *due = following(schedule, now, jitter);
                worker.entry.set_next_run(*due);
            }
        }
    }
}

impl Agenda {
    fn is_set_back(&self, now: Timestamp) -> bool {
        self.seen.duration_since(now) > CORRECTION_MAX
    }
}

fn following(schedule: &Schedule, now: Timestamp, jitter: Jitter) -> Option<Timestamp> {
    let time = schedule.next(now)?.timestamp();
    Some(time.saturating_add(jitter(schedule.jitter)).unwrap_or(time))
}

/// Waits for times of the wall clock.
pub(super) struct Clock(JobScheduler);

impl Clock {
    /// Starts it. It looks at the wall clock every half a second.
    pub(super) async fn start() -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        scheduler.start().await?;
        Ok(Self(scheduler))
    }

    /// Fires the triggers of an agenda for ever. `fired` is called after each round. Cancel safe.
    pub(super) async fn keep(
        &self,
        agenda: &mut Agenda,
        jitter: Jitter,
        fired: impl Fn(),
    ) -> JobSchedulerError {
        loop {
            let woken = match agenda.next() {
                Some(time) => self.reaches(time).await,
                None => std::future::pending().await,
            };
            if let Err(error) = woken {
                return error;
            }
            agenda.fire(Timestamp::now(), jitter);
            fired();
        }
    }

    /// Returns when the wall clock shows this time; a little later when it was set back meanwhile.
    ///
    /// Dropped, it leaves an alarm behind that rings unheard.
    async fn reaches(&self, time: Timestamp) -> Result<(), JobSchedulerError> {
        let rest = until(time);
        if rest > Duration::from_secs(1) {
            let alarm = Arc::new(Notify::new());
            let ring = Arc::clone(&alarm);
            self.0.add(Job::new_one_shot(rest, move |_, _| ring.notify_one())?).await?;
            tokio::select! {
                () = alarm.notified() => {}
                () = tokio::time::sleep(rest + BACKWARD_GRACE) => return Ok(()),
            }
        }
        // An alarm is cut to whole seconds: it rings up to one too early.
        tokio::time::sleep(until(time).min(BACKWARD_GRACE)).await;
        Ok(())
    }
}

/// How long it is until then; zero where that has passed.
fn until(time: Timestamp) -> Duration {
    time.duration_since(Timestamp::now()).try_into().unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::worker;

    use super::*;

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    /// Mirrors with these schedules in YAML, by name.
    fn scheduled(schedules: &[(&str, &str)]) -> Vec<(Arc<Worker>, Schedule)> {
        let mirror = |(name, schedule): &(&str, &str)| {
            format!(
                "  - {{name: {name}, source: quay.io/a/b, target: registry.test/a/{name}, \
                 tags: [{{match: .}}], schedule: {schedule}}}\n"
            )
        };
        let yaml = format!("mirrors:\n{}", schedules.iter().map(mirror).collect::<String>());
        let config = Config::parse("test.yaml", &yaml, &|_| None).unwrap();
        let workers = worker::sample(&config.mirrors);
        let schedules = config.mirrors.into_iter().filter_map(|mirror| mirror.schedule);
        workers.all().into_iter().zip(schedules).collect()
    }

    fn none(_: Duration) -> Duration {
        Duration::ZERO
    }

    fn all(max: Duration) -> Duration {
        max
    }

    fn agenda(schedules: &[(&str, &str)], now: &str) -> Agenda {
        Agenda::new(scheduled(schedules), &Agenda::default(), at(now), none)
    }

    /// Which passes have been asked for after firing what is due: mirror and number.
    fn asked(agenda: &mut Agenda, now: &str) -> Vec<String> {
        agenda.fire(at(now), none);
        let asked = agenda.entries.iter().filter(|entry| entry.worker.trigger.is_asked());
        asked.map(|entry| entry.worker.pair().mirror.clone()).collect()
    }

    const HOURLY: (&str, &str) = ("hourly", "{cron: 0 * * * *}");
    const DAILY: (&str, &str) = ("daily", "{cron: 30 12 * * *}");

    #[test]
    fn the_earliest_time_is_waited_for_and_only_what_is_due_is_fired() {
        let mut agenda = agenda(&[DAILY, HOURLY], "2026-11-24T11:20:00Z");
        assert_eq!(agenda.next(), Some(at("2026-11-24T12:00:00Z")));
        assert_eq!(asked(&mut agenda, "2026-11-24T11:59:59Z"), [""; 0]);
        assert_eq!(asked(&mut agenda, "2026-11-24T12:00:00Z"), ["hourly"]);
        assert_eq!(agenda.next(), Some(at("2026-11-24T12:30:00Z")));
        assert_eq!(asked(&mut agenda, "2026-11-24T12:30:00.2Z"), ["daily", "hourly"]);
        assert_eq!(agenda.next(), Some(at("2026-11-24T13:00:00Z")));
    }

    #[test]
    fn times_that_a_jump_forward_skipped_are_one_run() {
        let mut agenda = agenda(&[HOURLY], "2026-11-24T11:20:00Z");
        assert_eq!(asked(&mut agenda, "2026-11-26T05:10:00Z"), ["hourly"]);
        assert_eq!(agenda.next(), Some(at("2026-11-26T06:00:00Z")));
        assert_eq!(agenda.entries[0].worker.trigger.fire(), 1);
    }

    #[test]
    fn after_a_jump_back_schedules_are_counted_from_the_new_time() {
        let mut agenda = agenda(&[HOURLY, DAILY], "2026-11-24T11:20:00Z");
        assert_eq!(asked(&mut agenda, "2026-11-23T08:10:00Z"), [""; 0]);
        assert_eq!(agenda.next(), Some(at("2026-11-23T09:00:00Z")));
        assert_eq!(agenda.entries[1].due, Some(at("2026-11-23T12:30:00Z")));
    }

    #[test]
    fn a_correction_of_the_clock_moves_no_time() {
        let mut agenda = Agenda::new(
            scheduled(&[("a", "{cron: 0 * * * *, jitter: 10m}")]),
            &Agenda::default(),
            at("2026-11-24T12:00:05Z"),
            all,
        );
        agenda.fire(at("2026-11-24T12:00:04.5Z"), none);
        assert_eq!(agenda.next(), Some(at("2026-11-24T13:10:00Z")));
    }

    #[test]
    fn a_reload_keeps_times_of_schedules_that_stay() {
        let jittered = ("a", "{cron: 0 * * * *, jitter: 10m}");
        let before = Agenda::new(scheduled(&[jittered]), &Agenda::default(), at("2026-11-24T11:50:00Z"), all);
        // Between the time and its jittered start.
        let now = at("2026-11-24T12:05:00Z");
        let after = Agenda::new(scheduled(&[jittered]), &before, now, all);
        assert_eq!(after.next(), Some(at("2026-11-24T12:10:00Z")));
        let changed = Agenda::new(scheduled(&[("a", "{cron: 7 * * * *}")]), &before, now, all);
        assert_eq!(changed.next(), Some(at("2026-11-24T12:07:00Z")));
    }

    #[test]
    fn a_reload_after_a_jump_back_keeps_no_time_of_the_future() {
        let before = agenda(&[DAILY], "2026-11-24T11:20:00Z");
        let after = Agenda::new(scheduled(&[DAILY]), &before, at("2026-11-21T08:00:00Z"), none);
        assert_eq!(after.next(), Some(at("2026-11-21T12:30:00Z")));
    }

    #[tokio::test]
    async fn the_clock_fires_in_time() {
        let clock = Clock::start().await.unwrap();
        for millis in [0, 300, 1400] {
            let time = Timestamp::now() + SignedDuration::from_millis(millis);
            clock.reaches(time).await.unwrap();
            assert!(Timestamp::now() >= time);
        }
    }
}
