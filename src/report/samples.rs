//! What a run may leave behind, for the tests of everything that renders it.

use std::io;
use std::io::Write;

use jiff::Timestamp;

use crate::event::fault;
use crate::event::{
    Action, Blobs, Ending, Event, EventKind, MirrorSummary, Pair, PassId, RunOutcome, RunSummary, TagOutcome,
    TagSummary, Totals,
};
use crate::oci::{Digest, Reference};
use crate::report::run::RunReport;
use crate::select::{Rule, Selection, Spec, select};

/// What a report writes.
pub(super) fn text(write: impl Fn(&mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Has a report tell of a run.
pub(super) fn told(report: &mut dyn RunReport, out: &mut dyn Write, run: &RunSummary) -> io::Result<()> {
    run.mirrors.iter().try_for_each(|mirror| report.mirror(out, mirror.clone()))?;
    report.end(out, &RunSummary { mirrors: Vec::new(), ..run.clone() })
}

pub(super) fn tag(text: &str) -> Reference {
    text.parse().unwrap()
}

/// A pass over the mirror of this name.
pub(super) fn pass(mirror: &str) -> PassId {
    let target = format!("registry.test/oracle/{mirror}");
    PassId { pair: Pair { mirror: mirror.to_owned(), target }, generation: 1, number: 1, retry: 0, tag: None }
}

pub(super) fn event<'a>(pass: &'a PassId, kind: EventKind<'a>) -> Event<'a> {
    Event { at: Timestamp::UNIX_EPOCH, pass: Some(pass), kind }
}

/// A mirror without tags.
pub(super) fn mirror(name: &str) -> MirrorSummary {
    MirrorSummary {
        name: name.to_owned(),
        source: format!("container-registry.oracle.com/{name}"),
        sources: vec![format!("container-registry.oracle.com/{name}")],
        target: format!("registry.test/oracle/{name}"),
        outcome: RunOutcome::Succeeded,
        error: None,
        selected: 0,
        tags: Vec::new(),
        warnings: Vec::new(),
        selection: None,
        notes: Vec::new(),
        ending: Ending::Finished,
    }
}

fn planned(text: &str, action: Action, reason: &str) -> TagSummary {
    TagSummary {
        tag: tag(text),
        source_tag: None,
        digest: Some(Digest::of(text.as_bytes())),
        previous_digest: None,
        action: Some(action),
        outcome: None,
        reason: reason.to_owned(),
        bytes: 0,
        blobs: Blobs::default(),
        error: None,
    }
}

pub(super) fn copied(text: &str) -> TagSummary {
    TagSummary {
        outcome: Some(TagOutcome::Copied),
        bytes: 188_951_345,
        blobs: Blobs { uploaded: 3, mounted: 0, present: 2 },
        ..planned(text, Action::Copy, "missing in target")
    }
}

pub(super) fn up_to_date(text: &str) -> TagSummary {
    TagSummary { outcome: Some(TagOutcome::UpToDate), ..planned(text, Action::Skip, "target is equal") }
}

pub(super) fn failed(text: &str, error: &str) -> TagSummary {
    TagSummary {
        digest: None,
        action: None,
        outcome: Some(TagOutcome::Failed),
        error: Some(fault::sample(error)),
        ..planned(text, Action::Copy, "")
    }
}

/// A run of two mirrors, one of which failed.
pub(super) fn run() -> RunSummary {
    let mut jdk = mirror("java/jdk");
    jdk.outcome = RunOutcome::Failed;
    jdk.tags = vec![
        copied("21.0.7"),
        up_to_date("21.0.6"),
        failed("21", "source: cannot read the manifest: GET https://a.example/v2/x: 503\nhint: try later"),
    ];
    jdk.selected = 3;
    let mut database = mirror("database/free");
    database.outcome = RunOutcome::Failed;
    database.error = Some(fault::sample("cannot read the tags of the source: connection refused"));
    RunSummary {
        outcome: RunOutcome::Failed,
        started_at: "2026-09-01T00:00:00Z".parse().unwrap(),
        finished_at: "2026-09-01T00:03:05Z".parse::<Timestamp>().unwrap(),
        mirrors: vec![jdk, database],
        warnings: Vec::new(),
        totals: Totals { selected: 3, copied: 1, up_to_date: 1, failed: 1, bytes: 188_951_345, requests: 17 },
    }
}

/// What two rules say of a few tags: the newest two of 21, and `latest`.
pub(super) fn selection() -> Selection {
    let newest =
        Spec { pattern: r"^21\.".to_owned(), newest: Some(2.try_into().unwrap()), ..Spec::default() };
    let latest = Spec { pattern: "^latest$".to_owned(), ..Spec::default() };
    let rules = [newest, latest].map(|spec| Rule::new(spec).unwrap());
    let tags = ["21.0.5", "21.0.6", "21.0.7", "21.0.7-oraclelinux9", "21.0.8-ea", "8u491-b10", "latest"];
    select(&tags.map(|tag| tag.parse().unwrap()), &rules)
}

/// A plan of one mirror.
pub(super) fn plan() -> RunSummary {
    let mut jdk = mirror("java/jdk");
    jdk.outcome = RunOutcome::Failed;
    jdk.ending = Ending::Planned;
    jdk.selection = Some(selection());
    jdk.tags = vec![
        planned("21.0.7", Action::Copy, "missing in target"),
        planned("21.0.6", Action::Skip, "target is equal"),
        TagSummary {
            error: Some(fault::sample("conflict: its tags are immutable")),
            ..planned("21.0.7-oraclelinux9", Action::Conflict, "its tags are immutable")
        },
        TagSummary { outcome: None, ..failed("latest", "HEAD https://a.example/v2/x: 503") },
    ];
    RunSummary {
        totals: Totals { selected: 4, requests: 9, ..Totals::default() },
        mirrors: vec![jdk],
        ..run()
    }
}
