//! One mirror once: observe, select, plan, copy, summarise. The way of a tag begins and ends here.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::config::Mirror;
use crate::copy;
use crate::copy::{Copied, Copier, Root};
use crate::event::{Blobs, Event, MirrorSummary, RunOutcome, TagOutcome, TagSummary};
use crate::oci::{ManifestError, Reference, Tag};
use crate::plan;
use crate::plan::{Action, Step, Wanted};
use crate::registry;
use crate::select;
use crate::select::Selection;
use crate::target;

/// So many tags are asked for at the source at once; its own limits come on top.
const QUESTIONS_MAX: usize = 32;

/// How far a pass goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Up to the plan; nothing is written.
    Plan,
    /// To the end.
    Sync,
}

/// How a run is told to end before its time.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// No new work is taken.
    pub soft: CancellationToken,
    /// Copies in flight are dropped. A tag is written last, so none is left wrong.
    pub hard: CancellationToken,
}

/// One mirror, ready to be passed over.
#[derive(Clone)]
pub struct Pass<'a> {
    /// What the configuration says of it.
    pub mirror: &'a Mirror,
    /// Its two sides, and how to copy between them.
    pub copier: Copier,
    /// So many of its tags are copied at once.
    pub tags_max: NonZeroUsize,
}

/// Why a mirror as a whole failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot read the tags of the source")]
    Tags(#[source] registry::Error),
    #[error("the source refuses to show tag {tag}")]
    Denied {
        tag: Tag,
        #[source]
        cause: registry::Error,
    },
    #[error("{}", too_few(*.selected, *.at_least, *.listed))]
    TooFew { selected: usize, at_least: usize, listed: usize },
    #[error("cannot ask the target what it has")]
    Target(#[source] target::Error),
    #[error("cannot prepare the target's repository")]
    Ensure(#[source] target::Error),
    #[error("stopped before its end")]
    Stopped,
}

fn too_few(selected: usize, at_least: usize, listed: usize) -> String {
    match selected {
        0 => format!(
            "the rules select none of the {listed} tags of the source; `tagferry plan` shows why for each of them"
        ),
        _ => format!("the rules select {selected} of {listed} tags, fewer than `at_least: {at_least}`"),
    }
}

/// What goes wrong with one tag before it is copied.
#[derive(Debug, thiserror::Error)]
enum TagError {
    #[error("source: cannot ask for the tag")]
    Source(#[source] registry::Error),
    #[error("source: the tag is listed, but there is no image under it")]
    Vanished,
    #[error("source: cannot choose platforms")]
    Platforms(#[source] ManifestError),
}

/// What is known of the selected tags after observing and planning.
#[derive(Default)]
struct Planned {
    /// All tags of the source: cosign's are looked up among them.
    listed: Vec<Tag>,
    steps: Vec<Step>,
    /// What each tag that was asked for is to point at.
    roots: BTreeMap<Tag, Root>,
    /// Tags that cannot be planned.
    failed: Vec<TagSummary>,
}

impl Pass<'_> {
    /// Makes the pass. Never fails: what goes wrong is in the summary.
    pub async fn run(&self, mode: Mode, stop: &Stop) -> MirrorSummary {
        self.observe(&Event::MirrorStarted { mirror: &self.mirror.name });
        let mut summary = MirrorSummary {
            name: self.mirror.name.clone(),
            source: self.mirror.source.to_string(),
            target: self.mirror.target.to_string(),
            outcome: RunOutcome::Succeeded,
            error: None,
            tags: Vec::new(),
            selection: None,
        };
        let planned = tokio::select! {
            biased;
            () = stop.soft.cancelled() => Err(Error::Stopped),
            planned = self.prepare(&mut summary, mode) => planned,
        };
        match planned {
            Ok(planned) if mode == Mode::Plan => {
                summary.tags = planned.failed;
                summary.tags.extend(planned.steps.iter().map(in_plan));
            }
            Ok(planned) => self.copy(planned, stop, &mut summary).await,
            Err(error) => summary.error = Some(chain(&error)),
        }
        sort(&mut summary);
        if summary.error.is_some() || summary.tags.iter().any(|tag| tag.error.is_some()) {
            summary.outcome = RunOutcome::Failed;
        }
        self.observe(&Event::MirrorFinished { summary: &summary });
        summary
    }

    /// Observes, selects and plans; for a sync, makes sure that there is a repository to copy to.
    async fn prepare(&self, summary: &mut MirrorSummary, mode: Mode) -> Result<Planned, Error> {
        let tags = self.copier.source.tags().await.map_err(Error::Tags)?;
        let selection = summary.selection.insert(select::select(&tags, &self.mirror.rules));
        let selected = selection.selected().count();
        self.observe(&Event::TagsSelected { mirror: &self.mirror.name, listed: tags.len(), selected });
        let at_least = self.mirror.at_least;
        if selected < at_least {
            let error = Error::TooFew { selected, at_least, listed: tags.len() };
            // What was selected is right all the same, and is copied.
            summary.error = Some(chain(&error));
        }
        let mut planned = self.plan(selection).await?;
        planned.listed = tags;
        if mode == Mode::Sync && planned.steps.iter().any(|step| step.action == Action::Copy) {
            self.copier.target.ensure().await.map_err(Error::Ensure)?;
        }
        Ok(planned)
    }

    async fn plan(&self, selection: &Selection) -> Result<Planned, Error> {
        let tags: Vec<Tag> = selection.selected().map(|verdict| verdict.tag.clone()).collect();
        if tags.is_empty() {
            return Ok(Planned::default());
        }
        let held = self.copier.target.digests(&tags).await.map_err(Error::Target)?;
        let mut planned = Planned::default();
        let mut wanted = Vec::with_capacity(tags.len());
        let (unasked, asked): (Vec<_>, Vec<_>) =
            selection.selected().partition(|verdict| verdict.immutable && held.contains_key(&verdict.tag));
        wanted.extend(unasked.into_iter().map(|verdict| Wanted { tag: verdict.tag.clone(), digest: None }));

        let ask = |tag: Tag| async move { (self.root(&tag).await, tag) };
        let asked = asked.into_iter().map(|verdict| verdict.tag.clone());
        let mut answers = futures_util::stream::iter(asked).map(ask).buffer_unordered(QUESTIONS_MAX);
        while let Some((answer, tag)) = answers.next().await {
            match answer {
                Ok(root) => {
                    wanted.push(Wanted { tag: tag.clone(), digest: Some(root.digest()) });
                    planned.roots.insert(tag, root);
                }
                Err(TagError::Source(cause)) if cause.is_denied() => {
                    return Err(Error::Denied { tag, cause });
                }
                Err(error) => planned.failed.push(unplanned(tag, &error)),
            }
        }
        drop(answers);
        let differs = |wanted: &Wanted| {
            wanted.digest.is_some_and(|digest| held.get(&wanted.tag).is_some_and(|held| *held != digest))
        };
        let mutability = match wanted.iter().any(differs) {
            true => Some(self.copier.target.mutability().await.map_err(Error::Target)?),
            false => None,
        };
        let is_immutable =
            |tag: &Tag| mutability.as_ref().is_some_and(|mutability| mutability.forbids_moving(tag));
        planned.steps = plan::plan(&wanted, &held, is_immutable);
        Ok(planned)
    }

    /// Asks the source what a tag is, and works out what the target's tag is to be.
    async fn root(&self, tag: &Tag) -> Result<Root, TagError> {
        let source = &self.copier.source;
        let head = source.head(&Reference::Tag(tag.clone())).await.map_err(TagError::Source)?;
        let digest = head.ok_or(TagError::Vanished)?;
        let wanted = &self.mirror.platforms;
        if wanted.is_empty() {
            return Ok(Root::Source(digest));
        }
        let manifest = source.manifest(digest).await.map_err(TagError::Source)?;
        if manifest.children().is_empty() {
            // One image, and what platform it is for stands in its config: what there is to choose was chosen.
            return Ok(Root::Source(digest));
        }
        let filtered = manifest.filtered(wanted).map_err(TagError::Platforms)?;
        match filtered.children() {
            [only] if wanted.len() == 1 => Ok(Root::Source(only.digest)),
            _ => Ok(Root::Made(filtered)),
        }
    }

    /// Carries out the plan.
    async fn copy(&self, planned: Planned, stop: &Stop, summary: &mut MirrorSummary) {
        let Planned { listed, steps, roots, failed } = planned;
        for tag in &failed {
            self.observe(&Event::TagFinished { mirror: &self.mirror.name, summary: tag });
        }
        summary.tags = failed;
        // Access that is refused for one tag is refused for all: no need to be told a hundred times.
        let denied = CancellationToken::new();
        let work = steps.iter().map(|step| async {
            let mut tag = in_plan(step);
            let result = match step.action {
                Action::Skip if !self.mirror.referrers => Ok(None),
                Action::Conflict => Err(Failure::Conflict(step.reason.clone())),
                Action::Skip | Action::Copy => {
                    self.copy_tag(step, roots.get(&step.tag), &listed, stop, &denied).await
                }
            };
            let denial = result.as_ref().err().and_then(Failure::denial);
            finish(&mut tag, result);
            self.observe(&Event::TagFinished { mirror: &self.mirror.name, summary: &tag });
            (tag, denial)
        });
        let mut done = futures_util::stream::iter(work).buffer_unordered(self.tags_max.get());
        while let Some((tag, denial)) = done.next().await {
            summary.tags.push(tag);
            summary.error = summary.error.take().or(denial);
        }
    }

    async fn copy_tag(
        &self,
        step: &Step,
        root: Option<&Root>,
        listed: &[Tag],
        stop: &Stop,
        denied: &CancellationToken,
    ) -> Result<Option<Copied>, Failure> {
        if stop.soft.is_cancelled() {
            return Err(Failure::NotStarted("tagferry was told to stop"));
        }
        if denied.is_cancelled() {
            return Err(Failure::NotStarted("access was denied for another tag"));
        }
        let work = async {
            let as_is = Root::Source(step.digest);
            let root = root.unwrap_or(&as_is);
            let copied = match step.action {
                Action::Copy => Some(self.copier.tag(&step.tag, root).await?),
                Action::Skip | Action::Conflict => None,
            };
            if self.mirror.referrers {
                self.copier.referrers(&step.tag, root, listed).await?;
            }
            Ok(copied)
        };
        let result = tokio::select! {
            result = work => result,
            () = stop.hard.cancelled() => return Err(Failure::Dropped),
        };
        result.map_err(|error: copy::Error| {
            if error.is_denied() {
                denied.cancel();
            }
            Failure::Copy(error)
        })
    }

    fn observe(&self, event: &Event<'_>) {
        self.copier.observer.observe(event);
    }
}

/// Why a planned tag did not arrive.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("conflict: {0}; let the tag move, or take it out of the rules")]
    Conflict(String),
    #[error("not started: {0}")]
    NotStarted(&'static str),
    #[error("dropped: the time to finish was up; the tag is as it was, the next run goes on")]
    Dropped,
    #[error(transparent)]
    Copy(copy::Error),
}

impl Failure {
    /// The words for the whole mirror, where access was refused.
    fn denial(&self) -> Option<String> {
        match self {
            Self::Copy(error) if error.is_denied() => Some(chain(error)),
            _ => None,
        }
    }
}

/// A tag as the plan has it.
fn in_plan(step: &Step) -> TagSummary {
    let conflict =
        (step.action == Action::Conflict).then(|| Failure::Conflict(step.reason.clone()).to_string());
    TagSummary {
        tag: step.tag.clone(),
        digest: Some(step.digest),
        action: Some(step.action),
        outcome: None,
        reason: step.reason.clone(),
        bytes: 0,
        blobs: Blobs::default(),
        error: conflict,
    }
}

/// A tag that did not come so far as to be planned.
fn unplanned(tag: Tag, error: &TagError) -> TagSummary {
    TagSummary {
        tag,
        digest: None,
        action: None,
        outcome: Some(TagOutcome::Failed),
        reason: "the source could not be asked".to_owned(),
        bytes: 0,
        blobs: Blobs::default(),
        error: Some(chain(error)),
    }
}

fn finish(tag: &mut TagSummary, result: Result<Option<Copied>, Failure>) {
    match result {
        Ok(None) => tag.outcome = Some(TagOutcome::UpToDate),
        Ok(Some(copied)) => {
            tag.outcome = Some(TagOutcome::Copied);
            tag.bytes = copied.bytes;
            tag.blobs = copied.blobs;
        }
        Err(failure) => {
            tag.outcome = Some(TagOutcome::Failed);
            tag.error = Some(chain(&failure));
        }
    }
}

/// Brings the tags into the order of the selection: work ends in any order.
fn sort(summary: &mut MirrorSummary) {
    let Some(selection) = &summary.selection else { return };
    let order: HashMap<&Tag, usize> =
        selection.verdicts.iter().enumerate().map(|(index, verdict)| (&verdict.tag, index)).collect();
    summary.tags.sort_by_key(|tag| order.get(&tag.tag).copied());
}

/// An error with all its causes, on one line but for its hints.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
