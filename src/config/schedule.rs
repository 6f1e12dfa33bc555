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

/// In place of spans: a failed pass is not tried again before the next time.
const NO_RETRY: &str = "never";
/// Most of what passes by itself does so within the hour.
const RETRY_DEFAULT: [Duration; 4] =
    [Duration::from_mins(1), Duration::from_mins(5), Duration::from_mins(15), Duration::from_mins(30)];
/// More tries than this are a schedule of their own.
const RETRIES_MAX: usize = 20;
/// Whoever failed is not asked again at once.
const RETRY_MIN: Duration = Duration::from_secs(1);

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
    /// How long after a failed pass it is tried again, and after the next one, and so on; never where there are none.
    pub retry: Vec<Duration>,
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
        let retry = retry(raw.retry, &path.key("retry"), document);
        let cron_path = path.key("cron");
        let text = document.required(raw.cron, &cron_path, "say when, such as `cron: \"0 */6 * * *\"`")?;
        let cron = parse(&text).map_err(|what| document.report(&cron_path, what)).ok()?;
        warn_steps(&text, &cron_path, document);
        let on_start = raw.on_start.unwrap_or(false);
        Some(Self { cron, text, timezone: timezone?, jitter, on_start, retry: retry? })
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.timezone.iana_name().unwrap_or("UTC"))
    }
}

fn retry(raw: Option<raw::OneOrMore>, path: &Path, document: &mut Document) -> Option<Vec<Duration>> {
    let spans = match raw {
        None => return Some(RETRY_DEFAULT.to_vec()),
        Some(raw::OneOrMore::One(word)) if word == NO_RETRY => return Some(Vec::new()),
        Some(raw::OneOrMore::One(_)) => {
            document.report(path, format!("expected a list such as `[1m, 5m]`, or `{NO_RETRY}`"));
            return None;
        }
        Some(raw::OneOrMore::More(spans)) => spans,
    };
    if spans.is_empty() {
        document.report(path, format!("no span: write `{NO_RETRY}` if that is meant"));
        return None;
    }
    if spans.len() > RETRIES_MAX {
        document.report(path, format!("more than {RETRIES_MAX} spans"));
        return None;
    }
    let span = |(index, text)| {
        let path = path.index(index);
        let span = document.duration(Some(text), &path)?;
        if span < RETRY_MIN {
            document.report(&path, "shorter than a second");
            return None;
        }
        Some(span)
    };
    // All of them are looked at, so that all faults are told.
    spans.into_iter().enumerate().map(span).collect::<Vec<_>>().into_iter().collect()
}

fn timezone(name: Option<String>, path: &Path, document: &mut Document) -> Option<TimeZone> {
    let Some(name) = name else { return Some(TimeZone::UTC) };
    let timezone = TimeZone::get(&name).ok();
    if timezone.is_none() {
        let what = match meant_zone(&name) {
            Some(meant) => format!("no such time zone, did you mean `{meant}`?"),
            None => "no such time zone: expected an IANA name such as `Asia/Tokyo` or `UTC`".to_owned(),
        };
        document.report(path, what);
    }
    timezone
}

/// The zone that a name was most likely meant to be: of a city alone, or misspelt.
fn meant_zone(name: &str) -> Option<String> {
    const SLIPS_MAX: usize = 2;
    const NAME_MAX_BYTES: usize = 40;
    let plain = |text: &str| text.to_lowercase().replace(' ', "_");
    let (name, city) = (plain(name), |zone: &str| plain(zone.rsplit('/').next().unwrap_or_default()));
    if name.len() > NAME_MAX_BYTES {
        return None;
    }
    let slips = |zone: &str| {
        let whole = strsim::damerau_levenshtein(&name, &plain(zone));
        // Short names are alike by nature.
        let is_city = zone.contains('/') && !name.contains('/') && name.len() > SLIPS_MAX * 2;
        if is_city { whole.min(strsim::damerau_levenshtein(&name, &city(zone))) } else { whole }
    };
    let zones = jiff::tz::db().available().map(|zone| zone.as_str().to_owned());
    let near = zones.map(|zone| (slips(&zone), zone)).filter(|(slips, _)| *slips <= SLIPS_MAX);
    near.min().map(|(_, zone)| zone)
}

/// Warns of steps that are longer than what they divide: `0 */25 * * *` is once a day.
fn warn_steps(text: &str, path: &Path, document: &mut Document) {
    const FIELDS: [(&str, u32); 6] = [
        ("seconds of a minute", 60),
        ("minutes of an hour", 60),
        ("hours of a day", 24),
        ("days of a month", 31),
        ("months of a year", 12),
        ("days of a week", 7),
    ];
    let fields: Vec<&str> = text.split_whitespace().collect();
    let known = &FIELDS[FIELDS.len().saturating_sub(fields.len())..];
    for (field, (name, size)) in fields.into_iter().zip(known) {
        for part in field.split(',') {
            let step = part.split_once('/').and_then(|(_, step)| step.parse::<u32>().ok());
            if step.is_some_and(|step| step >= *size) {
                let what = format!(
                    "`{part}` is a step over more than the {size} {name}, so only the first of them counts: write the times \
                     that are meant, as in `1,13`, or a shorter step"
                );
                document.warn(path, "long_step", &what);
            }
        }
    }
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
