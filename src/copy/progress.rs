//! How a pass into the first of several targets gets on: those into the others need not read again what it brings.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// A pass waits no longer than this for another one, though that gets on.
const WAIT_MAX: Duration = Duration::from_mins(5);

/// Whether a pass is under way, and that bytes move in it.
#[derive(Debug, Default)]
pub struct Progress {
    running: watch::Sender<bool>,
    moved: AtomicU64,
}

/// A pass under way. It is over when this is dropped.
pub struct Running<'a>(&'a Progress);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.send_replace(false);
    }
}

impl Progress {
    /// Says that a pass is under way.
    pub fn begin(&self) -> Running<'_> {
        self.running.send_replace(true);
        Running(self)
    }

    /// Says that bytes moved.
    pub(super) fn moved(&self) {
        self.moved.fetch_add(1, Relaxed);
    }

    /// Waits for the end of the pass that is under way, if any, as long as bytes move: until none did for `patience`, and
    /// five minutes at the most. Cancel safe.
    pub async fn ended(&self, patience: Duration) {
        let mut running = self.running.subscribe();
        let give_up = Instant::now() + WAIT_MAX;
        loop {
            let seen = self.moved.load(Relaxed);
            let until = (Instant::now() + patience).min(give_up);
            if tokio::time::timeout_at(until, running.wait_for(|running| !running)).await.is_ok() {
                return;
            }
            if self.moved.load(Relaxed) == seen || Instant::now() >= give_up {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    async fn waited(progress: &Progress, meanwhile: impl Future<Output = ()>) -> u64 {
        let start = Instant::now();
        tokio::select! {
            () = progress.ended(PATIENCE) => {}
            () = async { meanwhile.await; std::future::pending().await } => {}
        }
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_pass_that_is_not_under_way_or_does_not_get_on() {
        let progress = Progress::default();
        assert_eq!(waited(&progress, async {}).await, 0);
        let running = progress.begin();
        assert_eq!(waited(&progress, async {}).await, 30);
        let moves = async {
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_secs(7)).await;
                progress.moved();
            }
        };
        assert_eq!(waited(&progress, moves).await, WAIT_MAX.as_secs());
        drop(running);
        assert_eq!(waited(&progress, async {}).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_pass_ends_the_wait() {
        let progress = Progress::default();
        let running = progress.begin();
        let ends = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(running);
        };
        assert_eq!(waited(&progress, ends).await, 3);
    }
}
