//! Is the mirror fresh? The answer in one sentence.

use jiff::Timestamp;

use crate::event::{Pair, RunOutcome};
use crate::ledger::{Freshness, Glance, Record, State};
use crate::worker::Worker;

/// How a mirror is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Health {
    /// Its last pass failed.
    Failing,
    /// The pass under way does not move.
    Stuck,
    /// A success was due and did not come.
    Late,
    /// Its target lacks tags that the source has.
    Behind,
    /// No pass has ended yet.
    Unknown,
    /// The target had all that was selected when its last pass ended, and the next one is not due.
    Fresh,
}

/// What the verdict needs to know of a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) pair: Pair,
    pub(super) health: Health,
    pub(super) state: State,
    pub(super) is_scheduled: bool,
}

impl Standing {
    #[cfg(test)]
    pub(super) fn of(record: &Record, now: Timestamp) -> Self {
        Self {
            pair: record.pair(),
            health: Health::of(record, now),
            state: record.state,
            is_scheduled: record.schedule.is_some(),
        }
    }

    pub(super) fn of_worker(worker: &Worker, now: Timestamp) -> Self {
        let glance = worker.entry.glance();
        Self {
            pair: worker.pair().clone(),
            health: Health::of_glance(glance, now),
            state: worker.state(),
            is_scheduled: glance.is_scheduled,
        }
    }
}

impl Health {
    /// All of them, the worst first.
    const ALL: [Self; 6] = [Self::Failing, Self::Stuck, Self::Late, Self::Behind, Self::Unknown, Self::Fresh];

    /// The one of this name in `style.css` and in addresses.
    pub(super) fn of_class(class: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|health| health.class() == class)
    }

    pub(super) fn of(record: &Record, now: Timestamp) -> Self {
        Self::of_glance(Glance::of(record), now)
    }

    fn of_glance(glance: Glance, now: Timestamp) -> Self {
        let verdict = glance.verdict(now);
        match (glance.last_outcome, glance.stale) {
            (Some(RunOutcome::Failed), _) => Self::Failing,
            _ if verdict.stuck_since.is_some() => Self::Stuck,
            _ if verdict.freshness == Freshness::Late => Self::Late,
            (_, Some(1..)) => Self::Behind,
            (None, _) => Self::Unknown,
            (Some(_), _) => Self::Fresh,
        }
    }

    /// The words for it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Unknown => "not known yet",
            other => other.class(),
        }
    }

    /// Its name in `style.css`.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Stuck => "stuck",
            Self::Late => "late",
            Self::Behind => "behind",
            Self::Unknown => "unknown",
            Self::Fresh => "fresh",
        }
    }

    /// A mark beside the word; no two have the same shape.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Self::Failing => "✕",
            Self::Stuck => "‖",
            Self::Late => "!",
            Self::Behind => "↓",
            Self::Unknown => "…",
            Self::Fresh => "✓",
        }
    }
}

/// Puts mirrors in the order in which a page shows them: the worst first, else that of the configuration.
pub(super) fn worst_first<T>(
    mirrors: impl Iterator<Item = T>,
    standing: impl Fn(&T) -> Standing,
) -> Vec<(Standing, T)> {
    let mut mirrors: Vec<_> = mirrors.map(|mirror| (standing(&mirror), mirror)).collect();
    mirrors.sort_by_key(|(standing, _)| standing.health);
    mirrors
}

/// The answer for all mirrors that a page shows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict<'a> {
    /// The health of the worst.
    pub(super) health: Health,
    /// The sentence.
    pub(super) sentence: String,
    /// Those of which something is wrong, the worst first.
    pub(super) troubled: Vec<&'a Standing>,
    /// How many are of which health, where there are any.
    pub(super) counts: Vec<(Health, usize)>,
    pub(super) running: usize,
    pub(super) waiting: usize,
}

impl<'a> Verdict<'a> {
    pub(super) fn new(standings: &'a [Standing]) -> Self {
        let count = |health| standings.iter().filter(|standing| standing.health == health).count();
        let in_state = |state| standings.iter().filter(|standing| standing.state == state).count();
        let counts = Health::ALL.map(|health| (health, count(health)));
        let mut troubled: Vec<_> =
            standings.iter().filter(|standing| standing.health <= Health::Behind).collect();
        troubled.sort_by_key(|standing| standing.health);
        let running = in_state(State::Running);
        let health = standings.iter().map(|standing| standing.health).min().unwrap_or(Health::Unknown);
        Self {
            health,
            sentence: sentence(standings, &counts, running) + unasked(standings),
            troubled,
            counts: counts.into_iter().filter(|&(_, count)| count > 0).collect(),
            running,
            waiting: in_state(State::Waiting),
        }
    }
}

/// What is said where nothing runs by itself, and nothing runs now.
fn unasked(standings: &[Standing]) -> &'static str {
    let is_idle = |standing: &Standing| !standing.is_scheduled && standing.state == State::Idle;
    match standings {
        [] => "",
        [only] if is_idle(only) => ": it has no schedule and runs only when asked",
        many if many.iter().all(is_idle) => ": none has a schedule, they run only when asked",
        _ => "",
    }
}

fn sentence(standings: &[Standing], counts: &[(Health, usize)], running: usize) -> String {
    let all = standings.len();
    if let [only] = standings {
        let name = &only.pair.mirror;
        return match only.health {
            Health::Unknown if running > 0 => format!("The first pass over {name} is under way"),
            Health::Unknown => format!("{name} waits for its first pass"),
            health => format!("{name} is {}", health.words()),
        };
    }
    let are = |count: usize| if count == 1 { "is" } else { "are" };
    let count = |wanted| counts.iter().find(|(health, _)| *health == wanted).map_or(0, |(_, count)| *count);
    let troubled = counts.iter().filter(|(health, count)| *health <= Health::Behind && *count > 0);
    let troubled: Vec<_> = troubled.map(|(health, count)| (health.words(), *count)).collect();
    match (&troubled[..], count(Health::Unknown), count(Health::Fresh)) {
        ([], 0, 0) => "There is no mirror".to_owned(),
        ([], _, 0) if running > 0 => format!("The first pass over {all} mirrors is under way"),
        ([], _, 0) => format!("{all} mirrors wait for their first pass"),
        ([], 0, _) => format!("All {all} mirrors are fresh"),
        ([], _, fresh) => {
            format!("{fresh} of {all} mirrors {} fresh, the others wait for their first pass", are(fresh))
        }
        ([(word, count)], ..) if *count == all => format!("All {all} mirrors are {word}"),
        ([(word, count), others @ ..], ..) => {
            let others = others.iter().map(|(word, count)| format!(", {count} {} {word}", are(*count)));
            format!("{count} of {all} mirrors {} {word}{}", are(*count), others.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(healths: &[Health], running: usize, expected: &str) {
        let standing = |(index, health): (usize, &Health)| Standing {
            pair: Pair::new(&format!("m{index}"), &"target.test/a"),
            health: *health,
            state: if index < running { State::Running } else { State::Idle },
            is_scheduled: true,
        };
        let standings: Vec<_> = healths.iter().enumerate().map(standing).collect();
        assert_eq!(Verdict::new(&standings).sentence, expected);
    }

    use Health::{Behind, Failing, Fresh, Unknown};

    #[test]
    fn one_sentence_answers_whether_all_is_fresh() {
        check(&[], 0, "There is no mirror");
        check(&[Fresh; 12], 1, "All 12 mirrors are fresh");
        check(&[Behind, Fresh, Behind], 0, "2 of 3 mirrors are behind");
        check(&[Failing, Fresh, Unknown], 0, "1 of 3 mirrors is failing");
        check(&[Failing, Failing], 0, "All 2 mirrors are failing");
        check(&[Failing, Behind, Behind, Fresh], 0, "1 of 4 mirrors is failing, 2 are behind");
    }

    #[test]
    fn what_no_pass_has_found_out_is_said_to_be_unknown() {
        check(&[Unknown; 3], 0, "3 mirrors wait for their first pass");
        check(&[Unknown; 3], 1, "The first pass over 3 mirrors is under way");
        check(&[Fresh, Unknown, Unknown], 1, "1 of 3 mirrors is fresh, the others wait for their first pass");
    }

    #[test]
    fn a_single_mirror_is_called_by_its_name() {
        check(&[Fresh], 0, "m0 is fresh");
        check(&[Failing], 1, "m0 is failing");
        check(&[Behind], 1, "m0 is behind");
        check(&[Unknown], 0, "m0 waits for its first pass");
        check(&[Unknown], 1, "The first pass over m0 is under way");
    }

    #[test]
    fn mirrors_that_never_run_by_themselves_are_told() {
        let standing = |name, is_scheduled| Standing {
            pair: Pair::new(name, &"target.test/a"),
            health: Unknown,
            state: State::Idle,
            is_scheduled,
        };
        let sentence = |standings: &[Standing]| Verdict::new(standings).sentence;
        assert_eq!(
            sentence(&[standing("a", false)]),
            "a waits for its first pass: it has no schedule and runs only when asked"
        );
        assert_eq!(
            sentence(&[standing("a", false), standing("b", false)]),
            "2 mirrors wait for their first pass: none has a schedule, they run only when asked"
        );
        assert_eq!(
            sentence(&[standing("a", false), standing("b", true)]),
            "2 mirrors wait for their first pass"
        );
    }

    #[test]
    fn the_worst_come_first() {
        let standing = |name: &str, health| Standing {
            pair: Pair::new(name, &"target.test/a"),
            health,
            state: State::Idle,
            is_scheduled: true,
        };
        let standings = [standing("a", Behind), standing("b", Fresh), standing("c", Failing)];
        let verdict = Verdict::new(&standings);
        assert_eq!(verdict.health, Failing);
        assert_eq!(verdict.troubled, [&standings[2], &standings[0]]);
        assert_eq!(verdict.counts, [(Failing, 1), (Behind, 1), (Fresh, 1)]);
    }
}
