//! What the source says of what was picked: the digest of each, and what platforms make of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use crate::event::{Blobs, Fault, Side, TagOutcome, TagSummary, Warning};
use crate::oci::{Digest, Platform, Reference, Tag};
use crate::pass::memory::Choices;
use crate::pass::prepare::Origins;
use crate::pass::{Error, Pass};
use crate::plan;
use crate::plan::{Choice, Root, Wanted};
use crate::select;
use crate::select::{NameFault, Pick, Wish};
use crate::source;
use crate::source::Heads;
use crate::target;
use crate::target::Held;

/// The most tags that are asked for at the source at a time; its own limits come on top.
const QUESTIONS_MAX: usize = 32;
/// The same of the first tags: where access is refused, it is refused for all, and a few show it.
const FIRST_QUESTIONS: usize = 8;

/// What the source says of the picks.
#[derive(Default)]
pub(super) struct Answers {
    pub(super) wanted: Vec<Wanted>,
    /// Tags that cannot be planned.
    pub(super) failed: Vec<TagSummary>,
    /// Those that are named, and not there, each with its names in the target.
    absent: Vec<(Tag, Vec<Reference>)>,
    /// Wanted platforms that some images do not have, beside others which they have.
    pub(super) missing: BTreeMap<Platform, Vec<String>>,
    /// Pins whose tags have moved.
    pub(super) moved: Vec<Warning>,
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
    #[error("source: there is no tag {tag}{}", listed(.nearest))]
    Absent { tag: Tag, nearest: Vec<Tag> },
    #[error("target: cannot ask for the tag")]
    Target(#[source] Arc<target::Error>),
    #[error("source: cannot choose platforms")]
    Platforms(#[source] plan::ChoiceError),
    #[error(transparent)]
    Name(#[from] NameFault),
}

fn listed(tags: &[Tag]) -> String {
    let names: Vec<_> = tags.iter().map(Tag::as_str).collect();
    if names.is_empty() { String::new() } else { format!("; the nearest: {}", names.join(", ")) }
}

impl TagError {
    fn fault(&self) -> Fault {
        match self {
            Self::Source(cause) => Fault::new("ask for tag", cause.code(), self)
                .at(Side::Source, cause.request_id())
                .with_hint(cause.hint())
                .transient(cause.is_transient()),
            Self::Target(cause) => Fault::new("ask for tag", cause.code(), self)
                .at(Side::Target, cause.request_id())
                .with_hint(cause.hint())
                .transient(cause.is_transient()),
            // It went while it was listed, or is not quite there.
            Self::Vanished => {
                Fault::new("ask for tag", "vanished", self).at(Side::Source, None).transient(true)
            }
            Self::Absent { .. } => Fault::new("ask for tag", "absent", self).at(Side::Source, None),
            Self::Platforms(_) => Fault::new("choose platforms", "unusable", self).at(Side::Source, None),
            Self::Name(_) => Fault::new("name tag", "name", self).at(Side::Target, None),
        }
    }
}

/// What is asked for once, however many names in the target depend on it.
struct Question<'a> {
    pick: &'a Pick,
    /// The names, each with the rule that gives it.
    names: Vec<(&'a Reference, usize)>,
}

/// What questions are asked with.
struct Context<'a> {
    held: &'a Held,
    /// What each source has shown of how it answers.
    heads: &'a [Heads],
    origins: &'a Origins,
}

/// What came of it.
struct Answer {
    /// What the source has, and what is to be in the target of it.
    listed: Digest,
    choice: Choice,
    moved: Option<Warning>,
}

impl Pass<'_> {
    /// Asks the source what the picks are, but for those that the target has and upstream never moves.
    pub(super) async fn ask_source(
        &self,
        picks: &[Pick],
        held: &Held,
        origins: &Origins,
    ) -> Result<Answers, Error> {
        let mut answers = Answers::default();
        let questions = answers.questions(picks, held);
        let mut choices = Choices::default();
        // Each source shows by itself how it answers.
        let heads: Vec<_> = self.copier.sources.all().map(|_| Heads::default()).collect();
        let context = &Context { held, heads: &heads, origins };
        let ask = |question| self.ask(question, context);
        let mut questions = questions.into_iter();
        // In the order of the selection, the newest first: that is also the order of copying.
        let first: Vec<_> = questions.by_ref().take(FIRST_QUESTIONS).collect();
        let first = stream::iter(first).map(ask).buffered(FIRST_QUESTIONS);
        let rest = stream::iter(questions).map(ask).buffered(QUESTIONS_MAX);
        let mut answered = first.chain(rest);
        while let Some((answer, question)) = answered.next().await {
            match answer {
                Ok(answer) => {
                    if !self.mirror.platforms.is_empty() {
                        choices.add(answer.listed, &answer.choice);
                    }
                    answers.take(&question, answer);
                }
                Err(TagError::Source(cause)) if cause.is_denied() => {
                    return Err(Error::Denied { tag: question.pick.wish.reference().to_string(), cause });
                }
                Err(TagError::Absent { tag, .. }) => {
                    answers.absent.push((tag, question.names().cloned().collect()));
                }
                Err(error) => answers.fail(question.names(), question.pick.wish.tag(), &error),
            }
        }
        drop(answered);
        self.memory.keep(choices);
        Ok(answers)
    }

    async fn ask<'a>(
        &self,
        question: Question<'a>,
        context: &Context<'_>,
    ) -> (Result<Answer, TagError>, Question<'a>) {
        (self.answer(&question, context).await, question)
    }

    /// Asks the source that lists a tag. A tag by its name comes from the first that has it.
    async fn head(
        &self,
        pick: &Pick,
        tag: &Tag,
        context: &Context<'_>,
    ) -> Result<Option<Digest>, source::Error> {
        let sources = self.copier.sources.all().zip(context.heads);
        if !pick.is_named {
            let mut listing = sources.skip(context.origins.of(tag));
            return match listing.next() {
                Some((source, heads)) => source.listed(tag, heads).await,
                None => Ok(None),
            };
        }
        for (source, heads) in sources.take(context.origins.usable(context.heads.len())) {
            if let Some(digest) = source.listed(tag, heads).await? {
                return Ok(Some(digest));
            }
        }
        Ok(None)
    }

    /// Tells which tags come near those that are named and not there; `listed` is the list, where it was read.
    pub(super) async fn tell_absent(&self, answers: &mut Answers, listed: Option<&[Tag]>) {
        if answers.absent.is_empty() {
            return;
        }
        let read = match listed {
            Some(_) => Vec::new(),
            // It only helps a person, and the tag is not there, whatever comes of this.
            None => self.copier.sources.first().tags().await.unwrap_or_default(),
        };
        let listed: Vec<&Tag> = listed.unwrap_or(&read).iter().collect();
        for (tag, names) in std::mem::take(&mut answers.absent) {
            let nearest = select::nearest_to(&tag, &listed);
            let error = TagError::Absent { tag: tag.clone(), nearest };
            answers.fail(names.iter(), Some(&tag), &error);
        }
    }

    /// Asks the source what is picked, and works out what the target's tags, which are `held` now, are to be.
    async fn answer(&self, question: &Question<'_>, context: &Context<'_>) -> Result<Answer, TagError> {
        let wish = &question.pick.wish;
        let (listed, moved) = match wish {
            Wish::Tag(tag) => match self.head(question.pick, tag, context).await.map_err(TagError::Source)? {
                Some(digest) => (digest, None),
                None if question.pick.is_named => {
                    return Err(TagError::Absent { tag: tag.clone(), nearest: Vec::new() });
                }
                None => return Err(TagError::Vanished),
            },
            Wish::Pin(tag, digest) if !question.pick.immutable => {
                let now = self.head(question.pick, tag, context).await;
                (*digest, moved(tag, *digest, now, question.pick.rule))
            }
            Wish::Pin(_, digest) | Wish::Digest(digest) => (*digest, None),
        };
        if self.mirror.platforms.is_empty() {
            let choice = Choice { root: Root::Source(listed), missing: Vec::new() };
            return Ok(Answer { listed, choice, moved });
        }
        // Who wants referrers has to read what they may refer to.
        let known =
            self.memory.recall(listed, question.held(context.held)).filter(|_| !self.mirror.referrers);
        if let Some(choice) = known {
            return Ok(Answer { listed, choice, moved });
        }
        let tag = if wish.digest().is_none() { wish.tag() } else { None };
        let manifest = self.copier.sources.tagged(tag, listed).await.map_err(TagError::Source)?;
        let offered = self.copier.sources.platforms(&manifest).await.map_err(TagError::Source)?;
        let choice =
            plan::choose(&manifest, &offered, &self.mirror.platforms).map_err(TagError::Platforms)?;
        Ok(Answer { listed, choice, moved })
    }
}

impl Question<'_> {
    fn names(&self) -> impl Iterator<Item = &Reference> {
        self.names.iter().map(|(name, _)| *name)
    }

    /// What the target has under the names, where it has the same under all of them.
    fn held(&self, held: &Held) -> Option<Digest> {
        let mut digests = self.names().map(|name| held.digest(name));
        let first = digests.next().flatten()?;
        digests.all(|digest| digest == Some(first)).then_some(first)
    }
}

impl Answers {
    /// What is to be asked for. What needs no question is answered.
    fn questions<'a>(&mut self, picks: &'a [Pick], held: &Held) -> Vec<Question<'a>> {
        let mut questions: Vec<Question<'a>> = Vec::new();
        let mut places: HashMap<&Wish, usize> = HashMap::new();
        for pick in picks {
            let name = match &pick.name {
                Ok(name) => name,
                Err(fault) => {
                    let tag = pick.wish.reference();
                    self.fail([&tag].into_iter(), pick.wish.tag(), &TagError::Name(fault.clone()));
                    continue;
                }
            };
            if let Some(cause) = name.tag().and_then(|tag| held.refused.get(tag)) {
                let error = TagError::Target(Arc::clone(cause));
                self.fail([name].into_iter(), pick.wish.tag(), &error);
                continue;
            }
            let is_known = pick.immutable && pick.wish.digest().is_none() && held.digest(name).is_some();
            if is_known {
                self.want(pick, name, pick.rule, None);
                continue;
            }
            let place = *places.entry(&pick.wish).or_insert(questions.len());
            match questions.get_mut(place) {
                Some(question) => question.names.push((name, pick.rule)),
                None => questions.push(Question { pick, names: vec![(name, pick.rule)] }),
            }
        }
        questions
    }

    fn take(&mut self, question: &Question<'_>, answer: Answer) {
        for platform in answer.choice.missing {
            self.missing.entry(platform).or_default().push(question.pick.wish.reference().to_string());
        }
        self.moved.extend(answer.moved);
        for &(name, rule) in &question.names {
            self.want(question.pick, name, rule, Some(answer.choice.root.clone()));
        }
    }

    fn want(&mut self, pick: &Pick, name: &Reference, rule: usize, root: Option<Root>) {
        self.wanted.push(Wanted { name: name.clone(), source_tag: pick.wish.tag().cloned(), rule, root });
    }

    fn fail<'a>(
        &mut self,
        names: impl Iterator<Item = &'a Reference>,
        source_tag: Option<&Tag>,
        error: &TagError,
    ) {
        self.failed.extend(names.map(|name| TagSummary {
            tag: name.clone(),
            source_tag: source_tag.filter(|tag| name.tag() != Some(tag)).cloned(),
            digest: None,
            previous_digest: None,
            action: None,
            outcome: Some(TagOutcome::Failed),
            reason: "not planned".to_owned(),
            bytes: 0,
            blobs: Blobs::default(),
            error: Some(error.fault()),
        }));
    }
}

/// Tells where a tag is now that is pinned.
fn moved(
    tag: &Tag,
    pinned: Digest,
    now: Result<Option<Digest>, source::Error>,
    rule: usize,
) -> Option<Warning> {
    let message = match now {
        Ok(Some(digest)) if digest == pinned => return None,
        Ok(Some(digest)) => {
            format!("{tag} points at {digest} now: what is copied is still {pinned}, as `digest` says")
        }
        Ok(None) => format!("{tag} is not there any more: what is copied is {pinned}, as `digest` says"),
        Err(error) => format!("cannot ask where {tag} points now; what is copied is {pinned}: {error}"),
    };
    Some(Warning { code: "pinned_tag_moved", rule: Some(format!("tags[{rule}]")), message })
}
