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

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::oci::Tag;
use crate::select::parse;
use crate::select::rule::Reading;

/// Where a number stands: behind which word, and how it is joined to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place<'a> {
    /// The word; empty for the version itself.
    pub(super) word: &'a str,
    /// The separator; none where the number is glued to the word.
    pub(super) joint: Option<u8>,
}

/// A number whose meaning the tag alone does not tell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting<'a> {
    pub(super) place: Place<'a>,
    /// The numbers of the tag's version.
    pub(super) version: &'a str,
    pub(super) value: &'a str,
}

/// What the numbers in a place are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Part of the variant's name.
    Variant,
    /// A count of rebuilds.
    Revision {
        /// Whether the word before it is the name of that count, so that it names no variant.
        names_count: bool,
    },
}

/// What the list says of a place, in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decision {
    /// The place and a tag that has it.
    place: String,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    BesideOneAnother { versions: usize },
    FromTheStart,
    ItsOwnWay { versions: usize },
    Large,
    Unknown,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, why } = self;
        match why {
            Why::BesideOneAnother { versions } => write!(
                f,
                "{place} names a variant: the same numbers stand beside one another for {versions} versions"
            ),
            Why::FromTheStart => write!(f, "{place} counts rebuilds: it begins at 0 or 1"),
            Why::ItsOwnWay { versions } => {
                write!(f, "{place} counts rebuilds: it goes its own way with each of {versions} versions")
            }
            Why::Large => write!(f, "{place} counts rebuilds: it is too large to be part of a name"),
            Why::Unknown => write!(
                f,
                "{place} is taken as part of a variant's name: the other tags do not tell whether it counts rebuilds"
            ),
        }
    }
}

impl Why {
    fn is_count(self) -> bool {
        matches!(self, Self::FromTheStart | Self::ItsOwnWay { .. } | Self::Large)
    }
}

impl Decision {
    /// Whether it says that the number counts rebuilds.
    pub(super) fn is_count(&self) -> bool {
        self.why.is_count()
    }
}

/// What is known of the tags of one repository as a whole.
#[derive(Debug, Default)]
pub(super) struct Conventions<'a> {
    roles: HashMap<Place<'a>, Role>,
    /// One bit for each length that commits have in these tags.
    commit_lengths: u128,
}

impl Conventions<'_> {
    pub(super) fn role(&self, place: &Place<'_>) -> Role {
        self.roles.get(place).copied().unwrap_or(Role::Variant)
    }

    /// Whether commits in these tags have so many digits.
    pub(super) fn has_commits_of(&self, length: usize) -> bool {
        self.commit_lengths >> length.min(127) & 1 == 1
    }
}

/// Reads every tag in the light of all of them.
pub(super) fn read(tags: &[Tag]) -> (Vec<Reading>, Conventions<'_>) {
    let mut conventions = Conventions::default();
    let mut places = Places::default();
    let mut commit_lengths = 0;
    let mut readings = Vec::with_capacity(tags.len());
    let mut doubtful = Vec::new();
    for (index, tag) in tags.iter().enumerate() {
        let read = parse::parse(tag.as_str(), &conventions);
        commit_lengths |= read.commit_lengths;
        if read.may_be_commit {
            doubtful.push(index);
        }
        for sighting in &read.sightings {
            places.add(index, tag.as_str(), sighting);
        }
        readings.push(read.reading);
    }
    let decisions = places.decide(&mut conventions.roles);
    conventions.commit_lengths = commit_lengths;
    if commit_lengths == 0 {
        doubtful.clear();
    }
    let is_counted = |place: &usize| decisions[*place].is_count();
    doubtful.extend(places.seen.iter().filter(|(_, place)| is_counted(place)).map(|(index, _)| *index));
    doubtful.sort_unstable();
    doubtful.dedup();
    for index in doubtful {
        readings[index] = parse::parse(tags[index].as_str(), &conventions).reading;
    }
    for (index, place) in &places.seen {
        readings[*index].decisions.push(Arc::clone(&decisions[*place]));
    }
    (readings, conventions)
}

/// All numbers of unknown meaning, by their place.
#[derive(Default)]
struct Places<'a> {
    by_place: HashMap<Place<'a>, usize>,
    numbers: Vec<Numbers<'a>>,
    /// The tags, by index, that have a number in a place.
    seen: Vec<(usize, usize)>,
}

/// The numbers in one place.
struct Numbers<'a> {
    place: Place<'a>,
    /// Versions and values, as they come.
    pairs: Vec<(&'a str, &'a str)>,
    /// The first of the tags in the order of the alphabet.
    example: &'a str,
}

impl<'a> Places<'a> {
    fn add(&mut self, index: usize, tag: &'a str, sighting: &Sighting<'a>) {
        let Sighting { place, version, value } = *sighting;
        let known = *self.by_place.entry(place).or_insert(self.numbers.len());
        if known == self.numbers.len() {
            self.numbers.push(Numbers { place, pairs: Vec::new(), example: tag });
        }
        let numbers = &mut self.numbers[known];
        numbers.pairs.push((version, value));
        numbers.example = numbers.example.min(tag);
        self.seen.push((index, known));
    }

    /// Says what the numbers in every place are.
    fn decide(&self, roles: &mut HashMap<Place<'a>, Role>) -> Vec<Arc<Decision>> {
        let reasons: Vec<_> = self.numbers.iter().map(Numbers::judge).collect();
        let counts =
            self.numbers.iter().zip(&reasons).filter(|(numbers, why)| why.is_count() && numbers.is_glued());
        let counts: Vec<_> = counts.map(|(numbers, _)| numbers.versions()).collect();
        // Two counts of one version are counts of two things, and their words tell these apart.
        let mut versions = BTreeSet::new();
        let is_alone = counts.iter().flatten().all(|version| versions.insert(*version));
        let decide = |(numbers, why): (&Numbers<'a>, Why)| {
            if why.is_count() {
                let names_count = numbers.is_glued() && is_alone;
                roles.insert(numbers.place, Role::Revision { names_count });
            }
            Arc::new(Decision { place: numbers.to_string(), why })
        };
        self.numbers.iter().zip(reasons).map(decide).collect()
    }
}

/// From this on a number is too large to be the version of what an image is built on.
const LARGE: u32 = 100;

impl Numbers<'_> {
    /// Whether the numbers follow a word without a separator.
    fn is_glued(&self) -> bool {
        self.place.joint.is_none()
    }

    fn versions(&self) -> BTreeSet<&str> {
        self.pairs.iter().map(|(version, _)| *version).collect()
    }

    fn judge(&self) -> Why {
        let Table { versions, values } = self.table();
        let recurs = |value: &u32| values[*value as usize].versions > 1;
        let starts_a_count = |value: &&Value<'_>| matches!(value.text.trim_start_matches('0'), "" | "1");
        if values.iter().any(|value| starts_a_count(&value)) && !self.is_one_set(&versions) {
            return Why::FromTheStart;
        }
        let beside =
            versions.iter().filter(|values| values.iter().filter(|value| recurs(value)).count() > 1).count();
        if beside > 1 {
            return Why::BesideOneAnother { versions: beside };
        }
        let is_large = |value: &Value<'_>| value.text.parse::<u32>().is_ok_and(|number| number >= LARGE);
        if !self.is_glued() && values.iter().any(is_large) {
            return Why::Large;
        }
        let pairs: usize = versions.iter().map(Vec::len).sum();
        let own = values.iter().filter(|value| value.versions == 1).count();
        let goes_its_own_way = if self.is_glued() { own * 2 > pairs } else { true };
        if versions.len() > 1 && values.len() > 1 && goes_its_own_way {
            return Why::ItsOwnWay { versions: versions.len() };
        }
        Why::Unknown
    }

    /// Whether the same several values stand beside one another for each of several versions.
    fn is_one_set(&self, versions: &[Vec<u32>]) -> bool {
        self.is_glued()
            && versions.len() > 2
            && versions[0].len() > 1
            && versions.iter().all(|one| *one == versions[0])
    }

    /// Counts versions and values.
    fn table(&self) -> Table<'_> {
        let mut pairs = self.pairs.clone();
        pairs.sort_unstable();
        pairs.dedup();
        let mut known = HashMap::new();
        let mut table = Table::default();
        for of_version in pairs.chunk_by(|(one, _), (other, _)| one == other) {
            let mut row = Vec::with_capacity(of_version.len());
            for (_, text) in of_version {
                let value = *known.entry(*text).or_insert(table.values.len());
                if value == table.values.len() {
                    table.values.push(Value { text, versions: 0 });
                }
                table.values[value].versions += 1;
                row.push(u32::try_from(value).unwrap_or(u32::MAX));
            }
            row.sort_unstable();
            table.versions.push(row);
        }
        table
    }
}

/// Which values stand in a place for each version.
#[derive(Default)]
struct Table<'a> {
    versions: Vec<Vec<u32>>,
    values: Vec<Value<'a>>,
}

struct Value<'a> {
    text: &'a str,
    /// For how many versions it stands there.
    versions: usize,
}

/// `` `foo-N` (`1.2.3-foo-4`) ``.
impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place: Place { word, joint }, example, .. } = self;
        let joint = joint.map(char::from).map(String::from).unwrap_or_default();
        let behind = if word.is_empty() { " behind the version" } else { "" };
        write!(f, "`{word}{joint}N`{behind} (`{example}`)")
    }
}
