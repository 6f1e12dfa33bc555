//! Whether an upload moves.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use crate::registry::error::Kind;
use crate::registry::transport::patience::Progress;

/// The bytes of an upload that may still be in the buffers of the system when all are handed over.
const BUFFERED_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// They leave at least this fast; a slower link still has the time of a stall on top.
const LINK_BYTES_PER_SECOND: u64 = 256 * 1024;
/// A registry that has all bytes of a blob stores them at least this fast before it answers.
const COMMIT_BYTES_PER_SECOND: u64 = 16 * 1024 * 1024;

/// Tells whether an upload moves, and at its pace. It stands still by right while it waits for its source, and once
/// everything is sent and the registry stores it.
#[derive(Debug)]
pub(in crate::registry) struct UploadClock {
    size: u64,
    handed: AtomicU64,
    moves: Mutex<Moves>,
}

#[derive(Debug)]
struct Moves {
    state: State,
    progress: Progress,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Our own source is asked for more bytes; it has its own clock.
    WaitingForSource,
    /// How many bytes were handed to the connection then.
    Handed(usize, Instant),
    /// All bytes were handed over then.
    Finished(Instant),
}

impl UploadClock {
    /// For a body of `size` bytes.
    pub(in crate::registry) fn new(size: u64, progress: Progress) -> Self {
        let state = State::Handed(0, Instant::now());
        Self { size, handed: AtomicU64::new(0), moves: Mutex::new(Moves { state, progress }) }
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
            clock.taken();
            let next = body.next().await?;
            clock.hand(next.as_ref().map_or(0, Bytes::len));
            Some((next, (body, clock)))
        })
    }

    fn hand(&self, bytes: usize) {
        let handed = self.handed.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        let now = Instant::now();
        self.moves().state =
            if handed >= self.size { State::Finished(now) } else { State::Handed(bytes, now) };
    }

    /// The connection wants more: it took what it was handed.
    fn taken(&self) {
        let mut moves = self.moves();
        if let State::Handed(bytes, at) = moves.state {
            moves.progress.add(bytes, at.elapsed());
        }
        moves.state = State::WaitingForSource;
    }

    fn moves(&self) -> MutexGuard<'_, Moves> {
        self.moves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when nothing has moved for `stall`, or too little for the pace.
    pub(super) async fn stopped(&self, stall: Duration) -> Kind {
        loop {
            let (deadline, kind) = {
                let Moves { state, progress } = &*self.moves();
                let paced = progress.patience();
                match *state {
                    State::WaitingForSource => (Instant::now() + stall, Kind::Stalled(stall)),
                    State::Handed(_, at) if paced < stall => (at + paced, progress.too_slow()),
                    State::Handed(_, at) => (at + stall, Kind::Stalled(stall)),
                    State::Finished(at) => (at + stall + commit_max(self.size), Kind::Stalled(stall)),
                }
            };
            if deadline <= Instant::now() {
                return kind;
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
    use std::num::NonZeroU64;

    use super::*;

    const STALL: Duration = Duration::from_secs(30);

    fn clock(size: u64) -> UploadClock {
        UploadClock::new(size, Progress::new(NonZeroU64::new(1024)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_takes_a_few_bytes_each_half_minute_does_not_keep_the_pace() {
        let (clock, start) = (clock(1024 * 1024), Instant::now());
        let drip = async {
            loop {
                clock.hand(1000);
                tokio::time::sleep(Duration::from_secs(29)).await;
                clock.taken();
            }
        };
        let kind = tokio::select! {
            kind = clock.stopped(STALL) => kind,
            () = drip => unreachable!(),
        };
        assert!(matches!(kind, Kind::Slow { bytes: 2000, .. }), "{kind}");
        assert_eq!(start.elapsed(), 2 * STALL);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_the_source_is_no_part_of_the_pace() {
        let clock = clock(1024 * 1024);
        for _ in 0..10 {
            clock.hand(1);
            clock.taken();
            assert!(tokio::time::timeout(20 * STALL, clock.stopped(STALL)).await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_that_the_connection_does_not_take_are_a_stall() {
        let (clock, start) = (clock(2), Instant::now());
        clock.hand(1);
        assert!(matches!(clock.stopped(STALL).await, Kind::Stalled(_)));
        assert_eq!(start.elapsed(), STALL);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_the_source_or_the_commit_is_not() {
        const SIZE: usize = 1024 * 1024 * 1024;
        let clock = Arc::new(clock(SIZE as u64));
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
        let (clock, start) = (clock(64 * 1024), Instant::now());
        clock.hand(64 * 1024);
        clock.stopped(STALL).await;
        assert!(start.elapsed() < STALL + Duration::from_secs(2), "{:?}", start.elapsed());
    }
}
