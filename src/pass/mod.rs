//! One mirror once: observe, select, plan, copy, summarise. The way of a tag begins and ends here.

mod ask;
mod execute;
mod memory;
mod names;
mod prepare;
mod stop;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, info_span};

use crate::config::Mirror;
use crate::copy::{Copier, Progress};
use crate::event::{Ending, EventKind, Fault, MirrorSummary, RunOutcome, Side, TagSummary};
use crate::oci::Tag;
use crate::pass::prepare::Planned;
use crate::select::Shortfall;
use crate::source;
use crate::target;
use crate::text::internal_error;

pub use self::memory::Memory;
pub use self::names::Names;
pub use self::stop::{Stop, StopReason};
pub use crate::copy::Deadline;

/// How far a pass goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Up to the plan; nothing is written.
    Plan,
    /// To the end.
    Sync,
}

/// One mirror, ready to be passed over.
#[derive(Clone)]
pub struct Pass<'a> {
    /// What the configuration says of it.
    pub mirror: &'a Mirror,
    /// Its two sides, and how to copy between them.
    pub copier: Copier,
    /// What the pass before it chose.
    pub memory: &'a Memory,
    /// What the mirrors into its target selected last, where there are others.
    pub names: Option<&'a Names>,
    /// Other mirrors into its target, which are looked at before anything moves.
    pub rivals: Vec<Pass<'a>>,
    /// How the pass into the first of several targets gets on, where this is into a further one.
    pub first: Option<&'a Progress>,
    /// How many of its tags are copied at a time.
    pub concurrent_tags: NonZeroUsize,
    /// How long it waits for a pass that does not get on.
    pub patience: Duration,
}

/// Why a mirror as a whole failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Undiscovered(String),
    #[error("cannot read the tags of the source")]
    Tags(#[source] source::Error),
    #[error("the source refuses to show tag {tag}")]
    Denied {
        tag: String,
        #[source]
        cause: source::Error,
    },
    #[error("{tag} is not selected: {why}")]
    NotSelected { tag: Tag, why: String },
    #[error(transparent)]
    TooFew(TooFew),
    #[error("cannot ask the target what it has")]
    Target(#[source] target::Error),
    #[error("cannot prepare the target's repository")]
    Ensure(#[source] target::Error),
    #[error("stopped before its end{}", match .0 {
        StopReason::Told => String::new(),
        reason => format!(": {reason}"),
    })]
    Stopped(StopReason),
    #[error("{0}")]
    Internal(String),
}

/// The rules select fewer tags than they have to.
#[derive(Debug, thiserror::Error)]
struct TooFew {
    /// The mirror's `at_least`, where all rules together miss it.
    mirror: Option<usize>,
    selected: usize,
    listed: usize,
    /// The rules that miss their own.
    rules: Vec<Shortfall>,
}

impl TooFew {
    /// One more rule that falls short is another failure.
    fn code(&self) -> String {
        let rules = self.rules.iter().map(|shortfall| format!(" tags[{}]", shortfall.rule()));
        ["too_few".to_owned()].into_iter().chain(rules).collect()
    }
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mirror, selected, listed, rules } = self;
        match mirror {
            Some(_) if *listed == 0 => return f.write_str("the source has no tags"),
            Some(_) if *selected == 0 => {
                write!(
                    f,
                    "the rules select none of the {listed} tags of the source; `tagferry plan` shows why for each of them"
                )?;
            }
            Some(at_least) => {
                write!(f, "the rules select {selected} of {listed} tags, fewer than `at_least: {at_least}`")?;
            }
            None if *listed == 0 => {
                return f.write_str("the source has no tags, and not every rule may select none");
            }
            None => {}
        }
        for (index, rule) in rules.iter().enumerate() {
            write!(f, "{}{rule}", if index > 0 || mirror.is_some() { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl Error {
    fn fault(&self) -> Fault {
        match self {
            Self::Undiscovered(_) => Fault::new("discover", "undiscovered", self).at(Side::Source, None),
            Self::Tags(cause) => self.at_source("list tags", cause),
            Self::Denied { cause, .. } => self.at_source("ask for tag", cause),
            Self::NotSelected { .. } => Fault::new("select", "not_selected", self).at(Side::Source, None),
            Self::TooFew(too_few) => Fault::new("select", too_few.code(), self).at(Side::Source, None),
            Self::Target(cause) => self.at_target("ask target", cause),
            Self::Ensure(cause) => self.at_target("prepare repository", cause),
            // What arrived until then need not be sent again.
            Self::Stopped(reason) => Fault::new("pass", reason.code(), self).transient(reason.is_failure()),
            Self::Internal(_) => Fault::new("pass", "internal", self),
        }
    }

    fn at_source(&self, operation: &'static str, cause: &source::Error) -> Fault {
        Fault::new(operation, cause.code(), self)
            .at(Side::Source, cause.request_id())
            .with_hint(cause.hint())
            .transient(cause.is_transient())
    }

    fn at_target(&self, operation: &'static str, cause: &target::Error) -> Fault {
        Fault::new(operation, cause.code(), self)
            .at(Side::Target, cause.request_id())
            .with_hint(cause.hint())
            .transient(cause.is_transient())
    }
}

impl Pass<'_> {
    /// Makes the pass. Never fails: what goes wrong is in the summary. `stop` is that of [this pass](Stop::of_pass).
    pub async fn run(&self, mode: Mode, stop: &Stop) -> MirrorSummary {
        let span = info_span!(
            "pass",
            mirror = self.mirror.name,
            outcome = Empty,
            otel.status_code = Empty,
            otel.status_description = Empty
        );
        let started = Instant::now();
        // What was in flight is dropped, and those who waited for it learn so. A tag is written last, so none is left wrong.
        let work = AssertUnwindSafe(self.pass(mode, stop, started)).catch_unwind().instrument(span.clone());
        if let Some(deadline) = self.copier.deadline {
            stop.end_by(deadline);
        }
        let done = tokio::select! {
            biased;
            done = self.copier.events.within(work) => done,
            never = stop.keep_time() => match never {},
        };
        let summary = match done {
            Ok(summary) => summary,
            Err(panic) => self.caught(&*panic, started),
        };
        if summary.outcome == RunOutcome::Failed {
            span.record("outcome", "failed");
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", summary.error.as_ref().map(Fault::to_string));
        } else {
            span.record("outcome", "succeeded");
        }
        summary
    }

    /// The summary of a pass that ended by a panic.
    fn caught(&self, panic: &(dyn Any + Send), started: Instant) -> MirrorSummary {
        let error = Some(Error::Internal(internal_error(panic)).fault());
        let summary = MirrorSummary { outcome: RunOutcome::Failed, error, ..self.begun(Ending::Finished) };
        let finished = EventKind::PassFinished { summary: &summary, took: started.elapsed() };
        // The panic may have come from an observer.
        let _ = catch_unwind(AssertUnwindSafe(|| self.emit(finished)));
        summary
    }

    fn begun(&self, ending: Ending) -> MirrorSummary {
        MirrorSummary {
            name: self.mirror.name.clone(),
            source: self.mirror.source.to_string(),
            sources: self.mirror.sources().map(ToString::to_string).collect(),
            target: self.mirror.target.to_string(),
            outcome: RunOutcome::Succeeded,
            error: None,
            selected: 0,
            tags: Vec::new(),
            warnings: Vec::new(),
            selection: None,
            notes: Vec::new(),
            ending,
        }
    }

    async fn pass(&self, mode: Mode, stop: &Stop, started: Instant) -> MirrorSummary {
        self.emit(EventKind::PassStarted);
        // Passes into further targets wait for what this one brings.
        let progress = self.copier.progress.as_deref().filter(|_| mode == Mode::Sync);
        let _running = progress.map(Progress::begin);
        let ending = if mode == Mode::Plan { Ending::Planned } else { Ending::Finished };
        let mut summary = self.begun(ending);
        let planned = tokio::select! {
            biased;
            () = stop.soft.cancelled() => Err(Error::Stopped(stop.reason())),
            planned = self.prepare(&mut summary) => planned,
        };
        if let Ok(Planned { steps, failed, held, .. }) = &planned {
            self.emit(EventKind::TagsPlanned { steps, failed, stored: &held.stored });
        }
        let done = match planned {
            Ok(planned) if mode == Mode::Plan => self.show(planned, &mut summary),
            Ok(planned) => self.execute(planned, stop, &mut summary).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            if matches!(error, Error::Stopped(reason) if !reason.is_failure()) {
                summary.ending = Ending::Stopped;
            }
            summary.error = Some(error.fault());
        }
        sort(&mut summary);
        // A run of many mirrors would keep those of all. What only a plan shows goes with the mirror.
        if mode == Mode::Sync {
            summary.selection = None;
        }
        if summary.error.is_some() || summary.tags.iter().any(|tag| tag.error.is_some()) {
            summary.outcome = RunOutcome::Failed;
        }
        self.emit(EventKind::PassFinished { summary: &summary, took: started.elapsed() });
        summary
    }

    fn emit(&self, kind: EventKind<'_>) {
        self.copier.events.emit(kind);
    }
}

/// Brings the tags into the order of the selection: work ends in any order.
fn sort(summary: &mut MirrorSummary) {
    let Some(selection) = &summary.selection else { return };
    let order: HashMap<&Tag, usize> =
        selection.verdicts.iter().enumerate().map(|(index, verdict)| (&verdict.tag, index)).collect();
    let place = |tag: &TagSummary| order.get(tag.chosen_by()?).copied();
    summary.tags.sort_by_key(|tag| place(tag).unwrap_or(usize::MAX));
}
