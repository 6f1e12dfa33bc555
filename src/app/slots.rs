//! How many passes of a daemon run at once, across reloads.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// So many passes at once, whatever configurations they began with.
#[derive(Debug)]
pub(super) struct Slots {
    free: Semaphore,
    /// Held for counting only.
    count: Mutex<Count>,
}

#[derive(Debug)]
struct Count {
    most: usize,
    /// Slots that are in use and no longer exist: a configuration with fewer came meanwhile.
    surplus: usize,
}

/// A place among the passes that may run at once. Dropped, it makes room for another.
pub struct Slot<'a> {
    slots: &'a Slots,
    permit: Option<SemaphorePermit<'a>>,
}

impl Slots {
    pub(super) fn new(most: NonZeroUsize) -> Self {
        let most = most.get();
        Self { free: Semaphore::new(most), count: Mutex::new(Count { most, surplus: 0 }) }
    }

    /// Changes how many there are. Those in use stay so until they are dropped.
    pub(super) fn resize(&self, most: NonZeroUsize) {
        let mut count = self.count();
        let more = most.get().saturating_sub(count.most);
        let fewer = count.most.saturating_sub(most.get());
        count.most = most.get();
        let kept = more.min(count.surplus);
        count.surplus -= kept;
        self.free.add_permits(more - kept);
        count.surplus += fewer - self.free.forget_permits(fewer);
    }

    /// Waits for one. Cancel safe.
    pub(super) async fn get(&self) -> Slot<'_> {
        // It fails only where the semaphore is closed, which this one never is.
        Slot { slots: self, permit: self.free.acquire().await.ok() }
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut count = self.slots.count();
        if count.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            count.surplus -= 1;
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn slots(most: usize) -> Slots {
        Slots::new(number(most))
    }

    fn number(most: usize) -> NonZeroUsize {
        NonZeroUsize::new(most).unwrap()
    }

    /// Takes all that are free.
    fn taken(slots: &Slots) -> Vec<Slot<'_>> {
        std::iter::from_fn(|| slots.get().now_or_never()).collect()
    }

    #[test]
    fn a_slot_that_is_dropped_is_free_again() {
        let slots = slots(2);
        let mut used = taken(&slots);
        assert_eq!(used.len(), 2);
        used.pop();
        assert_eq!(taken(&slots).len(), 1);
    }

    #[test]
    fn fewer_slots_count_those_that_are_in_use() {
        let slots = slots(4);
        let mut used = taken(&slots);
        used.pop();
        slots.resize(number(2));
        assert!(taken(&slots).is_empty());
        used.pop();
        assert!(taken(&slots).is_empty());
        used.pop();
        assert_eq!(taken(&slots).len(), 1);
        drop(used);
        assert_eq!(taken(&slots).len(), 2);
    }

    #[test]
    fn more_slots_are_free_at_once_but_for_those_in_use() {
        let slots = slots(4);
        let used = taken(&slots);
        slots.resize(number(1));
        slots.resize(number(6));
        assert_eq!(taken(&slots).len(), 2);
        drop(used);
        assert_eq!(taken(&slots).len(), 6);
    }
}
