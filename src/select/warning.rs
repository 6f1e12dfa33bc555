//! What looks wrong with what a rule keeps, although nothing failed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::select::newest::Candidate;
use crate::select::version::Version;

/// A rule keeps so much that its tags were most likely read otherwise than they were meant. `Display` says what was
/// seen and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The rule, from 0.
    pub rule: usize,
    pub(super) doubt: Doubt,
}

/// What looks wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doubt {
    kept: usize,
    matched: usize,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// Tags are alone in their variants.
    Lonely {
        /// Whether nearly each tag is. Else some are that differ in a number alone of which nothing tells what it is.
        nearly_all: bool,
        /// Some of the variants, those that differ in a number alone first.
        examples: Vec<String>,
        /// How many more there are.
        others: usize,
        /// What to write in `match` where the number counts rebuilds.
        revision: Option<String>,
    },
    /// Many tags are one version each.
    Equal,
}

impl Warning {
    /// One word for scripts.
    pub fn code(&self) -> &'static str {
        match self.doubt.what {
            What::Lonely { .. } => "lonely_variants",
            What::Equal => "equal_versions",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Doubt { kept, matched, what } = &self.doubt;
        write!(f, "`newest` keeps {kept} of the {matched} tags among which it counts: ")?;
        match what {
            What::Lonely { nearly_all, examples, others, revision } => {
                f.write_str(if *nearly_all {
                    "nearly each is alone in its variant"
                } else {
                    "some are alone in variants that differ in a number of unknown meaning"
                })?;
                write!(f, " ({}", examples.join(", "))?;
                if *others > 0 {
                    write!(f, " and {others} more")?;
                }
                f.write_str("); ")?;
                if let Some(revision) = revision {
                    write!(f, "where that number counts rebuilds, name it in `match`: `{revision}`; ")?;
                }
                f.write_str("where these tags are one family, add an empty group `(?<variant>)` to `match`")
            }
            What::Equal => f.write_str(
                "most of them are equal versions, for a commit has no order; take those alone in `match` that have a \
                 number or a date to compare, or name them",
            ),
        }
    }
}

/// Of one rule: what `newest` counts among, and keeps.
#[derive(Default)]
pub(super) struct Census<'a> {
    variants: BTreeMap<&'a str, Count>,
    releases: BTreeSet<&'a [u8]>,
}

#[derive(Default)]
struct Count {
    tags: usize,
    kept_tags: usize,
    kept_versions: usize,
    /// Whether the name has a number of which nothing tells what it is.
    is_open: bool,
}

/// So many tags are a handful: nobody needs to be warned of them.
const HANDFUL: usize = 5;
/// So many that differ in a number of unknown meaning are rebuilds as likely as variants.
const OPEN: usize = 3;
const EXAMPLES: usize = 3;

impl<'a> Census<'a> {
    /// Adds the members of a group, the newest first.
    pub(super) fn add(&mut self, variant: &'a str, members: &[Candidate<'a>]) {
        let count = self.variants.entry(variant).or_default();
        count.tags += members.len();
        count.is_open |= members.iter().any(|member| member.is_open);
        self.releases.extend(members.first().and_then(|member| member.version).map(Version::release));
    }

    /// Adds how many tags of how many versions are kept of a group.
    pub(super) fn keep(&mut self, variant: &'a str, tags: usize, versions: usize) {
        let count = self.variants.entry(variant).or_default();
        count.kept_tags += tags;
        count.kept_versions += versions;
    }

    /// What is wrong with it, if anything.
    pub(super) fn doubt(&self) -> Option<Doubt> {
        let sum = |part: fn(&Count) -> usize| self.variants.values().map(part).sum::<usize>();
        let (matched, kept) = (sum(|count| count.tags), sum(|count| count.kept_tags));
        let doubt = |what| Some(Doubt { kept, matched, what });
        let is_most = kept > HANDFUL && kept * 2 > matched;
        if is_most && kept > sum(|count| count.kept_versions) * 3 {
            return doubt(What::Equal);
        }
        let lonely = || self.variants.iter().filter(|(_, count)| count.tags == 1);
        let variants: Vec<_> = lonely().map(|(variant, _)| *variant).collect();
        let alike = alike(&variants);
        // Real variants of one version are names that differ in more than a number.
        let are_alike = alike.len() > HANDFUL.min(variants.len() / 2);
        if is_most
            && variants.len() * 4 >= self.variants.len() * 3
            && (are_alike || self.releases.len() > HANDFUL)
        {
            let revision = are_alike.then(|| revision(alike[0])).flatten();
            let shown = if are_alike { &alike } else { &variants };
            return doubt(What::lonely(true, shown, variants.len(), revision));
        }
        let open: Vec<_> = lonely().filter(|(_, count)| count.is_open).map(|(variant, _)| *variant).collect();
        let open = self::alike(&open);
        if open.len() < OPEN {
            return None;
        }
        doubt(What::lonely(false, &open, open.len(), revision(open[0])))
    }
}

impl What {
    fn lonely(nearly_all: bool, shown: &[&str], of: usize, revision: Option<String>) -> Self {
        let examples = shown.iter().take(EXAMPLES).map(|variant| format!("`{variant}`")).collect();
        Self::Lonely { nearly_all, examples, others: of.saturating_sub(EXAMPLES), revision }
    }
}

/// The most of these variants that differ in numbers alone.
fn alike<'a>(variants: &[&'a str]) -> Vec<&'a str> {
    let mut shapes: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for variant in variants {
        shapes.entry(shape(variant)).or_default().push(variant);
    }
    shapes.into_values().max_by_key(Vec::len).unwrap_or_default()
}

/// A variant's name without its numbers.
fn shape(variant: &str) -> String {
    let mut shape = String::with_capacity(variant.len());
    for character in variant.chars() {
        if !character.is_ascii_digit() {
            shape.push(character);
        } else if !shape.ends_with('0') {
            shape.push('0');
        }
    }
    shape
}

/// The end of the variant's name with its last number as a group.
fn revision(variant: &str) -> Option<String> {
    let is_digit = |c: char| c.is_ascii_digit();
    let end = variant.rfind(is_digit)? + 1;
    let start = variant[..end].trim_end_matches(is_digit).len();
    Some(format!("{}(?<revision>[0-9]+){}", &variant[..start], &variant[end..]))
}
