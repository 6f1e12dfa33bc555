//! Signs of life for whoever watches that they come: `URL/start`, `URL` and `URL/fail`, as healthchecks.io has them.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderMap, Method};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tracing::{debug, error, warn};

use crate::config;
use crate::config::SecretUrl;
use crate::event::RunOutcome;
use crate::ledger::{Failure, Freshness, Ledger, Record};
use crate::sender::{Patience, Sender};
use crate::text::{chain, cut};

/// Of a failure, so much is sent: others keep the first 10 kB.
const TEXT_MAX_CHARS: usize = 4000;
/// The most signs that wait. What is older than these means nothing any more.
const QUEUE_MAX: usize = 16;

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
    queue: mpsc::Sender<Beat>,
}

/// Where they come out.
pub(super) struct Pulse {
    url: SecretUrl,
    queue: mpsc::Receiver<Beat>,
}

pub(super) fn pair(config: config::Heartbeat) -> (Heart, Pulse) {
    let (sender, receiver) = mpsc::channel(QUEUE_MAX);
    (Heart { mirrors: config.mirrors, queue: sender }, Pulse { url: config.url, queue: receiver })
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
        let troubles: Vec<_> = meant.filter_map(|entry| trouble(&entry.record(now))).collect();
        self.offer(if troubles.is_empty() {
            Beat::Success
        } else {
            Beat::Fail(cut(&troubles.join("\n"), TEXT_MAX_CHARS))
        });
    }

    fn offer(&self, beat: Beat) {
        // Where there is no room somebody does not answer, which was logged.
        let _ = self.queue.try_send(beat);
    }
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
        let Self { url, mut queue } = self;
        let origin = url.origin();
        let place = format!("the heartbeats at {origin}");
        let sender = match Sender::new(url.clone(), HeaderMap::new(), patience.answer) {
            Ok(sender) => sender,
            Err(error) => return error!("No heartbeat is sent to {origin}: {}", chain(&error)),
        };
        while let Some(beat) = queue.recv().await {
            let (word, url, text) = match beat {
                Beat::Start => ("start", url.below(&["start"]), String::new()),
                Beat::Success => ("success", url.clone(), String::new()),
                Beat::Fail(text) => ("fail", url.below(&["fail"]), text),
            };
            let sender = sender.to(url);
            // A start that is late would reach the other side after its end.
            let patience =
                if word == "start" { Patience { total: Duration::ZERO, ..patience } } else { patience };
            let sent = async || sender.send(Method::POST, "text/plain; charset=utf-8", text.clone()).await;
            match patience.send(&place, sent).await {
                Ok(()) => debug!("Sent the heartbeat `{word}` to {origin}"),
                Err(error) => warn!("Could not send the heartbeat `{word}` to {origin}: {error}"),
            }
        }
    }

    #[cfg(test)]
    pub(super) fn waiting(mut self) -> Vec<Beat> {
        std::iter::from_fn(|| self.queue.try_recv().ok()).collect()
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
        for _ in 0..2 * QUEUE_MAX {
            heart.tell(&story.ledger, story.now);
        }
        let size = |beat: &Beat| if let Beat::Fail(text) = beat { text.len() } else { 0 };
        let waiting: usize = pulse.waiting().iter().map(size).sum();
        assert!((200 * 1024..=256 * 1024).contains(&waiting), "{waiting}");
    }
}
