//! The numbers of unknown meaning in the tags of a repository, by their place, and what they are.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use crate::select::decision::{Decision, Why};
use crate::select::reading::known;
use crate::select::reading::place::{Place, Sighting};
use crate::select::reading::word;

/// All numbers of unknown meaning, by their place.
#[derive(Default)]
pub(in crate::select) struct Places<'a> {
    by_place: HashMap<Place<'a>, usize>,
    numbers: Vec<Numbers<'a>>,
    /// The tags, by index, that have a number in a place.
    seen: Vec<(usize, usize)>,
    /// Places that have numbers too long to be anything but a count.
    long: HashSet<Place<'a>>,
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
    /// Notes a number of the tag with this index.
    pub(in crate::select) fn add(&mut self, index: usize, tag: &'a str, sighting: &Sighting<'a>) {
        let Sighting { place, version, value } = *sighting;
        if value.split('.').any(|number| number.len() > word::NAME_NUMBER_MAX_DIGITS) {
            self.long.insert(place);
            return;
        }
        let known = *self.by_place.entry(place).or_insert(self.numbers.len());
        if known == self.numbers.len() {
            self.numbers.push(Numbers { place, pairs: Vec::new(), example: tag });
        }
        let numbers = &mut self.numbers[known];
        numbers.pairs.push((version, value));
        numbers.example = numbers.example.min(tag);
        self.seen.push((index, known));
    }

    /// The places, in the order in which they were seen.
    pub(in crate::select) fn all(&self) -> impl Iterator<Item = &Place<'a>> {
        self.numbers.iter().map(|numbers| &numbers.place)
    }

    /// Which tag, by its index, has a number in which place.
    pub(in crate::select) fn seen(&self) -> impl Iterator<Item = (usize, usize)> {
        self.seen.iter().copied()
    }

    /// Says what the numbers in every place are; nothing of a base whose number is just that of a variant, as always.
    pub(in crate::select) fn decide(&self) -> Vec<Option<Arc<Decision>>> {
        let reasons: Vec<_> =
            self.numbers.iter().map(|numbers| numbers.judge(self.long.contains(&numbers.place))).collect();
        let counts = self.numbers.iter().zip(&reasons);
        let counts = counts.filter(|(numbers, why)| why.is_some_and(Why::is_count) && numbers.is_glued());
        let counts: Vec<_> = counts.map(|(numbers, _)| numbers.versions()).collect();
        // Two counts of one version are counts of two things, and their words tell these apart.
        let mut versions = BTreeSet::new();
        let is_alone = counts.iter().flatten().all(|version| versions.insert(*version));
        let decide = |(numbers, why): (&Numbers<'a>, Option<Why>)| {
            let names_count = numbers.is_glued() && is_alone || numbers.place.word == "v";
            Some(Arc::new(Decision::new(numbers.to_string(), why?, names_count)))
        };
        self.numbers.iter().zip(reasons).map(decide).collect()
    }
}

/// From this on a number is too large for a name. Java is at 25, Fedora at 44, and 64 may be the width of a processor.
const LARGE: u32 = 65;
/// So many numbers of a base are a line of it that people choose: `27`, `3.11`.
const LINE_MAX: usize = 2;

impl Numbers<'_> {
    /// Whether the numbers follow a word of unknown meaning without a separator.
    fn is_glued(&self) -> bool {
        self.place.joint.is_none() && self.place.word != "v" && !self.place.is_of_base
    }

    fn versions(&self) -> BTreeSet<&str> {
        self.pairs.iter().map(|(version, _)| *version).collect()
    }

    /// Says what they are; `has_long` is whether others in their place are too long to be anything but a count.
    fn judge(&self, has_long: bool) -> Option<Why> {
        if self.place.is_of_base { self.judge_base() } else { Some(self.judge_number(has_long)) }
    }

    /// The version of a base names a variant, or its first numbers do, where the same ones stand beside one another. Where no
    /// version has two lines of it, and it has a patch, which nobody chooses, it moves on with the versions.
    fn judge_base(&self) -> Option<Why> {
        if self.pairs.iter().all(|(_, value)| value.matches('.').count() < 2) {
            return None;
        }
        let lines = |numbers| self.table(|value| first_numbers(value, numbers)).versions;
        for numbers in 1..=LINE_MAX {
            let versions = sets(&lines(numbers));
            if versions > 1 {
                return Some(Why::Lines { numbers, versions });
            }
        }
        let lines = lines(LINE_MAX);
        let moves_on = lines.len() > 1 && lines.iter().all(|line| line.len() == 1);
        moves_on.then_some(Why::SecondVersion)
    }

    fn judge_number(&self, has_long: bool) -> Why {
        let Table { versions, values } = self.table(|value| value);
        let have_dots = |dots| values.iter().any(|value| value.text.matches('.').count() >= dots);
        if self.may_be_versions() && have_dots(1) {
            return match sets(&versions) {
                0 | 1 => Why::SecondVersion,
                versions => Why::BesideOneAnother { versions },
            };
        }
        let recurs = |value: &u32| values[*value as usize].versions > 1;
        let starts_a_count = |value: &&Value<'_>| matches!(value.text.trim_start_matches('0'), "" | "1");
        // Behind a word, a 1 that is always the same is part of a name: `cpuv1`.
        let changes = !self.is_glued() || self.place.word.len() == 1 || values.len() > 1;
        if changes && values.iter().any(|value| starts_a_count(&value)) && !self.is_one_set(&versions) {
            return Why::FromTheStart;
        }
        if values.iter().any(|value| word::is_padded(value.text)) {
            return Why::Padded;
        }
        let beside =
            versions.iter().filter(|values| values.iter().filter(|value| recurs(value)).count() > 1).count();
        if beside > 1 {
            return Why::BesideOneAnother { versions: beside };
        }
        if have_dots(2) {
            return Why::SecondVersion;
        }
        let is_large = |value: &Value<'_>| {
            let is_above = value.text.parse::<u32>().is_ok_and(|number| number >= LARGE);
            is_above && known::meaning(value.text).is_none()
        };
        if !self.is_glued() && (has_long || values.iter().any(is_large)) {
            return Why::Large;
        }
        let pairs: usize = versions.iter().map(Vec::len).sum();
        let own = values.iter().filter(|value| value.versions == 1).count();
        let goes_its_own_way = !self.is_glued() || own * 2 > pairs || pairs == versions.len();
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

    /// Whether they may be versions of their own with one dot: `-3.4` behind the version, or `v1.8` anywhere.
    fn may_be_versions(&self) -> bool {
        let Place { word, joint, .. } = self.place;
        word.is_empty() && joint == Some(b'-') || word == "v" && joint.is_none()
    }

    /// Counts versions and values, or what `part` takes of these.
    fn table(&self, part: impl Fn(&str) -> &str) -> Table<'_> {
        let mut pairs: Vec<_> = self.pairs.iter().map(|&(version, value)| (version, part(value))).collect();
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

/// The first so many numbers of a version.
fn first_numbers(version: &str, numbers: usize) -> &str {
    version.match_indices('.').nth(numbers - 1).map_or(version, |(end, _)| &version[..end])
}

/// How many versions have the same several values as another one.
fn sets(versions: &[Vec<u32>]) -> usize {
    let mut sets: Vec<_> = versions.iter().filter(|values| values.len() > 1).collect();
    sets.sort_unstable();
    sets.chunk_by(|one, other| one == other).map(<[_]>::len).filter(|same| *same > 1).sum()
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
        let Self { place: Place { word, joint, .. }, example, .. } = self;
        let joint = joint.map(char::from).map(String::from).unwrap_or_default();
        let behind = if word.is_empty() { " behind the version" } else { "" };
        write!(f, "`{word}{joint}N`{behind} (`{example}`)")
    }
}
