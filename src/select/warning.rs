//! What looks wrong with what a rule keeps, although nothing failed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

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
    /// Nearly each tag is alone in its variant.
    Lonely {
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
            What::Lonely { examples, others, revision } => {
                write!(f, "nearly each is alone in its variant ({}", examples.join(", "))?;
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
}

/// So many tags are a handful: nobody needs to be warned of them.
const HANDFUL: usize = 5;
const EXAMPLES: usize = 3;

impl<'a> Census<'a> {
    /// Adds a group of so many tags, of which so many tags of so many versions are kept. `release` is the version of
    /// the first one.
    pub(super) fn add(
        &mut self,
        variant: &'a str,
        release: Option<&'a [u8]>,
        tags: usize,
        kept: (usize, usize),
    ) {
        let count = self.variants.entry(variant).or_default();
        count.tags += tags;
        count.kept_tags += kept.0;
        count.kept_versions += kept.1;
        self.releases.extend(release);
    }

    /// What is wrong with it, if anything.
    pub(super) fn doubt(&self) -> Option<Doubt> {
        let sum = |part: fn(&Count) -> usize| self.variants.values().map(part).sum::<usize>();
        let (matched, kept) = (sum(|count| count.tags), sum(|count| count.kept_tags));
        if kept <= HANDFUL || kept * 2 <= matched {
            return None;
        }
        let doubt = |what| Some(Doubt { kept, matched, what });
        if kept > sum(|count| count.kept_versions) * 3 {
            return doubt(What::Equal);
        }
        let lonely: Vec<_> =
            self.variants.iter().filter(|(_, count)| count.tags == 1).map(|(variant, _)| *variant).collect();
        let mut shapes: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for variant in &lonely {
            shapes.entry(shape(variant)).or_default().push(variant);
        }
        let (_, largest) = shapes.iter().max_by_key(|(_, variants)| variants.len())?;
        // Real variants of one version are names that differ in more than a number.
        let are_alike = largest.len() > HANDFUL.min(lonely.len() / 2);
        if lonely.len() * 4 < self.variants.len() * 3 || !are_alike && self.releases.len() <= HANDFUL {
            return None;
        }
        let examples = if are_alike { largest } else { &lonely };
        let revision = are_alike.then(|| revision(largest[0])).flatten();
        let quoted = |variant: &&str| format!("`{variant}`");
        let others = lonely.len().saturating_sub(EXAMPLES);
        let examples = examples.iter().take(EXAMPLES).map(quoted).collect();
        doubt(What::Lonely { examples, others, revision })
    }
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
