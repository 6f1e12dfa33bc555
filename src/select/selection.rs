//! Applies rules to the tags of a repository.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::oci::Tag;
use crate::select::convention;
use crate::select::convention::Conventions;
use crate::select::decision::Decision;
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
    /// What the other tags of the repository had to tell for that.
    pub decisions: Vec<Arc<Decision>>,
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

    /// The selected tags that have a version, the newest first, whatever their variant.
    pub fn newest_first(&self) -> Vec<&Tag> {
        let version = |verdict: &&Verdict| verdict.version.is_some();
        let mut versions: Vec<&Verdict> = self.selected().filter(version).collect();
        // Stable: equal versions stay in the order of the selection.
        versions.sort_by(|one, other| other.version.cmp(&one.version));
        versions.into_iter().map(|verdict| &verdict.tag).collect()
    }
}

/// Gives every tag its verdict. A tag is selected if any rule selects it.
///
/// The order of `tags` does not matter, and a tag that is listed twice counts once. `newest` counts versions: tags
/// that spell one version in two ways (`1.2`, `v1.2`) are kept or left out together.
pub fn select(tags: &[Tag], rules: &[Rule]) -> Selection {
    let (whole, conventions) = convention::read(tags);
    let mut ages = ages(whole.iter().map(|reading| reading.version.as_ref()));
    let unmatched = || Opinion { rule: None, reading: None, reason: Reason::Unmatched };
    let mut opinions: Vec<_> = tags.iter().map(|_| unmatched()).collect();
    for (index, rule) in rules.iter().enumerate() {
        for (best, (reason, reading)) in
            opinions.iter_mut().zip(judge(rule, tags, &whole, &ages, &conventions))
        {
            if best.reason.rank() < reason.rank() {
                *best = Opinion { rule: Some(index), reading, reason };
            }
        }
    }
    let verdict = |((tag, whole), Opinion { rule, reading, reason }): ((&Tag, Reading), Opinion)| {
        let Reading { version, variant, decisions } = reading.unwrap_or(whole);
        let immutable = reason.is_selected() && rule.is_some_and(|rule| rules[rule].immutable());
        Verdict { tag: tag.clone(), version, variant, decisions, rule, immutable, reason }
    };
    let verdicts: Vec<_> = tags.iter().zip(whole).zip(opinions).map(verdict).collect();
    if rules.iter().any(Rule::reads_version) {
        ages = self::ages(verdicts.iter().map(|verdict| verdict.version.as_ref()));
    }
    Selection { verdicts: in_order(verdicts, &ages) }
}

/// What the most telling rule so far says of a tag.
struct Opinion {
    /// That rule, from 0.
    rule: Option<usize>,
    /// How it reads the tag, where it reads it in its own way.
    reading: Option<Reading>,
    reason: Reason,
}

/// How many different versions are newer, whatever the variant: equal for equal versions.
/// Versions are compared once, to give these; after that only numbers are, which is much faster.
type Age = u32;
const NO_AGE: Age = Age::MAX;

/// The age of every version, [`NO_AGE`] where there is none.
fn ages<'a>(versions: impl ExactSizeIterator<Item = Option<&'a Version>>) -> Vec<Age> {
    let mut ages = vec![NO_AGE; versions.len()];
    let with_head = |(index, version): (usize, Option<&'a Version>)| Some((version?.head(), version?, index));
    let mut sorted: Vec<_> = versions.enumerate().filter_map(with_head).collect();
    sorted.sort_unstable_by(|(a_head, a, _), (b_head, b, _)| b_head.cmp(a_head).then_with(|| b.cmp(a)));
    let same =
        |(a_head, a, _): &(u128, &Version, usize), (b_head, b, _): &(_, _, _)| a_head == b_head && a == b;
    for (age, same_version) in (0..).zip(sorted.chunk_by(same)) {
        for &(_, _, index) in same_version {
            ages[index] = age;
        }
    }
    ages
}

/// What one rule says of every tag, and how it reads the tag where it does so in its own way.
fn judge(
    rule: &Rule,
    tags: &[Tag],
    whole: &[Reading],
    ages: &[Age],
    conventions: &Conventions<'_>,
) -> impl Iterator<Item = (Reason, Option<Reading>)> {
    let mut reasons = Vec::with_capacity(tags.len());
    let mut readings = Vec::with_capacity(tags.len());
    let mut pers = Vec::with_capacity(tags.len());
    for (tag, whole) in tags.iter().zip(whole) {
        let (reason, reading, per) = match rule.read(tag, whole, conventions) {
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
        let own: Vec<_> =
            readings.iter().zip(whole).map(|(own, whole)| own.as_ref().unwrap_or(whole)).collect();
        let own_ages =
            rule.reads_version().then(|| self::ages(own.iter().map(|reading| reading.version.as_ref())));
        let ages = own_ages.as_deref().unwrap_or(ages);
        let mut groups: HashMap<_, Vec<_>> = HashMap::new();
        for (index, reason) in reasons.iter_mut().enumerate().filter(|(_, reason)| reason.is_selected()) {
            groups.entry((own[index].variant.as_str(), &pers[index])).or_default().push(Member {
                age: ages[index],
                version: own[index].version.as_ref(),
                reason,
            });
        }
        for ((variant, per), members) in groups {
            let per = rule.per().map(str::to_owned).zip(per.iter().cloned()).collect();
            keep_newest(rule, newest, Group { variant: variant.to_owned(), per }, members);
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

/// A tag of a group, before `newest` counts.
struct Member<'a> {
    age: Age,
    version: Option<&'a Version>,
    reason: &'a mut Reason,
}

/// Writes down for every member of a group whether it is among the newest versions.
fn keep_newest(rule: &Rule, newest: NonZeroUsize, group: Group, mut members: Vec<Member<'_>>) {
    members.sort_unstable_by_key(|member| member.age);
    if let Some(revisions) = rule.revisions {
        members = keep_builds(revisions, members);
    }
    let of = members.chunk_by(|a, b| a.age == b.age).count();
    let kept = newest.get().min(of);
    let group = Arc::new(group);
    for (rank, same_version) in members.chunk_by_mut(|a, b| a.age == b.age).enumerate() {
        for Member { reason, .. } in same_version {
            let group = Arc::clone(&group);
            **reason = if rank < kept {
                Reason::Newest { kept, of, group }
            } else {
                Reason::Older { newest, group }
            };
        }
    }
}

/// Leaves out all but the newest builds of each version. The members are in order, and so are those that remain.
fn keep_builds(revisions: NonZeroUsize, members: Vec<Member<'_>>) -> Vec<Member<'_>> {
    let mut kept: Vec<Member<'_>> = Vec::with_capacity(members.len());
    let mut builds = 0;
    for member in members {
        match kept.last() {
            Some(last) if last.age == member.age => {}
            Some(last) if is_one_version(last, &member) => builds += 1,
            _ => builds = 1,
        }
        if builds > revisions.get() {
            *member.reason = Reason::OlderBuild { revisions };
        } else {
            kept.push(member);
        }
    }
    kept
}

/// Whether both are builds of one version.
fn is_one_version(one: &Member<'_>, other: &Member<'_>) -> bool {
    one.version.map(Version::release) == other.version.map(Version::release)
}

/// Puts verdicts in the order that [`Selection::verdicts`] has, and each tag once.
fn in_order(verdicts: Vec<Verdict>, ages: &[Age]) -> Vec<Verdict> {
    let mut variants: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut unversioned = Vec::new();
    for (index, verdict) in verdicts.iter().enumerate() {
        match verdict.version {
            Some(_) => variants.entry(&verdict.variant).or_default().push(index),
            None => unversioned.push(index),
        }
    }
    let mut groups: Vec<_> = variants.into_iter().collect();
    groups.sort_unstable_by_key(|(variant, _)| *variant);
    let mut order = Vec::with_capacity(verdicts.len());
    for mut group in groups.into_iter().map(|(_, group)| group).chain([unversioned]) {
        let tag = |index: usize| &verdicts[index].tag;
        group.sort_unstable_by(|&a, &b| ages[a].cmp(&ages[b]).then_with(|| tag(a).cmp(tag(b))));
        group.dedup_by(|a, b| ages[*a] == ages[*b] && tag(*a) == tag(*b));
        order.append(&mut group);
    }
    let mut verdicts: Vec<_> = verdicts.into_iter().map(Some).collect();
    order.into_iter().filter_map(|index| verdicts[index].take()).collect()
}
