//! The second half of a pass: carry out the plan, tag by tag.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::StreamExt;
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

use crate::copy;
use crate::copy::Copied;
use crate::event::{Blobs, Ending, EventKind, Fault, MirrorSummary, Side, TagOutcome, TagSummary, Warning};
use crate::oci::{Digest, Reference, Tag};
use crate::pass::prepare::Planned;
use crate::pass::{Error, Pass, Stop, StopReason};
use crate::plan::{Action, Step};
use crate::text::chain;

impl Pass<'_> {
    /// Puts the plan into the summary as it is.
    pub(super) fn show(&self, planned: Planned, summary: &mut MirrorSummary) -> Result<(), Error> {
        let is_copied = planned.steps.iter().any(|step| step.action == Action::Copy);
        let selection = summary.selection.as_ref();
        summary.notes = selection.map(|selection| selection.notes(&self.mirror.rules)).unwrap_or_default();
        summary.tags = planned.failed;
        for tag in &mut summary.tags {
            tag.outcome = None;
        }
        summary.tags.extend(planned.steps.iter().map(in_plan));
        let obstacle = self.copier.target.obstacle(&planned.held).filter(|_| is_copied);
        obstacle.map_or(Ok(()), |cause| Err(Error::Ensure(cause)))
    }

    /// Carries out the plan, in a repository that is made if need be.
    pub(super) async fn execute(
        &self,
        planned: Planned,
        stop: &Stop,
        summary: &mut MirrorSummary,
    ) -> Result<(), Error> {
        if planned.steps.iter().any(|step| step.action == Action::Copy) {
            // Not to be dropped by a soft stop: making a repository takes more than one call.
            tokio::select! {
                done = self.copier.target.ensure(&planned.held) => done.map_err(Error::Ensure)?,
                () = stop.hard.cancelled() => return Err(Error::Stopped(stop.reason())),
            }
        }
        self.copy(planned, stop, summary).await;
        Ok(())
    }

    /// Waits for an image that the pass into the first target is to bring, as it need not be read from the source again
    /// then. After one wait that timed out, all others are read from the source.
    async fn await_first(&self, image: Digest, stop: &Stop, in_vain: &AtomicBool) {
        let Some(first) = self.first.filter(|_| !in_vain.load(Relaxed)) else { return };
        tokio::select! {
            is_settled = first.settled(image, self.patience) => {
                in_vain.fetch_or(!is_settled, Relaxed);
            }
            () = stop.soft.cancelled() => {}
        }
    }

    async fn copy(&self, planned: Planned, stop: &Stop, summary: &mut MirrorSummary) {
        let Planned { listed, steps, failed, .. } = planned;
        for tag in &failed {
            self.emit(EventKind::TagFinished { summary: tag });
        }
        summary.tags = failed;
        let brings = self.copier.progress.as_deref();
        let copied = steps.iter().filter(|step| step.action == Action::Copy);
        brings.inspect(|progress| progress.plan(copied.map(Step::digest).collect()));
        let in_vain = AtomicBool::default();
        // Access that is refused for one tag is refused for all: one failure is enough.
        let denied = OnceLock::new();
        let work = steps.iter().map(|step| async {
            let mut tag = in_plan(step);
            let mut warnings = Vec::new();
            let result = match step.action {
                Action::Skip if !self.mirror.referrers => Ok(None),
                Action::Conflict => Err(StepError::Conflict(step.reason.clone())),
                Action::Skip | Action::Copy => {
                    if step.action == Action::Copy {
                        self.await_first(step.digest(), stop, &in_vain).await;
                    }
                    let span = span(step);
                    let work = self.copy_tag(step, &listed, stop, &denied, &mut warnings);
                    let result = work.instrument(span.clone()).await;
                    record(&span, &result);
                    result
                }
            };
            brings.inspect(|progress| progress.settle(step.digest()));
            let is_denied = result.as_ref().is_err_and(StepError::is_denied);
            let is_stopped = result.as_ref().is_err_and(StepError::is_stop);
            finish(&mut tag, result);
            self.emit(EventKind::TagFinished { summary: &tag });
            Done { tag, warnings, is_denied, is_stopped }
        });
        let mut done = futures_util::stream::iter(work).buffer_unordered(self.concurrent_tags.get());
        let mut stopped = 0;
        while let Some(Done { tag, warnings, is_denied, is_stopped }) = done.next().await {
            summary.warnings.extend(warnings);
            // What is refused for one is what is wrong with the whole mirror.
            if is_denied && summary.error.is_none() {
                summary.error.clone_from(&tag.error);
            }
            summary.tags.push(tag);
            stopped += u64::from(is_stopped);
        }
        let reason = stop.reason();
        if stopped == 0 || summary.error.is_some() {
            return;
        }
        if stopped == summary.failed() && !reason.is_failure() {
            summary.ending = Ending::Stopped;
        }
        if reason != StopReason::Told {
            summary.error = Some(Error::Stopped(reason).fault());
        }
    }

    async fn copy_tag(
        &self,
        step: &Step,
        listed: &[Tag],
        told: &Stop,
        denied: &OnceLock<Reference>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Copied>, StepError> {
        if told.soft.is_cancelled() {
            return Err(StepError::NotStarted(Cause::Stop(told.reason())));
        }
        if let Some(tag) = denied.get() {
            return Err(StepError::NotStarted(Cause::Denial(tag.clone())));
        }
        let work = async {
            let copied = match step.action {
                Action::Copy => {
                    let source_tag = step.source_tag.as_ref();
                    Some(self.copier.tag(&step.tag, source_tag, &step.root, step.previous).await?)
                }
                Action::Skip | Action::Conflict => None,
            };
            if self.mirror.referrers {
                self.copier.referrers(&step.tag, &step.root, listed, warnings).await?;
            }
            Ok(copied)
        };
        let result = tokio::select! {
            result = work => result,
            () = told.hard.cancelled() => return Err(StepError::Dropped(told.reason())),
        };
        result.map_err(|error: copy::Error| {
            if error.is_denied() {
                denied.get_or_init(|| step.tag.clone());
            }
            StepError::Copy(error)
        })
    }
}

/// What came of a step.
struct Done {
    tag: TagSummary,
    warnings: Vec<Warning>,
    is_denied: bool,
    is_stopped: bool,
}

/// Why a planned tag did not arrive.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error("conflict: {0}")]
    Conflict(String),
    #[error("not started: {0}")]
    NotStarted(Cause),
    #[error("dropped: {0}; the tag is as it was, the next run goes on")]
    Dropped(StopReason),
    #[error(transparent)]
    Copy(copy::Error),
}

/// Why a tag was not even started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Stop(StopReason),
    #[error("access was denied for tag {0}")]
    Denial(Reference),
}

impl StepError {
    /// Whether it is for nothing but that the run was told to stop.
    fn is_stop(&self) -> bool {
        matches!(self, Self::Dropped(_) | Self::NotStarted(Cause::Stop(_)))
    }

    /// Whether access was refused.
    fn is_denied(&self) -> bool {
        matches!(self, Self::Copy(error) if error.is_denied())
    }

    fn fault(&self) -> Fault {
        match self {
            Self::Conflict(_) => Fault::new("plan", "conflict", self).at(Side::Target, None),
            Self::NotStarted(_) => Fault::new("copy", "not_started", self),
            Self::Dropped(_) => Fault::new("copy", "dropped", self),
            Self::Copy(error) => error.fault(),
        }
    }
}

/// A tag as the plan has it.
fn in_plan(step: &Step) -> TagSummary {
    let conflict = (step.action == Action::Conflict).then(|| StepError::Conflict(step.reason.clone()));
    TagSummary {
        tag: step.tag.clone(),
        source_tag: step.source_tag.clone().filter(|tag| step.tag.tag() != Some(tag)),
        digest: Some(step.digest()),
        previous_digest: step.previous,
        action: Some(step.action),
        outcome: None,
        reason: step.reason.clone(),
        bytes: 0,
        blobs: Blobs::default(),
        error: conflict.as_ref().map(StepError::fault),
    }
}

fn finish(tag: &mut TagSummary, result: Result<Option<Copied>, StepError>) {
    match result {
        Ok(None) => tag.outcome = Some(TagOutcome::UpToDate),
        Ok(Some(copied)) => {
            tag.outcome = Some(TagOutcome::Copied);
            tag.bytes = copied.bytes;
            tag.blobs = copied.blobs;
        }
        Err(failure) => {
            let is_started = !matches!(failure, StepError::NotStarted(_));
            tag.outcome = Some(if is_started { TagOutcome::Failed } else { TagOutcome::NotStarted });
            tag.error = Some(failure.fault());
        }
    }
}

/// What logs and traces of a tag have in common.
fn span(step: &Step) -> Span {
    info_span!(
        "tag",
        tag = %step.tag,
        digest = %step.digest(),
        bytes = Empty,
        outcome = Empty,
        otel.status_code = Empty,
        otel.status_description = Empty,
    )
}

fn record(span: &Span, result: &Result<Option<Copied>, StepError>) {
    match result {
        Ok(copied) => {
            span.record("outcome", if copied.is_some() { "copied" } else { "up_to_date" });
            span.record("bytes", copied.map(|copied| copied.bytes));
        }
        Err(failure) => {
            span.record("outcome", "failed");
            span.record("otel.status_code", "ERROR");
            span.record("otel.status_description", chain(failure));
        }
    }
}
