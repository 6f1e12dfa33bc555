//! Choosing some of the mirrors: those of some names, those of a shard.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use crate::config::{Config, Heartbeat};
use crate::oci::{Digest, Tag};

/// The most mirrors that a message lists; it counts the others.
const LISTED_MAX: usize = 20;

/// A mirror that is not configured.
#[derive(Debug, thiserror::Error)]
#[error("no mirror is named `{name}`; {}", there_are(known, more))]
pub struct UnknownMirror {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: Vec<String>,
    /// What is still to be discovered: it may be one of these.
    pub more: Vec<String>,
}

/// One of several equal parts of the mirrors. Each mirror is in exactly one, by a hash of its name that never changes:
/// a mirror that comes or goes moves no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: NonZeroU64,
}

/// Why something is no shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// Not two numbers.
    #[error("expected `I/N`, such as `0/4` for the first of four")]
    Form,
    /// More than the last one.
    #[error("there is no shard {index} of {count}: they are counted from 0, so the last is {}", .count.get() - 1)]
    Index {
        /// The shard that was asked for.
        index: u64,
        /// How many there are.
        count: NonZeroU64,
    },
}

fn listed(known: &[String]) -> String {
    let names = &known[..known.len().min(LISTED_MAX)];
    match known.len() - names.len() {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

fn there_are(known: &[String], more: &[String]) -> String {
    let named = (!known.is_empty() || more.is_empty()).then(|| format!("there are: {}", listed(known)));
    let more = (!more.is_empty()).then(|| {
        format!("the repositories of {} are mirrors called HOST/PATH, known with `--online`", listed(more))
    });
    named.into_iter().chain(more).collect::<Vec<_>>().join("; ")
}

impl UnknownMirror {
    /// Fails with the first of `names` that is none of the `known`.
    pub fn check<'a>(names: &[String], known: impl Iterator<Item = &'a str> + Clone) -> Result<(), Self> {
        match names.iter().find(|name| known.clone().all(|known| known != **name)) {
            Some(name) => {
                let mut known: Vec<_> = known.map(str::to_owned).collect();
                // A mirror with several targets has its name for each.
                known.dedup();
                Err(Self { name: name.clone(), known, more: Vec::new() })
            }
            None => Ok(()),
        }
    }
}

impl Config {
    /// Whether mirrors are named, and none of them is still to be discovered.
    pub fn has_all(&self, names: &[String]) -> bool {
        let has = |name: &String| self.mirrors.iter().any(|mirror| mirror.name == *name);
        !names.is_empty() && names.iter().all(has)
    }

    /// Leaves out the mirrors that are not named, and all heartbeats then: a part says nothing of the rest. Without a name
    /// all stay.
    pub fn keep_named(&mut self, names: &[String]) -> Result<(), UnknownMirror> {
        // A name below a failed discovery counts as known: the mirror of that discovery says why it failed.
        let is_known = |name: &&String| self.mirrors.iter().any(|mirror| mirror.may_be(name));
        let unknown: Vec<_> = names.iter().filter(|name| !is_known(name)).cloned().collect();
        let known = self.mirrors.iter().map(|mirror| &*mirror.name);
        let more = self.discoveries.iter().map(|discovery| discovery.source.clone());
        UnknownMirror::check(&unknown, known)
            .map_err(|unknown| UnknownMirror { more: more.collect(), ..unknown })?;
        self.heartbeats.retain(|_| names.is_empty());
        self.discoveries.retain(|_| names.is_empty());
        let found: HashSet<String> = self.mirrors.iter().map(|mirror| mirror.name.clone()).collect();
        self.mirrors.retain(|mirror| {
            let is_meant =
                |name: &String| *name == mirror.name || !found.contains(name) && mirror.may_be(name);
            names.is_empty() || names.iter().any(is_meant)
        });
        Ok(())
    }

    /// Leaves out all tags of the sources but this one.
    pub fn keep_tag(&mut self, tag: &Tag) {
        for mirror in &mut self.mirrors {
            mirror.only = Some(tag.clone());
        }
    }

    /// Leaves out the mirrors of other shards, and heartbeats that are about any of these; there may be none left. Gives
    /// how many heartbeats were left out.
    pub fn keep_shard(&mut self, shard: Shard) -> usize {
        let others = self.mirrors.iter().filter(|mirror| !shard.has(&mirror.shard));
        let others: HashSet<&str> = others.map(|mirror| &*mirror.name).collect();
        let is_whole = |heartbeat: &Heartbeat| match &heartbeat.mirrors {
            Some(mirrors) => !mirrors.iter().any(|mirror| others.contains(&**mirror)),
            None => others.is_empty(),
        };
        let heartbeats = self.heartbeats.len();
        self.heartbeats.retain(is_whole);
        self.mirrors.retain(|mirror| shard.has(&mirror.shard));
        heartbeats - self.heartbeats.len()
    }
}

impl Shard {
    /// The shard of this number, counted from 0.
    pub fn new(index: u64, count: NonZeroU64) -> Result<Self, ShardError> {
        if index < count.get() { Ok(Self { index, count }) } else { Err(ShardError::Index { index, count }) }
    }

    /// Which it is, counted from 0.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many there are.
    pub fn count(self) -> NonZeroU64 {
        self.count
    }

    /// Whether a mirror of this name is in it.
    pub fn has(self, mirror: &str) -> bool {
        let digest = Digest::of(mirror.as_bytes()).to_bytes();
        let hash = digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte));
        hash % self.count == self.index
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (index, count) = text.split_once('/').ok_or(ShardError::Form)?;
        let index = index.parse().map_err(|_| ShardError::Form)?;
        Self::new(index, count.parse().map_err(|_| ShardError::Form)?)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(count: u64) -> impl Iterator<Item = Shard> {
        (0..count).map(move |index| format!("{index}/{count}").parse().unwrap())
    }

    #[test]
    fn of_many_mirrors_a_few_are_listed() {
        let known: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
        let error = UnknownMirror { name: "x".to_owned(), known, more: Vec::new() }.to_string();
        assert!(error.ends_with("18, 19 and 980 more"), "{error}");
    }

    #[test]
    fn each_mirror_is_in_one_shard_and_shards_are_about_equal() {
        let names: Vec<_> = (0..10_000).map(|number| format!("team-{}/image-{number}", number % 7)).collect();
        for count in [1, 2, 4, 16] {
            let sizes: Vec<_> =
                shards(count).map(|shard| names.iter().filter(|name| shard.has(name)).count()).collect();
            assert_eq!(sizes.iter().sum::<usize>(), names.len());
            let mean = names.len() / sizes.len();
            assert!(sizes.iter().all(|size| size.abs_diff(mean) < mean / 5), "{sizes:?}");
        }
    }

    /// Machines of different versions share the mirrors while a new version is rolled out.
    #[test]
    fn the_hash_never_changes() {
        let shard_of = |name| shards(16).position(|shard| shard.has(name)).unwrap();
        assert_eq!(["java/jdk", "database/free", "app"].map(shard_of), [7, 7, 11]);
    }

    #[test]
    fn what_is_no_shard_is_explained() {
        for text in ["", "1", "a/2", "1/", "-1/2", "0/0", "1/2/3"] {
            assert_eq!(text.parse::<Shard>(), Err(ShardError::Form), "{text}");
        }
        let error = "4/4".parse::<Shard>().unwrap_err().to_string();
        assert_eq!(error, "there is no shard 4 of 4: they are counted from 0, so the last is 3");
    }
}
