//! How often a request is tried again, and after which pauses.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{debug, info};

use crate::text::chain;

/// The longest `Retry-After` that is waited for.
pub(in crate::registry) const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// Numbers from this on are times of the Unix epoch, no spans: as seconds, it is in 2001.
const UNIX_SECONDS: i64 = 1_000_000_000;
/// From this on they are milliseconds.
const UNIX_MILLISECONDS: i64 = 1_000_000_000_000;

/// Pauses of at least this length are logged with their reason.
const LONG_PAUSE: Duration = Duration::from_millis(400);

/// The bounds of trying again.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// How often a request is sent at the most, the first time included.
    pub tries: u32,
    /// The longest pause before the second try; it doubles from try to try.
    pub pause: Duration,
    /// No pause is longer, but where the registry asks for it.
    pub pause_max: Duration,
}

impl Default for Retry {
    /// Five tries over about half a minute at the most.
    fn default() -> Self {
        Self { tries: 5, pause: Duration::from_secs(1), pause_max: Duration::from_secs(15) }
    }
}

impl Retry {
    /// A budget to spend on one request, and on the rest of its body.
    pub fn budget(self) -> Budget {
        Budget { retry: self, tried: 1 }
    }
}

/// What is left of the tries for one piece of work.
#[derive(Clone, Debug)]
pub struct Budget {
    retry: Retry,
    tried: u32,
}

impl Budget {
    /// The pause before the next try, none when there is none left. `asked` is what the registry asked for.
    ///
    /// Half of a pause is random, so that many clients that failed together do not come back together.
    pub fn spend(&mut self, asked: Option<Duration>) -> Option<Duration> {
        self.spend_with(asked, fastrand::f64())
    }

    /// How often it was tried again so far.
    pub fn retries(&self) -> u32 {
        self.tried - 1
    }

    /// Logs that the next try comes after this pause, and why; `reason` is one of a few words.
    pub fn tell(&self, reason: &'static str, pause: Duration, error: &dyn Error) {
        let pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let (attempt, attempts_max) = (self.tried, self.retry.tries);
        let error = chain(error);
        // What to do about it is told where it is given up.
        let cause = error.lines().next().unwrap_or_default();
        let plan = format!("Trying again in {pause_ms} ms ({reason}, try {attempt} of {attempts_max})");
        if pause >= LONG_PAUSE {
            info!(reason, pause_ms, attempt, attempts_max, "{plan}: {cause}");
        } else {
            debug!(reason, pause_ms, attempt, attempts_max, "{plan}: {cause}");
        }
    }

    /// Progress was made: all tries are there again.
    pub fn renew(&mut self) {
        self.tried = 1;
    }

    fn spend_with(&mut self, asked: Option<Duration>, random: f64) -> Option<Duration> {
        if self.tried >= self.retry.tries || asked.is_some_and(|asked| asked > RETRY_AFTER_MAX) {
            return None;
        }
        let doubled = self.retry.pause.saturating_mul(1 << (self.tried - 1).min(16));
        self.tried += 1;
        let pause = doubled.min(self.retry.pause_max).mul_f64(0.5 + random / 2.0);
        Some(asked.map_or(pause, |asked| asked.max(pause)))
    }
}

/// Reads a `Retry-After` header: seconds or a date, and what is sent in their place.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let until = |time: Timestamp| Duration::try_from(time.duration_since(now)).unwrap_or_default();
    if let Ok(date) = jiff::fmt::rfc2822::parse(value.trim()) {
        return Some(until(date.timestamp()));
    }
    // A proxy that adds a second header makes a list of it.
    let value = value.split(',').next().unwrap_or_default().trim();
    let Ok(number) = value.parse::<u64>() else { return span(value) };
    let time = i64::try_from(number).ok().and_then(|number| match number {
        0..UNIX_SECONDS => None,
        UNIX_SECONDS..UNIX_MILLISECONDS => Timestamp::from_second(number).ok(),
        _ => Timestamp::from_millisecond(number).ok(),
    });
    Some(time.map_or(Duration::from_secs(number), until))
}

/// A span as programs in Go write it (`1m0s`, `1s 110ms 817us`), or a fraction of seconds; rounded up to seconds.
fn span(text: &str) -> Option<Duration> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c| !is_number(c)).unwrap_or(rest.len()));
        let (unit, others) = after.split_at(after.find(|c| is_number(c) || c == ' ').unwrap_or(after.len()));
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            "" if number == text => 1.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit;
        rest = others.trim_start();
    }
    Duration::try_from_secs_f64(seconds.ceil()).ok().filter(|span| !span.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry { tries: 4, pause: Duration::from_secs(1), pause_max: Duration::from_secs(3) };

    #[test]
    fn pauses_double_up_to_a_bound_and_end() {
        let mut budget = RETRY.budget();
        let pauses: Vec<_> = std::iter::from_fn(|| budget.spend_with(None, 1.0)).collect();
        assert_eq!(pauses, [1, 2, 3].map(Duration::from_secs));
        budget.renew();
        assert_eq!(budget.spend_with(None, 0.0), Some(Duration::from_millis(500)));
    }

    #[test]
    fn what_the_registry_asks_for_is_the_least() {
        let mut budget = RETRY.budget();
        assert_eq!(budget.spend_with(Some(Duration::from_secs(20)), 0.5), Some(Duration::from_secs(20)));
        assert_eq!(budget.spend_with(Some(Duration::from_secs(100_000)), 0.5), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "2026-08-01T12:00:00Z".parse().unwrap();
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sat, 01 Aug 2026 12:01:00 GMT", now), Some(Duration::from_mins(1)));
        assert_eq!(retry_after("Sat, 01 Aug 2026 11:00:00 GMT", now), Some(Duration::ZERO));
        for (value, seconds) in [
            ("1m0s", 60),
            ("1s 110ms 817us 682ns", 2),
            ("30s", 30),
            ("817.682µs", 1),
            ("0.5", 1),
            ("120, 120", 120),
            // Seconds and milliseconds of the Unix epoch.
            ("1785585660", 60),
            ("1785585660000", 60),
            ("1751241600", 0),
        ] {
            assert_eq!(retry_after(value, now), Some(Duration::from_secs(seconds)), "{value}");
        }
        for value in ["soon", "", "-1", "1 2", "s", "1.2.3", "1d", "NaN"] {
            assert_eq!(retry_after(value, now), None, "{value}");
        }
        assert!(retry_after("99999999999", now) > Some(RETRY_AFTER_MAX));
    }
}
