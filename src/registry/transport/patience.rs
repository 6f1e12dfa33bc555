//! How long a host is waited for: for the next byte, for a whole document, and at which pace a blob has to come.

use std::num::NonZeroU64;
use std::time::Duration;

use crate::registry::error::Kind;

/// The pace of a blob is judged over this much time of waiting.
const WINDOW: Duration = Duration::from_mins(1);

/// The bounds for one host.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// The time for which nothing may move.
    pub stall: Duration,
    /// The time for a whole answer that is no blob. A byte now and then would hold its reader for ever.
    pub metadata: Duration,
    /// The least bytes a second of a blob; none where any will do.
    pub pace: Option<NonZeroU64>,
}

/// Tells whether a blob keeps its pace. Only time in which the other side was waited for counts.
#[derive(Clone, Copy, Debug)]
pub(in crate::registry) struct Progress {
    /// The bytes that have to move within a window.
    wanted: Option<u64>,
    waited: Duration,
    bytes: u64,
}

impl Progress {
    pub(in crate::registry) fn new(pace: Option<NonZeroU64>) -> Self {
        let wanted = pace.map(|pace| pace.get().saturating_mul(WINDOW.as_secs()));
        Self { wanted, waited: Duration::ZERO, bytes: 0 }
    }

    /// How long the next bytes may be waited for; then, it is [`Progress::too_slow`].
    pub(in crate::registry) fn patience(&self) -> Duration {
        self.wanted.map_or(Duration::MAX, |_| WINDOW.saturating_sub(self.waited))
    }

    /// Takes bytes that came after waiting for them.
    pub(in crate::registry) fn add(&mut self, bytes: usize, waited: Duration) {
        self.bytes += bytes as u64;
        self.waited += waited;
        if self.wanted.is_none_or(|wanted| self.bytes >= wanted) {
            (self.bytes, self.waited) = (0, Duration::ZERO);
        }
    }

    /// The failure of a transfer that was waited for in vain.
    pub(in crate::registry) fn too_slow(&self) -> Kind {
        Kind::Slow { bytes: self.bytes, time: WINDOW }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a transfer goes on that gives this many bytes at each of these intervals.
    fn goes_on(pace: u64, bytes: usize, seconds: u64) -> bool {
        let (mut progress, wait) = (Progress::new(NonZeroU64::new(pace)), Duration::from_secs(seconds));
        (0..100).all(|_| {
            let in_time = progress.patience() >= wait;
            progress.add(bytes, wait);
            in_time
        })
    }

    #[test]
    fn a_minute_of_waiting_has_to_bring_enough() {
        assert!(goes_on(1024, 1024, 1));
        assert!(goes_on(1024, 25 * 1024, 1));
        assert!(goes_on(1024, 64 * 1024, 50));
        assert!(goes_on(1024, 1024 * 1024, 60));
        assert!(!goes_on(1024, 1000, 1));
        assert!(!goes_on(1024, 1, 29));
        assert!(!goes_on(1024, 1024 * 1024, 61));
        assert!(goes_on(0, 1, 1000));
    }

    #[test]
    fn bytes_that_were_not_waited_for_are_no_loss() {
        let mut progress = Progress::new(NonZeroU64::new(1024));
        for _ in 0..1000 {
            progress.add(1, Duration::ZERO);
        }
        assert_eq!(progress.patience(), WINDOW);
        progress.add(1, Duration::from_secs(59));
        assert_eq!(progress.patience(), Duration::from_secs(1));
        let text = progress.too_slow().to_string();
        assert_eq!(text, "only 1001 bytes moved within 1m, less than `timeouts.pace`");
    }
}
