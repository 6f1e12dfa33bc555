//! Reads a tag: which of its words are the version, and which the variant.
//!
//! Here its start: what stands before the numbers, and the numbers. [`crate::select::suffix`] has what follows.

use crate::select::convention::{Conventions, Sighting};
use crate::select::key::{Key, Moment, Numbers, Parts, Rank, Revision, Scheme, Stage};
use crate::select::known;
use crate::select::known::Meaning;
use crate::select::rule::Reading;
use crate::select::version::Version;
use crate::select::word;
use crate::select::word::Word;

/// Longer texts are no tags (OCI distribution specification).
const TEXT_MAX_BYTES: usize = 128;

/// A tag as it was read, and what that leaves open.
#[derive(Debug, Default)]
pub(super) struct Read<'a> {
    pub(super) reading: Reading,
    /// Numbers that were taken as parts of the variant's name for want of anything better.
    pub(super) sightings: Vec<Sighting<'a>>,
    /// One bit for each length of the commits in it.
    pub(super) commit_lengths: u128,
    /// Whether some word may be a commit, should the tags have commits of its length.
    pub(super) may_be_commit: bool,
}

/// Reads a tag as the others of its repository have it.
/// Reads once from left to right; no regular expression, as it runs for every tag.
pub(super) fn parse<'a>(text: &'a str, conventions: &Conventions<'_>) -> Read<'a> {
    read(text, conventions, Extent::Tag, "")
}

/// Reads the parts of a tag that a rule tells apart: `text` has no revision but the one of its own.
pub(super) fn parse_parts(text: &str, revision: &str, conventions: &Conventions<'_>) -> Reading {
    read(text, conventions, Extent::Tag, revision).reading
}

/// Reads a text that is a version and nothing else: words carry no order and are no variant, all numbers count.
pub(super) fn parse_version(text: &str, revision: &str) -> Option<Version> {
    read(text, &Conventions::default(), Extent::Version, revision).reading.version
}

fn read<'a>(text: &'a str, conventions: &Conventions<'_>, extent: Extent, revision: &str) -> Read<'a> {
    let mut reader = Reader::new(text, conventions, extent);
    if text.len() > TEXT_MAX_BYTES {
        return reader.nothing();
    }
    let mut words = word::split(text);
    if word::is_hash_name(&words) {
        return reader.nothing();
    }
    let Some(start) = reader.start(&mut words) else { return reader.nothing() };
    let (before, mut rest) = words.split_at_mut(start);
    for word in before {
        reader.read_prefix(word);
    }
    let used = reader.read_numbers(rest);
    rest = &mut rest[used..];
    while !rest.is_empty() && !reader.is_no_version {
        let used = reader.read_suffix(rest);
        rest = &mut rest[used..];
    }
    if !revision.is_empty() {
        reader.revision.push(Rank::Count, revision);
        reader.add_revision_text(Some(b'-'), revision);
    }
    reader.finish()
}

/// How much of a text is the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What looks like it; the rest is the variant.
    Tag,
    /// All of it.
    Version,
}

/// What has been read so far.
pub(super) struct Reader<'a, 'c> {
    pub(super) text: &'a str,
    pub(super) conventions: &'c Conventions<'c>,
    pub(super) extent: Extent,
    pub(super) scheme: Scheme,
    numbers: Numbers,
    /// The numbers as they are spelled.
    pub(super) row: &'a str,
    pub(super) prerelease: Option<Prerelease<'a>>,
    pub(super) revision: Revision,
    pub(super) revision_text: String,
    pub(super) date: Option<(Moment, Revision, &'a str)>,
    /// The commit.
    pub(super) commit: Option<&'a str>,
    /// How many commits `git describe` counts since the version.
    pub(super) commits: Option<&'a str>,
    variant: String,
    /// The word that a number which follows belongs to, and whether it counts rebuilds.
    pub(super) last: Last<'a>,
    /// Whether something shows that there is no version in spite of its numbers.
    pub(super) is_no_version: bool,
    pub(super) sightings: Vec<Sighting<'a>>,
    commit_lengths: u128,
    may_be_commit: bool,
}

/// The last thing that was read of what follows the numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Last<'a> {
    /// A word of the variant; empty for the version itself.
    Word(&'a str),
    /// A count of rebuilds: numbers go on with it.
    Revision,
}

pub(super) struct Prerelease<'a> {
    pub(super) stage: Stage,
    pub(super) numbers: Numbers,
    pub(super) text: &'a str,
    pub(super) is_glued: bool,
}

impl<'a, 'c> Reader<'a, 'c> {
    fn new(text: &'a str, conventions: &'c Conventions<'c>, extent: Extent) -> Self {
        Self {
            text,
            conventions,
            extent,
            scheme: Scheme::Versions,
            numbers: Numbers::with_room(),
            row: "",
            prerelease: None,
            revision: Revision::default(),
            revision_text: String::new(),
            date: None,
            commit: None,
            commits: None,
            variant: String::new(),
            last: Last::Word(""),
            is_no_version: false,
            sightings: Vec::new(),
            commit_lengths: 0,
            may_be_commit: false,
        }
    }

    /// Where the version starts.
    fn start(&mut self, words: &mut [Word<'a>]) -> Option<usize> {
        let Some(first) = self.next_start(words, 0) else { return letter_number(words) };
        if is_dotted(words, first) && !is_of_base(words, first) {
            return Some(first);
        }
        // The first number may be part of a name: `windows-2019-3.1.8`, `temurin-21-tools-deps-1.11.3`,
        // `18-bookworm-full-v0.13.4`.
        let mut at = first;
        while let Some(next) = self.next_start(words, at + 1) {
            at = next;
            let is_better = is_of_base(words, first) && !is_of_base(words, at)
                || words[at].has_v() && !words[first].has_v();
            if is_better
                && is_dotted(words, at)
                && is_short_name(words, first)
                && word::leading_moment(&words[at..]).is_none()
            {
                return Some(at);
            }
        }
        Some(first)
    }

    /// Where a version may start, not before `from`.
    fn next_start(&mut self, words: &[Word<'a>], from: usize) -> Option<usize> {
        (from..words.len()).find(|&last| self.starts_version(&words[..=last]))
    }

    /// Whether the last of these words starts the version.
    fn starts_version(&mut self, words: &[Word<'_>]) -> bool {
        let Some((word, before)) = words.split_last() else { return false };
        // `alpine3.19` and `x86_64` are one name each.
        let ends_in_digit = |word: &Word<'_>| word.text.ends_with(|c: char| c.is_ascii_digit());
        let is_in_name = !word.follows(b'-') && before.last().is_some_and(ends_in_digit);
        word.without_v().starts_with_digit() && !is_in_name && !self.is_commit(word)
    }

    /// Whether the word is a commit, also one that by chance has no letter or no digit.
    pub(super) fn is_commit(&mut self, word: &Word<'_>) -> bool {
        let length = word.text.len();
        if word.is_commit() {
            if !word.is_described() {
                self.commit_lengths |= 1 << length.min(127);
            }
            return true;
        }
        if word.may_be_commit() {
            self.may_be_commit = true;
            return self.conventions.has_commits_of(length);
        }
        false
    }

    /// Reads a word before the version: `java11` in `java11-21.3.0`, `nightly` in `nightly-20240501`.
    fn read_prefix(&mut self, word: &Word<'a>) {
        if self.is_commit(word) {
            self.commit = Some(word.text);
            return;
        }
        match known::meaning(word.text) {
            Some(Meaning::Prerelease(stage)) if !known::needs_number(stage) => {
                self.prerelease =
                    Some(Prerelease { stage, numbers: Numbers::default(), text: word.text, is_glued: false });
            }
            Some(Meaning::Release) => {}
            Some(Meaning::Proposal | Meaning::Channel) => self.is_no_version = true,
            _ => self.add_variant(word),
        }
    }

    /// Reads the numbers at the start of `words`, and returns how many words are done with. What is glued to the
    /// last number (`DBRU` in `0DBRU`, `rc1` in `0rc1`) stays as a word of its own.
    fn read_numbers(&mut self, words: &mut [Word<'a>]) -> usize {
        let Some(first) = words.first_mut() else { return 0 };
        *first = first.without_v();
        let start = first.start;
        let mut used = self.read_date_as_numbers(words);
        let mut end = used.checked_sub(1).map_or(start, |last| words[last].end());
        while let Some(&word) = words.get(used) {
            if used > 0 && !self.continues_numbers(&word, &self.text[start..end]) {
                break;
            }
            let glued = self.read_number(word);
            end = glued.start;
            used += 1;
            if !glued.text.is_empty() {
                used -= 1;
                words[used] = glued;
                break;
            }
        }
        self.row = &self.text[start..end];
        used
    }

    /// Whether the numbers before `word` go on with it: at a dot, or at an underscore where no dot parts the others.
    /// `17.0.11_9` is the ninth build of a version, and older than `17.0.11.1_1`.
    fn continues_numbers(&mut self, word: &Word<'_>, row: &str) -> bool {
        let is_joined =
            word.follows(b'.') || word.follows(b'_') && !row.contains('.') && word.moment().is_none();
        is_joined && word.starts_with_digit() && !self.is_commit(word)
    }

    fn read_date_as_numbers(&mut self, words: &[Word<'a>]) -> usize {
        // Six digits alone are as likely to count builds, and as a number they are ordered well either way.
        let dates =
            words.first().filter(|word| word.text.len() != 6).and_then(|_| word::leading_moment(words));
        let Some((moment, used)) = dates else { return 0 };
        self.scheme = Scheme::Dates;
        let fields = moment.fields();
        let date_only = fields[3..] == [0; 3];
        for field in &fields[..if date_only { 3 } else { 6 }] {
            self.numbers.push(&field.to_string());
        }
        used
    }

    /// Reads numbers parted by single letters (`8u491`), and returns what is left of the word.
    fn read_number(&mut self, word: Word<'a>) -> Word<'a> {
        let is_dotted = !self.numbers.is_empty();
        let mut rest = word;
        loop {
            let digits = rest.leading_digits();
            self.numbers.push(digits);
            rest = rest.from(digits.len());
            match rest.text.as_bytes() {
                [letter, digit, ..] if letter.is_ascii_alphabetic() && digit.is_ascii_digit() => {
                    if is_dotted && rest.is_pep440() {
                        return rest;
                    }
                    rest = rest.from(1);
                }
                _ => return rest,
            }
        }
    }

    /// Adds a word to the variant's name, which a text that is all version has not.
    pub(super) fn add_variant(&mut self, word: &Word<'a>) {
        self.last = Last::Word(word.split_number().0);
        self.extend_variant(word.separator, word.text);
    }

    pub(super) fn extend_variant(&mut self, separator: Option<u8>, text: &str) {
        if self.extent == Extent::Version {
            return;
        }
        if !self.variant.is_empty() {
            self.variant.push(separator.map_or('-', char::from));
        }
        self.variant.push_str(text);
    }

    fn nothing(self) -> Read<'a> {
        Read {
            reading: Reading::default(),
            sightings: Vec::new(),
            commit_lengths: self.commit_lengths,
            may_be_commit: self.may_be_commit,
        }
    }

    fn finish(self) -> Read<'a> {
        if self.is_no_version {
            return self.nothing();
        }
        let mut text = String::with_capacity(self.text.len());
        text.push_str(self.row);
        let before = self.prerelease.as_ref().map(|prerelease| (prerelease.is_glued, prerelease.text));
        let date = self.date.as_ref().map(|(_, _, date)| (false, *date));
        let commit = self.commit.map(|commit| (false, commit));
        for (is_glued, part) in [before, date, commit].into_iter().flatten() {
            text.extend([if is_glued { "" } else { "-" }, part]);
        }
        let key = Key::new(&Parts {
            scheme: self.scheme,
            numbers: self.numbers,
            prerelease: self.prerelease.map(|prerelease| (prerelease.stage, prerelease.numbers)),
            revision: self.revision,
            date: self.date.map(|(moment, revision, _)| (moment, revision)),
            commits: self.commits,
        });
        let version = Some(Version::new(key, text, self.revision_text));
        Read {
            reading: Reading { version, variant: self.variant, decisions: Vec::new() },
            sightings: self.sightings,
            commit_lengths: self.commit_lengths,
            may_be_commit: self.may_be_commit,
        }
    }
}

/// Whether the number at `at` has a part behind a dot.
fn is_dotted(words: &[Word<'_>], at: usize) -> bool {
    words.get(at + 1).is_some_and(|next| next.follows(b'.') && next.starts_with_digit())
}

/// Whether the number at `at` may be the version of what the word before it names.
fn is_of_base(words: &[Word<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| words.get(before));
    words[at].follows(b'-') && before.is_some_and(|word| known::meaning(word.text) == Some(Meaning::Base))
}

/// Whether the number at `at` is as short as those in names: `2019`, `22.04`, no date.
fn is_short_name(words: &[Word<'_>], at: usize) -> bool {
    let parts = 1 + words[at + 1..].iter().take_while(|next| next.follows(b'.')).count();
    parts <= 2 && words[at..at + parts].iter().all(|part| part.is_number() && part.text.len() <= 4)
}

/// Where a tag without any other number has one glued to a letter: `b5343`, `k229-07a4d1f`. The letter goes.
fn letter_number(words: &mut [Word<'_>]) -> Option<usize> {
    let at = words.iter().position(|word| {
        let (name, digits) = word.split_number();
        name.len() == 1 && digits.len() > 1 && known::meaning(word.text).is_none()
    })?;
    let is_followed = words.get(at + 1).is_none_or(|next| next.is_commit());
    let is_first = at == 0 || words[at].split_number().1.len() > 2;
    if !is_followed || !is_first || !words[at].is_apart() {
        return None;
    }
    words[at] = words[at].from(1);
    Some(at)
}
