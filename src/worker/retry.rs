//! When a failed pass is tried again, before its mirror's next time.

use std::future;
use std::time::Duration;

use tokio::time::Instant;

/// A pass that nobody has to ask for: one that failed is tried again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Retry {
    /// Which try of the failed pass it is, from 1.
    pub(super) number: usize,
    /// When; never where there is none.
    due: Option<Instant>,
}

impl Retry {
    /// After the failure of this try, or of a pass that was asked for, which is number 0. `spans` are those of
    /// `schedule.retry`. None where they are used up.
    pub(super) fn after(failed: usize, spans: &[Duration]) -> Option<(Self, Duration)> {
        let &span = spans.get(failed)?;
        Some((Self { number: failed + 1, due: Some(Instant::now() + span) }, span))
    }

    /// Waits for its time; for ever where there is none. Cancel safe.
    pub(super) async fn wait(&self) {
        match self.due {
            Some(due) => tokio::time::sleep_until(due).await,
            None => future::pending().await,
        }
    }

    /// Whether its time has come.
    pub(super) fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }
}
