//! When a pass has to end.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

/// When a pass has to end, whatever has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// How long that was from its beginning.
    within: Duration,
    /// Which setting says so: the one to raise.
    pub(super) setting: &'static str,
}

impl Deadline {
    /// After this time from now, by this setting.
    pub fn after(within: Duration, setting: &'static str) -> Self {
        Self { at: Instant::now() + within, within, setting }
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.setting, humantime::format_duration(self.within))
    }
}
