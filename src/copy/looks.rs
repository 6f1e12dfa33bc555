//! What the targets of a run hold: seen once for all mirrors into a repository.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::copy::Copier;
use crate::copy::inflight::Holder;
use crate::event::Pair;
use crate::oci::{Digest, Reference, Tag};
use crate::target;
use crate::target::{Held, Look, Target};

/// The looks of a run.
#[derive(Debug, Default)]
pub struct Looks {
    /// How many mirrors there are into a target, where there are several.
    mirrors: HashMap<Holder, usize>,
    /// The last look at each target at which not all of its mirrors have looked. Held for look-ups only.
    last: Mutex<HashMap<Holder, LastLook>>,
}

/// A look at a target, and for whom it was.
#[derive(Debug, Default)]
struct LastLook {
    pairs: HashSet<Pair>,
    seen: Arc<Seen>,
}

/// What a look showed, and what was written since. Held while looking: its purpose is to make others wait.
type Seen = tokio::sync::Mutex<Option<Look>>;

impl Looks {
    /// For mirrors into these targets.
    pub fn new<'a>(targets: impl Iterator<Item = &'a Target>) -> Self {
        Self::of(targets.map(place))
    }

    fn of(places: impl Iterator<Item = Holder>) -> Self {
        let mut mirrors = HashMap::new();
        for place in places {
            *mirrors.entry(place).or_default() += 1;
        }
        mirrors.retain(|_, count| *count > 1);
        Self { mirrors, last: Mutex::default() }
    }

    /// The look for a pass over this mirror and target: the last one, or a new one where that was for the pass before. It
    /// is kept until all mirrors into the target had it.
    fn join(&self, place: Holder, pair: &Pair) -> Arc<Seen> {
        let Some(&mirrors) = self.mirrors.get(&place) else { return Arc::default() };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut look = last.remove(&place).filter(|look| !look.pairs.contains(pair)).unwrap_or_default();
        look.pairs.insert(pair.clone());
        let seen = Arc::clone(&look.seen);
        if look.pairs.len() < mirrors {
            last.insert(place, look);
        }
        seen
    }

    fn get(&self, place: &Holder) -> Option<Arc<Seen>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(place).map(|look| Arc::clone(&look.seen))
    }
}

impl Copier {
    /// What the target holds under these names. To be asked once in a pass.
    pub async fn held(&self, names: &[Reference]) -> Result<Held, target::Error> {
        let seen = self.shared.looks.join(self.place(), &self.events.pass.pair);
        let look = {
            let mut look = seen.lock().await;
            match &*look {
                Some(look) => look.clone(),
                None => look.insert(self.target.look().await?).clone(),
            }
        };
        self.target.held(names, look).await
    }

    /// Says that a tag was written, to whoever looks at the same target.
    pub(super) async fn wrote(&self, tag: &Tag, digest: Digest) {
        let Some(seen) = self.shared.looks.get(&self.place()) else { return };
        if let Some(look) = &mut *seen.lock().await {
            look.wrote(tag, digest);
        }
    }

    /// Where it copies to.
    pub(super) fn place(&self) -> Holder {
        place(&self.target)
    }
}

fn place(target: &Target) -> Holder {
    (target.registry().into_owned(), target.repository().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_serves_each_mirror_once() {
        let place = || ("registry.test".to_owned(), Some("app".parse().unwrap()));
        let looks = Looks::of([place(), place(), place()].into_iter());
        let join = |mirror: &str| looks.join(place(), &Pair::new(mirror, &"registry.test/app"));
        let first = join("a");
        assert!(Arc::ptr_eq(&first, &join("b")), "one look for both");
        let second = join("a");
        assert!(!Arc::ptr_eq(&first, &second), "the next pass looks again");
        assert!(Arc::ptr_eq(&second, &join("b")) && Arc::ptr_eq(&second, &join("c")));
        assert!(looks.get(&place()).is_none(), "all had it");
    }

    #[test]
    fn what_one_mirror_sees_is_not_kept() {
        let place = || ("registry.test".to_owned(), Some("app".parse().unwrap()));
        let looks = Looks::of([place()].into_iter());
        looks.join(place(), &Pair::new("a", &"registry.test/app"));
        assert!(looks.get(&place()).is_none());
    }
}
