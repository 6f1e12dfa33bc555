//! How hard one host is asked: so many requests at once, so many a second.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// The bounds for one host.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests that wait for an answer at the same time. The bodies of blobs are not counted: a request
    /// that resumes one must never wait for its own kind.
    pub concurrent: NonZeroUsize,
    /// Requests started a second, none for no bound.
    pub per_second: Option<NonZeroU32>,
}

/// Lets requests through within [`Limits`].
#[derive(Debug)]
pub(super) struct Limiter {
    slots: Arc<Semaphore>,
    interval: Duration,
    /// When the next request may start. Held for an assignment only.
    next: Mutex<Instant>,
}

impl Limiter {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(limits.concurrent.get().min(Semaphore::MAX_PERMITS))),
            interval: limits.per_second.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.get()),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for a turn. The slot is free again when the permit is dropped.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok();
        let start = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let start = (*next).max(Instant::now());
            *next = start + self.interval;
            start
        };
        tokio::time::sleep_until(start).await;
        permit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(concurrent: usize, per_second: Option<u32>) -> Limiter {
        let per_second = per_second.and_then(NonZeroU32::new);
        Limiter::new(Limits { concurrent: NonZeroUsize::new(concurrent).unwrap(), per_second })
    }

    #[tokio::test(start_paused = true)]
    async fn requests_start_at_the_rate() {
        let (limiter, start) = (limiter(100, Some(10)), Instant::now());
        for _ in 0..11 {
            limiter.turn().await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test]
    async fn a_slot_is_free_when_its_permit_is_dropped() {
        let limiter = limiter(1, None);
        let first = limiter.turn().await;
        assert!(futures_util::FutureExt::now_or_never(limiter.turn()).is_none());
        drop(first);
        limiter.turn().await;
    }
}
