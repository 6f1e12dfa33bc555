//! Sizes and spans of time as people read them.

use std::fmt;
use std::time::Duration;

/// A number of bytes: `512 B`, `1.2 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// A span of time: `1.2 s`, `3 min 5 s`, `2 h 5 min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return f.pad(&format!("{} B", self.0));
        }
        // In tenths, rounded before the unit is chosen: 1023.99 KiB is 1.0 MiB.
        let tenths = |unit: u32| (u128::from(self.0) * 10 + (1 << (10 * unit - 1))) >> (10 * unit);
        let units = (1..).zip(UNITS);
        let fitting = units.map(|(unit, name)| (tenths(unit), name)).find(|&(tenths, _)| tenths < 10 * 1024);
        let (tenths, name) = fitting.unwrap_or((tenths(6), "EiB"));
        f.pad(&format!("{}.{} {name}", tenths / 10, tenths % 10))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0.as_millis() + 50) / 100;
        let seconds = (self.0.as_millis() + 500) / 1000;
        let text = match (tenths, seconds) {
            (0..600, _) => format!("{}.{} s", tenths / 10, tenths % 10),
            (_, 0..3600) => format!("{} min {} s", seconds / 60, seconds % 60),
            _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_bytes(bytes: u64, expected: &str) {
        assert_eq!(Bytes(bytes).to_string(), expected);
    }

    #[track_caller]
    fn check_span(millis: u64, expected: &str) {
        assert_eq!(Span(Duration::from_millis(millis)).to_string(), expected);
    }

    #[test]
    fn sizes_have_a_unit_that_fits() {
        check_bytes(0, "0 B");
        check_bytes(1023, "1023 B");
        check_bytes(1024, "1.0 KiB");
        check_bytes(1024 * 1024 - 1, "1.0 MiB");
        check_bytes(188_951_345, "180.2 MiB");
        check_bytes(u64::MAX, "16.0 EiB");
    }

    #[test]
    fn spans_lose_what_does_not_matter() {
        check_span(0, "0.0 s");
        check_span(1_249, "1.2 s");
        check_span(59_949, "59.9 s");
        check_span(59_950, "1 min 0 s");
        check_span(185_000, "3 min 5 s");
        check_span(7_500_000, "2 h 5 min");
    }
}
