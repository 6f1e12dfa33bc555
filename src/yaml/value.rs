//! Values of one kind, read the same wherever they are written.
//!
//! Each function reports what is wrong and then gives none.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use crate::yaml::document::Document;
use crate::yaml::place::Path;

/// No wait of a mirror is meant to be longer, and clocks overflow far above.
const DURATION_MAX: Duration = Duration::from_hours(31 * 24);

impl Document {
    /// A value that has to be there. `hint` says what to write; nothing is reported when what was written is faulty.
    pub fn required<T>(&mut self, value: Option<T>, path: &Path, hint: &str) -> Option<T> {
        if value.is_none() {
            self.report(path, format!("missing: {hint}"));
        }
        value
    }

    /// A text that is not empty.
    pub fn text(&mut self, text: Option<String>, path: &Path) -> Option<String> {
        let text = text?;
        if text.trim().is_empty() {
            self.report_empty(path);
            return None;
        }
        Some(text)
    }

    /// A text that its type's own parser takes.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&mut self, text: &str, path: &Path) -> Option<T> {
        text.parse().map_err(|error: T::Err| self.report(path, error.to_string())).ok()
    }

    /// A count of at least one.
    pub fn count<T: TryFrom<NonZeroU64>>(&mut self, number: Option<u64>, path: &Path) -> Option<T> {
        let Some(count) = NonZeroU64::new(number?) else {
            self.report(path, "0 is too few: write 1 or more");
            return None;
        };
        T::try_from(count).map_err(|_| self.report(path, "too large a number")).ok()
    }

    /// A count of at least one and at most `most`.
    pub fn bounded<T: TryFrom<NonZeroU64>>(
        &mut self,
        number: Option<u64>,
        most: u64,
        path: &Path,
    ) -> Option<T> {
        if number.is_some_and(|number| number > most) {
            self.report(path, format!("too many: write {most} or fewer"));
            return None;
        }
        self.count(number, path)
    }

    /// A span of time.
    pub fn duration(&mut self, text: Option<String>, path: &Path) -> Option<Duration> {
        match humantime::parse_duration(text?.trim()) {
            Ok(duration) if duration <= DURATION_MAX => return Some(duration),
            Ok(_) => self.report(path, "longer than 31 days"),
            Err(_) => self.report(path, "expected a number and a unit, such as `30s`, `5m` or `1h 30m`"),
        }
        None
    }

    /// A span of time that is not none at all.
    pub fn timeout(&mut self, text: Option<String>, path: &Path) -> Option<Duration> {
        let duration = self.duration(text, path)?;
        if duration.is_zero() {
            self.report(path, "0 would let every request fail: write a span such as `30s`");
            return None;
        }
        Some(duration)
    }

    /// Bytes a second.
    pub fn rate(&mut self, text: Option<String>, path: &Path) -> Option<u64> {
        let rate = rate(text?.trim());
        if rate.is_none() {
            self.report(path, "expected bytes a second, such as `1KiB/s` or `500B/s`, or `0` for none");
        }
        rate
    }
}

fn rate(text: &str) -> Option<u64> {
    let bytes = match text.split_once('/') {
        Some((bytes, per)) if per.trim() == "s" => bytes.trim(),
        None if text == "0" => return Some(0),
        _ => return None,
    };
    let (number, unit) = bytes.split_at(bytes.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit.trim() {
        "B" => 1,
        "kB" | "KB" => 1000,
        "KiB" => 1024,
        "MB" => 1_000_000,
        "MiB" => 1024 * 1024,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_a_unit_and_is_a_second() {
        for (text, expected) in [
            ("1KiB/s", Some(1024)),
            ("500 B / s", Some(500)),
            ("20MB/s", Some(20_000_000)),
            ("2MiB/s", Some(2 * 1024 * 1024)),
            ("0", Some(0)),
            ("0B/s", Some(0)),
        ] {
            assert_eq!(rate(text), expected, "{text}");
        }
        for text in
            ["", "1024", "1KiB", "KiB/s", "1KiB/m", "-1B/s", "1.5KiB/s", "18446744073709551615KiB/s", "/s"]
        {
            assert_eq!(rate(text), None, "{text}");
        }
    }
}
