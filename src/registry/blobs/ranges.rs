//! When a blob is read in parallel parts: where its source is slow.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

/// The most parts, of all blobs together, that wait in memory or are on their way there.
const PARTS_MAX: usize = 6;

/// How blobs are read where their source is slow.
#[derive(Clone, Debug)]
pub struct Ranges {
    pub(super) at_once: NonZeroUsize,
    pub(super) slow: Slow,
    /// Room for parts in memory.
    pub(super) room: Arc<Semaphore>,
}

/// When a source counts as slow.
#[derive(Clone, Copy, Debug)]
pub struct Slow {
    /// It held up a blob for most of this time,
    pub after: Duration,
    /// and gave fewer bytes a second than this.
    pub bytes_per_second: u64,
}

impl Default for Slow {
    fn default() -> Self {
        Self { after: Duration::from_secs(1), bytes_per_second: 32 * 1024 * 1024 }
    }
}

impl Ranges {
    /// Up to `at_once` parts of a blob at once, where its source is slow. One is never more than one.
    pub fn new(at_once: NonZeroUsize, slow: Slow) -> Self {
        Self { at_once, slow, room: Arc::new(Semaphore::new(PARTS_MAX)) }
    }
}

/// Tells whether the source of a blob is slow.
#[derive(Debug)]
pub(super) struct Pace {
    since: Instant,
    waited: Duration,
    bytes: u64,
    has_given_up: bool,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), waited: Duration::ZERO, bytes: 0, has_given_up: false }
    }

    /// Stops looking: parts do not help.
    pub(super) fn give_up(&mut self) {
        self.has_given_up = true;
    }

    /// Takes what came after waiting for it since `asked_at`.
    pub(super) fn add(&mut self, bytes: usize, asked_at: Instant) {
        self.waited += asked_at.elapsed();
        self.bytes += bytes as u64;
    }

    /// Whether the source was slow; then, and after a while in any case, the time begins anew.
    pub(super) fn is_slow(&mut self, slow: Slow) -> bool {
        let elapsed = self.since.elapsed();
        if elapsed < slow.after || self.has_given_up {
            return false;
        }
        let rate = u128::from(self.bytes) * 1000 / elapsed.as_millis().max(1);
        let is_slow = self.waited * 4 >= elapsed * 3 && rate < u128::from(slow.bytes_per_second);
        *self = Self::new();
        is_slow
    }
}
