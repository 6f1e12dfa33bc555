//! What the targets of a run hold: seen once for all mirrors into a repository.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::copy::Copier;
use crate::copy::inflight::Holder;
use crate::event::Pair;
use crate::oci::{Digest, Tag};
use crate::target;
use crate::target::{Held, Look};

/// The looks of a run, by registry and path.
#[derive(Debug, Default)]
pub struct Looks {
    /// The last look at each target. Held for look-ups only.
    last: Mutex<HashMap<Holder, Arc<Seen>>>,
}

/// One look at a target.
#[derive(Debug, Default)]
struct Seen {
    /// For whom. Held for look-ups only.
    pairs: Mutex<HashSet<Pair>>,
    /// What it showed, and what was written since. Held while looking: its purpose is to make others wait.
    look: tokio::sync::Mutex<Option<Look>>,
}

impl Looks {
    /// The look for a pass over this mirror and target: the last one, or a new one where that was for the pass before.
    fn join(&self, place: Holder, pair: &Pair) -> Arc<Seen> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = last.entry(place).or_default();
        let is_first = |seen: &Seen| {
            let mut pairs = seen.pairs.lock().unwrap_or_else(PoisonError::into_inner);
            pairs.insert(pair.clone())
        };
        if !is_first(seen) {
            *seen = Arc::default();
            is_first(seen);
        }
        Arc::clone(seen)
    }

    fn get(&self, place: &Holder) -> Option<Arc<Seen>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned()
    }
}

impl Copier {
    /// What the target holds of these tags. To be asked once in a pass.
    pub async fn held(&self, tags: &[Tag]) -> Result<Held, target::Error> {
        let seen = self.shared.looks.join(self.place(), &self.events.pass.pair);
        let look = {
            let mut look = seen.look.lock().await;
            match &*look {
                Some(look) => look.clone(),
                None => look.insert(self.target.look().await?).clone(),
            }
        };
        self.target.held(tags, look).await
    }

    /// Says that a tag was written, to whoever looks at the same target.
    pub(super) async fn wrote(&self, tag: &Tag, digest: Digest) {
        let Some(seen) = self.shared.looks.get(&self.place()) else { return };
        if let Some(look) = &mut *seen.look.lock().await {
            look.wrote(tag, digest);
        }
    }

    /// Where it copies to.
    pub(super) fn place(&self) -> Holder {
        (self.target.registry().into_owned(), self.repository().cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_serves_each_mirror_once() {
        let looks = Looks::default();
        let place = || ("registry.test".to_owned(), Some("app".parse().unwrap()));
        let join = |mirror: &str| looks.join(place(), &Pair::new(mirror, &"registry.test/app"));
        let first = join("a");
        assert!(Arc::ptr_eq(&first, &join("b")), "one look for both");
        let second = join("a");
        assert!(!Arc::ptr_eq(&first, &second), "the next pass looks again");
        assert!(Arc::ptr_eq(&second, &join("b")));
    }
}
