//! Stories of passes, for the tests of everything that is a form of a record.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::config::{Config, Endpoint, Mirror};
use crate::event::fault;
use crate::event::{Blobs, Ending, Event, MirrorSummary, Observer, Pair, Root, Step, TagSummary};
use crate::oci::{Digest, Reference};

pub(crate) use crate::event::{Action, Arrival, EventKind, Exchange, PassId, RunOutcome, TagOutcome};

/// A ledger, and passes over its mirrors.
pub(crate) struct Story {
    pub(crate) ledger: Ledger,
    /// The wall clock.
    pub(crate) now: Timestamp,
    /// The configuration by which passes are made.
    pub(crate) generation: u64,
    /// The passes that began.
    passes: u64,
}

pub(crate) fn tag(text: &str) -> Reference {
    text.parse().unwrap()
}

/// Mirrors of these names.
pub(crate) fn mirrors(names: &[&str]) -> Vec<Mirror> {
    let yaml = "mirrors: [{source: source.test/a, target: target.test/a, tags: [{match: .}]}]";
    let config = Config::parse("test.yaml", yaml, &|_| None).unwrap();
    let mirror = |name: &&str| Mirror { name: (*name).to_owned(), ..config.mirrors[0].clone() };
    names.iter().map(mirror).collect()
}

/// Another source or target than the mirrors have.
pub(crate) fn elsewhere() -> Endpoint {
    Endpoint::Layout { dir: "elsewhere".into(), name: None }
}

/// A mirror of this name of which nothing is known.
pub(crate) fn record(name: &str) -> Record {
    Record::new(&mirrors(&[name])[0], 1, Timestamp::UNIX_EPOCH)
}

/// A pass that ended so.
pub(crate) fn finished(outcome: RunOutcome) -> MirrorSummary {
    MirrorSummary {
        name: "a".to_owned(),
        source: "source.test/a".to_owned(),
        sources: vec!["source.test/a".to_owned()],
        target: "target.test/a".to_owned(),
        outcome,
        error: None,
        selected: 0,
        tags: Vec::new(),
        warnings: Vec::new(),
        selection: None,
        notes: Vec::new(),
        ending: Ending::Finished,
    }
}

/// A tag that ended so.
pub(crate) fn summary(text: &str, outcome: TagOutcome) -> TagSummary {
    TagSummary {
        tag: tag(text),
        source_tag: None,
        digest: None,
        previous_digest: None,
        action: None,
        outcome: Some(outcome),
        reason: String::new(),
        bytes: 0,
        blobs: Blobs::default(),
        error: (outcome == TagOutcome::Failed).then(|| fault::sample("503")),
    }
}

impl Story {
    pub(crate) fn of(names: &[&str]) -> Self {
        let now = "2026-09-01T00:00:00Z".parse().unwrap();
        let mut story = Self { ledger: Ledger::new(now), now, generation: 0, passes: 0 };
        story.reload(&mirrors(names));
        story
    }

    /// Takes another configuration.
    pub(crate) fn reload(&mut self, mirrors: &[Mirror]) -> Vec<Configured> {
        self.generation += 1;
        self.ledger.configure(mirrors, self.generation, self.now)
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Begins a pass over this mirror.
    pub(crate) fn start(&mut self, mirror: &str) -> PassId {
        self.passes += 1;
        let pair = Pair::new(mirror, &"target.test/a");
        let pass = PassId { pair, generation: self.generation, number: self.passes, retry: 0, tag: None };
        self.tell(&pass, EventKind::PassStarted);
        pass
    }

    pub(crate) fn tell<'a>(&self, pass: impl Into<Option<&'a PassId>>, kind: EventKind<'a>) {
        self.ledger.observe(&Event { at: self.now, pass: pass.into(), kind });
    }

    pub(crate) fn select(&self, pass: &PassId, selected: usize) {
        self.tell(pass, EventKind::TagsSelected { listed: 9, selected, newest_first: &[] });
    }

    pub(crate) fn plan(&self, pass: &PassId, steps: &[(&str, Action)], failed: &[&str]) {
        let step = |&(text, action): &(&str, Action)| Step {
            tag: tag(text),
            source_tag: text.parse().ok(),
            root: Root::Source(Digest::of(text.as_bytes())),
            previous: None,
            action,
            reason: String::new(),
        };
        let steps: Vec<_> = steps.iter().map(step).collect();
        let failed: Vec<_> = failed.iter().map(|tag| summary(tag, TagOutcome::Failed)).collect();
        let stored = &BTreeMap::new();
        self.tell(pass, EventKind::TagsPlanned { steps: &steps, failed: &failed, stored });
    }

    pub(crate) fn start_tag(&self, pass: &PassId, text: &str) {
        self.tell(pass, EventKind::TagStarted { tag: &tag(text) });
    }

    pub(crate) fn copy(&self, pass: &PassId, text: &str, bytes: u64) {
        let (tag, digest) = (&tag(text), Digest::of(b"blob"));
        self.tell(pass, EventKind::BytesCopied { tag, digest, bytes });
    }

    pub(crate) fn arrive(&self, pass: &PassId, text: &str, arrival: Arrival) {
        let (tag, digest) = (&tag(text), Digest::of(b"blob"));
        self.tell(pass, EventKind::BlobArrived { tag, digest, size: 4, arrival });
    }

    pub(crate) fn finish_tag(&self, pass: &PassId, text: &str, outcome: TagOutcome) {
        self.tell(pass, EventKind::TagFinished { summary: &summary(text, outcome) });
    }

    pub(crate) fn finish(&self, pass: &PassId, outcome: RunOutcome) {
        self.end(pass, &finished(outcome));
    }

    /// Ends a pass with this summary, after as much time as passed on the wall clock.
    pub(crate) fn end(&self, pass: &PassId, summary: &MirrorSummary) {
        let started =
            self.record(&pass.pair.mirror).progress.map_or(self.now, |progress| progress.started_at);
        let took = self.now.duration_since(started).unsigned_abs();
        self.tell(pass, EventKind::PassFinished { summary, took });
    }

    /// Makes a pass over a mirror at once.
    pub(crate) fn pass(&mut self, mirror: &str, outcome: RunOutcome) {
        let pass = self.start(mirror);
        self.finish(&pass, outcome);
    }

    #[track_caller]
    pub(crate) fn record(&self, mirror: &str) -> Record {
        let entries = self.ledger.entries();
        entries.iter().find(|entry| entry.pair.mirror == mirror).unwrap().record(self.now)
    }
}
