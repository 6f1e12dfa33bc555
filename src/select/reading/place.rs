//! Where a number of unknown meaning stands in a tag, and what the tags of a repository say of such places.

use std::collections::{BTreeSet, HashMap};

use crate::select::reading::word::Word;

/// Where a number stands: behind which word, and how it is joined to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::select) struct Place<'a> {
    /// The word; empty for the version itself.
    pub(in crate::select) word: &'a str,
    /// The separator; none where the number is glued to the word.
    pub(in crate::select) joint: Option<u8>,
    /// Whether the word is a base, and the number its version.
    pub(in crate::select) is_of_base: bool,
}

impl<'a> Place<'a> {
    /// Behind a word that is no base, or behind the version.
    pub(in crate::select) fn behind(word: &'a str, joint: Option<u8>) -> Self {
        Self { word, joint, is_of_base: false }
    }
}

/// A number whose meaning the tag alone does not tell.
#[derive(Clone, Copy, Debug)]
pub(in crate::select) struct Sighting<'a> {
    pub(in crate::select) place: Place<'a>,
    /// The numbers of the tag's version.
    pub(in crate::select) version: &'a str,
    pub(in crate::select) value: &'a str,
}

/// What the numbers in a place are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::select) enum Role {
    /// Part of the variant's name.
    Variant,
    /// The version of a base, of which the first numbers are part of the variant's name.
    Line {
        /// How many.
        numbers: usize,
    },
    /// A count of rebuilds.
    Revision {
        /// Whether the word before it is the name of that count, so that it names no variant.
        names_count: bool,
    },
}

/// What is known of the tags of one repository as a whole.
#[derive(Debug, Default)]
pub(in crate::select) struct Conventions<'a> {
    pub(super) roles: HashMap<Place<'a>, Role>,
    /// One bit for each length that commits have in these tags.
    pub(super) commit_lengths: u128,
    /// Bases that stand with their number beside a version: a tag of such a base alone is none.
    pub(in crate::select) bases: BTreeSet<&'a str>,
    /// Whether `dev` without a number precedes a release, and is no flavour.
    pub(in crate::select) development_precedes: bool,
}

impl Conventions<'_> {
    pub(in crate::select) fn role(&self, place: &Place<'_>) -> Role {
        self.roles.get(place).copied().unwrap_or(Role::Variant)
    }

    /// Whether a word that by chance has no letter or no digit is a commit: other tags have commits of its length.
    pub(in crate::select) fn is_commit(&self, word: &Word<'_>) -> bool {
        self.commit_lengths >> word.text.len().min(127) & 1 == 1 && word.may_be_commit()
    }
}
