//! The order of versions as the order of bytes.
//!
//! Versions are compared far more often than they are read: among 100,000 tags some two million times. So all that
//! counts is written once, the most significant first, in a form whose byte order is the order of versions.

use std::cmp::Ordering;

/// The row of numbers of a version or of a pre-release, each as its count of digits and the digits. Numbers may thus
/// be of any length, and a longer row with an equal start is the greater one.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(Vec<u8>);

impl Numbers {
    /// No numbers yet, with room for the whole key of most tags.
    pub(super) fn with_room() -> Self {
        Self(Vec::with_capacity(32))
    }

    /// Adds a number. `digits` are decimal and at most 128, the length of a tag.
    pub(super) fn push(&mut self, digits: &str) {
        let digits = digits.trim_start_matches('0');
        // Counted from 1, as 0 ends the row.
        self.0.push(u8::try_from(digits.len() + 1).unwrap_or(u8::MAX));
        self.0.extend_from_slice(digits.as_bytes());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

const END: u8 = 0;

/// What the numbers count.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scheme {
    /// Days: the tag has no numbers but a date.
    Dates,
    /// Versions.
    Versions,
}

/// The stages before a release. Those that are built day by day rank first: they bear the next release's numbers
/// from the first day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Nightly,
    Canary,
    Snapshot,
    Development,
    Alpha,
    EarlyAccess,
    Preview,
    Beta,
    Milestone,
    Candidate,
}

/// Above every stage.
const RELEASED: u8 = u8::MAX;

/// How much the parts of a revision change, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// Nothing: it is what was released (`Final`).
    Release = 1,
    /// A fix to that.
    Fix,
    /// A rebuild, or an update.
    Count,
    /// All updates before it.
    Pack,
}

/// Which rebuild of a version: parts that each have a rank and numbers, the most significant first.
#[derive(Clone, Debug, Default)]
pub(super) struct Revision(Vec<u8>);

impl Revision {
    /// Adds a part with the numbers of `text`, whatever parts them.
    pub(super) fn push(&mut self, rank: Rank, text: &str) {
        self.0.push(rank as u8);
        let mut numbers = Numbers(std::mem::take(&mut self.0));
        let is_other = |c: char| !c.is_ascii_digit();
        text.split(is_other).filter(|digits| !digits.is_empty()).for_each(|digits| numbers.push(digits));
        self.0 = numbers.0;
        self.0.push(END);
    }
}

/// What of a version is compared, before it becomes a [`Key`].
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) scheme: Scheme,
    pub(super) numbers: Numbers,
    /// The stage before the release, with its numbers.
    pub(super) prerelease: Option<(Stage, Numbers)>,
    pub(super) revision: Revision,
    /// A build date, and which build of that day.
    pub(super) date: Option<(Moment, Revision)>,
    /// How many commits were made since the version, in digits.
    pub(super) commits: Option<&'a str>,
}

/// A build without a date is one that upstream moves on: above all that have one.
const MOVING: u8 = u8::MAX;
const FIXED: u8 = 0;

/// One less than a number of 128 bits has.
const HEAD_BYTES: usize = 15;

/// What of a version is compared.
#[derive(Clone, Debug)]
pub(super) struct Key {
    bytes: Vec<u8>,
    /// Where numbers and pre-release end: what follows says which build of them this is.
    release_end: usize,
}

impl Key {
    pub(super) fn new(parts: Parts<'_>) -> Self {
        let mut key = parts.numbers.0;
        key.insert(0, parts.scheme as u8);
        key.push(END);
        match &parts.prerelease {
            None => key.push(RELEASED),
            Some((stage, numbers)) => {
                key.push(*stage as u8);
                key.extend_from_slice(&numbers.0);
                key.push(END);
            }
        }
        let release_end = key.len();
        key.extend_from_slice(&parts.revision.0);
        key.push(END);
        match &parts.date {
            None => key.push(MOVING),
            Some((Moment(moment), revision)) => {
                key.push(FIXED);
                // Fourteen decimal digits fit six bytes.
                key.extend_from_slice(&moment.to_be_bytes()[2..]);
                key.extend_from_slice(&revision.0);
                key.push(END);
            }
        }
        match parts.commits {
            None => key.push(MOVING),
            Some(count) => {
                key.push(FIXED);
                let mut counted = Numbers(key);
                counted.push(count);
                key = counted.0;
            }
        }
        Self { bytes: key, release_end }
    }

    /// What two builds of one version have in common.
    pub(super) fn release(&self) -> &[u8] {
        self.bytes.get(..self.release_end).unwrap_or_default()
    }

    /// The start of the key as a number. Of two keys whose heads differ, the greater one has the greater head; no key
    /// ends in zeros, so that two with all in equal heads are equal.
    pub(super) fn head(&self) -> Head {
        let mut head = [0; HEAD_BYTES + 1];
        head.iter_mut().zip(self.bytes.iter().take(HEAD_BYTES)).for_each(|(head, &byte)| *head = byte);
        head[HEAD_BYTES] = u8::from(self.bytes.len() > HEAD_BYTES);
        Head(u128::from_be_bytes(head))
    }

    /// The numbers, in digits without leading zeros: a zero is empty.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.bytes.get(1..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (&counted, after) = rest.split_first().filter(|(count, _)| **count != END)?;
            let (digits, after) = after.split_at_checked(usize::from(counted) - 1)?;
            rest = after;
            str::from_utf8(digits).ok()
        })
    }

    /// Whether this precedes the release of the same numbers.
    pub(super) fn is_prerelease(&self) -> bool {
        let row: usize = self.numbers().map(|digits| digits.len() + 1).sum();
        let (scheme, end) = (1, 1);
        self.bytes.get(scheme + row + end).is_some_and(|&stage| stage != RELEASED)
    }
}

/// The start of a [`Key`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head(u128);

impl Head {
    /// Whether it is all of the key.
    pub(super) fn is_whole(self) -> bool {
        self.0 & 1 == 0
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes.cmp(&other.bytes)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Key {}

/// A date, and a time where the tag gives one: the digits `YYYYMMDDhhmmss` as a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(u64);

impl Moment {
    /// Reads `YYMMDD`, `YYYYMMDD`, `YYYYMMDDhhmm` or `YYYYMMDDhhmmss`, and `YYYYMMDD` with a count of two digits; `None`
    /// for other texts, and for digits that are no date.
    pub(super) fn from_digits(text: &str) -> Option<Self> {
        if !matches!(text.len(), 6 | 8 | 10 | 12 | 14) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: u64 = text.parse().ok()?;
        let moment = match text.len() {
            6 => Self((number + 20_000_000) * 1_000_000),
            8 => Self(number * 1_000_000),
            10 => Self(number * 10_000),
            12 => Self(number * 100),
            _ => Self(number),
        };
        let [year, month, day, hour, minute, second] = moment.fields();
        let is_date = (1970..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        (is_date && (hour < 24 || text.len() == 10) && minute < 60 && second < 60).then_some(moment)
    }

    /// The same day at a time of day, `hhmm` or `hhmmss`; `None` where that is no time, or this has one.
    pub(super) fn at(self, time: &str) -> Option<Self> {
        let day = self.0 / 1_000_000;
        Self::from_digits(&format!("{day}{time}")).filter(|_| self.0.is_multiple_of(1_000_000))
    }

    /// Year, month, day, hour, minute, second.
    pub(super) fn fields(self) -> [u64; 6] {
        let two = |below| self.0 / below % 100;
        [self.0 / 10_000_000_000, two(100_000_000), two(1_000_000), two(10_000), two(100), two(1)]
    }
}
