//! The words that a tag is made of, and what a word may mean.

use crate::select::key::{Moment, Stage};
use crate::select::reading::known;
use crate::select::reading::known::Meaning;

/// Git abbreviates commits to at least this many digits.
const COMMIT_MIN_DIGITS: usize = 7;
/// A whole SHA-256; a commit's SHA-1 has 40.
const COMMIT_MAX_DIGITS: usize = 64;
/// The versions of what an image is built on have shorter numbers.
pub(in crate::select) const NAME_NUMBER_MAX_DIGITS: usize = 4;
/// What people write before a commit to say that it is one.
const DESCRIPTIONS: [&str; 5] = ["g", "git", "h", "sha", "commit"];

/// A part of a tag between separators.
#[derive(Clone, Copy, Debug)]
pub(in crate::select) struct Word<'a> {
    /// What stands before it. Nothing before the first word, and before what is glued to a number (`rc1` in `1.2rc1`).
    pub(in crate::select) separator: Option<u8>,
    /// Where it starts in the text, in bytes.
    pub(in crate::select) start: usize,
    /// The word, never empty.
    pub(in crate::select) text: &'a str,
}

impl<'a> Word<'a> {
    /// Where it ends in the text, in bytes.
    pub(in crate::select) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it follows `separator`.
    pub(in crate::select) fn follows(&self, separator: u8) -> bool {
        self.separator == Some(separator)
    }

    /// Whether it is the first word, or follows a dash.
    pub(in crate::select) fn is_apart(&self) -> bool {
        self.start == 0 || self.follows(b'-')
    }

    /// What remains after the first `length` bytes, as a word glued to these.
    pub(in crate::select) fn from(self, length: usize) -> Self {
        if length == 0 {
            return self;
        }
        Self { separator: None, start: self.start + length, text: &self.text[length..] }
    }

    /// The word without the `v` of `v1.2.3`.
    pub(in crate::select) fn without_v(self) -> Self {
        match self.text.as_bytes() {
            [b'v' | b'V', digit, ..] if digit.is_ascii_digit() => self.from(1),
            _ => self,
        }
    }

    /// Whether it has the `v` of `v1.2.3`.
    pub(in crate::select) fn has_v(&self) -> bool {
        self.without_v().start > self.start
    }

    pub(in crate::select) fn starts_with_digit(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit())
    }

    /// The digits that it starts with.
    pub(in crate::select) fn leading_digits(&self) -> &'a str {
        let end = self.text.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.text.len());
        &self.text[..end]
    }

    /// The letters that it starts with, or what stands for them.
    pub(in crate::select) fn leading_letters(&self) -> &'a str {
        let end = self.text.find(|c: char| c.is_ascii_digit()).unwrap_or(self.text.len());
        &self.text[..end]
    }

    /// The word without the letters behind its last number, and these.
    pub(in crate::select) fn split_letters(self) -> (Self, Self) {
        let end = self.text.trim_end_matches(|c: char| !c.is_ascii_digit()).len();
        (Self { text: &self.text[..end], ..self }, self.from(end))
    }

    /// Whether it has a number as long as those of dates and moments, and longer than the version of anything that an
    /// image is built on.
    pub(in crate::select) fn is_long(&self) -> bool {
        self.text.len() > NAME_NUMBER_MAX_DIGITS
            && self
                .text
                .split(|c: char| !c.is_ascii_digit())
                .any(|digits| digits.len() > NAME_NUMBER_MAX_DIGITS)
    }

    /// Whether it is as Oracle numbers updates: `8u491`.
    pub(in crate::select) fn is_update(&self) -> bool {
        self.text.split_once('u').is_some_and(|(version, update)| is_digits(version) && is_digits(update))
    }

    /// Whether it is a time in seconds or milliseconds since 1970.
    pub(in crate::select) fn is_unix_time(&self) -> bool {
        matches!(self.text.len(), 10 | 13) && self.text.starts_with('1') && self.is_number()
    }

    /// Whether it is one letter.
    pub(in crate::select) fn is_letter(&self) -> bool {
        self.text.len() == 1 && self.text.bytes().all(|b| b.is_ascii_alphabetic())
    }

    /// Whether it is a number and nothing else.
    pub(in crate::select) fn is_number(&self) -> bool {
        is_digits(self.text)
    }

    /// The word without the digits at its end, and these.
    pub(in crate::select) fn split_number(&self) -> (&'a str, &'a str) {
        let name = self.text.trim_end_matches(|c: char| c.is_ascii_digit());
        (name, &self.text[name.len()..])
    }

    /// Whether it is a pre-release in Python's form (PEP 440: `b1` in `3.13.0b1`) rather than a letter between two
    /// numbers (`0b1046`): at most two digits follow, and nothing else.
    pub(in crate::select) fn is_pep440(&self) -> bool {
        let number = self.text.strip_prefix(['a', 'b']);
        self.separator.is_none() && number.is_some_and(|number| number.len() <= 2 && is_digits(number))
    }

    /// The date and time that this one word gives: `20240501`, `20240501T0943Z`, `v20240501`.
    pub(in crate::select) fn moment(&self) -> Option<Moment> {
        let text = self.without_v().text;
        let Some((day, time)) = text.split_once(['T', 't']) else { return Moment::from_digits(text) };
        let time = time.strip_suffix(['Z', 'z']).unwrap_or(time);
        Moment::from_digits(&[day, time].concat()).filter(|_| day.len() == 8)
    }

    /// Whether it looks like an abbreviated or whole commit or digest: hexadecimal with both letters and digits,
    /// or a commit of [`Word::is_described`].
    pub(in crate::select) fn is_commit(&self) -> bool {
        self.text.len() >= COMMIT_MIN_DIGITS
            && (self.is_described() || is_hash(self.text) && has_letters_and_digits(self.text))
    }

    /// Whether it is a commit of six digits with so many letters at the least: `0e19ea`.
    pub(in crate::select) fn is_short_commit(&self, letters: usize) -> bool {
        self.text.len() + 1 == COMMIT_MIN_DIGITS
            && self.text.bytes().all(is_hexadecimal)
            && self.text.bytes().filter(u8::is_ascii_lowercase).count() >= letters
    }

    /// Whether it may be a commit by chance without a letter or without a digit. Not what reads as a date.
    pub(in crate::select) fn may_be_commit(&self) -> bool {
        is_hash(self.text) && !self.is_commit() && self.moment().is_none()
    }

    /// The number of commits that it may count: `5`, `n5`.
    pub(in crate::select) fn commits(&self) -> Option<&'a str> {
        Some(self.text.strip_prefix('n').unwrap_or(self.text)).filter(|count| is_digits(count))
    }

    /// Whether it says that it is a commit, as `git describe` does: `g1a2b3c4` in `v1.2.3-5-g1a2b3c4`; `git1a2b3c4`.
    pub(in crate::select) fn is_described(&self) -> bool {
        self.description().is_some()
    }

    /// The letters that say that a commit follows.
    pub(in crate::select) fn description(&self) -> Option<&'static str> {
        DESCRIPTIONS.into_iter().find(|name| self.text.strip_prefix(name).is_some_and(is_hash))
    }

    /// Where a number or a commit ends to which a known word is glued: `1ubuntu4`, `50f676cubuntu18`, `123456pre`.
    pub(in crate::select) fn glued_start(&self) -> Option<usize> {
        let is_known = |at: usize| {
            let name = self.text.get(at..)?.trim_end_matches(|c: char| c.is_ascii_digit());
            match known::meaning(name)? {
                Meaning::System => Some(at),
                Meaning::Prerelease(stage) => (!known::needs_number(stage)).then_some(at),
                _ => None,
            }
        };
        let hexadecimal = self.text.find(|c: char| !c.is_ascii_hexdigit())?;
        [self.leading_digits().len(), hexadecimal].into_iter().find_map(is_known)
    }
}

/// The pre-release stage that the first of these words names, and the number glued to that, which may be missing.
pub(in crate::select) fn stage<'a>(words: &[Word<'a>]) -> Option<(Stage, &'a str)> {
    let word = words.first()?;
    let name = word.leading_letters();
    let number = &word.text[name.len()..];
    if !number.is_empty() && !is_digits(number) {
        return None;
    }
    // `b.60`; `b08` counts rebuilds.
    let is_dotted = || words.get(1).is_some_and(|next| next.follows(b'.') && next.is_number());
    match name {
        "a" | "b" if word.is_pep440() || number.is_empty() && is_dotted() => {
            Some((if name == "a" { Stage::Alpha } else { Stage::Beta }, number))
        }
        _ => match known::meaning(name)? {
            // `ec2` is the name of a service.
            Meaning::Prerelease(stage) if known::meaning(word.text) != Some(Meaning::Whole) => {
                Some((stage, number))
            }
            _ => None,
        },
    }
}

/// How many of these words are one commit in the manner of Jenkins, which breaks it by underscores: `v665000b_51092`.
pub(in crate::select) fn broken_commit(words: &[Word<'_>]) -> Option<usize> {
    let mut digits = words.first()?.text.strip_prefix('v')?.to_owned();
    let mut used = 1;
    for word in words[1..].iter().take_while(|word| word.follows(b'_')) {
        digits.push_str(word.text);
        used += 1;
    }
    (is_hash(&digits) && has_letters_and_digits(&digits)).then_some(used)
}

/// The words of a tag.
pub(in crate::select) fn split(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    split_into(text, &mut words);
    words
}

/// Writes the words of a tag in place of `words`.
pub(in crate::select) fn split_into<'a>(text: &'a str, words: &mut Vec<Word<'a>>) {
    words.clear();
    let bytes = text.as_bytes();
    let mut start = 0;
    for end in 0..=bytes.len() {
        if bytes.get(end).is_none_or(|b| matches!(b, b'-' | b'_' | b'.')) {
            if start < end {
                let separator = start.checked_sub(1).map(|before| bytes[before]);
                words.push(Word { separator, start, text: &text[start..end] });
            }
            start = end + 1;
        }
    }
}

/// The date and time that the first of these words give, and how many they are: `20240501`, `220223.2107`,
/// `2024-05-01`, `2024.05.01`, or `2024-05-10T01-41-38Z` as `MinIO` writes.
pub(in crate::select) fn leading_moment(words: &[Word<'_>]) -> Option<(Moment, usize)> {
    let first = words.first().filter(|first| first.without_v().starts_with_digit())?;
    if let Some(moment) = first.moment() {
        let time = words.get(1).filter(|time| time.follows(b'.') && matches!(time.text.len(), 4 | 6));
        let timed = time.and_then(|time| moment.at(time.text));
        return Some(timed.map_or((moment, 1), |timed| (timed, 2)));
    }
    let [year, month, day, rest @ ..] = words else { return None };
    let year = year.without_v();
    let is_parted = |by| month.follows(by) && day.follows(by);
    if year.text.len() != 4 || month.text.len() != 2 || ![b'-', b'.', b'_'].into_iter().any(is_parted) {
        return None;
    }
    let (digits, used) = match (day.text.split_once('T'), rest) {
        (None, _) => (format!("{}{}{}", year.text, month.text, day.text), 3),
        (Some((day, hour)), [minute, second, ..]) => {
            let second = second.text.strip_suffix('Z')?;
            (format!("{}{}{day}{hour}{}{second}", year.text, month.text, minute.text), 5)
        }
        (Some(_), _) => return None,
    };
    // Shorter digits would be read in another form than that of the dashes.
    let is_whole = digits.len() == if used == 3 { 8 } else { 14 };
    Moment::from_digits(&digits).filter(|_| is_whole).map(|moment| (moment, used))
}

/// Whether the tag names a digest or a commit: `sha256-….sig`, `sha-1a2b3c4`.
/// Commits without such a word in front are told by [`Word::is_commit`].
pub(in crate::select) fn is_hash_name(words: &[Word<'_>]) -> bool {
    let [algorithm, hash, ..] = words else { return false };
    matches!(algorithm.text, "sha" | "sha1" | "sha256" | "sha384" | "sha512")
        && hash.text.len() >= COMMIT_MIN_DIGITS
        && hash.text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn has_letters_and_digits(text: &str) -> bool {
    let has = |what: fn(&u8) -> bool| text.as_bytes().iter().any(what);
    has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase)
}

fn is_hash(text: &str) -> bool {
    (COMMIT_MIN_DIGITS..=COMMIT_MAX_DIGITS).contains(&text.len()) && text.bytes().all(is_hexadecimal)
}

fn is_hexadecimal(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

pub(in crate::select) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether it has a zero in front, as no version of anything that an image is built on has.
pub(in crate::select) fn is_padded(value: &str) -> bool {
    value.len() > 1 && value.starts_with('0') && !value.starts_with("0.")
}
