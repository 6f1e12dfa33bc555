//! Progress as log lines, where there is no terminal to draw on.
//!
//! The lines go the way of all logs, so that levels, the format and the place are the same for all of them.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use crate::event::{Ending, Event, EventKind, Fault, MirrorSummary, Observer, Side, TagOutcome, TagSummary};
use crate::oci::Reference;
use crate::report::transfers::Transfers;
use crate::report::units::{Bytes, Span};

/// A copy that takes longer says how far it is, again and again after this time.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Logs what happens.
#[derive(Debug, Default)]
pub struct Lines {
    transfers: Transfers<Transfer>,
}

/// How far a copy is.
#[derive(Debug)]
struct Transfer {
    started: Instant,
    /// Bytes to move, as far as known.
    size: AtomicU64,
    moved: AtomicU64,
    /// Milliseconds from the start to the heartbeat that is due.
    due: AtomicU64,
}

impl Observer for Lines {
    fn observe(&self, event: &Event<'_>) {
        let Some(pair) = event.pass.map(|pass| &pass.pair) else { return };
        let mirror = &*pair.mirror;
        match event.kind {
            EventKind::PassStarted => info!(mirror, "Looking at `{mirror}`"),
            EventKind::TagsSelected { listed, selected, .. } => {
                info!(mirror, listed, selected, "`{mirror}`: {selected} of {listed} tags selected");
            }
            EventKind::TagStarted { tag } => {
                self.transfers.insert(pair, tag, Transfer::new());
                debug!(mirror, %tag, "Copying {mirror}:{tag}");
            }
            EventKind::TagSized { tag, bytes } => {
                if let Some(transfer) = self.transfers.get(pair, tag) {
                    transfer.size.fetch_add(bytes, Relaxed);
                }
            }
            EventKind::BytesCopied { tag, bytes, .. } => {
                if let Some(transfer) = self.transfers.get(pair, tag) {
                    transfer.advance(mirror, tag, bytes);
                }
            }
            EventKind::TagFinished { summary } => {
                finish(mirror, summary, self.transfers.remove(pair, &summary.tag).as_deref());
            }
            EventKind::PassFinished { summary, .. } => finish_mirror(summary),
            EventKind::TagsPlanned { .. }
            | EventKind::BlobQueued { .. }
            | EventKind::BlobStarted { .. }
            | EventKind::BlobArrived { .. }
            | EventKind::Exchange(_) => {}
        }
    }
}

impl Transfer {
    fn new() -> Self {
        let due = AtomicU64::new(millis(HEARTBEAT));
        Self { started: Instant::now(), size: AtomicU64::default(), moved: AtomicU64::default(), due }
    }

    /// Counts bytes, and says so where the last word is too long ago.
    fn advance(&self, mirror: &str, tag: &Reference, bytes: u64) {
        let moved = self.moved.fetch_add(bytes, Relaxed) + bytes;
        let elapsed = self.started.elapsed();
        let due = self.due.load(Relaxed);
        // Chunks of several blobs come at once: the one that moves the due time speaks.
        let is_due = millis(elapsed) >= due
            && self.due.compare_exchange(due, millis(elapsed + HEARTBEAT), Relaxed, Relaxed).is_ok();
        if is_due {
            let (size, took) = (self.size.load(Relaxed), Span(elapsed));
            let progress = format!("{} of {} after {took}", Bytes(moved), Bytes(size));
            info!(mirror, %tag, bytes = moved, size, "Copying {mirror}:{tag}: {progress}");
        }
    }
}

fn finish(mirror: &str, summary: &TagSummary, transfer: Option<&Transfer>) {
    let TagSummary { tag, outcome, bytes, error, .. } = summary;
    let took = transfer.map(|transfer| transfer.started.elapsed()).unwrap_or_default();
    let seconds = (took.as_secs_f64() * 1000.0).round() / 1000.0;
    match outcome {
        Some(TagOutcome::Copied) => {
            let what = format!("{} in {}", Bytes(*bytes), Span(took));
            info!(mirror, %tag, bytes, seconds, "Copied {mirror}:{tag}: {what}");
        }
        Some(TagOutcome::Failed) => {
            let Logged { side, request_id, error, what } = Logged::of(error.as_ref());
            error!(mirror, %tag, side, request_id, error, "Could not copy {mirror}:{tag}: {what}");
        }
        // Thousands of tags may be of this kind: the mirror's last line counts them.
        Some(TagOutcome::NotStarted) => debug!(mirror, %tag, "Not started {mirror}:{tag}"),
        Some(TagOutcome::UpToDate) | None => debug!(mirror, %tag, "Up to date {mirror}:{tag}"),
    }
}

fn finish_mirror(summary: &MirrorSummary) {
    let mirror = summary.name.as_str();
    for warning in &summary.warnings {
        warn!(mirror, code = warning.code, rule = warning.rule, "`{mirror}`: {warning}");
    }
    if summary.ending == Ending::Planned && summary.error.is_none() {
        info!(mirror, tags = summary.tags.len(), "Planned `{mirror}`");
        return;
    }
    let [copied, up_to_date, failed, not_started] =
        [TagOutcome::Copied, TagOutcome::UpToDate, TagOutcome::Failed, TagOutcome::NotStarted]
            .map(|outcome| summary.count(outcome));
    let untried = if not_started > 0 { format!(", {not_started} not started") } else { String::new() };
    let counts = format!("{copied} copied, {up_to_date} up to date, {failed} failed{untried}");
    let Some(fault) = &summary.error else {
        info!(mirror, copied, up_to_date, failed, not_started, "Done `{mirror}`: {counts}");
        return;
    };
    // What was told of a tag is not told again.
    let is_told = summary.tags.iter().any(|tag| tag.error.as_ref() == Some(fault));
    let Logged { side, request_id, error, what } = Logged::of(Some(fault));
    let (request_id, error) = (request_id.filter(|_| !is_told), error.filter(|_| !is_told));
    let cause = if is_told { String::new() } else { format!(": {what}") };
    let told = if summary.tags.is_empty() { String::new() } else { format!(" ({counts})") };
    error!(
        mirror,
        side,
        request_id,
        copied,
        up_to_date,
        failed,
        not_started,
        error,
        "Could not finish `{mirror}`{told}{cause}"
    );
}

/// What logs have of a fault.
#[derive(Default)]
struct Logged<'a> {
    side: Option<&'static str>,
    request_id: Option<&'a str>,
    error: Option<String>,
    what: &'a str,
}

impl<'a> Logged<'a> {
    fn of(fault: Option<&'a Fault>) -> Self {
        let Some(fault) = fault else { return Self::default() };
        Self {
            side: fault.side.map(Side::as_str),
            request_id: fault.request_id.as_deref(),
            error: Some(fault.to_string()),
            what: fault.headline(),
        }
    }
}

/// Milliseconds; those of half a billion years and more are too many to matter.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use crate::event::fault;
    use crate::report::samples;

    use super::*;
    use crate::oci::Digest;

    /// The lines that are logged meanwhile, without times.
    fn logged(act: impl FnOnce()) -> String {
        let text = Text::default();
        let writer = text.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .finish();
        tracing::subscriber::with_default(subscriber, act);
        String::from_utf8(text.0.lock().unwrap().clone()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_is_told_in_lines() {
        let (pass, lines) = (samples::pass("java/jdk"), Lines::default());
        let tell = |kind: EventKind<'_>| lines.observe(&samples::event(&pass, kind));
        let finish =
            |summary: &MirrorSummary| tell(EventKind::PassFinished { summary, took: Duration::ZERO });
        let mut summary = samples::run().mirrors.remove(0);
        let told = logged(|| {
            tell(EventKind::PassStarted);
            tell(EventKind::TagsSelected { listed: 40, selected: 3, newest_first: &[] });
            for tag in &summary.tags {
                tell(EventKind::TagStarted { tag: &tag.tag });
                tell(EventKind::TagFinished { summary: tag });
            }
            finish(&summary);
            finish(&samples::plan().mirrors[0]);
            summary.error = Some(fault::sample("stopped before its end"));
            finish(&summary);
        });
        insta::assert_snapshot!(told, @r#"
         INFO Looking at `java/jdk` mirror="java/jdk"
         INFO `java/jdk`: 3 of 40 tags selected mirror="java/jdk" listed=40 selected=3
         INFO Copied java/jdk:21.0.7: 180.2 MiB in 0.0 s mirror="java/jdk" tag=21.0.7 bytes=188951345 seconds=0.0
        ERROR Could not copy java/jdk:21: source: cannot read the manifest: GET https://a.example/v2/x: 503 mirror="java/jdk" tag=21 error="source: cannot read the manifest: GET https://a.example/v2/x: 503\nhint: try later"
         INFO Done `java/jdk`: 1 copied, 1 up to date, 1 failed mirror="java/jdk" copied=1 up_to_date=1 failed=1 not_started=0
         INFO Planned `java/jdk` mirror="java/jdk" tags=4
        ERROR Could not finish `java/jdk` (1 copied, 1 up to date, 1 failed): stopped before its end mirror="java/jdk" copied=1 up_to_date=1 failed=1 not_started=0 error="stopped before its end"
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn tags_that_nobody_started_are_one_number_and_a_cause_is_told_once() {
        let (pass, lines) = (samples::pass("java/jdk"), Lines::default());
        let tell = |kind: EventKind<'_>| lines.observe(&samples::event(&pass, kind));
        let mut summary = samples::mirror("java/jdk");
        summary.error = Some(fault::sample("403 Forbidden"));
        summary.tags = vec![samples::failed("21", "403 Forbidden")];
        summary.tags.extend((0..1000).map(|update| TagSummary {
            outcome: Some(TagOutcome::NotStarted),
            ..samples::failed(&format!("21.0.{update}"), "not started: access was denied for tag 21")
        }));
        let told = logged(|| {
            for tag in &summary.tags {
                tell(EventKind::TagFinished { summary: tag });
            }
            tell(EventKind::PassFinished { summary: &summary, took: Duration::ZERO });
        });
        insta::assert_snapshot!(told, @r#"
        ERROR Could not copy java/jdk:21: 403 Forbidden mirror="java/jdk" tag=21 error="403 Forbidden"
        ERROR Could not finish `java/jdk` (0 copied, 0 up to date, 1 failed, 1000 not started) mirror="java/jdk" copied=0 up_to_date=0 failed=1 not_started=1000
        "#);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_copy_says_every_half_minute_how_far_it_is() {
        let (pass, tag, lines) = (samples::pass("java/jdk"), &samples::tag("21.0.7"), Lines::default());
        let tell = |kind: EventKind<'_>| lines.observe(&samples::event(&pass, kind));
        tell(EventKind::TagStarted { tag });
        tell(EventKind::TagSized { tag, bytes: 4 << 30 });
        let mut told = String::new();
        for _ in 0..7 {
            tokio::time::advance(Duration::from_secs(10)).await;
            told += &logged(|| {
                tell(EventKind::BytesCopied { tag, digest: Digest::of(b"blob"), bytes: 100 << 20 });
            });
        }
        insta::assert_snapshot!(told, @r#"
        INFO Copying java/jdk:21.0.7: 300.0 MiB of 4.0 GiB after 30.0 s mirror="java/jdk" tag=21.0.7 bytes=314572800 size=4294967296
        INFO Copying java/jdk:21.0.7: 600.0 MiB of 4.0 GiB after 1 min 0 s mirror="java/jdk" tag=21.0.7 bytes=629145600 size=4294967296
        "#);
    }

    #[derive(Clone, Default)]
    struct Text(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Text {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}
