//! The table of a run.

use std::io;
use std::io::Write;

use crate::event::{Blobs, Fault, MirrorSummary, RunOutcome, RunSummary, TagOutcome, TagSummary, Totals};
use crate::report::errors;
use crate::report::run::RunReport;
use crate::report::table::{Look, Table};
use crate::report::units::{Bytes, Span};

/// More tags than these that needed nothing are counted and not listed: what was done would drown in them.
const UP_TO_DATE_ROWS_MAX: u64 = 20;

/// The length at which the table cuts errors, but for those that a wide terminal has room for.
const ERROR_CELL_MAX_CHARS: usize = 60;

/// The table of a run: a row for each tag that was copied or failed, the errors in full, and the counts.
#[derive(Debug)]
pub struct SyncTable {
    look: Look,
    /// With the tags that have a row.
    mirrors: Vec<(MirrorSummary, Totals)>,
    up_to_date: u64,
}

impl SyncTable {
    /// None yet.
    pub fn new(look: Look) -> Self {
        Self { look, mirrors: Vec::new(), up_to_date: 0 }
    }
}

impl RunReport for SyncTable {
    fn mirror(&mut self, _: &mut dyn Write, mirror: MirrorSummary) -> io::Result<()> {
        let totals = Totals::of(&mirror);
        let had_rows = self.up_to_date <= UP_TO_DATE_ROWS_MAX;
        self.up_to_date += totals.up_to_date;
        self.mirrors.push((mirror, totals));
        if self.up_to_date > UP_TO_DATE_ROWS_MAX {
            let last = self.mirrors.len() - 1;
            for (mirror, _) in &mut self.mirrors[if had_rows { 0 } else { last }..] {
                mirror.tags.retain(|tag| tag.outcome != Some(TagOutcome::UpToDate));
                mirror.tags.shrink_to_fit();
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write, run: &RunSummary) -> io::Result<()> {
        let header = ["MIRROR", "TAG", "OUTCOME", "DIGEST", "SENT", "BLOBS", "REASON"];
        let mut table = Table::new(self.look, header).keep_whole(3).align_right(4);
        for (mirror, _) in &self.mirrors {
            for tag in &mirror.tags {
                table.row(row(&mirror.name, tag, self.look));
            }
        }
        table.write(out)?;
        errors::write(out, self.mirrors.iter().map(|(mirror, _)| mirror))?;
        if self.mirrors.len() > 1 {
            for (mirror, totals) in &self.mirrors {
                writeln!(out, "{}: {}: {}", mirror.name, word(mirror.outcome), counts(totals))?;
            }
        }
        let took = Span(run.finished_at.duration_since(run.started_at).unsigned_abs());
        let requests = run.totals.requests;
        let has_failed = |(mirror, _): &&(MirrorSummary, Totals)| mirror.outcome == RunOutcome::Failed;
        let failed = match (self.mirrors.iter().filter(has_failed).count(), self.mirrors.len()) {
            (0, _) | (_, 1) => String::new(),
            (failed, all) => format!("; {failed} of {all} mirrors failed"),
        };
        let (word, counts) = (word(run.outcome), counts(&run.totals));
        writeln!(out, "{word} in {took}: {counts}; requests: {requests}{failed}")
    }
}

fn row(mirror: &str, tag: &TagSummary, look: Look) -> [String; 7] {
    let outcome = match tag.outcome {
        Some(TagOutcome::Copied) => "copied",
        Some(TagOutcome::UpToDate) => "up to date",
        Some(TagOutcome::Failed) => "failed",
        Some(TagOutcome::NotStarted) => "not started",
        None => "",
    };
    // Why it was planned says nothing about what went wrong.
    let reason = tag.error.as_ref().map_or_else(|| tag.reason.clone(), |error| short(error, look));
    [
        mirror.to_owned(),
        tag.tag.to_string(),
        outcome.to_owned(),
        tag.digest.map(|digest| digest.short()).unwrap_or_default(),
        if tag.blobs.uploaded > 0 { Bytes(tag.bytes).to_string() } else { String::new() },
        blobs(tag.blobs),
        reason,
    ]
}

/// An error as a cell takes it; all of it stands below the table.
fn short(error: &Fault, look: Look) -> String {
    let error = error.headline();
    let most = match look {
        Look::Plain => ERROR_CELL_MAX_CHARS,
        // Half of it is for the other columns.
        Look::Boxed { width } => ERROR_CELL_MAX_CHARS.max(usize::from(width) / 2),
    };
    match error.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", error[..end].trim_end()),
        None => error.to_owned(),
    }
}

/// `3 sent, 2 present`: how the blobs of a tag arrived.
fn blobs(Blobs { uploaded, mounted, present }: Blobs) -> String {
    let ways = [(uploaded, "sent"), (mounted, "mounted"), (present, "present")];
    let ways = ways.into_iter().filter(|(count, _)| *count > 0);
    ways.map(|(count, way)| format!("{count} {way}")).collect::<Vec<_>>().join(", ")
}

fn counts(&Totals { selected, copied, up_to_date, failed, bytes, .. }: &Totals) -> String {
    let bytes = Bytes(bytes);
    format!("{selected} selected, {copied} copied ({bytes}), {up_to_date} up to date, {failed} failed")
}

/// How a run or a mirror ended.
pub(super) fn word(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Succeeded => "succeeded",
        RunOutcome::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use crate::report::samples;
    use crate::report::samples::told;

    use super::*;

    fn text(summary: &RunSummary) -> String {
        samples::text(|out| told(&mut SyncTable::new(Look::Plain), out, summary))
    }

    #[test]
    fn errors_stand_below_the_table_and_counts_at_the_end() {
        insta::assert_snapshot!(text(&samples::run()), @"
        MIRROR    TAG     OUTCOME     DIGEST             SENT  BLOBS              REASON
        java/jdk  21.0.7  copied      39a069e31509  180.2 MiB  3 sent, 2 present  missing in target
        java/jdk  21.0.6  up to date  d59799860b23          -  -                  target is equal
        java/jdk  21      failed      -                     -  -                  source: cannot read the manifest: GET https://a.example/v2/x…
        error: java/jdk:21: source: cannot read the manifest: GET https://a.example/v2/x: 503
        hint: try later
        error: database/free: cannot read the tags of the source: connection refused
        java/jdk: failed: 3 selected, 1 copied (180.2 MiB), 1 up to date, 1 failed
        database/free: failed: 0 selected, 0 copied (0 B), 0 up to date, 0 failed
        failed in 3 min 5 s: 3 selected, 1 copied (180.2 MiB), 1 up to date, 1 failed; requests: 17; 2 of 2 mirrors failed
        ");
    }

    #[test]
    fn hundreds_of_tags_that_needed_nothing_are_one_number() {
        let mut summary = samples::run();
        let mut jdk = samples::mirror("java/jdk");
        jdk.tags = (0..300).map(|update| samples::up_to_date(&format!("21.0.{update}"))).collect();
        jdk.tags.push(samples::copied("25"));
        jdk.selected = 301;
        summary.mirrors = vec![jdk];
        summary.outcome = RunOutcome::Succeeded;
        summary.totals = Totals { requests: 17, ..Totals::of(&summary.mirrors[0]) };
        insta::assert_snapshot!(text(&summary), @"
        MIRROR    TAG  OUTCOME  DIGEST             SENT  BLOBS              REASON
        java/jdk  25   copied   b7a56873cd77  180.2 MiB  3 sent, 2 present  missing in target
        succeeded in 3 min 5 s: 301 selected, 1 copied (180.2 MiB), 300 up to date, 0 failed; requests: 17
        ");
    }

    #[test]
    fn a_failed_row_gives_the_start_of_its_error() {
        let mut tag = samples::failed("21", &format!("{}\nhint: try later", "é".repeat(100)));
        tag.reason = "missing in target".to_owned();
        assert_eq!(row("java/jdk", &tag, Look::Plain)[6], format!("{}…", "é".repeat(60)));
    }

    #[test]
    fn digests_stay_whole_on_a_narrow_terminal() {
        let table = || SyncTable::new(Look::Boxed { width: 80 });
        let text = samples::text(|out| told(&mut table(), out, &samples::run()));
        assert!(text.contains("39a069e31509") && text.contains("d59799860b23"), "{text}");
        assert!(
            text.lines().filter(|line| line.starts_with('│')).all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }

    #[test]
    fn a_run_in_which_no_tag_was_reached_has_no_table() {
        let mut summary = samples::run();
        summary.mirrors.remove(0);
        summary.totals = Totals { requests: 1, ..Totals::default() };
        insta::assert_snapshot!(text(&summary), @"
        error: database/free: cannot read the tags of the source: connection refused
        failed in 3 min 5 s: 0 selected, 0 copied (0 B), 0 up to date, 0 failed; requests: 1
        ");
    }
}
