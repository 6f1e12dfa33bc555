//! Times as people say them.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Up to here it is now.
const NOW_SECONDS: i64 = 45;

/// How far a time is from now: `3 h ago`, `in 25 min`. `live.js` says it in the same words as time goes by.
fn relative(time: Timestamp, now: Timestamp) -> String {
    let distance: SignedDuration = time.duration_since(now);
    let seconds = distance.as_secs().abs();
    let rounded = |unit: i64| (seconds + unit / 2) / unit;
    let span = match seconds {
        ..NOW_SECONDS if distance.is_negative() || distance.is_zero() => return "just now".to_owned(),
        ..NOW_SECONDS => return "in a moment".to_owned(),
        _ if rounded(MINUTE) < 60 => format!("{} min", rounded(MINUTE)),
        _ if rounded(HOUR) < 48 => format!("{} h", rounded(HOUR)),
        _ => format!("{} days", rounded(DAY)),
    };
    if distance.is_negative() { format!("{span} ago") } else { format!("in {span}") }
}

/// A time, for people and for machines.
pub(super) fn time(time: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(time.strftime("%Y-%m-%dT%H:%M:%SZ")) title=(time.strftime("%Y-%m-%d %H:%M:%S UTC")) {
            (relative(time, now))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(seconds: i64, expected: &str) {
        let now: Timestamp = "2026-08-01T12:00:00Z".parse().unwrap();
        assert_eq!(relative(now + SignedDuration::from_secs(seconds), now), expected);
    }

    #[test]
    fn a_time_is_said_as_its_distance_in_one_unit() {
        check(0, "just now");
        check(-44, "just now");
        check(44, "in a moment");
        check(-45, "1 min ago");
        check(25 * 60, "in 25 min");
        check(-59 * 60, "59 min ago");
        check(-60 * 60 + 29, "1 h ago");
        check(47 * 3600, "in 47 h");
        check(-48 * 3600, "2 days ago");
        check(-60 * 86_400, "60 days ago");
    }
}
