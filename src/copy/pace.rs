//! Whether a blob can arrive before its pass has to end.

use std::time::Duration;

use tokio::time::Instant;
use tracing::warn;

use crate::copy::deadline::Deadline;
use crate::oci::{Descriptor, Digest};

/// The pace of a blob is not judged earlier: connections begin slowly, and parts are fetched beside one another after that.
const JUDGED_AFTER: Duration = Duration::from_secs(30);

/// How fast a blob comes, and until when it has to be there.
#[derive(Debug)]
pub(super) struct Pace {
    blob: Digest,
    size: u64,
    got: u64,
    started: Instant,
    /// When the pass ends; none where that was told, or it never does.
    deadline: Option<Deadline>,
}

impl Pace {
    pub(super) fn new(blob: &Descriptor, deadline: Option<Deadline>) -> Self {
        Self { blob: blob.digest, size: blob.size, got: 0, started: Instant::now(), deadline }
    }

    /// Takes in that bytes came. Says once where the rest would come too late.
    pub(super) fn add(&mut self, bytes: u64) {
        self.got += bytes;
        let (Some(Deadline { at, setting, .. }), took) = (self.deadline, self.started.elapsed()) else {
            return;
        };
        let left = at.saturating_duration_since(Instant::now());
        if took < JUDGED_AFTER || needed(self.got, self.size, took) <= left {
            return;
        }
        self.deadline = None;
        let Self { blob, got, size, .. } = self;
        let span = |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs()));
        warn!(
            %blob,
            "Blob {blob} will not arrive before the pass ends by `{setting}`, at this pace: {got} of {size} bytes came in {}, \
             and {} are left; raise `{setting}`, or find out what makes its source slow",
            span(took),
            span(left)
        );
    }
}

/// The time that the rest takes at the pace of what came.
fn needed(got: u64, size: u64, took: Duration) -> Duration {
    let rest = u128::from(size.saturating_sub(got));
    let millis = (rest * took.as_millis()).checked_div(u128::from(got)).unwrap_or(u128::MAX);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn the_rest_comes_as_what_came() {
        assert_eq!(needed(1, 4, MINUTE), 3 * MINUTE);
        assert_eq!(needed(4, 4, MINUTE), Duration::ZERO);
        assert_eq!(needed(5, 4, MINUTE), Duration::ZERO);
        assert!(needed(0, 4, MINUTE) > Duration::from_hours(1_000_000));
        assert!(needed(1, u64::MAX, Duration::from_hours(1000)) > Duration::from_hours(1_000_000));
    }

    /// Whether it was told after a byte a second for so long, with an hour for the pass.
    async fn is_told(size: u64, seconds: u64) -> bool {
        let digest = Digest::of(b"layer");
        let text = format!(r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":{size}}}"#);
        let blob: Descriptor = serde_json::from_str(&text).unwrap();
        let deadline = Deadline::after(Duration::from_hours(1), "timeouts.pass");
        let mut pace = Pace::new(&blob, Some(deadline));
        for _ in 0..seconds {
            tokio::time::advance(Duration::from_secs(1)).await;
            pace.add(1);
        }
        pace.deadline.is_none()
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_time_is_not_told_and_nothing_is_judged_at_its_beginning() {
        assert!(!is_told(3500, 3500).await);
        assert!(!is_told(1_000_000, 29).await);
        assert!(is_told(3700, 31).await);
    }
}
