//! Applies rules to the tags of a repository.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::oci::Tag;
use crate::select::decision::Decision;
use crate::select::key::Head;
use crate::select::newest;
use crate::select::newest::{Candidate, Lines};
use crate::select::reading::convention;
use crate::select::reading::place::Conventions;
use crate::select::reason::Reason;
use crate::select::rule::{Outcome, Rule};
use crate::select::shortfall::{Choice, Shortfall};
use crate::select::version::{Reading, Version};
use crate::select::warning::{Doubt, Warning};

/// What the rules say of every tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// One verdict a tag, selected and left out, in the order people read: variants grouped, the newest version
    /// first; tags without a version last, by name.
    pub verdicts: Vec<Verdict>,
    /// What each rule makes of the tags, counted alone.
    pub choices: Vec<Choice>,
    /// What looks wrong with what the rules keep.
    pub warnings: Vec<Warning>,
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
    /// The rules after that one which select it, too.
    pub also: Vec<usize>,
    /// Why.
    pub reason: Reason,
}

impl Verdict {
    /// Whether the tag is selected.
    pub fn is_selected(&self) -> bool {
        self.reason.is_selected()
    }

    /// The rules that select it.
    pub(super) fn selected_by(&self) -> impl Iterator<Item = usize> {
        self.rule.into_iter().chain(self.also.iter().copied())
    }
}

impl Selection {
    /// The verdicts of the selected tags, in their order.
    pub fn selected(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| verdict.is_selected())
    }

    /// The rules that select fewer tags than they have to. `rules` are those that made the selection.
    pub fn shortfalls(&self, rules: &[Rule]) -> Vec<Shortfall> {
        let tags: Vec<_> = self.verdicts.iter().map(|verdict| &verdict.tag).collect();
        let rules = rules.iter().enumerate().zip(&self.choices);
        rules.filter_map(|(rule, choice)| Shortfall::find(rule, choice, &tags)).collect()
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
/// A tag that a rule names is selected although it is not in the list; other rules do not know of it then.
///
/// The order of `tags` does not matter, and a tag that is listed twice counts once. `newest` counts versions: tags
/// that spell one version in two ways (`1.2`, `v1.2`) are kept or left out together.
pub fn select(tags: &[Tag], rules: &[Rule]) -> Selection {
    let tags = &*unique(tags);
    let (mut whole, conventions) = convention::read(tags);
    let mut ages = ages(whole.iter().map(|reading| reading.version.as_ref()));
    let mut opinions: Vec<_> = tags.iter().map(|_| Opinion::default()).collect();
    let (mut choices, mut warnings) = (Vec::new(), Vec::new());
    let mut unlisted: BTreeMap<&Tag, Opinion> = BTreeMap::new();
    let is_named = rules.iter().any(|rule| rule.tag().is_some());
    let places: HashMap<&Tag, usize> = tags.iter().filter(|_| is_named).zip(0..).collect();
    for (index, rule) in rules.iter().enumerate() {
        if !rule.needs_list() {
            let place = rule.tag().map(|tag| (tag, places.get(tag)));
            let opinion = place.map(|(tag, place)| match place {
                Some(&place) => &mut opinions[place],
                None => unlisted.entry(tag).or_default(),
            });
            if let Some(opinion) = opinion {
                opinion.hear(index, Reason::Named, None);
            }
            choices.push(Choice::of_one(place.is_none_or(|(_, place)| place.is_some())));
            continue;
        }
        let Judgement { reasons, readings, choice, doubt } = judge(rule, tags, &whole, &ages, &conventions);
        choices.push(choice);
        warnings.extend(doubt.map(|doubt| Warning { rule: index, doubt }));
        for (best, (reason, reading)) in opinions.iter_mut().zip(reasons.into_iter().zip(readings)) {
            best.hear(index, reason, reading);
        }
    }
    for (whole, opinion) in whole.iter_mut().zip(&mut opinions) {
        if let Some(reading) = opinion.reading.take() {
            *whole = *reading;
        }
    }
    if rules.iter().any(Rule::reads_version) {
        ages = self::ages(whole.iter().map(|reading| reading.version.as_ref()));
    }
    let order = in_order(tags, &whole, &ages);
    let verdict = |tag: &Tag, reading: Reading, opinion: Opinion| {
        let Reading { version, variant, decisions } = reading;
        let Opinion { rule, also, reason, .. } = opinion;
        Verdict { tag: tag.clone(), version, variant, decisions, rule, also, reason }
    };
    let listed = order.into_iter().map(|index| {
        verdict(&tags[index], std::mem::take(&mut whole[index]), std::mem::take(&mut opinions[index]))
    });
    let unlisted = unlisted.into_iter().map(|(tag, opinion)| verdict(tag, Reading::default(), opinion));
    let verdicts = listed.chain(unlisted).collect();
    Selection { verdicts, choices, warnings }
}

/// Every tag once. Registries list them in order, so that nothing has to be copied.
fn unique(tags: &[Tag]) -> Cow<'_, [Tag]> {
    if tags.is_sorted_by(|one, next| one < next) {
        return Cow::Borrowed(tags);
    }
    let mut seen = HashSet::with_capacity(tags.len());
    if tags.iter().all(|tag| seen.insert(tag)) {
        return Cow::Borrowed(tags);
    }
    seen.clear();
    Cow::Owned(tags.iter().filter(|tag| seen.insert(tag)).cloned().collect())
}

/// What the most telling rule so far says of a tag.
struct Opinion {
    /// That rule, from 0.
    rule: Option<usize>,
    /// Further rules that select it.
    also: Vec<usize>,
    /// How it reads the tag, where it reads it in its own way.
    reading: Option<Box<Reading>>,
    reason: Reason,
}

/// No rule matches.
impl Default for Opinion {
    fn default() -> Self {
        Self { rule: None, also: Vec::new(), reading: None, reason: Reason::Unmatched }
    }
}

impl Opinion {
    /// Takes what one more rule says.
    fn hear(&mut self, rule: usize, reason: Reason, reading: Option<Box<Reading>>) {
        if self.reason.rank() < reason.rank() {
            *self = Self { rule: Some(rule), also: Vec::new(), reading, reason };
        } else if reason.is_selected() {
            self.also.push(rule);
        }
    }
}

/// How many different versions are newer, whatever the variant: equal for equal versions.
/// Versions are compared once, to give these; after that only numbers are, which is much faster.
pub(super) type Age = u32;
const NO_AGE: Age = Age::MAX;

/// The age of every version, [`NO_AGE`] where there is none.
fn ages<'a>(versions: impl ExactSizeIterator<Item = Option<&'a Version>>) -> Vec<Age> {
    let mut ages = vec![NO_AGE; versions.len()];
    let with_head = |(index, version): (usize, Option<&'a Version>)| Some((version?.head(), index, version?));
    let mut sorted: Vec<_> = versions.enumerate().filter_map(with_head).collect();
    // Nearly all are told apart by their heads, with no look at the versions themselves.
    let newest_first = |a: &(Head, usize, &Version), b: &(Head, usize, &Version)| {
        b.0.cmp(&a.0).then_with(|| if a.0.is_whole() { Ordering::Equal } else { b.2.cmp(a.2) })
    };
    sorted.sort_unstable_by(newest_first);
    for (age, same_version) in (0..).zip(sorted.chunk_by(|a, b| newest_first(a, b).is_eq())) {
        for &(_, index, _) in same_version {
            ages[index] = age;
        }
    }
    ages
}

/// What one rule says of the tags.
struct Judgement {
    reasons: Vec<Reason>,
    /// How it reads a tag, where it does so in its own way.
    readings: Vec<Option<Box<Reading>>>,
    choice: Choice,
    doubt: Option<Doubt>,
}

/// Asks one rule for its reasons.
fn judge(
    rule: &Rule,
    tags: &[Tag],
    whole: &[Reading],
    ages: &[Age],
    conventions: &Conventions<'_>,
) -> Judgement {
    let mut reasons = Vec::with_capacity(tags.len());
    let mut readings = Vec::with_capacity(tags.len());
    let mut line_of = Vec::with_capacity(tags.len());
    let (mut lines, mut matched) = (Lines::new(), rule.matched());
    for (tag, whole) in tags.iter().zip(whole) {
        let (reason, reading) = match rule.read(tag, whole, conventions, &mut matched) {
            Outcome::Unmatched => (Reason::Unmatched, None),
            Outcome::Excepted => (Reason::Excepted, None),
            Outcome::Matched { reading } => {
                let version = reading.as_deref().unwrap_or(whole).version.as_ref();
                (filter(rule, version), reading)
            }
        };
        reasons.push(reason);
        readings.push(reading);
        let known = lines.get(&*matched.per).copied();
        line_of.push(known.unwrap_or_else(|| {
            let next = lines.len();
            lines.insert(matched.per.clone(), next);
            next
        }));
    }
    let own: Vec<_> =
        readings.iter().zip(whole).map(|(own, whole)| own.as_deref().unwrap_or(whole)).collect();
    let own_ages =
        rule.reads_version().then(|| self::ages(own.iter().map(|reading| reading.version.as_ref())));
    let ages = own_ages.as_deref().unwrap_or(ages);
    let doubt = rule.newest.and_then(|newest| {
        let candidates = candidates(&mut reasons, &own, &line_of, ages);
        newest::keep(rule, newest, &lines, candidates)
    });
    let choice = choose(tags, &reasons, ages);
    Judgement { reasons, readings, choice, doubt }
}

/// The tags that have come as far as to `newest`.
fn candidates<'a>(
    reasons: &'a mut [Reason],
    own: &[&'a Reading],
    lines: &[usize],
    ages: &[Age],
) -> impl Iterator<Item = Candidate<'a>> {
    let parts = reasons.iter_mut().zip(own).zip(lines).zip(ages);
    let candidates = parts.map(|(((reason, reading), line), age)| Candidate {
        variant: &reading.variant,
        line: *line,
        age: *age,
        version: reading.version.as_ref(),
        is_open: reading.decisions.iter().any(|decision| decision.is_open()),
        reason,
    });
    candidates.filter(|candidate| candidate.reason.is_selected())
}

/// What a rule makes of the tags, counted alone.
fn choose(tags: &[Tag], reasons: &[Reason], ages: &[Age]) -> Choice {
    /// So many tags show what a rule selects.
    const SHOWN: usize = 5;
    let matched: Vec<_> = (0..tags.len()).filter(|&index| reasons[index] != Reason::Unmatched).collect();
    let mut selected: Vec<_> =
        matched.iter().copied().filter(|&index| reasons[index].is_selected()).collect();
    let order = |&index: &usize| (ages[index], &tags[index]);
    let mut choice = Choice { matched: matched.len(), selected: selected.len(), ..Choice::default() };
    if selected.len() > SHOWN {
        selected.select_nth_unstable_by_key(SHOWN, |index| order(index));
        selected.truncate(SHOWN);
    }
    selected.sort_unstable_by_key(order);
    choice.newest = selected.into_iter().map(|index| tags[index].clone()).collect();
    if choice.selected == 0 {
        choice.left_out = matched.into_iter().min_by_key(order).map(|index| reasons[index].clone());
    }
    choice
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

/// The tags, by index, in the order that [`Selection::verdicts`] has.
fn in_order(tags: &[Tag], readings: &[Reading], ages: &[Age]) -> Vec<usize> {
    let mut variants: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut unversioned = Vec::new();
    for (index, reading) in readings.iter().enumerate() {
        match reading.version {
            Some(_) => variants.entry(&reading.variant).or_default().push(index),
            None => unversioned.push(index),
        }
    }
    let mut groups: Vec<_> = variants.into_iter().collect();
    groups.sort_unstable_by_key(|(variant, _)| *variant);
    let mut order = Vec::with_capacity(tags.len());
    for mut group in groups.into_iter().map(|(_, group)| group).chain([unversioned]) {
        group.sort_unstable_by_key(|&index| (ages[index], &tags[index]));
        order.append(&mut group);
    }
    order
}
