//! How a pass into the first of several targets gets on: those into the others need not read again what it brings.

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::oci::Digest;

/// An image is awaited no longer than this, though bytes move.
const WAIT_MAX: Duration = Duration::from_mins(5);

/// What a pass under way is to bring, and that bytes move in it.
#[derive(Debug, Default)]
pub struct Progress {
    coming: watch::Sender<Coming>,
    moved: AtomicU64,
}

#[derive(Debug, Default)]
enum Coming {
    /// No pass is under way.
    #[default]
    Nothing,
    /// One is, and has no plan yet.
    Anything,
    /// What is planned and has neither arrived nor failed.
    These(HashSet<Digest>),
}

impl Coming {
    fn has(&self, image: Digest) -> bool {
        match self {
            Self::Nothing => false,
            Self::Anything => true,
            Self::These(images) => images.contains(&image),
        }
    }
}

/// A pass under way. It is over when this is dropped.
pub struct Running<'a>(&'a Progress);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.coming.send_replace(Coming::Nothing);
    }
}

impl Progress {
    /// Says that a pass is under way.
    pub fn begin(&self) -> Running<'_> {
        self.coming.send_replace(Coming::Anything);
        Running(self)
    }

    /// Says which images it is to bring.
    pub fn plan(&self, images: HashSet<Digest>) {
        self.coming.send_replace(Coming::These(images));
    }

    /// Says that an image has arrived, or failed.
    pub fn settle(&self, image: Digest) {
        self.coming.send_if_modified(|coming| match coming {
            Coming::These(images) => images.remove(&image),
            Coming::Nothing | Coming::Anything => false,
        });
    }

    /// Says that bytes moved.
    pub(super) fn moved(&self) {
        self.moved.fetch_add(1, Relaxed);
    }

    /// Waits until the pass under way, if any, has no such image to bring, as long as bytes move in it: until none did for
    /// `patience`, and five minutes at the most. False where it is still to come. Cancel safe.
    pub async fn settled(&self, image: Digest, patience: Duration) -> bool {
        let mut coming = self.coming.subscribe();
        let give_up = Instant::now() + WAIT_MAX;
        loop {
            let seen = self.moved.load(Relaxed);
            let until = (Instant::now() + patience).min(give_up);
            if tokio::time::timeout_at(until, coming.wait_for(|coming| !coming.has(image))).await.is_ok() {
                return true;
            }
            if self.moved.load(Relaxed) == seen || Instant::now() >= give_up {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn image(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    /// How many seconds an image was awaited, and whether it was settled then.
    async fn waited(progress: &Progress, text: &str, meanwhile: impl Future<Output = ()>) -> (u64, bool) {
        let start = Instant::now();
        let is_settled = tokio::select! {
            is_settled = progress.settled(image(text), PATIENCE) => is_settled,
            () = async { meanwhile.await; std::future::pending().await } => unreachable!(),
        };
        (start.elapsed().as_secs(), is_settled)
    }

    async fn seconds(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_pass_that_is_not_under_way_or_does_not_get_on() {
        let progress = Progress::default();
        assert_eq!(waited(&progress, "a", async {}).await, (0, true));
        let running = progress.begin();
        assert_eq!(waited(&progress, "a", async {}).await, (30, false));
        let moves = async {
            for _ in 0..100 {
                seconds(7).await;
                progress.moved();
            }
        };
        assert_eq!(waited(&progress, "a", moves).await, (WAIT_MAX.as_secs(), false));
        drop(running);
        assert_eq!(waited(&progress, "a", async {}).await, (0, true));
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_is_awaited_and_not_the_pass() {
        let progress = Progress::default();
        let _running = progress.begin();
        let plans = async {
            seconds(3).await;
            progress.plan([image("a"), image("b")].into());
        };
        assert_eq!(waited(&progress, "c", plans).await, (3, true), "the plan has no such image");
        let settles = async {
            seconds(2).await;
            progress.settle(image("a"));
        };
        assert_eq!(waited(&progress, "a", settles).await, (2, true));
        assert_eq!(waited(&progress, "b", async {}).await, (30, false));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_pass_ends_the_wait() {
        let progress = Progress::default();
        let running = progress.begin();
        progress.plan([image("a")].into());
        let ends = async {
            seconds(3).await;
            drop(running);
        };
        assert_eq!(waited(&progress, "a", ends).await, (3, true));
    }
}
