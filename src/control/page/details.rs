//! The tags of a mirror and what failed, folded away.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::control::page::time::time;
use crate::ledger::{Failure, Record, TagState, TagStatus};
use crate::oci::Reference;
use crate::report::Bytes;

/// More tags of a mirror are not listed: nobody reads more, and browsers become slow.
const ROWS_MAX: usize = 1000;

/// The selected tags as a table. The error of the one that is `told` stands elsewhere already.
pub(super) fn tags(record: &Record, told: Option<&Reference>, now: Timestamp) -> Markup {
    let caption = format!("The tags of {}", record.name);
    html! {
        @if !record.tags.is_empty() {
            details.tags {
                summary { (count(record.tags.len(), "tag")) }
                // It may have to scroll sideways, and that needs the keyboard's focus.
                div.scroll role="region" aria-label=(caption) tabindex="0" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "Tag" } th scope="col" { "State" } th scope="col" { "Digest" }
                                th.number scope="col" { "Size" } th scope="col" { "Pushed" }
                            }
                        }
                        tbody { @for tag in rows(&record.tags) { (row(tag, told, now)) } }
                    }
                    @if record.tags.len() > ROWS_MAX {
                        p { "and " (record.tags.len() - ROWS_MAX) " more: " a href="api/v1/mirrors" { "JSON" } " has them all" }
                    }
                }
            }
        }
    }
}

/// Of very many tags those that are not as they should be, and then the first.
fn rows(tags: &[TagStatus]) -> Vec<&TagStatus> {
    let mut rows: Vec<_> = tags.iter().collect();
    if rows.len() > ROWS_MAX {
        rows.sort_by_key(|tag| tag.state == TagState::Current);
        rows.truncate(ROWS_MAX);
    }
    rows
}

fn row(tag: &TagStatus, told: Option<&Reference>, now: Timestamp) -> Markup {
    let (class, mark, words) = match tag.state {
        TagState::Current => ("fresh", "✓", "up to date"),
        TagState::Stale => ("behind", "↓", "to be copied"),
        TagState::Copying => ("unknown", "…", "copying"),
        TagState::Failed => ("failing", "✕", "failed"),
    };
    let none =
        |why| html! { span.none title=(why) { span aria-hidden="true" { "–" } span.unseen { (why) } } };
    html! {
        tr {
            th scope="row" {
                code { (tag.tag) }
                @if let Some(source) = &tag.source_tag { " from " code { (source) } }
            }
            td { span.badge.(class) { span.mark aria-hidden="true" { (mark) } " " (words) } }
            td {
                @match tag.digest {
                    Some(digest) => code.digest title=(digest) { (digest) },
                    None => (none("not known")),
                }
            }
            td.number.size {
                @match tag.size {
                    Some(size) => (Bytes(size)),
                    None => (none("not known")),
                }
            }
            td {
                @match tag.pushed_at {
                    Some(pushed) => (time(pushed, now)),
                    None => (none("not known")),
                }
            }
        }
        @if let Some(error) = tag.error.as_ref().filter(|_| told != Some(&tag.tag)) {
            tr.why { td colspan="5" { p.error { (error) } } }
        }
    }
}

/// What failed last, and what to do.
pub(super) fn failures(record: &Record, now: Timestamp) -> Markup {
    html! {
        @if !record.failures.is_empty() {
            details.failures {
                summary { (count(record.failures.len(), "failure")) ", the last " (time(record.failures[0].at, now)) }
                ol {
                    @for failure in &record.failures {
                        li {
                            p {
                                (time(failure.at, now)) ": "
                                @match &failure.tag {
                                    Some(tag) => { "tag " code { (tag) } }
                                    None => "the whole mirror",
                                }
                            }
                            @if !is_shown(record, failure) { p.error { (failure.error) } }
                        }
                    }
                }
            }
        }
    }
}

/// Whether what a failure says stands above: of a tag that still fails so, or of the last run as a whole.
fn is_shown(record: &Record, failure: &Failure) -> bool {
    match &failure.tag {
        Some(tag) => record
            .tags
            .iter()
            .any(|status| status.tag == *tag && status.error.as_ref() == Some(&failure.error)),
        None => record.last_run.as_ref().is_some_and(|run| run.error.as_ref() == Some(&failure.error)),
    }
}

/// How many tags and failures there are.
pub(super) fn counts(record: &Record) -> String {
    let tags = count(record.tags.len(), "tag");
    match record.failures.len() {
        0 => tags,
        failures => format!("{tags}, {}", count(failures, "failure")),
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
