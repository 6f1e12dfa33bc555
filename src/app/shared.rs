//! What the passes share that are under way at the same time.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::copy::Shared;

/// How long knowledge is passed on where passes follow one another without a gap. It says which blobs
/// and manifests were written, and people delete images.
const MAX_AGE: Duration = Duration::from_hours(1);

/// Gives every pass what those before it share, as long as any of them is under way.
///
/// When none is, it is forgotten, and the registries are asked again.
pub(super) struct SharedState {
    /// Layers that may move at once, whatever is under way by this configuration.
    blob_slots: Arc<Semaphore>,
    /// How many these are.
    blobs_max: NonZeroUsize,
    /// What was made last, and when. Held for look-ups only.
    last: Mutex<(Weak<Shared>, Instant)>,
}

impl SharedState {
    pub(super) fn new(blobs_max: NonZeroUsize) -> Self {
        let blob_slots = Arc::new(Semaphore::new(blobs_max.get()));
        Self { blob_slots, blobs_max, last: Mutex::new((Weak::new(), Instant::now())) }
    }

    /// One that knows nothing yet. Where it has as many slots as the one before, the layers that still move by that count.
    pub(super) fn after(before: &Self, blobs_max: NonZeroUsize) -> Self {
        let new = Self::new(blobs_max);
        if blobs_max == before.blobs_max {
            return Self { blob_slots: Arc::clone(&before.blob_slots), ..new };
        }
        new
    }

    /// What is shared now, or else what `make` makes.
    pub(super) fn join(&self, make: impl FnOnce(Arc<Semaphore>) -> Shared) -> Arc<Shared> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (shared, since) = &*last;
        if let Some(shared) = shared.upgrade().filter(|_| since.elapsed() < MAX_AGE) {
            return shared;
        }
        let shared = Arc::new(make(Arc::clone(&self.blob_slots)));
        *last = (Arc::downgrade(&shared), Instant::now());
        shared
    }
}

#[cfg(test)]
mod tests {
    use crate::copy::{Inflight, Looks, Siblings};
    use crate::registry::Retry;

    use super::*;

    fn join(shared: &SharedState) -> Arc<Shared> {
        shared.join(|blob_slots| Shared {
            inflight: Inflight::default(),
            looks: Looks::default(),
            siblings: Siblings::new(Vec::new()),
            blob_slots,
            retry: Retry::default(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn knowledge_lasts_while_a_pass_is_under_way_and_not_for_ever() {
        let shared = SharedState::new(NonZeroUsize::MIN);
        let first = join(&shared);
        assert!(Arc::ptr_eq(&first, &join(&shared)));
        tokio::time::advance(MAX_AGE).await;
        let second = join(&shared);
        assert!(!Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&first.blob_slots, &second.blob_slots));
        let place = Arc::downgrade(&second);
        drop((first, second));
        assert!(place.upgrade().is_none() && !Weak::ptr_eq(&place, &Arc::downgrade(&join(&shared))));
    }

    #[tokio::test]
    async fn a_reload_doubles_no_layers_that_move_at_once() {
        let before = SharedState::new(NonZeroUsize::MIN);
        let old = join(&before);
        let moving = old.blob_slots.acquire().await;
        let new = join(&SharedState::after(&before, NonZeroUsize::MIN));
        assert!(!Arc::ptr_eq(&old, &new) && new.blob_slots.try_acquire().is_err());
        drop(moving);
        assert!(new.blob_slots.try_acquire().is_ok());
    }
}
