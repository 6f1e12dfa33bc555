//! The tables that say why: of a plan, and of what a rule would choose.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::io::Write;

use crate::event::{Action, MirrorSummary, RunSummary, TagSummary};
use crate::oci::Tag;
use crate::report::errors;
use crate::report::run::RunReport;
use crate::report::table::{Look, Table};
use crate::select::{Note, Reason, Selection, Verdict};

/// Which tags of a source are worth a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All of them.
    All,
    /// Those that the rules choose; the others are counted by the reason why they are left out.
    Selected,
}

/// The tables of a plan. Each is written when its mirror has ended: what was written is not kept.
#[derive(Debug)]
pub struct PlanTables {
    rows: Rows,
    look: Look,
    counts: Counts,
    /// The mirrors without their tags, but for those with errors.
    written: Vec<MirrorSummary>,
}

impl PlanTables {
    /// None yet.
    pub fn new(rows: Rows, look: Look) -> Self {
        Self { rows, look, counts: Counts::default(), written: Vec::new() }
    }
}

impl RunReport for PlanTables {
    /// Writes the tags of its source, the selected ones first, with what is to be done and why.
    fn mirror(&mut self, out: &mut dyn Write, mut mirror: MirrorSummary) -> io::Result<()> {
        self.counts.add(&mirror);
        let selection = mirror.selection.take();
        writeln!(out, "{}: {} -> {}", mirror.name, mirror.sources.join(", "), mirror.target)?;
        if let Some(selection) = &selection {
            table(&mirror, selection, self.rows, self.look).write(out)?;
            if self.rows == Rows::Selected {
                count_left_out(out, selection)?;
            }
            write_decisions(out, selection)?;
            write_notes(out, &mirror.notes)?;
        }
        self.counts.left_out += selection.iter().map(left_out).sum::<usize>();
        mirror.tags.retain(|tag| tag.error.is_some());
        mirror.tags.shrink_to_fit();
        self.written.push(mirror);
        writeln!(out)
    }

    fn end(&mut self, out: &mut dyn Write, run: &RunSummary) -> io::Result<()> {
        errors::write(out, self.written.iter())?;
        writeln!(out, "{}; requests: {}", self.counts.line(), run.totals.requests)
    }
}

/// Writes what a rule says of every tag, in the order of versions.
pub fn explain(out: &mut dyn Write, selection: &Selection, notes: &[Note], look: Look) -> io::Result<()> {
    let mut table = Table::new(look, ["TAG", "VERSION", "REVISION", "VARIANT", "KEPT", "REASON"]);
    for verdict in &selection.verdicts {
        let kept = if verdict.is_selected() { "yes" } else { "no" };
        let [tag, version, revision, variant] = reading(verdict);
        table.row([tag, version, revision, variant, kept.to_owned(), verdict.reason.to_string()]);
    }
    table.write(out)?;
    write_decisions(out, selection)?;
    write_notes(out, notes)
}

fn write_notes(out: &mut dyn Write, notes: &[Note]) -> io::Result<()> {
    notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
}

/// Writes what the list of tags had to tell for reading those that a rule matches.
fn write_decisions(out: &mut dyn Write, selection: &Selection) -> io::Result<()> {
    let matched = selection.verdicts.iter().filter(|verdict| verdict.rule.is_some());
    let decisions: BTreeSet<_> = matched.flat_map(|verdict| &verdict.decisions).collect();
    decisions.iter().try_for_each(|decision| writeln!(out, "read by the list: {decision}"))
}

/// Writes `left out: 9000 match no rule, 12 older`, or nothing where nothing is left out.
fn count_left_out(out: &mut dyn Write, selection: &Selection) -> io::Result<()> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for Verdict { reason, .. } in selection.verdicts.iter().filter(|verdict| !verdict.is_selected()) {
        *counts.entry(kind(reason)).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|&(_, count)| Reverse(count));
    let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    if counts.is_empty() { Ok(()) } else { writeln!(out, "left out: {}", counts.join(", ")) }
}

/// A reason without what differs from tag to tag.
fn kind(reason: &Reason) -> &'static str {
    match reason {
        Reason::Unmatched => "match no rule",
        Reason::Excepted => "excluded by `except`",
        Reason::Unversioned => "without a version",
        Reason::OutsideRange { .. } => "outside the range",
        Reason::Prerelease => "pre-release",
        Reason::OlderBuild { .. } => "older build of a version",
        Reason::Older { .. } => "older than the newest",
        Reason::Matches | Reason::Named | Reason::InRange { .. } | Reason::Newest { .. } => "selected",
    }
}

fn table(mirror: &MirrorSummary, selection: &Selection, rows: Rows, look: Look) -> Table {
    let mut tags: HashMap<Option<&Tag>, Vec<&TagSummary>> = HashMap::with_capacity(mirror.tags.len());
    for tag in &mirror.tags {
        tags.entry(tag.chosen_by()).or_default().push(tag);
    }
    let header = ["TAG", "VERSION", "REVISION", "VARIANT", "RULE", "ACTION", "DIGEST", "REASON"];
    let mut table = Table::new(look, header).keep_whole(6);
    let left_out = selection.verdicts.iter().filter(|verdict| rows == Rows::All && !verdict.is_selected());
    for verdict in selection.selected().chain(left_out) {
        // One tag may have several names in the target.
        let names = tags.get(&Some(&verdict.tag)).map_or(&[][..], Vec::as_slice);
        let names = names.iter().copied().map(Some).chain(names.is_empty().then_some(None));
        names.for_each(|summary| table.row(row(verdict, summary)));
    }
    for summary in tags.get(&None).into_iter().flatten() {
        let digest = summary.digest.map(|digest| digest.short()).unwrap_or_default();
        let (action, reason) = (word(summary).to_owned(), format!("named; {}", summary.reason));
        let name = summary.tag.tag().map_or_else(|| digest.clone(), ToString::to_string);
        table.row([name, String::new(), String::new(), String::new(), String::new(), action, digest, reason]);
    }
    table
}

fn row(verdict: &Verdict, summary: Option<&TagSummary>) -> [String; 8] {
    let [tag, version, revision, variant] = reading(verdict);
    let tag = match summary.filter(|summary| summary.source_tag.is_some()) {
        Some(summary) => format!("{tag} as {}", summary.tag),
        None => tag,
    };
    let rule = verdict.rule.map(|rule| format!("tags[{rule}]")).unwrap_or_default();
    let digest = summary.and_then(|summary| summary.digest).map(|digest| digest.short());
    let why = summary.map(|summary| summary.reason.as_str()).filter(|why| !why.is_empty());
    let reason = match why {
        Some(why) => format!("{}; {why}", verdict.reason),
        None => verdict.reason.to_string(),
    };
    let action = action(verdict, summary).to_owned();
    [tag, version, revision, variant, rule, action, digest.unwrap_or_default(), reason]
}

/// The tag and how it was read.
fn reading(verdict: &Verdict) -> [String; 4] {
    let version = verdict.version.as_ref().map(ToString::to_string).unwrap_or_default();
    let revision = verdict.version.as_ref().map(|version| version.revision().to_owned()).unwrap_or_default();
    [verdict.tag.to_string(), version, revision, verdict.variant.clone()]
}

fn action(verdict: &Verdict, summary: Option<&TagSummary>) -> &'static str {
    match summary {
        None if verdict.is_selected() => "",
        None => "leave out",
        Some(summary) => word(summary),
    }
}

fn word(summary: &TagSummary) -> &'static str {
    match summary.action {
        Some(Action::Copy) => "copy",
        Some(Action::Skip) => "up to date",
        Some(Action::Conflict) => "conflict",
        None => "failed",
    }
}

fn left_out(selection: &Selection) -> usize {
    selection.verdicts.iter().filter(|verdict| !verdict.is_selected()).count()
}

/// How many tags get which step.
#[derive(Debug, Default)]
struct Counts {
    selected: usize,
    copy: usize,
    skip: usize,
    conflict: usize,
    failed: usize,
    left_out: usize,
}

impl Counts {
    /// Adds the steps of a mirror.
    fn add(&mut self, mirror: &MirrorSummary) {
        for tag in &mirror.tags {
            self.selected += 1;
            match tag.action {
                Some(Action::Copy) => self.copy += 1,
                Some(Action::Skip) => self.skip += 1,
                Some(Action::Conflict) => self.conflict += 1,
                None => self.failed += 1,
            }
        }
    }

    fn line(&self) -> String {
        let Self { selected, copy, skip, conflict, failed, left_out } = self;
        format!(
            "{selected} selected: {copy} to copy, {skip} up to date, {conflict} in conflict, {failed} failed; \
             {left_out} left out"
        )
    }
}

#[cfg(test)]
mod tests {
    use crate::report::samples;
    use crate::report::samples::{text, told};

    use super::*;

    fn tables(rows: Rows, run: &RunSummary) -> String {
        text(|out| told(&mut PlanTables::new(rows, Look::Plain), out, run))
    }

    #[test]
    fn a_plan_gives_every_tag_with_its_step_and_its_reason() {
        insta::assert_snapshot!(tables(Rows::All, &samples::plan()), @"
        java/jdk: container-registry.oracle.com/java/jdk -> registry.test/oracle/java/jdk
        TAG                  VERSION    REVISION  VARIANT       RULE     ACTION      DIGEST        REASON
        21.0.7               21.0.7     -         -             tags[0]  copy        39a069e31509  newest 2 of 3; missing in target
        21.0.6               21.0.6     -         -             tags[0]  up to date  d59799860b23  newest 2 of 3; target is equal
        21.0.7-oraclelinux9  21.0.7     -         oraclelinux9  tags[0]  conflict    0a599186f797  newest 1 of 1 in variant oraclelinux9; its tags are immutable
        latest               -          -         -             tags[1]  failed      -             matches
        21.0.8-ea            21.0.8-ea  -         -             tags[0]  leave out   -             pre-release: needs `prereleases: true`
        21.0.5               21.0.5     -         -             tags[0]  leave out   -             older than the newest 2
        8u491-b10            8u491      b10       -             -        leave out   -             matches no rule

        error: java/jdk:21.0.7-oraclelinux9: conflict: its tags are immutable
        error: java/jdk:latest: HEAD https://a.example/v2/x: 503
        4 selected: 1 to copy, 1 up to date, 1 in conflict, 1 failed; 3 left out; requests: 9
        ");
    }

    #[test]
    fn what_is_left_out_may_be_counted_by_reason() {
        insta::assert_snapshot!(tables(Rows::Selected, &samples::plan()), @"
        java/jdk: container-registry.oracle.com/java/jdk -> registry.test/oracle/java/jdk
        TAG                  VERSION  REVISION  VARIANT       RULE     ACTION      DIGEST        REASON
        21.0.7               21.0.7   -         -             tags[0]  copy        39a069e31509  newest 2 of 3; missing in target
        21.0.6               21.0.6   -         -             tags[0]  up to date  d59799860b23  newest 2 of 3; target is equal
        21.0.7-oraclelinux9  21.0.7   -         oraclelinux9  tags[0]  conflict    0a599186f797  newest 1 of 1 in variant oraclelinux9; its tags are immutable
        latest               -        -         -             tags[1]  failed      -             matches
        left out: 1 match no rule, 1 older than the newest, 1 pre-release

        error: java/jdk:21.0.7-oraclelinux9: conflict: its tags are immutable
        error: java/jdk:latest: HEAD https://a.example/v2/x: 503
        4 selected: 1 to copy, 1 up to date, 1 in conflict, 1 failed; 3 left out; requests: 9
        ");
    }

    #[test]
    fn a_mirror_without_a_tag_list_is_its_error() {
        insta::assert_snapshot!(tables(Rows::All, &samples::run()), @"
        java/jdk: container-registry.oracle.com/java/jdk -> registry.test/oracle/java/jdk

        database/free: container-registry.oracle.com/database/free -> registry.test/oracle/database/free

        error: java/jdk:21: source: cannot read the manifest: GET https://a.example/v2/x: 503
        hint: try later
        error: database/free: cannot read the tags of the source: connection refused
        3 selected: 1 to copy, 1 up to date, 0 in conflict, 1 failed; 0 left out; requests: 17
        ");
    }

    #[test]
    fn an_explanation_keeps_the_order_of_versions() {
        insta::assert_snapshot!(text(|out| explain(out, &samples::selection(), &[], Look::Plain)), @"
        TAG                  VERSION    REVISION  VARIANT       KEPT  REASON
        21.0.8-ea            21.0.8-ea  -         -             no    pre-release: needs `prereleases: true`
        21.0.7               21.0.7     -         -             yes   newest 2 of 3
        21.0.6               21.0.6     -         -             yes   newest 2 of 3
        21.0.5               21.0.5     -         -             no    older than the newest 2
        8u491-b10            8u491      b10       -             no    matches no rule
        21.0.7-oraclelinux9  21.0.7     -         oraclelinux9  yes   newest 1 of 1 in variant oraclelinux9
        latest               -          -         -             yes   matches
        ");
    }
}
