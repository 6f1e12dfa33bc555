//! Reads a tag: which of its words are the version, and which the variant.
//!
//! Here is what both halves share. [`crate::select::reading::prefix`] reads up to the end of the numbers,
//! [`crate::select::reading::suffix`] what follows.

use std::ops::Range;

use crate::select::key::{Key, Moment, Numbers, Parts, Rank, Revision, Scheme, Stage};
use crate::select::reading::place::{Conventions, Sighting};
use crate::select::reading::word;
use crate::select::reading::word::Word;
use crate::select::version::{Reading, Version};

/// Longer texts are no tags (OCI distribution specification).
const TEXT_MAX_BYTES: usize = 128;

/// A tag as it was read, and what that leaves open.
#[derive(Debug, Default)]
pub(in crate::select) struct Read<'a> {
    pub(in crate::select) reading: Reading,
    /// Numbers that were taken as parts of the variant's name for want of anything better.
    pub(in crate::select) sightings: Vec<Sighting<'a>>,
    /// One bit for each length of the commits in it.
    pub(in crate::select) commit_lengths: u128,
    /// Whether some word may be a commit, should the tags have commits of its length.
    pub(in crate::select) may_be_commit: bool,
    /// Whether `dev` stands in it without a number: a flavour, or what precedes a release.
    pub(in crate::select) has_development: bool,
    /// The name of a base, where the tag may be nothing but that with its number: `otp` in `otp-29-slim`.
    pub(in crate::select) base: Option<&'a str>,
    /// Where the names of the variant stand.
    names: Vec<Range<usize>>,
}

/// Reads a tag as the others of its repository have it.
/// Reads once from left to right; no regular expression, as it runs for every tag. `words` is room for them.
pub(in crate::select) fn parse<'a>(
    text: &'a str,
    conventions: &Conventions<'_>,
    words: &mut Vec<Word<'a>>,
) -> Read<'a> {
    read(Reader::new(text, conventions, Extent::Tag), "", words)
}

/// Reads the parts of a tag that a rule tells apart: `text` has no revision but the one of its own.
pub(in crate::select) fn parse_parts(text: &str, revision: &str, conventions: &Conventions<'_>) -> Reading {
    read(Reader::new(text, conventions, Extent::Tag), revision, &mut Vec::new()).reading
}

/// Reads a text that is a version and nothing else: words carry no order and are no variant, all numbers count.
pub(in crate::select) fn parse_version(text: &str, revision: &str) -> Option<Version> {
    read(Reader::new(text, &Conventions::default(), Extent::Version), revision, &mut Vec::new())
        .reading
        .version
}

/// Where the names of the variant stand in a tag.
pub(in crate::select) fn names(text: &str, conventions: &Conventions<'_>) -> Vec<Range<usize>> {
    let reader = Reader::new(text, conventions, Extent::Tag);
    read(Reader { names: Some(Vec::new()), ..reader }, "", &mut Vec::new()).names
}

fn read<'a>(mut reader: Reader<'a, '_>, revision: &str, words: &mut Vec<Word<'a>>) -> Read<'a> {
    if reader.text.len() > TEXT_MAX_BYTES {
        return reader.nothing();
    }
    word::split_into(reader.text, words);
    if word::is_hash_name(words) {
        return reader.nothing();
    }
    let Some(start) = reader.start(words) else { return reader.nothing() };
    if reader.is_base_alone(words, start) {
        return reader.nothing();
    }
    let (before, mut rest) = words.split_at_mut(start);
    let used = reader.read_numbers(rest);
    rest = &mut rest[used..];
    let mut before = &*before;
    while !before.is_empty() {
        let used = reader.read_prefix(before);
        before = &before[used..];
    }
    reader.last = Last::Word("");
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
pub(in crate::select) enum Extent {
    /// What looks like it; the rest is the variant.
    Tag,
    /// All of it.
    Version,
}

/// What has been read so far.
pub(in crate::select) struct Reader<'a, 'c> {
    pub(in crate::select) text: &'a str,
    pub(in crate::select) conventions: &'c Conventions<'c>,
    pub(in crate::select) extent: Extent,
    pub(in crate::select) scheme: Scheme,
    pub(in crate::select) numbers: Numbers,
    /// The numbers as they are spelled.
    pub(in crate::select) row: &'a str,
    pub(in crate::select) prerelease: Option<Prerelease<'a>>,
    pub(in crate::select) revision: Revision,
    pub(in crate::select) revision_text: String,
    pub(in crate::select) date: Option<(Moment, Revision, &'a str)>,
    /// The commit.
    pub(in crate::select) commit: Option<&'a str>,
    /// How many commits `git describe` counts since the version.
    pub(in crate::select) commits: Option<&'a str>,
    variant: String,
    /// Where the names of the variant stand, if anybody asks.
    names: Option<Vec<Range<usize>>>,
    /// The word that a number which follows belongs to, and whether it counts rebuilds.
    pub(in crate::select) last: Last<'a>,
    /// Whether something shows that there is no version in spite of its numbers.
    pub(in crate::select) is_no_version: bool,
    pub(in crate::select) sightings: Vec<Sighting<'a>>,
    commit_lengths: u128,
    pub(in crate::select) may_be_commit: bool,
    pub(in crate::select) has_development: bool,
    pub(in crate::select) base: Option<&'a str>,
}

/// The last thing that was read of what follows the numbers.
#[derive(Clone, Copy, Debug)]
pub(in crate::select) enum Last<'a> {
    /// A word of the variant; empty for the version itself.
    Word(&'a str),
    /// A count of rebuilds: numbers go on with it.
    Revision,
}

pub(in crate::select) struct Prerelease<'a> {
    pub(in crate::select) stage: Stage,
    pub(in crate::select) numbers: Numbers,
    pub(in crate::select) text: &'a str,
    pub(in crate::select) is_glued: bool,
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
            names: None,
            last: Last::Word(""),
            is_no_version: false,
            sightings: Vec::new(),
            commit_lengths: 0,
            may_be_commit: false,
            has_development: false,
            base: None,
        }
    }

    /// Whether the word is a commit, also one that by chance has no letter or no digit.
    pub(in crate::select) fn is_commit(&mut self, word: &Word<'_>) -> bool {
        let length = word.text.len();
        if word.is_commit() {
            if !word.is_described() {
                self.commit_lengths |= 1 << length.min(127);
            }
            return true;
        }
        if word.may_be_commit() {
            self.may_be_commit = true;
            return self.conventions.is_commit(word);
        }
        false
    }

    /// Adds a word to the variant's name, which a text that is all version has not.
    pub(in crate::select) fn add_variant(&mut self, word: &Word<'a>) {
        self.last = Last::Word(word.split_number().0);
        self.extend_variant(word.separator, word.start..word.end());
    }

    /// Adds a part of the text to the variant's name.
    pub(in crate::select) fn extend_variant(&mut self, separator: Option<u8>, part: Range<usize>) {
        if self.extent == Extent::Version {
            return;
        }
        if !self.variant.is_empty() {
            self.variant.push(separator.map_or('-', char::from));
        }
        self.variant.push_str(&self.text[part.clone()]);
        if let Some(names) = &mut self.names {
            names.push(part);
        }
    }

    fn nothing(self) -> Read<'a> {
        Read {
            reading: Reading::default(),
            sightings: Vec::new(),
            commit_lengths: self.commit_lengths,
            may_be_commit: self.may_be_commit,
            has_development: self.has_development,
            base: self.base,
            names: Vec::new(),
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
        let key = Key::new(Parts {
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
            has_development: self.has_development,
            base: self.base,
            names: self.names.unwrap_or_default(),
        }
    }
}
