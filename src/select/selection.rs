//! Applies rules to the tags of a repository.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::oci::Tag;
use crate::select::reason::{Group, Reason};
use crate::select::rule::{Outcome, Reading, Rule};
use crate::select::version::Version;

/// What the rules say of every tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// One verdict a tag, selected and left out, in the order people read: variants grouped, the newest version
    /// first; tags without a version last, by name.
    pub verdicts: Vec<Verdict>,
}

/// What the rules say of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The tag.
    pub tag: Tag,
    /// Its version as the deciding rule reads it.
    pub version: Option<Version>,
    /// Its variant as the deciding rule reads it; empty where it has none.
    pub variant: String,
    /// The rule that decided, from 0: the first that selects the tag, else the first of those that it failed last.
    /// `None` where no rule matches.
    pub rule: Option<usize>,
    /// Whether the rule that selects it says that upstream never moves it.
    pub immutable: bool,
    /// Why.
    pub reason: Reason,
}

impl Verdict {
    /// Whether the tag is selected.
    pub fn is_selected(&self) -> bool {
        self.reason.is_selected()
    }
}

impl Selection {
    /// The verdicts of the selected tags, in their order.
    pub fn selected(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| verdict.is_selected())
    }
}

/// Gives every tag its verdict. A tag is selected if any rule selects it.
///
/// The order of `tags` does not matter, and a tag that is listed twice counts once. `newest` counts versions: tags
/// that spell one version in two ways (`1.2`, `v1.2`) are kept or left out together.
pub fn select(tags: &[Tag], rules: &[Rule]) -> Selection {
    let tags = read(tags);
    let unmatched = || Opinion { rule: None, reading: None, reason: Reason::Unmatched };
    let mut opinions: Vec<_> = tags.iter().map(|_| unmatched()).collect();
    for (index, rule) in rules.iter().enumerate() {
        for (best, (reason, reading)) in opinions.iter_mut().zip(judge(rule, &tags)) {
            if best.reason.rank() < reason.rank() {
                *best = Opinion { rule: Some(index), reading, reason };
            }
        }
    }
    let mut verdicts: Vec<_> = tags
        .into_iter()
        .zip(opinions)
        .map(|((tag, whole), Opinion { rule, reading, reason })| {
            (tag, reading.unwrap_or(whole), rule, reason)
        })
        .collect();
    verdicts.sort_by(|(a, a_reading, ..), (b, b_reading, ..)| order((a, a_reading), (b, b_reading)));
    let verdict = |(tag, reading, rule, reason): (&Tag, Reading, Option<usize>, Reason)| Verdict {
        tag: tag.clone(),
        version: reading.version,
        variant: reading.variant,
        rule,
        immutable: reason.is_selected() && rule.is_some_and(|rule| rules[rule].immutable()),
        reason,
    };
    Selection { verdicts: verdicts.into_iter().map(verdict).collect() }
}

/// What the most telling rule so far says of a tag.
struct Opinion {
    rule: Option<usize>,
    /// How that rule reads the tag, where it reads it in its own way.
    reading: Option<Reading>,
    reason: Reason,
}

/// Reads the tags and puts them in the order of verdicts, each once. What is sorted after this is in order or nearly so,
/// which costs the standard sort next to nothing.
fn read(tags: &[Tag]) -> Vec<(&Tag, Reading)> {
    // By variant first, as comparing texts is what costs time in sorting.
    let mut variants: BTreeMap<String, Vec<_>> = BTreeMap::new();
    let mut unversioned = Vec::new();
    for tag in tags {
        let reading = Reading::of(tag.as_str());
        if reading.version.is_none() {
            unversioned.push((tag, reading));
        } else if let Some(variant) = variants.get_mut(&reading.variant) {
            variant.push((tag, reading));
        } else {
            variants.insert(reading.variant.clone(), vec![(tag, reading)]);
        }
    }
    for variant in variants.values_mut() {
        variant.sort_unstable_by(|(a_tag, a), (b_tag, b)| {
            b.version.cmp(&a.version).then_with(|| a_tag.cmp(b_tag))
        });
    }
    unversioned.sort_unstable_by_key(|(tag, _)| *tag);
    let mut tags: Vec<_> = variants.into_values().flatten().chain(unversioned).collect();
    tags.dedup_by_key(|(tag, _)| *tag);
    tags
}

/// The order of verdicts.
fn order((a_tag, a): (&Tag, &Reading), (b_tag, b): (&Tag, &Reading)) -> Ordering {
    let by_version = match (&a.version, &b.version) {
        (Some(a_version), Some(b_version)) => {
            a.variant.cmp(&b.variant).then_with(|| b_version.cmp(a_version))
        }
        (a_version, b_version) => a_version.is_none().cmp(&b_version.is_none()),
    };
    by_version.then_with(|| a_tag.cmp(b_tag))
}

/// What one rule says of every tag.
fn judge(rule: &Rule, tags: &[(&Tag, Reading)]) -> impl Iterator<Item = (Reason, Option<Reading>)> {
    let mut reasons = Vec::with_capacity(tags.len());
    let mut readings = Vec::with_capacity(tags.len());
    let mut pers = Vec::with_capacity(tags.len());
    for (tag, whole) in tags {
        let (reason, reading, per) = match rule.read(tag, whole) {
            Outcome::Unmatched => (Reason::Unmatched, None, Vec::new()),
            Outcome::Excepted => (Reason::Excepted, None, Vec::new()),
            Outcome::Matched { reading, per } => {
                let version = reading.as_ref().unwrap_or(whole).version.as_ref();
                (filter(rule, version), reading, per)
            }
        };
        reasons.push(reason);
        readings.push(reading);
        pers.push(per);
    }
    if let Some(newest) = rule.newest {
        let mut groups: HashMap<_, Vec<_>> = HashMap::new();
        for (index, reason) in reasons.iter_mut().enumerate().filter(|(_, reason)| reason.is_selected()) {
            let reading = readings[index].as_ref().unwrap_or(&tags[index].1);
            if let Some(version) = &reading.version {
                groups.entry((reading.variant.as_str(), &pers[index])).or_default().push((version, reason));
            }
        }
        for ((variant, per), members) in groups {
            let per = rule.per().map(str::to_owned).zip(per.iter().cloned()).collect();
            keep_newest(newest, Group { variant: variant.to_owned(), per }, members);
        }
    }
    reasons.into_iter().zip(readings)
}

/// What a rule says of a tag that it matches, before `newest` counts.
fn filter(rule: &Rule, version: Option<&Version>) -> Reason {
    if rule.newest.is_none() && rule.range.is_none() {
        return Reason::Matches;
    }
    let Some(version) = version else { return Reason::Unversioned };
    if let Some(range) = rule.range.as_ref().filter(|range| !version.is_in(range)) {
        return Reason::OutsideRange { range: Arc::clone(range) };
    }
    if version.is_prerelease() && !rule.prereleases {
        return Reason::Prerelease;
    }
    rule.range.as_ref().map_or(Reason::Matches, |range| Reason::InRange { range: Arc::clone(range) })
}

/// Writes down for every member of a group whether it is among the newest versions.
fn keep_newest(newest: NonZeroUsize, group: Group, mut members: Vec<(&Version, &mut Reason)>) {
    members.sort_by(|(a, _), (b, _)| b.cmp(a));
    let versions = || members.chunk_by(|(a, _), (b, _)| a == b);
    let of = versions().count();
    let group = Arc::new(group);
    let kept = newest.get().min(of);
    for (rank, same_version) in members.chunk_by_mut(|(a, _), (b, _)| a == b).enumerate() {
        for (_, reason) in same_version {
            let group = Arc::clone(&group);
            **reason = if rank < kept {
                Reason::Newest { kept, of, group }
            } else {
                Reason::Older { newest, group }
            };
        }
    }
}
