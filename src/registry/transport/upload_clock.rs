//! Whether an upload moves.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

/// The bytes of an upload that may still be in the buffers of the system when all are handed over.
const BUFFERED_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// They leave at least this fast; a slower link still has the time of a stall on top.
const LINK_BYTES_PER_SECOND: u64 = 256 * 1024;
/// A registry that has all bytes of a blob stores them at least this fast before it answers.
const COMMIT_BYTES_PER_SECOND: u64 = 16 * 1024 * 1024;

/// Tells whether an upload moves. It stands still by right while it waits for its source, and once
/// everything is sent and the registry stores it.
#[derive(Debug)]
pub(in crate::registry) struct UploadClock {
    size: u64,
    handed: AtomicU64,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Our own source is asked for more bytes; it has its own clock.
    WaitingForSource,
    /// Bytes were handed to the connection then.
    Handed(Instant),
    /// All bytes were handed over then.
    Finished(Instant),
}

impl UploadClock {
    /// For a body of `size` bytes.
    pub(in crate::registry) fn new(size: u64) -> Self {
        Self { size, handed: AtomicU64::new(0), state: Mutex::new(State::Handed(Instant::now())) }
    }

    /// Passes the body on and keeps the clock.
    pub(in crate::registry) fn watch<S, E>(
        self: &Arc<Self>,
        body: S,
    ) -> impl Stream<Item = S::Item> + Send + use<S, E>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
    {
        futures_util::stream::unfold((Box::pin(body), Arc::clone(self)), |(mut body, clock)| async move {
            clock.set(State::WaitingForSource);
            let next = body.next().await?;
            clock.hand(next.as_ref().map_or(0, Bytes::len));
            Some((next, (body, clock)))
        })
    }

    fn hand(&self, bytes: usize) {
        let handed = self.handed.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        let now = Instant::now();
        self.set(if handed >= self.size { State::Finished(now) } else { State::Handed(now) });
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Returns when nothing has moved for `stall`.
    pub(super) async fn stopped(&self, stall: Duration) {
        loop {
            let state = *self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let deadline = match state {
                State::WaitingForSource => Instant::now() + stall,
                State::Handed(at) => at + stall,
                State::Finished(at) => at + stall + commit_max(self.size),
            };
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }
}

/// The time from handing over the last byte of an upload to its answer, silent by right.
fn commit_max(size: u64) -> Duration {
    let time = |bytes: u64, per_second: u64| Duration::from_millis(bytes.saturating_mul(1000) / per_second);
    time(size.min(BUFFERED_MAX_BYTES), LINK_BYTES_PER_SECOND) + time(size, COMMIT_BYTES_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn bytes_that_the_connection_does_not_take_are_a_stall() {
        let (clock, start) = (UploadClock::new(2), Instant::now());
        clock.hand(1);
        clock.stopped(STALL).await;
        assert_eq!(start.elapsed(), STALL);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_the_source_or_the_commit_is_not() {
        const SIZE: usize = 1024 * 1024 * 1024;
        let clock = Arc::new(UploadClock::new(SIZE as u64));
        let mut body =
            Box::pin(clock.watch(futures_util::stream::pending::<Result<Bytes, std::io::Error>>()));
        assert!(futures_util::poll!(body.next()).is_pending());
        assert!(tokio::time::timeout(20 * STALL, clock.stopped(STALL)).await.is_err());
        clock.hand(SIZE);
        assert!(tokio::time::timeout(3 * STALL, clock.stopped(STALL)).await.is_err());
        clock.stopped(STALL).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_commit_of_a_small_blob_has_little_time() {
        let (clock, start) = (UploadClock::new(64 * 1024), Instant::now());
        clock.hand(64 * 1024);
        clock.stopped(STALL).await;
        assert!(start.elapsed() < STALL + Duration::from_secs(2), "{:?}", start.elapsed());
    }
}
