//! Reads a tag: which of its words are the version, and which the variant.

use crate::select::key::{Key, Moment, Numbers, Parts, Scheme, Stage};
use crate::select::version::Version;
use crate::select::word::{self, Word};

/// Longer texts are no tags (OCI distribution specification).
const TEXT_MAX_BYTES: usize = 128;

/// See [`Version::parse`]. Reads once from left to right; no regular expression, as it runs for every tag.
pub(super) fn parse(text: &str) -> Option<(Version, String)> {
    if text.len() > TEXT_MAX_BYTES {
        return None;
    }
    let mut words = word::split(text);
    if word::is_hash_name(&words) {
        return None;
    }
    let start = (0..words.len()).find(|&last| starts_version(&words[..=last]))?;
    let (before, mut rest) = words.split_at_mut(start);
    let mut reader = Reader::new(text);
    for word in before {
        reader.read_prefix(word);
    }
    let used = reader.read_numbers(rest);
    rest = &mut rest[used..];
    while !rest.is_empty() {
        let used = reader.read_suffix(rest);
        rest = &mut rest[used..];
    }
    Some(reader.finish())
}

/// Whether the last of these words starts the version.
fn starts_version(words: &[Word<'_>]) -> bool {
    let Some((word, before)) = words.split_last() else { return false };
    // `alpine3.19` and `x86_64` are one name each.
    let ends_in_digit = |word: &Word<'_>| word.text.ends_with(|c: char| c.is_ascii_digit());
    let is_in_name = !word.follows(b'-') && before.last().is_some_and(ends_in_digit);
    word.without_v().starts_with_digit() && !word.is_commit() && !is_in_name
}

/// Whether the numbers before `word` go on with it.
fn continues_numbers(word: &Word<'_>) -> bool {
    let is_joined = word.follows(b'.') || word.follows(b'_') && word.moment().is_none();
    is_joined && word.starts_with_digit() && !word.is_commit()
}

/// What has been read so far.
struct Reader<'a> {
    text: &'a str,
    scheme: Scheme,
    numbers: Numbers,
    /// The numbers as they are spelled.
    row: &'a str,
    /// Whether the numbers are of Java's old kind, `8u412`.
    has_update: bool,
    prerelease: Option<Prerelease<'a>>,
    date: Option<(Moment, &'a str)>,
    /// How many commits `git describe` counts since the version, and the commit.
    commit: Option<(&'a str, &'a str)>,
    variant: String,
}

struct Prerelease<'a> {
    stage: Stage,
    numbers: Numbers,
    text: &'a str,
    is_glued: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            scheme: Scheme::Versions,
            numbers: Numbers::with_room(),
            row: "",
            has_update: false,
            prerelease: None,
            date: None,
            commit: None,
            variant: String::new(),
        }
    }

    /// Reads a word before the version: `java11` in `java11-21.3.0`, `nightly` in `nightly-20240501`.
    fn read_prefix(&mut self, word: &Word<'a>) {
        if word.is_commit() {
            self.commit = Some(("0", word.text));
        } else if let Some((stage, "")) = word.stage() {
            self.prerelease =
                Some(Prerelease { stage, numbers: Numbers::default(), text: word.text, is_glued: false });
        } else {
            self.add_variant(word);
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
            let number = if used == 0 || continues_numbers(&word) {
                word
            } else if self.has_update && word.is_openjdk_build() {
                word.from(1)
            } else {
                break;
            };
            let glued = self.read_number(number);
            end = glued.start;
            if !glued.text.is_empty() {
                words[used] = glued;
                break;
            }
            used += 1;
        }
        self.row = &self.text[start..end];
        used
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
                    self.has_update |= letter.eq_ignore_ascii_case(&b'u');
                    rest = rest.from(1);
                }
                _ => return rest,
            }
        }
    }

    /// Reads what comes after the numbers, and returns how many of `words`, at least one, are done with.
    fn read_suffix(&mut self, words: &[Word<'a>]) -> usize {
        let Some(word) = words.first() else { return 0 };
        if let Some((moment, used)) = word::leading_moment(words).filter(|_| self.date.is_none()) {
            self.date = Some((moment, &self.text[word.start..words[used - 1].end()]));
            return used;
        }
        if self.commit.is_none() {
            if word.is_commit() {
                self.commit = Some(("0", word.text));
                return 1;
            }
            if let Some(commit) = words.get(1).filter(|commit| word.is_number() && commit.is_described()) {
                let text = &self.text[word.start..commit.end()];
                self.commit = Some((word.text, text));
                return 2;
            }
        }
        if let Some((stage, number)) = word.stage().filter(|_| self.prerelease.is_none()) {
            return self.read_prerelease(stage, number, words);
        }
        self.add_variant(word);
        1
    }

    /// Reads the numbers of a pre-release: `rc1`, `rc.1`, `ea-b12`, `alpha.1.2`.
    fn read_prerelease(&mut self, stage: Stage, number: &str, words: &[Word<'a>]) -> usize {
        let mut numbers = Numbers::default();
        if !number.is_empty() {
            numbers.push(number);
        }
        let mut used = 1;
        while let Some(word) = words.get(used) {
            let build = if word.is_openjdk_build() { word.from(1) } else { *word };
            // `-8` in `rc1-8` may be anything, such as the JDK in `-dev-8`.
            let belongs = word.follows(b'.') || numbers.is_empty();
            if !belongs || !build.is_number() || build.moment().is_some() {
                break;
            }
            numbers.push(build.text);
            used += 1;
        }
        let text = &self.text[words[0].start..words[used - 1].end()];
        self.prerelease = Some(Prerelease { stage, numbers, text, is_glued: words[0].separator.is_none() });
        used
    }

    fn add_variant(&mut self, word: &Word<'a>) {
        if !self.variant.is_empty() {
            self.variant.push(word.separator.map_or('-', char::from));
        }
        self.variant.push_str(word.text);
    }

    fn finish(self) -> (Version, String) {
        let mut text = String::with_capacity(self.text.len());
        text.push_str(self.row);
        let before = self.prerelease.as_ref().map(|prerelease| (prerelease.is_glued, prerelease.text));
        let date = self.date.map(|(_, date)| (false, date));
        let commit = self.commit.map(|(_, commit)| (false, commit));
        for (is_glued, part) in [before, date, commit].into_iter().flatten() {
            text.extend([if is_glued { "" } else { "-" }, part]);
        }
        let key = Key::new(&Parts {
            scheme: self.scheme,
            numbers: self.numbers,
            prerelease: self.prerelease.map(|prerelease| (prerelease.stage, prerelease.numbers)),
            date: self.date.map(|(moment, _)| moment),
            commit: self.commit,
        });
        (Version::new(key, text), self.variant)
    }
}
