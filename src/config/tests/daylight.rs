//! Schedules over the changes of daylight time. In Berlin the clock goes from 02:00 to 03:00 on 2027-03-28, and from
//! 03:00 back to 02:00 on 2026-10-25.

use crate::config::Config;

/// The first times of a schedule after a time.
fn times(cron: &str, timezone: &str, after: &str, count: usize) -> Vec<String> {
    let yaml = format!(
        "schedule: {{cron: \"{cron}\", timezone: {timezone}}}\n\
         mirrors: [{{source: quay.io/a/b, target: registry.test/a/b, tags: [{{match: .}}]}}]\n"
    );
    let mut config = Config::parse("test.yaml", &yaml, &|_| None).unwrap();
    let schedule = config.mirrors.remove(0).schedule.unwrap();
    let times = schedule.upcoming(after.parse().unwrap(), count);
    times.iter().map(|time| time.strftime("%m-%d %H:%M %:z").to_string()).collect()
}

#[test]
fn a_time_in_the_skipped_hour_runs_when_that_hour_would_have_begun() {
    let times = times("30 2 * * *", "Europe/Berlin", "2027-03-26T12:00:00Z", 3);
    assert_eq!(times, ["03-27 02:30 +01:00", "03-28 03:00 +02:00", "03-29 02:30 +02:00"]);
}

#[test]
fn a_time_in_the_doubled_hour_runs_once() {
    let times = times("30 2 * * *", "Europe/Berlin", "2026-10-23T12:00:00Z", 3);
    assert_eq!(times, ["10-24 02:30 +02:00", "10-25 02:30 +02:00", "10-26 02:30 +01:00"]);
}

#[test]
fn an_interval_goes_on_over_both_changes() {
    let spring = times("*/30 * * * *", "Europe/Berlin", "2027-03-28T00:15:00Z", 4);
    assert_eq!(
        spring,
        ["03-28 01:30 +01:00", "03-28 03:00 +02:00", "03-28 03:30 +02:00", "03-28 04:00 +02:00"]
    );
    let autumn = times("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:15:00Z", 4);
    assert_eq!(
        autumn,
        ["10-25 02:30 +02:00", "10-25 02:00 +01:00", "10-25 02:30 +01:00", "10-25 03:00 +01:00"]
    );
}
