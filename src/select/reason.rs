//! Why a tag was chosen or left out, as a value and as a sentence.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Why a tag was chosen or left out. `Display` gives the sentence.
///
/// From [`Unmatched`](Reason::Unmatched) to [`Older`](Reason::Older) in the order in which a rule asks: each of them
/// has passed what the ones before it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Left out: no rule's `match` matches.
    Unmatched,
    /// Left out by `except`.
    Excepted,
    /// Left out: the rule compares versions, and the tag has none.
    Unversioned,
    /// Left out by `range`.
    OutsideRange {
        /// The range.
        range: Arc<semver::VersionReq>,
    },
    /// Left out: a pre-release, and the rule wants none.
    Prerelease,
    /// Left out by `revisions`.
    OlderBuild {
        /// How many builds of each version the rule keeps.
        revisions: NonZeroUsize,
    },
    /// Left out by `newest`.
    Older {
        /// How many versions the rule keeps.
        newest: NonZeroUsize,
        /// The tags among which it counts.
        group: Arc<Group>,
    },
    /// Selected: the rule asks for nothing but `match`.
    Matches,
    /// Selected: the rule names it.
    Named,
    /// Selected by `range`.
    InRange {
        /// The range.
        range: Arc<semver::VersionReq>,
    },
    /// Selected by `newest`.
    Newest {
        /// How many versions the rule keeps of this group; not more than there are.
        kept: usize,
        /// How many different versions the group has.
        of: usize,
        /// The tags among which it counts.
        group: Arc<Group>,
    },
}

/// The tags among which `newest` counts: those of one variant and of one value of each `per` group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The variant; empty where the tags have none.
    pub variant: String,
    /// The `per` groups by name, and what they matched; empty where a group took no part.
    pub per: Vec<(String, String)>,
}

impl Reason {
    /// Whether it is a reason to select the tag.
    pub fn is_selected(&self) -> bool {
        self.rank() >= Self::Matches.rank()
    }

    /// How much of a rule the tag has passed: of two reasons to leave it out, the higher one tells more.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Unmatched => 0,
            Self::Excepted => 1,
            Self::Unversioned => 2,
            Self::OutsideRange { .. } => 3,
            Self::Prerelease => 4,
            Self::OlderBuild { .. } => 5,
            Self::Older { .. } => 6,
            Self::Matches | Self::Named | Self::InRange { .. } | Self::Newest { .. } => 7,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmatched => f.write_str("matches no rule"),
            Self::Excepted => f.write_str("excluded by `except`"),
            Self::Unversioned => f.write_str("has no version: `newest` and `range` never select it"),
            Self::OutsideRange { range } => write!(f, "outside range {range}"),
            Self::Prerelease => f.write_str("pre-release: needs `prereleases: true`"),
            Self::OlderBuild { revisions } => write!(f, "older than the newest {revisions} of its version"),
            Self::Older { newest, group } => {
                write!(f, "older than the newest {newest}")?;
                group.describe(f, " of ")
            }
            Self::Matches => f.write_str("matches"),
            Self::Named => f.write_str("named"),
            Self::InRange { range } => write!(f, "in range {range}"),
            Self::Newest { kept, of, group } => {
                write!(f, "newest {kept} of {of}")?;
                group.describe(f, " in ")
            }
        }
    }
}

impl Group {
    /// Writes ` in variant oraclelinux9, line 21`, or nothing where the group is all that the rule matched.
    fn describe(&self, f: &mut fmt::Formatter<'_>, preposition: &str) -> fmt::Result {
        let variant = Some(("variant", self.variant.as_str())).filter(|(_, value)| !value.is_empty());
        let per = self.per.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (index, (name, value)) in variant.into_iter().chain(per).enumerate() {
            f.write_str(if index == 0 { preposition } else { ", " })?;
            write!(f, "{name} {}", if value.is_empty() { "(none)" } else { value })?;
        }
        Ok(())
    }
}
