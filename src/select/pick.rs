//! What is to be in the target: the selected tags under their names there, and images by their digests.

use crate::oci::{Digest, Reference, Tag};
use crate::select::rule::Rule;
use crate::select::selection::{Selection, Verdict};
use crate::select::template::NameFault;

/// An image that is to be in the target under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The rule that wants it, counted from 0.
    pub rule: usize,
    /// What is wanted of the source.
    pub wish: Wish,
    /// The name in the target: a tag, or a digest for an image that gets none.
    pub name: Result<Reference, NameFault>,
    /// Whether the tag is asked for by its name, be it in the list or not.
    pub is_named: bool,
    /// Whether upstream never moves the tag.
    pub immutable: bool,
}

/// What is wanted of the source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wish {
    /// What a tag points at.
    Tag(Tag),
    /// The image of this digest, which a tag pointed at once.
    Pin(Tag, Digest),
    /// The image of this digest.
    Digest(Digest),
}

impl Wish {
    /// The source's tag; none where the image is named by its digest alone.
    pub fn tag(&self) -> Option<&Tag> {
        match self {
            Self::Tag(tag) | Self::Pin(tag, _) => Some(tag),
            Self::Digest(_) => None,
        }
    }

    /// The digest that it has to have, whatever the tag points at.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            Self::Pin(_, digest) | Self::Digest(digest) => Some(*digest),
            Self::Tag(_) => None,
        }
    }

    /// What the source is asked for.
    pub fn reference(&self) -> Reference {
        match self {
            Self::Tag(tag) => Reference::Tag(tag.clone()),
            Self::Pin(_, digest) | Self::Digest(digest) => Reference::Digest(*digest),
        }
    }
}

impl Selection {
    /// All picks, in the order of the verdicts, those without a tag last. `rules` are those that made the selection.
    pub fn picks(&self, rules: &[Rule]) -> Vec<Pick> {
        let mut picks: Vec<Pick> = Vec::new();
        for verdict in self.selected() {
            let before = picks.len();
            for rule in verdict.selected_by() {
                for pick in picks_of(rule, &rules[rule], verdict) {
                    // What several rules want alike is wanted once.
                    let is_known = |known: &Pick| known.name == pick.name && known.wish == pick.wish;
                    if !picks[before..].iter().any(is_known) {
                        picks.push(pick);
                    }
                }
            }
        }
        picks.extend(rules.iter().enumerate().flat_map(|(index, rule)| picks_without_tag(index, rule)));
        picks
    }
}

/// What one rule wants of a tag that it selects.
fn picks_of(index: usize, rule: &Rule, verdict: &Verdict) -> Vec<Pick> {
    let tag = verdict.tag.clone();
    let wish = match rule.digest() {
        Some(digest) => Wish::Pin(tag, digest),
        None => Wish::Tag(tag),
    };
    let pick = |name| Pick {
        rule: index,
        wish: wish.clone(),
        name,
        is_named: rule.tag().is_some(),
        immutable: rule.immutable(),
    };
    match rule.names(&verdict.tag) {
        Ok(names) => names.into_iter().map(|name| pick(Ok(Reference::Tag(name)))).collect(),
        Err(fault) => vec![pick(Err(fault))],
    }
}

/// What a rule wants that names a digest alone.
fn picks_without_tag(index: usize, rule: &Rule) -> Vec<Pick> {
    let Some(digest) = rule.only_digest() else { return Vec::new() };
    let mut names: Vec<_> = rule.fixed_names().map(Reference::Tag).collect();
    if names.is_empty() {
        names.push(Reference::Digest(digest));
    }
    let pick = |name| Pick {
        rule: index,
        wish: Wish::Digest(digest),
        name: Ok(name),
        is_named: true,
        immutable: rule.immutable(),
    };
    names.into_iter().map(pick).collect()
}
