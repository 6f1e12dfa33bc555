//! Signs of life for whoever watches that they come: `URL/start`, `URL` and `URL/fail`, as healthchecks.io has them.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderMap, Method};
use jiff::Timestamp;
use tokio::sync::watch;
use tracing::{debug, error, warn};

use crate::config;
use crate::config::SecretUrl;
use crate::event::RunOutcome;
use crate::ledger::{Failure, Freshness, Glance, Ledger, Record};
use crate::sender::{Patience, Sender};
use crate::text::{chain, cut};

/// Of a failure, so much is sent: others keep the first 10 kB.
const TEXT_MAX_CHARS: usize = 4000;

/// A sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// A run or a pass began.
    Start,
    /// All is well with every mirror that is meant.
    Success,
    /// Something is not, in these words.
    Fail(String),
}

/// Where signs go in.
pub(super) struct Heart {
    mirrors: Option<BTreeSet<String>>,
    signs: watch::Sender<Signs>,
}

/// Where they come out.
pub(super) struct Pulse {
    url: SecretUrl,
    signs: watch::Receiver<Signs>,
}

/// The newest start and the newest end, numbered together from 1. While the other side does not answer, they take the place of
/// those that wait: the last thing that it hears has to be how it is now.
#[derive(Clone, Debug, Default)]
struct Signs {
    start: u64,
    /// A success or a failure.
    end: Option<(u64, Beat)>,
}

impl Signs {
    fn newest(&self) -> u64 {
        self.start.max(self.end.as_ref().map_or(0, |(number, _)| *number))
    }

    fn add(&mut self, beat: Beat) {
        let number = self.newest() + 1;
        match beat {
            Beat::Start => self.start = number,
            Beat::Success | Beat::Fail(_) => self.end = Some((number, beat)),
        }
    }

    /// Those after this number, in their order.
    fn after(&self, last: u64) -> Vec<Beat> {
        let both = self.end.iter().cloned().chain([(self.start, Beat::Start)]);
        let mut waiting: Vec<_> = both.filter(|(number, _)| *number > last).collect();
        waiting.sort_unstable_by_key(|(number, _)| *number);
        waiting.into_iter().map(|(_, beat)| beat).collect()
    }
}

pub(super) fn pair(config: config::Heartbeat) -> (Heart, Pulse) {
    let (sender, receiver) = watch::channel(Signs::default());
    (Heart { mirrors: config.mirrors, signs: sender }, Pulse { url: config.url, signs: receiver })
}

impl Heart {
    /// Whether it is about this mirror.
    pub(super) fn is_about(&self, mirror: &str) -> bool {
        self.mirrors.as_ref().is_none_or(|mirrors| mirrors.contains(mirror))
    }

    pub(super) fn start(&self) {
        self.offer(Beat::Start);
    }

    /// Says how all of its mirrors are.
    pub(super) fn tell(&self, ledger: &Ledger, now: Timestamp) {
        let all = ledger.entries();
        let meant = all.iter().filter(|entry| self.is_about(&entry.pair.mirror));
        // A copy of a record takes a while, and most mirrors are well.
        let unwell = meant.filter(|entry| is_unwell(&entry.glance(), now));
        let troubles: Vec<_> = unwell.filter_map(|entry| trouble(&entry.record(now))).collect();
        self.offer(if troubles.is_empty() {
            Beat::Success
        } else {
            Beat::Fail(cut(&troubles.join("\n"), TEXT_MAX_CHARS))
        });
    }

    fn offer(&self, beat: Beat) {
        self.signs.send_modify(|signs| signs.add(beat));
    }
}

/// Whether [`trouble`] has anything to say.
fn is_unwell(glance: &Glance, now: Timestamp) -> bool {
    glance.last_outcome == Some(RunOutcome::Failed) || glance.verdict(now).freshness == Freshness::Late
}

/// What is wrong with a mirror. One that is not known yet is well as long as no success was due.
fn trouble(record: &Record) -> Option<String> {
    let Record { name, target, last_run, verdict, .. } = record;
    let failed = last_run.as_ref().filter(|run| run.outcome == RunOutcome::Failed);
    if let Some(run) = failed {
        let of_tag = || {
            let Failure { tag: Some(tag), error, .. } = record.failures.first()? else { return None };
            let more = run.failed.saturating_sub(1);
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            Some(format!("tag {tag}: {error}{more}"))
        };
        let why = run.error.as_ref().map(ToString::to_string).or_else(of_tag);
        return Some(format!("{name} to {target}: {}", why.unwrap_or_else(|| "failed".to_owned())));
    }
    let late_at = verdict.late_at.filter(|_| verdict.freshness == Freshness::Late)?;
    Some(format!("{name} to {target}: late since {late_at:.0}"))
}

impl Pulse {
    /// Sends what comes until nothing can come any more.
    pub(super) async fn run(self, patience: Patience) {
        let Self { url, mut signs } = self;
        let origin = url.origin();
        let place = format!("the heartbeats at {origin}");
        let sender = match Sender::new(url.clone(), HeaderMap::new(), patience.answer) {
            Ok(sender) => sender,
            Err(error) => return error!("No heartbeat is sent to {origin}: {}", chain(&error)),
        };
        let mut last = 0;
        while signs.changed().await.is_ok() {
            let waiting = signs.borrow_and_update().clone();
            for beat in waiting.after(last) {
                let (word, url, text) = match beat {
                    Beat::Start => ("start", url.below(&["start"]), String::new()),
                    Beat::Success => ("success", url.clone(), String::new()),
                    Beat::Fail(text) => ("fail", url.below(&["fail"]), text),
                };
                let sender = sender.to(url);
                // A start that is late would reach the other side after its end.
                let patience =
                    if word == "start" { Patience { total: Duration::ZERO, ..patience } } else { patience };
                let sent =
                    async || sender.send(Method::POST, "text/plain; charset=utf-8", text.clone()).await;
                match patience.send(&place, sent).await {
                    Ok(()) => debug!("Sent the heartbeat `{word}` to {origin}"),
                    Err(error) => warn!("Could not send the heartbeat `{word}` to {origin}: {error}"),
                }
            }
            last = waiting.newest();
        }
    }

    #[cfg(test)]
    pub(super) fn waiting(self) -> Vec<Beat> {
        self.signs.borrow().after(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::ledger::samples::Story;

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let yaml = "mirrors: [{source: quay.io/a, target: 'oci:a', tags: [{match: .}]}]\n\
                    notices: [{heartbeat: {url: 'https://life.test/a'}}]";
        let config = Config::parse("test.yaml", yaml, &|_| None).unwrap();
        let (heart, pulse) = pair(config.heartbeats[0].clone());
        // Each character has four bytes.
        let name = "\u{1d11e}".repeat(2 * TEXT_MAX_CHARS);
        let mut story = Story::of(&[&name]);
        story.pass(&name, RunOutcome::Failed);
        for _ in 0..100 {
            heart.tell(&story.ledger, story.now);
        }
        let size = |beat: &Beat| if let Beat::Fail(text) = beat { text.len() } else { 0 };
        let waiting: usize = pulse.waiting().iter().map(size).sum();
        assert!((15 * 1024..=16 * 1024).contains(&waiting), "{waiting}");
    }

    #[test]
    fn the_newest_start_and_the_newest_end_wait_in_their_order() {
        let fail = || Beat::Fail("503".to_owned());
        for (beats, waiting) in [
            (vec![Beat::Start], vec![Beat::Start]),
            (vec![Beat::Start, Beat::Success], vec![Beat::Start, Beat::Success]),
            (vec![Beat::Success, Beat::Start, fail()], vec![Beat::Start, fail()]),
            (vec![fail(), Beat::Start], vec![fail(), Beat::Start]),
            (vec![Beat::Start, fail(), Beat::Start, Beat::Success], vec![Beat::Start, Beat::Success]),
        ] {
            let mut signs = Signs::default();
            for beat in beats {
                signs.add(beat);
            }
            assert_eq!(signs.after(0), waiting);
            assert_eq!(signs.after(signs.newest()), []);
        }
        let mut signs = Signs::default();
        signs.add(fail());
        let sent = signs.newest();
        signs.add(Beat::Start);
        assert_eq!(signs.after(sent), [Beat::Start]);
    }

    #[test]
    fn a_glance_knows_who_is_in_trouble() {
        let mut story = Story::of(&["a", "b", "c"]);
        story.pass("a", RunOutcome::Failed);
        story.pass("b", RunOutcome::Succeeded);
        for entry in story.ledger.entries() {
            let is_in_trouble = trouble(&entry.record(story.now)).is_some();
            assert_eq!(is_unwell(&entry.glance(), story.now), is_in_trouble, "{}", entry.pair.mirror);
        }
    }
}
