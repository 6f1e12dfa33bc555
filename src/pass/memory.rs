//! What a pass over a mirror and target tells the next one: what the wanted platforms of an image gave.
//!
//! So that an image that did not move costs a `HEAD`, and is not read to find out the same again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::oci::{Digest, Platform};
use crate::plan::{Choice, Root};

/// What is remembered for one mirror and target: some ten thousand tags. Those beyond are read in each pass.
const BYTES_MAX: usize = 1024 * 1024;
/// What a platform takes whose texts are as long as those of real ones.
const PLATFORM_BYTES: usize = 128;

/// What the last pass over one mirror and target chose. It belongs to one configuration, whose `platforms` count.
#[derive(Debug, Default)]
pub struct Memory {
    /// Held for look-ups only.
    last: Mutex<Choices>,
}

/// What was chosen of images, by their digests at the source.
#[derive(Debug, Default)]
pub(super) struct Choices {
    by_source: HashMap<Digest, Chosen>,
    bytes: usize,
}

/// What was chosen of one image. Its manifest is not kept: where the target lacks it, the image is read anyway.
#[derive(Debug)]
struct Chosen {
    digest: Digest,
    missing: Box<[Platform]>,
}

impl Memory {
    /// What was chosen of the image with this digest, where that is what the target `holds`.
    pub(super) fn recall(&self, source: Digest, holds: Option<Digest>) -> Option<Choice> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Chosen { digest, missing } = last.by_source.get(&source)?;
        // Where the two are equal nothing is copied, so nobody looks for this digest at the source.
        let root = Root::Source(*digest);
        (holds == Some(*digest)).then(|| Choice { root, missing: missing.to_vec() })
    }

    /// Takes what this pass chose in the place of what those before it did: tags that are gone are forgotten.
    pub(super) fn keep(&self, choices: Choices) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = choices;
    }
}

impl Choices {
    /// Adds what was chosen of the image with this digest, as long as there is room.
    pub(super) fn add(&mut self, source: Digest, choice: &Choice) {
        let bytes = size_of::<(Digest, Chosen)>() + choice.missing.len() * PLATFORM_BYTES;
        if self.bytes + bytes <= BYTES_MAX && !self.by_source.contains_key(&source) {
            self.bytes += bytes;
            let chosen =
                Chosen { digest: choice.root.digest(), missing: choice.missing.clone().into_boxed_slice() };
            self.by_source.insert(source, chosen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Digest {
        Digest::of(&number.to_ne_bytes())
    }

    #[test]
    fn what_the_target_does_not_hold_is_not_recalled() {
        let (memory, mut choices) = (Memory::default(), Choices::default());
        let missing = vec!["linux/arm64".parse().unwrap()];
        choices.add(digest(1), &Choice { root: Root::Source(digest(2)), missing: missing.clone() });
        memory.keep(choices);
        let recalled = memory.recall(digest(1), Some(digest(2))).unwrap();
        assert_eq!((recalled.root.digest(), recalled.missing), (digest(2), missing));
        assert!(memory.recall(digest(1), Some(digest(1))).is_none());
        assert!(memory.recall(digest(1), None).is_none());
        assert!(memory.recall(digest(2), Some(digest(2))).is_none());
        memory.keep(Choices::default());
        assert!(memory.recall(digest(1), Some(digest(2))).is_none());
    }

    #[test]
    fn it_is_bounded_in_bytes() {
        let mut choices = Choices::default();
        let missing: Vec<Platform> = vec!["windows(10.0.20348)/amd64".parse().unwrap(); 3];
        for number in 0..20_000 {
            choices.add(
                digest(number),
                &Choice { root: Root::Source(digest(number)), missing: missing.clone() },
            );
        }
        let texts = |platform: &Platform| {
            size_of::<Platform>()
                + platform.os.len()
                + platform.architecture.len()
                + platform.os_version.as_ref().map_or(0, String::len)
        };
        let held: usize = choices.by_source.values().flat_map(|chosen| &chosen.missing).map(texts).sum();
        let entries = choices.by_source.len() * size_of::<(Digest, Chosen)>();
        assert!((1000..10_000).contains(&choices.by_source.len()), "{}", choices.by_source.len());
        assert!(held + entries <= BYTES_MAX, "{held} + {entries}");
    }
}
