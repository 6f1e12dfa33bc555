//! What one tag cannot tell and the others can: whether a number behind the version names a variant or counts rebuilds.
//!
//! `14.1.1.0-11` is made with the JDK 11, `3.5.21-1` is the second package of a version. So the numbers that stand in
//! the same place in all tags of the repository are looked at together, each with its version:
//!
//! - Values that stand beside one another for several versions, the same ones again and again, name variants: `-zing8`
//!   and `-zing11` of 1.0, of 1.1 and of 1.2.
//! - Values that begin at 0 or 1, and values that are others for each version, count rebuilds.
//! - Where neither shows, the number is taken as part of the variant's name: too much is kept then, and a rule that
//!   keeps much too much says so.
//!
//! The place is the word before the number and how the two are joined, whatever else is in the tag: a word means the
//! same in all tags of a repository. Only counts decide, so the order of the list does not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::oci::Tag;
use crate::select::decision::Decision;
use crate::select::reading::known;
use crate::select::reading::known::Meaning;
use crate::select::reading::parse;
use crate::select::reading::place::{Conventions, Role};
use crate::select::reading::places::Places;
use crate::select::reading::word;
use crate::select::version::{Reading, Version};

/// Reads every tag in the light of all of them.
pub(in crate::select) fn read(tags: &[Tag]) -> (Vec<Reading>, Conventions<'_>) {
    let mut conventions = Conventions::default();
    let mut places = Places::default();
    let mut commit_lengths = 0;
    let (mut commits, mut development, mut lone) = (Vec::new(), Vec::new(), Vec::new());
    let mut readings = Vec::with_capacity(tags.len());
    let mut words = Vec::new();
    for (index, tag) in tags.iter().enumerate() {
        let read = parse::parse(tag.as_str(), &conventions, &mut words);
        commit_lengths |= read.commit_lengths;
        commits.extend(read.may_be_commit.then_some(index));
        development.extend(read.has_development.then_some(index));
        lone.extend(read.base.map(|base| (index, base)));
        for sighting in &read.sightings {
            places.add(index, tag.as_str(), sighting);
        }
        readings.push(read.reading);
    }
    let decisions = places.decide();
    let flavour = judge_development(tags, &readings, &development);
    conventions.bases = beside_versions(&lone, &readings);
    lone.retain(|(_, base)| conventions.bases.contains(base));
    conventions.commit_lengths = commit_lengths;
    conventions.development_precedes = flavour.as_ref().is_some_and(|decision| decision.is_prerelease());
    for (place, decision) in places.all().zip(&decisions) {
        conventions.roles.extend(decision.as_ref().map(|decision| (*place, decision.role())));
    }
    // Only what turns out otherwise than a tag alone is read needs to be read again.
    commits.retain(|&index| word::split(tags[index].as_str()).iter().any(|word| conventions.is_commit(word)));
    let mut again = commits.clone();
    again.extend(development.iter().filter(|_| conventions.development_precedes));
    let is_told =
        |place: &usize| decisions[*place].as_ref().is_some_and(|decision| decision.role() != Role::Variant);
    again.extend(places.seen().filter(|(_, place)| is_told(place)).map(|(index, _)| index));
    again.extend(lone.iter().map(|(index, _)| index));
    again.sort_unstable();
    again.dedup();
    for index in again {
        readings[index] = parse::parse(tags[index].as_str(), &conventions, &mut words).reading;
    }
    for (index, place) in places.seen() {
        readings[index].decisions.extend(decisions[place].clone());
    }
    for (index, flavour) in development.into_iter().zip(flavour.iter().cycle()) {
        readings[index].decisions.push(Arc::clone(flavour));
    }
    for (index, base) in lone {
        readings[index].decisions.push(Arc::new(Decision::of_base(base)));
    }
    let commit =
        commits.iter().map(|&index| tags[index].as_str()).min().map(Decision::of_commits).map(Arc::new);
    for (index, commit) in commits.into_iter().zip(commit.iter().cycle()) {
        readings[index].decisions.push(Arc::clone(commit));
    }
    (readings, conventions)
}

/// Which of these bases, of tags that may be nothing but a base, other tags have in their variant with its number.
fn beside_versions<'a>(lone: &[(usize, &'a str)], readings: &[Reading]) -> BTreeSet<&'a str> {
    let mut bases: BTreeSet<_> = lone.iter().map(|(_, base)| *base).collect();
    // Of systems any other will do: an image of a system alone is none of those that are made for several.
    let is_system = |base: &str| known::meaning(base) == Some(Meaning::System);
    bases.retain(|base| {
        let is_like = |other: &str| other == *base || is_system(base) && is_system(other);
        let has_base = |reading: &Reading| {
            let words = word::split(&reading.variant);
            words.windows(2).any(|pair| is_like(pair[0].text) && pair[1].starts_with_digit())
        };
        readings.iter().any(has_base)
    });
    bases
}

/// Whether `dev` is a flavour: most versions that have it have tags without it, too. `tags` have it where `development`
/// says so; all are read as if it were one.
fn judge_development(tags: &[Tag], readings: &[Reading], development: &[usize]) -> Option<Arc<Decision>> {
    let example = development.iter().map(|&index| tags[index].as_str()).min()?;
    let release = |index: usize| readings[index].version.as_ref().map(Version::release);
    let mut versions: BTreeMap<_, _> = development.iter().map(|&index| (release(index), false)).collect();
    let mut development = development.iter().peekable();
    for index in 0..readings.len() {
        if development.next_if(|next| **next == index).is_none()
            && let Some(is_there) = versions.get_mut(&release(index))
        {
            *is_there = true;
        }
    }
    let beside = versions.values().filter(|is_there| **is_there).count();
    Some(Arc::new(Decision::of_development(example, beside, versions.len())))
}
