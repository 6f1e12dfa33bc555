//! What the list of tags decides, and why, in words.

use std::fmt;

use crate::select::reading::place::Role;

/// What the list says of a place, in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decision {
    /// The place and a tag that has it.
    place: String,
    why: Why,
    /// Whether a word before the number is the name of what the number counts.
    names_count: bool,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// The same values recur beside one another.
    BesideOneAnother { versions: usize },
    /// The same first numbers of a base's version recur beside one another.
    Lines { numbers: usize, versions: usize },
    /// The values begin at 0 or 1.
    FromTheStart,
    /// Each version has values of its own.
    ItsOwnWay { versions: usize },
    /// Some value has a zero in front.
    Padded,
    /// The values are versions themselves.
    SecondVersion,
    /// The values are too large to name a version of anything.
    Large,
    /// Nothing tells.
    Unknown,
    /// Other tags have commits of this length.
    Commit,
    /// Other tags have the base beside a version.
    Base,
    /// `dev` stands beside versions without it.
    Flavour { beside: usize, versions: usize },
    /// `dev` does not.
    Development { beside: usize, versions: usize },
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, why, .. } = self;
        match why {
            Why::BesideOneAnother { versions } => write!(
                f,
                "{place} names a variant: the same numbers stand beside one another for {versions} versions"
            ),
            Why::Lines { numbers, versions } => write!(
                f,
                "{place} names a variant by its first {}: the same ones stand beside one another for {versions} versions",
                if *numbers == 1 { "number" } else { "two numbers" }
            ),
            Why::FromTheStart => write!(f, "{place} counts rebuilds: it begins at 0 or 1"),
            Why::ItsOwnWay { versions } => {
                write!(f, "{place} counts rebuilds: it goes its own way with each of {versions} versions")
            }
            Why::Padded => write!(f, "{place} counts rebuilds: no name has a zero in front"),
            Why::SecondVersion => write!(f, "{place} is a version within the version: it has a dot"),
            Why::Large => write!(f, "{place} counts rebuilds: it is too large to be part of a name"),
            Why::Unknown => write!(
                f,
                "{place} is taken as part of a variant's name: the other tags do not tell whether it counts rebuilds"
            ),
            Why::Commit => write!(f, "{place} is a commit: other tags have commits of its length"),
            Why::Base => {
                write!(f, "{place} has no version of its own: other tags have such a number beside theirs")
            }
            Why::Flavour { beside, versions } => {
                write!(
                    f,
                    "{place} names a variant: {beside} of {versions} versions with it have tags without it, too"
                )
            }
            Why::Development { beside, versions } => {
                write!(
                    f,
                    "{place} is a pre-release: {beside} of {versions} versions with it have tags without it, too"
                )
            }
        }
    }
}

impl Why {
    pub(super) fn is_count(self) -> bool {
        matches!(
            self,
            Self::FromTheStart | Self::ItsOwnWay { .. } | Self::Padded | Self::SecondVersion | Self::Large
        )
    }
}

impl Decision {
    pub(super) fn new(place: String, why: Why, names_count: bool) -> Self {
        Self { place, why, names_count }
    }

    /// Of `dev`: so many of the versions that have it are `beside` tags without it.
    pub(super) fn of_development(example: &str, beside: usize, versions: usize) -> Self {
        let is_flavour = beside * 2 >= versions;
        let why = if is_flavour {
            Why::Flavour { beside, versions }
        } else {
            Why::Development { beside, versions }
        };
        Self { place: format!("`dev` (`{example}`)"), why, names_count: false }
    }

    /// Of words that may be commits, and are.
    pub(super) fn of_commits(example: &str) -> Self {
        Self {
            place: format!("a word of digits or letters alone (`{example}`)"),
            why: Why::Commit,
            names_count: false,
        }
    }

    /// Of tags that are nothing but a base with its number.
    pub(super) fn of_base(name: &str) -> Self {
        Self { place: format!("`{name}-N` alone"), why: Why::Base, names_count: false }
    }

    /// What it makes of the numbers in its place.
    pub(super) fn role(&self) -> Role {
        match self.why {
            Why::Lines { numbers, .. } => Role::Line { numbers },
            why if why.is_count() => Role::Revision { names_count: self.names_count },
            _ => Role::Variant,
        }
    }

    /// Whether it leaves open what the number is.
    pub(super) fn is_open(&self) -> bool {
        self.why == Why::Unknown
    }

    /// Whether it says that the word precedes a release.
    pub(super) fn is_prerelease(&self) -> bool {
        matches!(self.why, Why::Development { .. })
    }
}
