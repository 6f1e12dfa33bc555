//! How passes are told to end before their time, and why.

use std::convert::Infallible;
use std::future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::copy::Deadline;

/// How passes are told to end before their time.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    /// No new work is taken.
    pub soft: CancellationToken,
    /// Copies in flight are dropped. A tag is written last, so none is left wrong.
    pub hard: CancellationToken,
    /// When one pass ends by itself, and why.
    end: Arc<watch::Sender<Option<End>>>,
}

#[derive(Clone, Copy, Debug)]
struct End {
    at: Instant,
    reason: StopReason,
}

/// Why a pass ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StopReason {
    /// The program ends.
    #[error("tagferry was told to stop")]
    Told,
    /// It had no more time.
    #[error("it was not done within {0}")]
    Deadline(Deadline),
    /// Somebody asked for it.
    #[error("it was cancelled")]
    Cancelled,
    /// The configuration that counts has no such mirror.
    #[error("its mirror is no longer configured, or has another source or target")]
    Reconfigured,
}

impl StopReason {
    /// What went wrong, as a word.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Told => "stopped",
            Self::Deadline(_) => "deadline",
            Self::Cancelled => "cancelled",
            Self::Reconfigured => "reconfigured",
        }
    }

    /// Whether the pass failed, and was not merely ended.
    pub(super) fn is_failure(self) -> bool {
        matches!(self, Self::Deadline(_))
    }
}

impl Stop {
    /// One for a single pass: it ends with the others, and can be ended alone.
    #[must_use]
    pub fn of_pass(&self) -> Self {
        Self { soft: self.soft.child_token(), hard: self.hard.child_token(), end: Arc::default() }
    }

    /// Ends the pass after this time, its copies in flight included, unless it was to end earlier.
    pub fn end_in(&self, time: Duration, reason: StopReason) {
        self.end_at(Instant::now() + time, reason);
    }

    /// Ends the pass by its deadline.
    pub(super) fn end_by(&self, deadline: Deadline) {
        self.end_at(deadline.at, StopReason::Deadline(deadline));
        if deadline.at <= Instant::now() {
            // Others of the run took all of the time: it does not even begin.
            self.soft.cancel();
        }
    }

    fn end_at(&self, at: Instant, reason: StopReason) {
        let end = End { at, reason };
        self.end.send_if_modified(|known| {
            let is_earlier = known.is_none_or(|known| end.at < known.at);
            *known = if is_earlier { Some(end) } else { *known };
            is_earlier
        });
    }

    /// Why the pass ends.
    pub fn reason(&self) -> StopReason {
        let end = self.end.borrow().filter(|end| end.at <= Instant::now());
        end.map_or(StopReason::Told, |end| end.reason)
    }

    /// Ends the pass when its time has come.
    pub(super) async fn keep_time(&self) -> Infallible {
        let mut ends = self.end.subscribe();
        loop {
            let end = *ends.borrow_and_update();
            let time = async {
                match end {
                    Some(End { at, .. }) => tokio::time::sleep_until(at).await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                () = time => break,
                // The sender is our own.
                _ = ends.changed() => {}
            }
        }
        self.soft.cancel();
        self.hard.cancel();
        future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[tokio::test(start_paused = true)]
    async fn a_pass_ends_at_the_earliest_time_and_ends_no_other() {
        let all = Stop::default();
        let (one, other) = (all.of_pass(), all.of_pass());
        let start = Instant::now();
        let wait = async {
            one.end_by(Deadline::after(2 * HOUR, "timeouts.pass"));
            tokio::time::sleep(HOUR).await;
            one.end_in(HOUR / 2, StopReason::Reconfigured);
            one.end_in(HOUR, StopReason::Cancelled);
            one.hard.cancelled().await;
        };
        tokio::select! {
            () = wait => {}
            never = one.keep_time() => match never {},
        }
        assert_eq!((start.elapsed(), one.reason()), (HOUR * 3 / 2, StopReason::Reconfigured));
        assert!(one.soft.is_cancelled() && !other.soft.is_cancelled() && !all.soft.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn all_passes_end_with_the_program() {
        let all = Stop::default();
        let one = all.of_pass();
        one.end_in(HOUR, StopReason::Cancelled);
        all.soft.cancel();
        assert!(one.soft.is_cancelled() && !one.hard.is_cancelled());
        assert_eq!(one.reason(), StopReason::Told);
        assert!(one.keep_time().now_or_never().is_none());
    }
}
