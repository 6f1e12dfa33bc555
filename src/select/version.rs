//! A version, and the order of versions.

use std::cmp::Ordering;
use std::fmt;

use crate::select::parse;

/// What of a tag is compared: numbers, pre-release, build date, commit.
///
/// Equal versions may be spelled differently: `v1.02` is `1.2`. The order is total; what it means is in the
/// module's documentation.
#[derive(Clone, Debug)]
pub struct Version {
    key: Key,
    text: Box<str>,
}

impl Version {
    /// Reads a tag, or the part of it that holds the version. Gives the version and the variant, which is empty
    /// where nothing remains; `None` where the text holds no version.
    pub fn parse(text: &str) -> Option<(Self, String)> {
        parse::parse(text)
    }

    pub(super) fn new(key: Key, text: String) -> Self {
        Self { key, text: text.into_boxed_str() }
    }

    /// Whether it precedes the release of the same numbers.
    pub fn is_prerelease(&self) -> bool {
        self.key.progress != Progress::Released
    }

    /// Whether its first three numbers, zero where missing, are in the range.
    /// A number that does not fit 64 bits is in no range.
    pub fn is_in(&self, range: &semver::VersionReq) -> bool {
        let number = |index| match self.key.numbers.get(index) {
            None => Some(0),
            Some(&Number::Small(number)) => Some(number),
            Some(Number::Large(..)) => None,
        };
        let (Some(major), Some(minor), Some(patch)) = (number(0), number(1), number(2)) else { return false };
        range.matches(&semver::Version::new(major, minor, patch))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    /// As the tag spells it, without its variant: `14.1.2.0-241204`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// The order of versions is the order of these fields, each in the order of its variants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) scheme: Scheme,
    pub(super) numbers: Vec<Number>,
    pub(super) progress: Progress,
    pub(super) date: Build<Moment>,
    pub(super) commit: Build<(Number, Box<str>)>,
}

/// What the numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scheme {
    /// Days: the tag has no numbers but a date.
    Dates,
    /// Versions.
    Numbers,
}

/// A number of any length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Number {
    /// One that fits.
    Small(u64),
    /// Any other: how many digits without leading zeros, and these. Larger than every one that fits.
    Large(usize, Box<str>),
}

impl Number {
    /// Reads decimal digits.
    pub(super) fn from_digits(digits: &str) -> Self {
        let digits = digits.trim_start_matches('0');
        match digits.parse() {
            Ok(number) => Self::Small(number),
            Err(_) if digits.is_empty() => Self::Small(0),
            Err(_) => Self::Large(digits.len(), digits.into()),
        }
    }
}

/// How far the version is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// Before the release: `rc1`, `alpha.2`.
    Before(Stage, Vec<Number>),
    /// The release itself.
    Released,
}

/// The stages before a release. Those that are built day by day rank first: they bear the next release's numbers
/// from the first day on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Nightly,
    Canary,
    Snapshot,
    Alpha,
    EarlyAccess,
    Preview,
    Beta,
    Milestone,
    Candidate,
}

/// Which build of a version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Build<T> {
    /// This one, for good.
    Fixed(T),
    /// The newest: upstream moves the tag.
    Moving,
}

impl<T> From<Option<T>> for Build<T> {
    fn from(build: Option<T>) -> Self {
        build.map_or(Self::Moving, Self::Fixed)
    }
}

/// A date, and a time where the tag gives one: the digits `YYYYMMDDhhmmss` as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    /// Reads `YYMMDD`, `YYYYMMDD`, `YYYYMMDDhhmm` or `YYYYMMDDhhmmss`; `None` for other digits, and for those that
    /// are no date.
    pub(super) fn from_digits(digits: &str) -> Option<Self> {
        let number = || digits.parse::<u64>().ok();
        let moment = match digits.len() {
            6 => Self((number()? + 20_000_000) * 1_000_000),
            8 => Self(number()? * 1_000_000),
            12 => Self(number()? * 100),
            14 => Self(number()?),
            _ => return None,
        };
        let [year, month, day, hour, minute, second] = moment.fields();
        let is_date = (1970..2100).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        (is_date && hour < 24 && minute < 60 && second < 60).then_some(moment)
    }

    /// Year, month, day, hour, minute, second.
    pub(super) fn fields(self) -> [u64; 6] {
        let two = |below| self.0 / below % 100;
        [self.0 / 10_000_000_000, two(100_000_000), two(1_000_000), two(10_000), two(100), two(1)]
    }
}
