//! A cache for one thing that expires, such as a token: fetched once for all who wait, and early.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::login::Freshness;

/// After a failed early refresh, the next one waits this long, at most.
const RETRY_PAUSE: Duration = Duration::from_secs(30);

/// Holds one value until it expires, and knows when to fetch the next.
///
/// Single flight: whoever needs a value while it is being fetched waits for that fetch. A value that is due
/// for refresh but still valid is given at once to everybody but the one who refreshes it, and remains
/// in use when the refresh fails.
///
/// Whoever waits for a fetch that fails gets its error: an issuer that hangs is not waited for by one after the other.
pub struct Expiring<T, E> {
    /// Guards the value; never held while fetching.
    slot: Mutex<Option<Slot<T>>>,
    /// How the last fetch failed, and when. Guards that alone.
    failure: Mutex<Option<(Instant, E)>>,
    /// Held while fetching: its purpose is to make others wait.
    flight: tokio::sync::Mutex<()>,
}

/// A value just fetched.
#[derive(Clone, Debug)]
pub struct Fresh<T> {
    /// The value.
    pub value: T,
    /// From here on the next value is fetched ahead of need.
    pub refresh_at: Instant,
    /// From here on the value is no longer given.
    pub expires_at: Instant,
}

impl<T> Fresh<T> {
    /// A value that lives this long from now and is refreshed at half of its life.
    pub fn lasting(value: T, lifetime: Duration) -> Self {
        let now = Instant::now();
        Self { value, refresh_at: now + lifetime / 2, expires_at: now + lifetime }
    }
}

struct Slot<T> {
    fresh: Fresh<T>,
    fetched_at: Instant,
}

/// What the slot has to offer.
enum Found<T> {
    Valid(T),
    Due(T),
    Nothing,
}

impl<T: Clone, E: Clone + fmt::Display> Expiring<T, E> {
    /// Holds nothing yet.
    pub fn new() -> Self {
        Self { slot: Mutex::new(None), failure: Mutex::new(None), flight: tokio::sync::Mutex::new(()) }
    }

    /// The value, fetched if there is none or it is due.
    ///
    /// [`Freshness::After`] fetches even if the value is valid, unless that was done since: of many requests
    /// that are refused at once the first renews the value for all. An error of this fetch is never covered by
    /// the old value. Cancel safe: the next caller fetches.
    pub async fn get<F>(&self, freshness: Freshness, fetch: impl FnOnce() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<Fresh<T>, E>>,
    {
        let asked_at = Instant::now();
        let _flight = match self.find(freshness) {
            Found::Valid(value) => return Ok(value),
            Found::Due(value) => match self.flight.try_lock() {
                Ok(flight) => flight,
                Err(_) => return Ok(value),
            },
            Found::Nothing => self.flight.lock().await,
        };
        // Somebody else may have fetched while this caller waited.
        let fallback = match self.find(freshness) {
            Found::Valid(value) => return Ok(value),
            Found::Due(value) => Some(value),
            Found::Nothing => match self.failed_since(asked_at) {
                Some(error) => return Err(error),
                None => None,
            },
        };
        match (fetch().await, fallback) {
            (Ok(fresh), _) => Ok(self.keep(fresh)),
            (Err(error), Some(value)) => {
                warn!("A login could not be renewed early, the present one stays in use: {error}");
                self.postpone();
                Ok(value)
            }
            (Err(error), None) => {
                let failure = (Instant::now(), error.clone());
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                Err(error)
            }
        }
    }

    /// The error of a fetch that ended after this caller began to wait for it.
    fn failed_since(&self, asked_at: Instant) -> Option<E> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().filter(|(at, _)| *at > asked_at).map(|(_, error)| error.clone())
    }

    fn find(&self, freshness: Freshness) -> Found<T> {
        let slot = self.lock();
        let now = Instant::now();
        let Some(slot) = slot.as_ref().filter(|slot| now < slot.fresh.expires_at) else {
            return Found::Nothing;
        };
        let value = slot.fresh.value.clone();
        match freshness {
            Freshness::After(refused) if slot.fetched_at <= refused => Found::Nothing,
            Freshness::Cached if now >= slot.fresh.refresh_at => Found::Due(value),
            Freshness::After(_) | Freshness::Cached => Found::Valid(value),
        }
    }

    fn keep(&self, fresh: Fresh<T>) -> T {
        let value = fresh.value.clone();
        *self.lock() = Some(Slot { fresh, fetched_at: Instant::now() });
        value
    }

    /// Waits before the next refresh, but tries once more before the value expires.
    fn postpone(&self) {
        let now = Instant::now();
        if let Some(slot) = self.lock().as_mut() {
            let remaining = slot.fresh.expires_at.saturating_duration_since(now);
            slot.fresh.refresh_at = now + RETRY_PAUSE.min(remaining / 2);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Slot<T>>> {
        // No code that can panic runs under this lock, so a poisoned one still holds a whole value.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone, E: Clone + fmt::Display> Default for Expiring<T, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, E> fmt::Debug for Expiring<T, E> {
    /// Says nothing of the value, which is a secret more often than not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Expiring(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use tokio::time::{advance, sleep};

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    /// Gives 1, 2, 3, …; each fetch takes a second and each value lives an hour.
    #[derive(Default)]
    struct Issuer {
        cache: Expiring<u32, &'static str>,
        issued: AtomicU32,
    }

    impl Issuer {
        async fn get(&self, freshness: Freshness) -> u32 {
            self.get_or(freshness, None).await.unwrap()
        }

        async fn get_or(
            &self,
            freshness: Freshness,
            failure: Option<&'static str>,
        ) -> Result<u32, &'static str> {
            let fetch = async || {
                sleep(Duration::from_secs(1)).await;
                let number = self.issued.fetch_add(1, Ordering::Relaxed) + 1;
                failure.map_or(Ok(Fresh::lasting(number, HOUR)), Err)
            };
            self.cache.get(freshness, fetch).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_share_one_fetch() {
        let issuer = Issuer::default();
        let values = join_all((0..10).map(|_| issuer.get(Freshness::Cached))).await;
        assert_eq!(values, [1; 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn at_half_life_one_refreshes_and_the_others_do_not_wait() {
        let issuer = Issuer::default();
        issuer.get(Freshness::Cached).await;
        advance(HOUR / 3).await;
        assert_eq!(issuer.get(Freshness::Cached).await, 1);
        advance(HOUR / 6).await;
        assert_eq!(join_all((0..3).map(|_| issuer.get(Freshness::Cached))).await, [2, 1, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_refresh_leaves_the_valid_value_and_is_not_repeated_at_once() {
        let issuer = Issuer::default();
        issuer.get(Freshness::Cached).await;
        advance(HOUR / 2).await;
        assert_eq!(issuer.get_or(Freshness::Cached, Some("down")).await, Ok(1));
        assert_eq!(issuer.get(Freshness::Cached).await, 1);
        advance(RETRY_PAUSE).await;
        assert_eq!(issuer.get(Freshness::Cached).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_value_is_never_given() {
        let issuer = Issuer::default();
        issuer.get(Freshness::Cached).await;
        advance(HOUR).await;
        assert_eq!(issuer.get_or(Freshness::Cached, Some("down")).await, Err("down"));
    }

    #[tokio::test(start_paused = true)]
    async fn renewals_at_the_same_time_are_one() {
        let issuer = Issuer::default();
        issuer.get(Freshness::Cached).await;
        let refused = Freshness::After(Instant::now());
        assert_eq!(join_all((0..10).map(|_| issuer.get(refused))).await, [2; 10]);
        assert_eq!(issuer.get(refused).await, 2, "who was refused before the renewal joins too");
        assert_eq!(issuer.get(Freshness::After(Instant::now())).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_value_is_no_fallback() {
        let issuer = Issuer::default();
        issuer.get(Freshness::Cached).await;
        advance(HOUR / 2).await;
        assert_eq!(issuer.get_or(Freshness::After(Instant::now()), Some("down")).await, Err("down"));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_a_fetch_that_fails_gets_its_error() {
        let (issuer, start) = (Issuer::default(), Instant::now());
        let results = join_all((0..10).map(|_| issuer.get_or(Freshness::Cached, Some("down")))).await;
        assert_eq!(results, [Err("down"); 10]);
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        assert_eq!(issuer.get(Freshness::Cached).await, 2, "whoever comes later asks again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_fetch_leaves_the_way_free() {
        let issuer = Issuer::default();
        let impatient = tokio::time::timeout(Duration::from_millis(1), issuer.get(Freshness::Cached));
        assert!(impatient.await.is_err());
        assert_eq!(issuer.get(Freshness::Cached).await, 1);
    }
}
