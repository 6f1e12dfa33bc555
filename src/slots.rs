//! A semaphore whose size may change while its slots are in use.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

/// Slots, given in the order of the requests for them. Their number may change.
#[derive(Debug)]
pub struct Slots {
    free: Semaphore,
    /// Held for counting only.
    count: Mutex<Count>,
}

#[derive(Debug)]
struct Count {
    total: usize,
    /// Slots that are in use and no longer exist: there were more when they were taken.
    surplus: usize,
}

/// The right to be one of those that work at a time. Dropped, it makes room for another.
#[derive(Debug)]
pub struct Slot<'a>(&'a Slots);

impl Slots {
    /// A number of slots, all free.
    pub fn new(total: NonZeroUsize) -> Self {
        let total = total.get().min(Semaphore::MAX_PERMITS);
        Self { free: Semaphore::new(total), count: Mutex::new(Count { total, surplus: 0 }) }
    }

    /// Changes how many there are. Those in use stay so until they are dropped.
    pub fn resize(&self, total: NonZeroUsize) {
        let total = total.get().min(Semaphore::MAX_PERMITS);
        let mut count = self.count();
        let more = total.saturating_sub(count.total);
        let fewer = count.total.saturating_sub(total);
        count.total = total;
        let kept = more.min(count.surplus);
        count.surplus -= kept;
        self.free.add_permits(more - kept);
        count.surplus += fewer - self.free.forget_permits(fewer);
    }

    /// Waits for one. Cancel safe.
    pub async fn acquire(&self) -> Slot<'_> {
        // It fails only where the semaphore is closed, which this one never is.
        if let Ok(permit) = self.free.acquire().await {
            permit.forget();
        }
        Slot(self)
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut count = self.0.count();
        match count.surplus.checked_sub(1) {
            Some(fewer) => count.surplus = fewer,
            None => self.0.free.add_permits(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn slots(total: usize) -> Slots {
        Slots::new(number(total))
    }

    fn number(total: usize) -> NonZeroUsize {
        NonZeroUsize::new(total).unwrap()
    }

    /// Takes all that are free.
    fn taken(slots: &Slots) -> Vec<Slot<'_>> {
        std::iter::from_fn(|| slots.acquire().now_or_never()).collect()
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
