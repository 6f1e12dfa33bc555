//! When a mirror runs.

use std::fmt;
use std::time::Duration;

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::config::raw;
use crate::yaml::{Document, Path};

/// When a mirror runs: at the times of a cron expression in a time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// The expression, of five fields or, with seconds, of six. It fires again and again.
    pub cron: Cron,
    /// The expression as it was written.
    pub text: String,
    /// Where its times are those of the clock.
    pub timezone: TimeZone,
    /// A run starts later than its time by a random span of up to this.
    pub jitter: Duration,
    /// Whether the mirror also runs when the daemon starts.
    pub on_start: bool,
}

impl Schedule {
    /// The first time after `after`, without jitter. None at the end of the calendar.
    pub fn next(&self, after: Timestamp) -> Option<Zoned> {
        let after = after.to_zoned(self.timezone.clone());
        self.cron.find_next_occurrence(&after, false).ok()
    }

    /// The first `count` times after `after`, without jitter.
    pub fn upcoming(&self, after: Timestamp, count: usize) -> Vec<Zoned> {
        let following = |time: &Zoned| self.next(time.timestamp());
        std::iter::successors(self.next(after), following).take(count).collect()
    }

    pub(super) fn new(raw: raw::Schedule, path: &Path, document: &mut Document) -> Option<Self> {
        let timezone = timezone(raw.timezone, &path.key("timezone"), document);
        let jitter = document.duration(raw.jitter, &path.key("jitter")).unwrap_or_default();
        let cron_path = path.key("cron");
        let text = document.required(raw.cron, &cron_path, "say when, such as `cron: \"0 */6 * * *\"`")?;
        let cron = parse(&text).map_err(|what| document.report(&cron_path, what)).ok()?;
        Some(Self { cron, text, timezone: timezone?, jitter, on_start: raw.on_start.unwrap_or(false) })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.timezone.iana_name().unwrap_or("UTC"))
    }
}

fn timezone(name: Option<String>, path: &Path, document: &mut Document) -> Option<TimeZone> {
    let Some(name) = name else { return Some(TimeZone::UTC) };
    let timezone = TimeZone::get(&name).ok();
    if timezone.is_none() {
        document.report(path, "no such time zone: expected an IANA name such as `Asia/Tokyo` or `UTC`");
    }
    timezone
}

/// Reads an expression that fires. `0 0 30 2 *` parses and never does, so the calendar is asked; without a field for
/// the year it repeats itself, so any day will do to start from and the clock is not asked.
fn parse(text: &str) -> Result<Cron, String> {
    if let Some(zoned) =
        text.trim_start().strip_prefix("CRON_").unwrap_or(text.trim_start()).strip_prefix("TZ=")
    {
        let (zone, times) = zoned.split_once(char::is_whitespace).unwrap_or((zoned, ""));
        let zone = Some(zone.trim()).filter(|zone| !zone.is_empty()).unwrap_or("Asia/Tokyo");
        let times = Some(times.trim()).filter(|times| !times.is_empty()).unwrap_or("0 */6 * * *");
        return Err(format!(
            "the time zone has a key of its own: write `cron: \"{times}\"` and beside it `timezone: {zone}`"
        ));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let cron = parser.parse(text).map_err(|error| {
        let detail = match error {
            CronError::ComponentError(detail) | CronError::IllegalCharacters(detail) => {
                format!(" ({})", lower(&detail))
            }
            _ => String::new(),
        };
        format!(
            "not a cron expression{detail}: expected five fields, such as `0 */6 * * *`, or six with seconds"
        )
    })?;
    let start = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    match cron.find_next_occurrence(&start, false) {
        Ok(_) => Ok(cron),
        Err(_) => Err("this schedule never fires: no such day is in the calendar".to_owned()),
    }
}

/// The cron parser's messages as part of ours.
fn lower(message: &str) -> String {
    let mut letters = message.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
