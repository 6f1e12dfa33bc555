//! What starts a pass.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Asks for passes of one mirror, which are made one after the other.
///
/// It carries no data. However often it is fired before a pass begins, that one pass answers all of it; fired during a
/// pass, it means one more.
#[derive(Debug, Default)]
pub struct Trigger {
    counts: Mutex<Counts>,
    fired: Notify,
}

/// Passes have numbers, from 1.
#[derive(Debug, Default)]
struct Counts {
    /// The last one that was asked for.
    asked: u64,
    /// The last one that began.
    begun: u64,
}

impl Trigger {
    /// Asks for a pass. Gives the number of the one that will answer: the next to begin.
    pub fn fire(&self) -> u64 {
        let mut counts = self.counts();
        counts.asked = counts.begun + 1;
        self.fired.notify_one();
        counts.asked
    }

    /// Whether a pass was asked for that has not begun.
    pub fn is_asked(&self) -> bool {
        let counts = self.counts();
        counts.asked > counts.begun
    }

    /// Waits until a pass is asked for. Cancel safe.
    pub async fn asked(&self) {
        while !self.is_asked() {
            self.fired.notified().await;
        }
    }

    /// Begins the pass that was asked for, and gives its number. None where nobody asks for one any more.
    pub(super) fn begin(&self) -> Option<u64> {
        let mut counts = self.counts();
        (counts.asked > counts.begun).then(|| {
            counts.begun += 1;
            counts.begun
        })
    }

    /// Begins a pass that nobody may have asked for, and gives its number.
    pub(super) fn begin_unasked(&self) -> u64 {
        let mut counts = self.counts();
        counts.begun += 1;
        counts.begun
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn fires_before_a_pass_are_one_pass() {
        let trigger = Trigger::default();
        assert_eq!(trigger.asked().now_or_never(), None);
        assert_eq!([trigger.fire(), trigger.fire(), trigger.fire()], [1, 1, 1]);
        assert_eq!(trigger.asked().now_or_never(), Some(()));
        assert_eq!(trigger.begin(), Some(1));
        assert_eq!(trigger.asked().now_or_never(), None);
        assert_eq!(trigger.begin(), None);
    }

    #[test]
    fn a_pass_that_nobody_asked_for_answers_whoever_asks_before_it() {
        let trigger = Trigger::default();
        assert_eq!(trigger.begin_unasked(), 1);
        assert_eq!((trigger.fire(), trigger.begin_unasked()), (2, 2));
        assert!(!trigger.is_asked());
    }

    #[test]
    fn five_fires_during_a_pass_are_one_more() {
        let trigger = Trigger::default();
        trigger.fire();
        trigger.begin();
        for _ in 0..5 {
            assert_eq!(trigger.fire(), 2);
        }
        assert_eq!(trigger.asked().now_or_never(), Some(()));
        assert_eq!(trigger.begin(), Some(2));
        assert!(!trigger.is_asked());
    }
}
