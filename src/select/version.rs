//! A version, and the order of versions.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::select::decision::Decision;
use crate::select::key::{Head, Key};
use crate::select::reading::parse;
use crate::select::reading::place::Conventions;

/// What of a tag is compared: numbers, pre-release, revision, build date, commit.
///
/// Equal versions may be spelled differently: `v1.02` is `1.2`. The order is total; what it means is in the
/// module's documentation.
#[derive(Clone, Debug)]
pub struct Version {
    key: Key,
    text: String,
    revision: String,
}

/// A tag as it is read, by itself or by a rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Reading {
    pub(super) version: Option<Version>,
    pub(super) variant: String,
    /// What the other tags had to tell for that.
    pub(super) decisions: Vec<Arc<Decision>>,
}

impl Version {
    /// Reads a tag alone, without the others of its repository. Gives the version and the variant, which is empty
    /// where nothing remains; `None` where the text holds no version, and where it is longer than a tag can be.
    pub fn parse(text: &str) -> Option<(Self, String)> {
        let reading = parse::parse(text, &Conventions::default(), &mut Vec::new()).reading;
        reading.version.map(|version| (version, reading.variant))
    }

    pub(super) fn new(key: Key, text: String, revision: String) -> Self {
        Self { key, text, revision }
    }

    /// Which rebuild of a version it is, as the tag spells it; empty where it does not say.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// What all builds of one version have in common: numbers and pre-release.
    pub(super) fn release(&self) -> &[u8] {
        self.key.release()
    }

    /// A number that orders versions as they order themselves, as far as it goes.
    pub(super) fn head(&self) -> Head {
        self.key.head()
    }

    /// Whether it precedes the release of the same numbers.
    pub fn is_prerelease(&self) -> bool {
        self.key.is_prerelease()
    }

    /// Whether its first three numbers, zero where missing, are in the range.
    /// A number that does not fit 64 bits is in no range.
    pub fn is_in(&self, range: &semver::VersionReq) -> bool {
        let mut release = [0; 3];
        for (number, digits) in release.iter_mut().zip(self.key.numbers()) {
            match digits.parse() {
                Ok(parsed) => *number = parsed,
                Err(_) if digits.is_empty() => {}
                Err(_) => return false,
            }
        }
        let [major, minor, patch] = release;
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
    /// As the tag spells it, without its revision and its variant: `14.1.2.0-241204`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}
