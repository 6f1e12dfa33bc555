//! Intervals as times of a clock.

/// What a repeated run is written as.
pub(super) struct Cron {
    pub(super) expression: String,
    /// Whether these are as far apart as was asked for.
    pub(super) is_exact: bool,
}

/// Times of a clock that are not further apart than this: an interval counts from the start of a program, a schedule does not.
pub(super) fn every(seconds: u64) -> Cron {
    const DAY: u64 = 24 * 60;
    let minutes = (seconds / 60).max(1);
    // A clock begins anew with each hour, day and week, so only what divides it comes regularly.
    let largest =
        |most: u64, whole: u64| (1..=most).rev().find(|step| whole.is_multiple_of(*step)).unwrap_or(1);
    let (expression, step) = match minutes {
        1 => ("* * * * *".to_owned(), 1),
        2..60 => {
            let step = largest(minutes, 60);
            (format!("*/{step} * * * *"), step)
        }
        60..DAY => {
            let hours = largest(minutes / 60, 24);
            let expression = if hours == 1 { "0 * * * *".to_owned() } else { format!("0 */{hours} * * *") };
            (expression, hours * 60)
        }
        _ if minutes < 7 * DAY => ("0 0 * * *".to_owned(), DAY),
        _ => ("0 0 * * 0".to_owned(), 7 * DAY),
    };
    Cron { expression, is_exact: step * 60 == seconds }
}

/// Reads a span of time as Go writes it: `1h15m`, `90s`.
pub(super) fn seconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let after = &rest[end..];
        let unit = &after[..after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len())];
        let scale = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        total += number * scale;
        rest = &after[unit.len()..];
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no sign is read, and casts saturate"
    )]
    (total > 0.0).then_some(total as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expression: &str, is_exact: bool) {
        let cron = every(seconds(text).unwrap());
        assert_eq!((cron.expression.as_str(), cron.is_exact), (expression, is_exact), "{text}");
    }

    #[test]
    fn intervals_become_times_that_are_not_further_apart() {
        check("60s", "* * * * *", true);
        check("10m", "*/10 * * * *", true);
        check("45m", "*/30 * * * *", false);
        check("60m", "0 * * * *", true);
        check("1h30m", "0 * * * *", false);
        check("6h", "0 */6 * * *", true);
        check("10h", "0 */8 * * *", false);
        check("24h", "0 0 * * *", true);
        check("72h", "0 0 * * *", false);
        check("168h", "0 0 * * 0", true);
        check("1s", "* * * * *", false);
    }

    #[test]
    fn what_is_no_span_is_none() {
        for text in ["", "1", "1x", "h", "daily", "0s"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
