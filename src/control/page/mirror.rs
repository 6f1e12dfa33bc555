//! One mirror on the page.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use url::form_urlencoded;

use crate::control::page::details;
use crate::control::page::running;
use crate::control::page::time::time;
use crate::control::page::verdict::Health;
use crate::event::{Pair, RunOutcome};
use crate::ledger::{Failure, Freshness, Newest, PassRecord, Phase, Progress, Record, State, Verdict};
use crate::oci::{Reference, Tag};
use crate::report::{Bytes, Span};

/// How mirrors are shown.
#[derive(Clone, Copy, Debug)]
pub(in crate::control) struct Look {
    pub(in crate::control) depth: Depth,
    /// Whether there is a button: the form to which it belongs is on the page.
    pub(in crate::control) has_button: bool,
    pub(in crate::control) now: Timestamp,
}

/// How much of a mirror is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::control) enum Depth {
    /// Everything.
    Full,
    /// The same, and those that are fresh and idle are a line that opens: there are several mirrors on the page.
    Folded,
    /// Tags and failures are a link to the mirror's own page, for there are many mirrors on this one.
    Brief,
}

/// The `id` of the element of a mirror and one of its targets.
pub(in crate::control) fn id(pair: &Pair) -> String {
    // The name of a directory may have spaces, and an `id` must not.
    format!("mirror-{}-{}", pair.mirror, pair.target).replace(char::is_whitespace, "_")
}

/// The page that shows this mirror alone.
pub(super) fn address(name: &str) -> String {
    format!("./?mirror={}", encoded(name))
}

/// A mirror's name as part of an address.
pub(super) fn encoded(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

/// The mark of a health with its word.
pub(super) fn badge(health: Health) -> Markup {
    html! {
        span.badge.(health.class()) { span.mark aria-hidden="true" { (health.mark()) } " " (health.words()) }
    }
}

/// Everything about a mirror, and its buttons. `live.js` puts a new one in the place of an old one.
pub(in crate::control) fn mirror(record: &Record, look: Look) -> Markup {
    let Look { depth, has_button, now } = look;
    let (health, id) = (Health::of(record, now), id(&record.pair()));
    let heading = format!("{id}-name");
    let is_line = depth != Depth::Full && health == Health::Fresh && record.state == State::Idle;
    html! {
        article.mirror.(health.class()).line[is_line] id=(id) aria-labelledby=(heading) {
            header {
                h2 id=(heading) { a href=(address(&record.name)) { (breakable(&record.name)) } }
                p.state aria-live="polite" {
                    (badge(health)) (activity(record))
                    @if is_line { (in_brief(record, now)) }
                }
                @if has_button {
                    button form="sync" name="mirror" value=(record.name) {
                        "Sync now" span.unseen { ": " (record.name) }
                    }
                    @if record.state != State::Idle {
                        button.cancel form="sync" name="cancel" value=(record.name) {
                            "Cancel" span.unseen { ": " (record.name) }
                        }
                    }
                }
            }
            @if let Some(running) = &record.progress { (progress(running, now)) }
            (overdue(record, now))
            @if health == Health::Failing { (reason(record)) }
            @match (is_line, depth) {
                (true, Depth::Folded) => details.all { summary { "More" span.unseen { ": " (record.name) } } (body(record, look)) },
                (true, _) => (more(record)),
                (false, _) => (body(record, look)),
            }
        }
    }
}

/// What there is to know below its name and its trouble.
fn body(record: &Record, Look { depth, now, .. }: Look) -> Markup {
    html! {
        dl.facts {
            @if has_versions(record) {
                (fact("Newest at the source", &version(record.newest.source.as_ref())))
                (fact("Newest in the target", &in_target(&record.newest, now)))
            } @else {
                (fact("Selected", &selected(record)))
            }
            (fact("Behind by", &behind(record, now)))
            (fact("Last success", &last_success(record, now)))
            (fact("Last run", &last_run(record.last_run.as_ref(), now)))
            (fact("Next run", &next_run(record, now)))
        }
        p.route {
            span.unseen { "From " } code { (breakable(&record.source)) } " " span aria-hidden="true" { "→" }
            span.unseen { " to " } " " code { (breakable(&record.target)) }
        }
        @if depth == Depth::Brief {
            (more(record))
        } @else {
            (details::tags(record, told(record), now))
            (details::failures(record, now))
        }
    }
}

fn more(record: &Record) -> Markup {
    html! { p.more { a href=(address(&record.name)) { (details::counts(record)) } } }
}

/// What a line says of a mirror that is as it should be.
fn in_brief(record: &Record, now: Timestamp) -> Markup {
    html! {
        span.brief {
            @match &record.newest.target {
                Some(tag) => code { (tag) },
                None => (selected(record)),
            }
        }
        @if let Some(at) = record.last_success_at { span.brief { "last success " (time(at, now)) } }
    }
}

/// Whether any selected tag has a version, as far as is known: `latest` has none.
fn has_versions(record: &Record) -> bool {
    record.tags.is_empty() || record.newest.source.is_some() || record.newest.target.is_some()
}

/// Tags without a version.
fn selected(record: &Record) -> Markup {
    const NAMED_MAX: usize = 3;
    html! {
        @for (index, status) in record.tags.iter().take(NAMED_MAX).enumerate() {
            @if index > 0 { ", " }
            code { (status.tag) }
        }
        @if record.tags.len() > NAMED_MAX { " and " (record.tags.len() - NAMED_MAX) " more" }
    }
}

/// A name that may be broken after its separators rather than anywhere.
pub(super) fn breakable(name: &str) -> Markup {
    html! {
        @for (index, part) in name.split_inclusive(['/', '-', '_', '.', ':', '@']).enumerate() {
            @if index > 0 { wbr; }
            (part)
        }
    }
}

/// What the mirror does, in words that change seldom: they are read out.
fn activity(record: &Record) -> Markup {
    html! {
        @match record.state {
            State::Idle => {},
            State::Waiting => span.activity { "waiting for its turn" },
            State::Running => span.activity {
                @match record.progress.as_ref().map(|progress| progress.phase) {
                    None | Some(Phase::Listing) => "looking for new versions",
                    Some(Phase::Comparing) => "comparing both sides",
                    Some(Phase::Copying) => "copying",
                }
            },
        }
    }
}

fn progress(progress: &Progress, now: Timestamp) -> Markup {
    let Progress { bytes, size, .. } = *progress;
    // A transfer that starts over counts its bytes again.
    let bytes = bytes.min(size);
    html! {
        div.progress {
            @if size > 0 {
                progress aria-label="Copied" value=(bytes) max=(size) {}
            } @else {
                progress aria-label="Running" {}
            }
            p {
                @if let Some(tags) = progress.tags {
                    span { (progress.tags_done) " of " (tags) " tags done" }
                }
                @if size > 0 {
                    span { (Bytes(bytes)) " of " (Bytes(size)) }
                }
                span { "started " (time(progress.started_at, now)) }
            }
            (running::waits(progress, now))
            (running::blobs(progress))
        }
    }
}

/// The tag whose error is told above all others.
fn told(record: &Record) -> Option<&Reference> {
    let is_whole = record.last_run.as_ref().is_some_and(|run| run.error.is_some());
    let is_failing = record.last_run.as_ref().is_some_and(|run| run.outcome == RunOutcome::Failed);
    record.failures.first().filter(|_| is_failing && !is_whole).and_then(|failure| failure.tag.as_ref())
}

/// Why the last pass failed: what stopped all of it, or else the last tag that failed.
fn reason(record: &Record) -> Markup {
    let whole = record.last_run.as_ref().and_then(|run| run.error.as_ref());
    html! {
        @match (record.failures.first(), whole) {
            (Some(Failure { tag: Some(tag), error, .. }), None) => p.error { "Tag " code { (tag) } ": " (error) },
            (Some(Failure { error, .. }), None) | (_, Some(error)) => p.error { (error) },
            (None, None) => {}
        }
    }
}

fn fact(name: &str, value: &Markup) -> Markup {
    html! {
        div { dt { (name) } dd { (value) } }
    }
}

fn version(tag: Option<&Tag>) -> Markup {
    html! {
        @match tag {
            Some(tag) => code { (tag) },
            None => span.none { "not known" },
        }
    }
}

fn in_target(newest: &Newest, now: Timestamp) -> Markup {
    html! {
        (version(newest.target.as_ref()))
        @if let Some(pushed) = newest.pushed_at { small { "pushed " (time(pushed, now)) } }
    }
}

fn behind(record: &Record, now: Timestamp) -> Markup {
    html! {
        @match record.stale {
            None => span.none { "not known" },
            // What a pass found out before it failed says nothing of what it did not come to.
            Some(0) if record.last_success_at.is_none() && Health::of(record, now) == Health::Failing => {
                span.none { "not known" }
            }
            Some(0) => {
                "nothing"
                @if let (Health::Failing, Some(known)) = (Health::of(record, now), record.last_success_at) {
                    small { "as of " (time(known, now)) }
                }
            }
            Some(stale) => {
                strong { (stale) " of " (record.selected.unwrap_or(stale).max(stale)) " tags" }
                @if let Some(since) = record.stale_since {
                    small { "noticed " (time(since, now)) }
                }
            }
        }
    }
}

/// What should have happened, and did not.
fn overdue(record: &Record, now: Timestamp) -> Markup {
    let Verdict { freshness, late_at, stuck_since } = record.verdict(now);
    html! {
        @if let Some(since) = stuck_since {
            p.error { "The pass under way has not moved since " (time(since, now)) }
        }
        @if let (Freshness::Late, Some(since)) = (freshness, late_at) {
            p.error { "Late: a success was due by " (time(since, now)) }
        }
    }
}

fn last_success(record: &Record, now: Timestamp) -> Markup {
    html! {
        @match record.last_success_at {
            Some(at) => (time(at, now)),
            None => span.none { "not known yet" },
        }
    }
}

fn last_run(run: Option<&PassRecord>, now: Timestamp) -> Markup {
    let Some(run) = run else { return html! { span.none { "none yet" } } };
    let took: SignedDuration = run.finished_at.duration_since(run.started_at);
    let outcome = match run.outcome {
        RunOutcome::Succeeded => "succeeded",
        RunOutcome::Failed => "failed",
    };
    html! {
        (outcome) " " (time(run.finished_at, now))
        small {
            @if run.copied > 0 { (run.copied) " copied, " }
            @if run.failed > 0 { (run.failed) " failed, " }
            "took " (Span(took.try_into().unwrap_or_default()))
        }
    }
}

fn next_run(record: &Record, now: Timestamp) -> Markup {
    html! {
        @match record.next_run {
            Some(next) => (time(next, now)),
            None => "when asked",
        }
        @if let Some(retry) = record.next_retry { small { "tries again " (time(retry, now)) } }
        @if let Some(schedule) = &record.schedule { small { (schedule) } }
    }
}
