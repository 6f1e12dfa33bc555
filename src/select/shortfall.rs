//! A rule that selects fewer tags than it has to: what it says, and which tags come near what it asks for.

use std::fmt;

use crate::oci::Tag;
use crate::select::pattern::sample;
use crate::select::reason::Reason;
use crate::select::rule::Rule;

/// So many tags are named.
const NEAREST: usize = 3;

/// What a rule makes of the tags, counted alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// How many tags `match` finds.
    pub matched: usize,
    /// How many of them the rule selects.
    pub selected: usize,
    /// The newest of these, a few.
    pub newest: Vec<Tag>,
    /// Why the newest of those was left out that it matches, where it selects none.
    pub left_out: Option<Reason>,
}

impl Choice {
    /// Of a rule that names one image.
    pub(super) fn of_one(is_there: bool) -> Self {
        Self { matched: is_there.into(), selected: is_there.into(), ..Self::default() }
    }
}

/// A rule selects fewer tags than it has to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    rule: usize,
    /// The pattern, or the tag where the rule names one.
    wanted: String,
    is_named: bool,
    at_least: usize,
    choice: Choice,
    nearest: Vec<Tag>,
}

impl Shortfall {
    /// Which rule of the mirror, counted from 0.
    pub fn rule(&self) -> usize {
        self.rule
    }

    /// Whether the rule names a tag, which is not there.
    pub fn is_named(&self) -> bool {
        self.is_named
    }

    /// `None` where the rule selects enough.
    pub(super) fn find(rule: (usize, &Rule), choice: &Choice, tags: &[&Tag]) -> Option<Self> {
        let (index, rule) = rule;
        if choice.selected >= rule.at_least() {
            return None;
        }
        let (wanted, nearest) = match (rule.tag(), rule.pattern()) {
            (Some(tag), _) => (tag.to_string(), nearest_to(tag, tags)),
            (None, pattern) => {
                let pattern = pattern.unwrap_or_default();
                let nearest = if choice.matched == 0 { nearest(pattern, tags) } else { Vec::new() };
                (pattern.to_owned(), nearest)
            }
        };
        Some(Self {
            rule: index,
            wanted,
            is_named: rule.tag().is_some(),
            at_least: rule.at_least(),
            choice: choice.clone(),
            nearest,
        })
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, wanted, is_named, at_least, choice, nearest } = self;
        let Choice { matched, selected, left_out, .. } = choice;
        write!(f, "tags[{rule}] ({} {wanted}) ", if *is_named { "tag" } else { "match" })?;
        match (matched, left_out) {
            (0, _) => {
                f.write_str(if *is_named { "is not there" } else { "matches no tag" })?;
                let names: Vec<_> = nearest.iter().map(Tag::as_str).collect();
                if names.is_empty() { Ok(()) } else { write!(f, "; the nearest: {}", names.join(", ")) }
            }
            (_, Some(reason)) => write!(f, "selects none of the {matched} tags that it matches: {reason}"),
            (..) => write!(
                f,
                "selects {selected} of the {matched} tags that it matches, fewer than its `at_least: {at_least}`"
            ),
        }
    }
}

/// The tags that differ least from what a pattern matches.
fn nearest(pattern: &str, tags: &[&Tag]) -> Vec<Tag> {
    sample(pattern).map_or_else(Vec::new, |sample| near(&sample, tags))
}

/// The tags that differ least from one that is not there.
pub fn nearest_to(tag: &Tag, tags: &[&Tag]) -> Vec<Tag> {
    near(tag.as_str(), tags)
}

fn near(sample: &str, tags: &[&Tag]) -> Vec<Tag> {
    let bound = sample.len().div_ceil(3);
    let distances = tags.iter().filter(|tag| tag.as_str() != sample);
    let distances = distances.map(|tag| (strsim::osa_distance(sample, tag.as_str()), *tag));
    let mut near: Vec<_> = distances.filter(|(distance, _)| *distance <= bound).collect();
    near.sort_unstable();
    near.into_iter().take(NEAREST).map(|(_, tag)| tag.clone()).collect()
}
