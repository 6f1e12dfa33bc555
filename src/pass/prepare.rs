//! The first half of a pass: list, select, observe, plan. Writes nothing.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};

use crate::event::{Blobs, EventKind, Fault, MirrorSummary, Side, TagOutcome, TagSummary, Warning};
use crate::oci::{Digest, Platform, Tag};
use crate::pass::memory::Choices;
use crate::pass::{Error, Pass, TooFew};
use crate::plan;
use crate::plan::{Choice, Root, Step, Wanted};
use crate::select;
use crate::select::{Selection, Verdict};
use crate::source;
use crate::source::Heads;
use crate::target::Held;

/// The most tags that are asked for at the source at a time; its own limits come on top.
const QUESTIONS_MAX: usize = 32;
/// The same of the first tags: where access is refused, it is refused for all, and a few show it.
const FIRST_QUESTIONS: usize = 8;
/// The most tags that one warning names.
const TAGS_NAMED_MAX: usize = 5;

/// What is known of the selected tags after observing and planning.
#[derive(Default)]
pub(super) struct Planned {
    /// All tags of the source: cosign's are looked up among them.
    pub(super) listed: Vec<Tag>,
    pub(super) steps: Vec<Step>,
    /// What the target has of the selected tags.
    pub(super) held: Held,
    /// Tags that cannot be planned.
    pub(super) failed: Vec<TagSummary>,
}

/// What the source says of the selected tags.
#[derive(Default)]
struct Answers {
    wanted: Vec<Wanted>,
    /// Tags that cannot be planned.
    failed: Vec<TagSummary>,
    /// Wanted platforms that some tags do not have, beside others which they have.
    missing: BTreeMap<Platform, Vec<Tag>>,
}

/// What goes wrong with one tag before it is copied.
#[derive(Debug, thiserror::Error)]
enum TagError {
    #[error("source: cannot ask for the tag")]
    Source(#[source] source::Error),
    #[error(
        "source: the tag is listed, but there is no image under it: delete it upstream, or let `match` leave it out"
    )]
    Vanished,
    #[error("source: cannot choose platforms")]
    Platforms(#[source] plan::ChoiceError),
}

impl TagError {
    fn fault(&self) -> Fault {
        match self {
            Self::Source(cause) => Fault::new("ask for tag", cause.code(), self)
                .at(Side::Source, cause.request_id())
                .with_hint(cause.hint())
                .transient(cause.is_transient()),
            // It went while it was listed, or is not quite there.
            Self::Vanished => {
                Fault::new("ask for tag", "vanished", self).at(Side::Source, None).transient(true)
            }
            Self::Platforms(_) => Fault::new("choose platforms", "unusable", self).at(Side::Source, None),
        }
    }
}

impl Pass<'_> {
    /// Observes, selects and plans.
    pub(super) async fn prepare(&self, summary: &mut MirrorSummary) -> Result<Planned, Error> {
        let tags = self.copier.sources.first().tags().await.map_err(Error::Tags)?;
        let selection = summary.selection.insert(select::select(&tags, &self.mirror.rules));
        let selected = selection.selected().count();
        summary.selected = selected as u64;
        let newest_first = selection.newest_first();
        self.emit(EventKind::TagsSelected { listed: tags.len(), selected, newest_first: &newest_first });
        summary.warnings = selection.warnings.iter().map(Warning::from).collect();
        let too_few = TooFew {
            mirror: Some(self.mirror.at_least).filter(|at_least| selected < *at_least),
            selected,
            listed: tags.len(),
            rules: selection.shortfalls(&self.mirror.rules),
        };
        if too_few.mirror.is_some() || !too_few.rules.is_empty() {
            let error = Error::TooFew(too_few);
            // What was selected is right all the same, and is copied.
            summary.error = Some(error.fault());
        }
        if selected == 0 {
            return Ok(Planned::default());
        }
        let names: Vec<Tag> = selection.selected().map(|verdict| verdict.tag.clone()).collect();
        let target = &self.copier.target;
        let held = self.copier.held(&names).await.map_err(Error::Target)?;
        let Answers { wanted, failed, missing } = self.ask_source(selection, &held.digests).await?;
        summary.warnings.extend(missing.iter().map(|(platform, tags)| not_offered(platform, tags)));
        let differs = |Wanted { tag, root }: &Wanted| {
            root.as_ref().zip(held.digests.get(tag)).is_some_and(|(root, held)| root.digest() != *held)
        };
        let mutability = if wanted.iter().any(differs) {
            Some(target.mutability().await.map_err(Error::Target)?)
        } else {
            None
        };
        let is_immutable =
            |tag: &Tag| mutability.as_ref().is_some_and(|mutability| mutability.forbids_moving(tag));
        let steps = plan::plan(&wanted, &held.digests, is_immutable);
        Ok(Planned { listed: tags, steps, held, failed })
    }

    /// Asks the source what the selected tags are, but for those that the target has and upstream never moves.
    async fn ask_source(
        &self,
        selection: &Selection,
        held: &BTreeMap<Tag, Digest>,
    ) -> Result<Answers, Error> {
        let (known, unknown): (Vec<_>, Vec<_>) =
            selection.selected().partition(|verdict| verdict.immutable && held.contains_key(&verdict.tag));
        let unasked = |verdict: &Verdict| Wanted { tag: verdict.tag.clone(), root: None };
        let mut asked = Answers { wanted: known.into_iter().map(unasked).collect(), ..Answers::default() };
        let mut choices = Choices::default();
        let heads = &Heads::default();
        let ask = |verdict: &Verdict| {
            let tag = verdict.tag.clone();
            async move { (self.root(&tag, held.get(&tag).copied(), heads).await, tag) }
        };
        // In the order of the selection, the newest first: that is also the order of copying.
        let (first, rest) = unknown.split_at(unknown.len().min(FIRST_QUESTIONS));
        let first = stream::iter(first.iter().copied()).map(ask).buffered(FIRST_QUESTIONS);
        let rest = stream::iter(rest.iter().copied()).map(ask).buffered(QUESTIONS_MAX);
        let mut answers = first.chain(rest);
        while let Some((answer, tag)) = answers.next().await {
            match answer {
                Ok((listed, choice)) => {
                    if !self.mirror.platforms.is_empty() {
                        choices.add(listed, &choice);
                    }
                    for platform in choice.missing {
                        asked.missing.entry(platform).or_default().push(tag.clone());
                    }
                    asked.wanted.push(Wanted { tag, root: Some(choice.root) });
                }
                Err(TagError::Source(cause)) if cause.is_denied() => {
                    return Err(Error::Denied { tag, cause });
                }
                Err(error) => asked.failed.push(unplanned(tag, &error)),
            }
        }
        drop(answers);
        self.memory.keep(choices);
        Ok(asked)
    }

    /// Asks the source what a tag is, and works out what the target's tag, which is `held` now, is to be.
    async fn root(
        &self,
        tag: &Tag,
        held: Option<Digest>,
        heads: &Heads,
    ) -> Result<(Digest, Choice), TagError> {
        let source = self.copier.sources.first();
        let listed = source.listed(tag, heads).await.map_err(TagError::Source)?;
        let digest = listed.ok_or(TagError::Vanished)?;
        if self.mirror.platforms.is_empty() {
            return Ok((digest, Choice { root: Root::Source(digest), missing: Vec::new() }));
        }
        // Who wants referrers has to read what they may refer to.
        let known = self.memory.recall(digest, held).filter(|_| !self.mirror.referrers);
        if let Some(choice) = known {
            return Ok((digest, choice));
        }
        let manifest = self.copier.sources.tagged(tag, digest).await.map_err(TagError::Source)?;
        let offered = source.platforms(&manifest).await.map_err(TagError::Source)?;
        let choice = plan::choose(&manifest, &offered, &self.mirror.platforms);
        Ok((digest, choice.map_err(TagError::Platforms)?))
    }
}

/// A wanted platform that these tags are copied without.
fn not_offered(platform: &Platform, tags: &[Tag]) -> Warning {
    let named: Vec<&str> = tags.iter().take(TAGS_NAMED_MAX).map(Tag::as_str).collect();
    let more = match tags.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "{platform} is not offered for {}{more}: what is offered of `platforms` is copied",
        named.join(", ")
    );
    Warning { code: "platform_not_offered", rule: None, message }
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
        error: Some(error.fault()),
    }
}
