//! The order of versions as the order of bytes.
//!
//! Versions are compared far more often than they are read: among 100,000 tags some two million times. So all that
//! counts is written once, the most significant first, in a form whose byte order is the order of versions.

/// The row of numbers of a version or of a pre-release, each as its count of digits and the digits. Numbers may thus
/// be of any length, and a longer row with an equal start is the greater one.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(Vec<u8>);

impl Numbers {
    /// No numbers yet, with room for what most tags have.
    pub(super) fn with_room() -> Self {
        Self(Vec::with_capacity(24))
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
    Alpha,
    EarlyAccess,
    Preview,
    Beta,
    Milestone,
    Candidate,
}

/// Above every stage.
const RELEASED: u8 = u8::MAX;

/// What of a version is compared, before it becomes a [`Key`].
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) scheme: Scheme,
    pub(super) numbers: Numbers,
    /// The stage before the release, with its numbers.
    pub(super) prerelease: Option<(Stage, Numbers)>,
    pub(super) date: Option<Moment>,
    /// How many commits were made since the version, in digits, and the last one.
    pub(super) commit: Option<(&'a str, &'a str)>,
}

/// A build without a date or a commit is one that upstream moves on: above all that have one.
const MOVING: u8 = u8::MAX;
const FIXED: u8 = 0;

/// What of a version is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(Vec<u8>);

impl Key {
    pub(super) fn new(parts: &Parts<'_>) -> Self {
        let mut key = Vec::with_capacity(32);
        key.push(parts.scheme as u8);
        key.extend_from_slice(&parts.numbers.0);
        key.push(END);
        match &parts.prerelease {
            None => key.push(RELEASED),
            Some((stage, numbers)) => {
                key.push(*stage as u8);
                key.extend_from_slice(&numbers.0);
                key.push(END);
            }
        }
        match parts.date {
            None => key.push(MOVING),
            Some(Moment(moment)) => {
                key.push(FIXED);
                // Fourteen decimal digits fit six bytes.
                key.extend_from_slice(&moment.to_be_bytes()[2..]);
            }
        }
        match parts.commit {
            None => key.push(MOVING),
            Some((count, commit)) => {
                key.push(FIXED);
                let mut counted = Numbers(key);
                counted.push(count);
                key = counted.0;
                key.extend_from_slice(commit.as_bytes());
            }
        }
        Self(key)
    }

    /// The start of the key as a number, which is nearly always enough: of two keys whose heads differ, the greater
    /// one has the greater head.
    pub(super) fn head(&self) -> u128 {
        let mut head = [0; 16];
        head.iter_mut().zip(&self.0).for_each(|(head, &byte)| *head = byte);
        u128::from_be_bytes(head)
    }

    /// The numbers, in digits without leading zeros: a zero is empty.
    pub(super) fn numbers(&self) -> impl Iterator<Item = &str> {
        let mut rest = self.0.get(1..).unwrap_or_default();
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
        self.0.get(scheme + row + end).is_some_and(|&stage| stage != RELEASED)
    }
}

/// A date, and a time where the tag gives one: the digits `YYYYMMDDhhmmss` as a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment(u64);

impl Moment {
    /// Reads `YYMMDD`, `YYYYMMDD`, `YYYYMMDDhhmm` or `YYYYMMDDhhmmss`; `None` for other texts, and for digits that
    /// are no date.
    pub(super) fn from_digits(text: &str) -> Option<Self> {
        if !matches!(text.len(), 6 | 8 | 12 | 14) || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: u64 = text.parse().ok()?;
        let moment = match text.len() {
            6 => Self((number + 20_000_000) * 1_000_000),
            8 => Self(number * 1_000_000),
            12 => Self(number * 100),
            _ => Self(number),
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
