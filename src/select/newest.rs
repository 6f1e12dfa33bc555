//! Keeps the newest versions: of each variant, and of each value of the `per` groups.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use crate::select::reason::{Group, Reason};
use crate::select::rule::Rule;
use crate::select::selection::Age;
use crate::select::version::Version;
use crate::select::warning::{Census, Doubt};

/// The values that the `per` groups matched, numbered as they come: each is a line in which `newest` counts alone.
pub(super) type Lines<'a> = HashMap<Vec<&'a str>, usize>;

/// A tag among which `newest` counts.
pub(super) struct Candidate<'a> {
    pub(super) variant: &'a str,
    /// Which line it is of.
    pub(super) line: usize,
    pub(super) age: Age,
    pub(super) version: Option<&'a Version>,
    /// Whether its variant has a number of which nothing tells what it is.
    pub(super) is_open: bool,
    pub(super) reason: &'a mut Reason,
}

/// Writes down for every candidate whether it is among the newest versions. Gives what looks wrong with that.
pub(super) fn keep<'a>(
    rule: &Rule,
    newest: NonZeroUsize,
    lines: &Lines<'_>,
    candidates: impl Iterator<Item = Candidate<'a>>,
) -> Option<Doubt> {
    let mut groups: HashMap<_, Vec<_>> = HashMap::new();
    for candidate in candidates {
        groups.entry((candidate.variant, candidate.line)).or_default().push(candidate);
    }
    let mut census = Census::default();
    let mut values = vec![&[][..]; lines.len()];
    for (per, &line) in lines {
        values[line] = per;
    }
    for ((variant, line), mut members) in groups {
        members.sort_unstable_by_key(|member| member.age);
        census.add(variant, &members);
        if let Some(revisions) = rule.revisions {
            members = keep_builds(revisions, members);
        }
        let per =
            rule.per().map(str::to_owned).zip(values[line].iter().map(|&value| value.to_owned())).collect();
        let (tags, versions) = keep_newest(newest, Group { variant: variant.to_owned(), per }, members);
        census.keep(variant, tags, versions);
    }
    census.doubt()
}

/// Writes down for every member of a group whether it is among the newest versions. Gives how many tags and how many
/// versions are.
fn keep_newest(newest: NonZeroUsize, group: Group, mut members: Vec<Candidate<'_>>) -> (usize, usize) {
    let of = members.chunk_by(|a, b| a.age == b.age).count();
    let kept = newest.get().min(of);
    let group = Arc::new(group);
    let mut tags = 0;
    for (rank, same_version) in members.chunk_by_mut(|a, b| a.age == b.age).enumerate() {
        for Candidate { reason, .. } in same_version {
            let group = Arc::clone(&group);
            **reason = if rank < kept {
                tags += 1;
                Reason::Newest { kept, of, group }
            } else {
                Reason::Older { newest, group }
            };
        }
    }
    (tags, kept)
}

/// Leaves out all but the newest builds of each version. The members are in order, and so are those that remain.
fn keep_builds(revisions: NonZeroUsize, members: Vec<Candidate<'_>>) -> Vec<Candidate<'_>> {
    let mut kept: Vec<Candidate<'_>> = Vec::with_capacity(members.len());
    let mut builds = 0;
    for member in members {
        match kept.last() {
            Some(last) if last.age == member.age => {}
            Some(last) if is_one_version(last, &member) => builds += 1,
            _ => builds = 1,
        }
        if builds > revisions.get() {
            *member.reason = Reason::OlderBuild { revisions };
        } else {
            kept.push(member);
        }
    }
    kept
}

/// Whether both are builds of one version.
fn is_one_version(one: &Candidate<'_>, other: &Candidate<'_>) -> bool {
    one.version.map(Version::release) == other.version.map(Version::release)
}
