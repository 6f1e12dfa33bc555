//! Limits on the requests to one host: at a time, a second, and fewer where it throttles.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::registry::transport::retry::RETRY_AFTER_MAX;
use crate::slots::{Slot, Slots};

/// The bounds for one host.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests that wait for an answer at the same time. The bodies of blobs are not counted: a request
    /// that resumes one must never wait for its own kind.
    pub concurrent: NonZeroUsize,
    /// Requests started a second, none for no bound.
    pub per_second: Option<NonZeroU32>,
}

/// Lets requests through within [`Limits`], in the order in which they came, and finds out how much of them the
/// host bears: a throttled request halves the number at once, each success adds a little (additive increase,
/// multiplicative decrease).
#[derive(Debug)]
pub(in crate::registry) struct Limiter {
    /// As many as the window has.
    slots: Slots,
    window_max: f64,
    interval: Duration,
    /// Held for arithmetic only.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many requests at once the host bears, as far as is known.
    window: f64,
    /// When the next request may start.
    next: Instant,
    /// Requests that started before this do not shrink the window again: they belong to the same burst.
    shrunk_at: Instant,
}

/// The right to have one request under way.
#[derive(Debug)]
pub(in crate::registry) struct Turn<'a> {
    limiter: &'a Limiter,
    started_at: Instant,
    _slot: Slot<'a>,
}

impl Limiter {
    pub(in crate::registry) fn new(limits: Limits) -> Self {
        let now = Instant::now();
        #[expect(clippy::cast_precision_loss, reason = "nobody asks for 2^52 requests at once")]
        let window = limits.concurrent.get() as f64;
        Self {
            slots: Slots::new(limits.concurrent),
            window_max: window,
            interval: limits.per_second.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.get()),
            state: Mutex::new(State { window, next: now, shrunk_at: now }),
        }
    }

    /// Waits for a turn. It ends when it is dropped.
    pub(in crate::registry) async fn turn(&self) -> Turn<'_> {
        let slot = self.slots.acquire().await;
        let started_at = {
            let mut state = self.lock();
            let start = state.next.max(Instant::now());
            state.next = start + self.interval;
            start
        };
        tokio::time::sleep_until(started_at).await;
        Turn { limiter: self, started_at, _slot: slot }
    }

    /// How long a request that comes now has to wait for its time.
    pub(in crate::registry) fn pause(&self) -> Duration {
        self.lock().next.saturating_duration_since(Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the number of slots to the window.
    fn adjust(&self, state: &State) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at least 1, and rounded down"
        )]
        let window = state.window as usize;
        self.slots.resize(NonZeroUsize::new(window).unwrap_or(NonZeroUsize::MIN));
    }
}

impl Turn<'_> {
    /// The host answered.
    pub(in crate::registry) fn answered(&self) {
        let mut state = self.limiter.lock();
        state.window = (state.window + 1.0 / state.window).min(self.limiter.window_max);
        self.limiter.adjust(&state);
    }

    /// The host asked for less, and for a pause of this length where it said so.
    pub(in crate::registry) fn throttled(&self, pause: Option<Duration>) {
        let mut state = self.limiter.lock();
        let now = Instant::now();
        if self.started_at >= state.shrunk_at {
            state.window = (state.window / 2.0).max(1.0);
            state.shrunk_at = now;
            self.limiter.adjust(&state);
        }
        state.next = state.next.max(now + pause.unwrap_or_default().min(RETRY_AFTER_MAX));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn limiter(concurrent: usize, per_second: Option<u32>) -> Limiter {
        let per_second = per_second.and_then(NonZeroU32::new);
        Limiter::new(Limits { concurrent: NonZeroUsize::new(concurrent).unwrap(), per_second })
    }

    /// How many requests may be under way now.
    fn room(limiter: &Limiter) -> usize {
        let turns: Vec<_> = std::iter::from_fn(|| limiter.turn().now_or_never()).collect();
        turns.len()
    }

    #[tokio::test(start_paused = true)]
    async fn requests_start_at_the_rate() {
        let (limiter, start) = (limiter(100, Some(10)), Instant::now());
        for _ in 0..11 {
            limiter.turn().await;
        }
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_is_let_in_when_a_turn_ends() {
        let limiter = limiter(1, None);
        let first = limiter.turn().await;
        assert!(limiter.turn().now_or_never().is_none());
        let (_, ()) = tokio::join!(limiter.turn(), async { drop(first) });
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_burst_halves_the_number_once_and_success_brings_it_back() {
        let limiter = limiter(8, None);
        let burst = [limiter.turn().await, limiter.turn().await, limiter.turn().await];
        tokio::time::advance(Duration::from_millis(1)).await;
        for turn in &burst {
            turn.throttled(None);
        }
        drop(burst);
        assert_eq!(room(&limiter), 4);
        for _ in 0..4 {
            limiter.turn().await.answered();
        }
        assert_eq!(room(&limiter), 4, "four successes with a window of four make not quite one more");
        for _ in 0..40 {
            limiter.turn().await.answered();
        }
        assert_eq!(room(&limiter), 8, "never more than configured");
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_first_is_let_in_first() {
        let limiter = limiter(1, None);
        let first = limiter.turn().await;
        let mut second = std::pin::pin!(limiter.turn());
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert!(limiter.turn().now_or_never().is_none(), "the free place belongs to who waits");
        second.await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_the_host_asks_for_holds_for_all() {
        let (limiter, start) = (limiter(8, None), Instant::now());
        limiter.turn().await.throttled(Some(Duration::from_secs(7)));
        limiter.turn().await;
        assert_eq!(start.elapsed(), Duration::from_secs(7));
    }
}
