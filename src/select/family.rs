//! What kinds of tags a repository has: for people who see it for the first time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::oci::Tag;
use crate::select::decision::Decision;
use crate::select::pattern::escape;
use crate::select::reading::convention;
use crate::select::reading::known;
use crate::select::reading::known::Meaning;
use crate::select::reading::parse;
use crate::select::reading::place::Conventions;
use crate::select::reading::word;
use crate::select::version::Version;

/// The most tags that are shown as examples of a kind.
const EXAMPLES: usize = 3;

/// All tags of a repository by their kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Families {
    /// Tags that have versions, by their variants: those with the most versions first.
    pub families: Vec<Family>,
    /// Tags that have none, by what they are.
    pub others: BTreeMap<Kind, Vec<Tag>>,
    /// What the list had to tell for that.
    pub decisions: BTreeSet<Arc<Decision>>,
}

/// The tags of one variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// The variant; empty where the tags have none.
    pub variant: String,
    /// How many versions there are, without pre-releases.
    pub versions: usize,
    /// How many pre-releases.
    pub prereleases: usize,
    /// The newest version and its tag, and the oldest; of pre-releases, where there are no others.
    pub newest: (Version, Tag),
    /// The oldest.
    pub oldest: (Version, Tag),
    /// A regular expression over whole tags that have the form of the newest, in this variant.
    pub pattern: String,
}

/// What a tag without a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A name that moves: `latest`, a line, a branch.
    Name,
    /// A commit.
    Commit,
    /// A change that was proposed.
    Proposal,
    /// A digest, or a signature, attestation or SBOM of one.
    Digest,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "names that move",
            Self::Commit => "commits",
            Self::Proposal => "proposed changes",
            Self::Digest => "digests, signatures and attestations",
        })
    }
}

/// Sorts the tags of a repository by their kinds. The order of the list does not matter.
pub fn families(tags: &[Tag]) -> Families {
    let (readings, conventions) = convention::read(tags);
    let mut members: BTreeMap<&str, Vec<(&Version, &Tag)>> = BTreeMap::new();
    let mut others: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (tag, reading) in tags.iter().zip(&readings) {
        match &reading.version {
            Some(version) => members.entry(&reading.variant).or_default().push((version, tag)),
            None => others.entry(kind(tag)).or_default().push(tag.clone()),
        }
    }
    for tags in others.values_mut() {
        tags.sort_unstable();
    }
    let family = |(variant, members)| Family::of(variant, members, &conventions);
    let mut families: Vec<_> = members.into_iter().filter_map(family).collect();
    // Stable: those with equally many stay in the order of their names.
    families.sort_by_key(|family| std::cmp::Reverse((family.versions, family.prereleases)));
    let decisions = readings.iter().flat_map(|reading| reading.decisions.iter().cloned()).collect();
    Families { families, others, decisions }
}

impl Family {
    fn of(variant: &str, mut members: Vec<(&Version, &Tag)>, conventions: &Conventions<'_>) -> Option<Self> {
        members.sort_unstable();
        members.dedup();
        let (prereleases, releases): (Vec<_>, Vec<_>) =
            members.iter().copied().partition(|(version, _)| version.is_prerelease());
        let count =
            |members: &[(&Version, &Tag)]| members.chunk_by(|(one, _), (other, _)| one == other).count();
        let shown = if releases.is_empty() { &prereleases } else { &releases };
        let ((oldest, first), (newest, last)) = (*shown.first()?, *shown.last()?);
        Some(Self {
            variant: variant.to_owned(),
            versions: count(&releases),
            prereleases: count(&prereleases),
            newest: (newest.clone(), last.clone()),
            oldest: (oldest.clone(), first.clone()),
            pattern: pattern(last.as_str(), &parse::names(last.as_str(), conventions)),
        })
    }
}

/// A regular expression over whole tags: as `text`, but with other numbers and commits wherever it has no name.
fn pattern(text: &str, names: &[Range<usize>]) -> String {
    let mut pattern = "^".to_owned();
    let mut at = 0;
    for name in names {
        write_free(&text[at..name.start], &mut pattern);
        pattern.push_str(&escape(&text[name.clone()]));
        at = name.end;
    }
    write_free(&text[at..], &mut pattern);
    pattern.push('$');
    pattern
}

/// Writes a part of a tag with its numbers and commits left open.
fn write_free(text: &str, pattern: &mut String) {
    let mut at = 0;
    for word in word::split(text) {
        pattern.push_str(&escape(&text[at..word.start]));
        if word.is_commit() {
            pattern.extend([word.description().unwrap_or_default(), "[0-9a-f]+"]);
        } else {
            let mut rest = word.text;
            while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
                pattern.push_str(&escape(&rest[..start]));
                pattern.push_str("[0-9]+");
                rest = rest[start..].trim_start_matches(|c: char| c.is_ascii_digit());
            }
            pattern.push_str(&escape(rest));
        }
        at = word.end();
    }
    pattern.push_str(&escape(&text[at..]));
}

fn kind(tag: &Tag) -> Kind {
    let words = word::split(tag.as_str());
    let is_digest = words.first().is_some_and(|word| matches!(word.text, "sha256" | "sha384" | "sha512"));
    if is_digest && word::is_hash_name(&words) {
        return Kind::Digest;
    }
    if words.iter().any(|word| known::meaning(word.split_number().0) == Some(Meaning::Proposal)) {
        return Kind::Proposal;
    }
    if word::is_hash_name(&words) || words.iter().any(word::Word::is_commit) {
        return Kind::Commit;
    }
    Kind::Name
}

/// The first of these tags, as a text that says whether there are more.
pub fn examples(tags: &[Tag]) -> String {
    let names: Vec<_> = tags.iter().take(EXAMPLES).map(Tag::as_str).collect();
    let more = if tags.len() > EXAMPLES { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}
