//! The first half of a pass: list, select, observe, plan. Writes nothing.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use crate::copy::Root;
use crate::event::{Blobs, EventKind, Fault, MirrorSummary, Side, TagOutcome, TagSummary};
use crate::oci::{Digest, ManifestError, Reference, Tag};
use crate::pass::{Error, Pass};
use crate::plan;
use crate::plan::{Step, Wanted};
use crate::registry;
use crate::select;
use crate::select::{Selection, Verdict};
use crate::target;
use crate::text::chain;

/// So many tags are asked for at the source at once; its own limits come on top.
const QUESTIONS_MAX: usize = 32;

/// What is known of the selected tags after observing and planning.
#[derive(Default)]
pub(super) struct Planned {
    /// All tags of the source: cosign's are looked up among them.
    pub(super) listed: Vec<Tag>,
    pub(super) steps: Vec<Step>,
    /// What each tag that was asked for is to point at.
    pub(super) roots: BTreeMap<Tag, Root>,
    /// Tags that cannot be planned.
    pub(super) failed: Vec<TagSummary>,
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

impl TagError {
    fn fault(&self) -> Fault {
        let request_id = match self {
            Self::Source(cause) => target::request_id(cause),
            Self::Vanished | Self::Platforms(_) => None,
        };
        Fault::at(Side::Source, request_id)
    }
}

impl Pass<'_> {
    /// Observes, selects and plans.
    pub(super) async fn prepare(&self, summary: &mut MirrorSummary) -> Result<Planned, Error> {
        let tags = self.copier.source.tags().await.map_err(Error::Tags)?;
        let selection = summary.selection.insert(select::select(&tags, &self.mirror.rules));
        let selected = selection.selected().count();
        let newest_first = selection.newest_first();
        self.emit(EventKind::TagsSelected { listed: tags.len(), selected, newest_first: &newest_first });
        let at_least = self.mirror.at_least;
        if selected < at_least {
            let error = Error::TooFew { selected, at_least, listed: tags.len() };
            // What was selected is right all the same, and is copied.
            summary.error = Some(chain(&error));
            summary.fault = error.fault();
        }
        if selected == 0 {
            return Ok(Planned::default());
        }
        let names: Vec<Tag> = selection.selected().map(|verdict| verdict.tag.clone()).collect();
        let target = &self.copier.target;
        let held = target.digests(&names).await.map_err(Error::Target)?;
        let mut planned = Planned { listed: tags, ..Planned::default() };
        let wanted = self.ask_source(selection, &held, &mut planned).await?;
        let differs = |wanted: &Wanted| {
            wanted.digest.is_some_and(|digest| held.get(&wanted.tag).is_some_and(|held| *held != digest))
        };
        let mutability = if wanted.iter().any(differs) {
            Some(target.mutability().await.map_err(Error::Target)?)
        } else {
            None
        };
        let is_immutable =
            |tag: &Tag| mutability.as_ref().is_some_and(|mutability| mutability.forbids_moving(tag));
        planned.steps = plan::plan(&wanted, &held, is_immutable);
        Ok(planned)
    }

    /// Asks the source what the selected tags are, but for those that the target has and upstream never moves.
    async fn ask_source(
        &self,
        selection: &Selection,
        held: &BTreeMap<Tag, Digest>,
        planned: &mut Planned,
    ) -> Result<Vec<Wanted>, Error> {
        let (known, unknown): (Vec<_>, Vec<_>) =
            selection.selected().partition(|verdict| verdict.immutable && held.contains_key(&verdict.tag));
        let unasked = |verdict: &Verdict| Wanted { tag: verdict.tag.clone(), digest: None };
        let mut wanted: Vec<_> = known.into_iter().map(unasked).collect();
        let ask = |tag: Tag| async move { (self.root(&tag).await, tag) };
        let unknown = unknown.into_iter().map(|verdict| verdict.tag.clone());
        // In the order of the selection, the newest first: that is also the order of copying.
        let mut answers = stream::iter(unknown).map(ask).buffered(QUESTIONS_MAX);
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
        Ok(wanted)
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
        if !manifest.media_type().is_index() {
            let offered = source.platform(&manifest).await.map_err(TagError::Source)?;
            let fits = offered.as_ref().is_none_or(|offered| wanted.iter().any(|wish| wish.accepts(offered)));
            let wrong = || TagError::Platforms(ManifestError::no_platform(wanted, offered.iter()));
            return if fits { Ok(Root::Source(digest)) } else { Err(wrong()) };
        }
        let filtered = manifest.filtered(wanted).map_err(TagError::Platforms)?;
        match filtered.children() {
            [only] if wanted.len() == 1 => Ok(Root::Source(only.digest)),
            _ => Ok(Root::Made(filtered)),
        }
    }
}

/// A tag that did not come so far as to be planned.
fn unplanned(tag: Tag, error: &TagError) -> TagSummary {
    TagSummary {
        tag,
        digest: None,
        action: None,
        outcome: Some(TagOutcome::Failed),
        reason: "not planned".to_owned(),
        bytes: 0,
        blobs: Blobs::default(),
        error: Some(chain(error)),
        fault: error.fault(),
    }
}
