//! The daemon under another clock, by `faketime`: changes of daylight time at nine hundred times the speed, and a
//! clock that is set forward and back.
//!
//! There is no registry: each pass fails at once, for which it is counted like any other.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpSocket;
use tokio::process::{Child, ChildStderr, Command};

const PATIENCE: Duration = Duration::from_secs(40);

/// A daemon whose log is read.
struct Daemon {
    _process: Child,
    _nobody: TcpSocket,
    _folder: TempDir,
    log: Lines<BufReader<ChildStderr>>,
}

impl Daemon {
    /// Starts one with these schedules, by mirror.
    fn start(schedules: &[(&str, &str)], variables: &[(&str, &str)]) -> Self {
        // Nobody listens there, and nobody else can as long as this is kept.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let nobody = socket.local_addr().unwrap();
        let mirror = |(name, schedule): &(&str, &str)| {
            format!(
                "  - {{name: {name}, source: {nobody}/a, target: 'oci:{name}', tags: [{{match: .}}], schedule: {schedule}}}\n"
            )
        };
        let mirrors = schedules.iter().map(mirror).collect::<Vec<_>>().concat();
        // Timeouts are times of the same clock.
        let yaml = format!(
            "mirrors:\n{mirrors}registries: {{'{nobody}': {{plain_http: true}}}}\ntimeouts: {{connect: 10h, stall: 10h}}\n"
        );
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("tagferry.yaml"), yaml).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_tagferry"))
            .args(["--log-format", "json", "serve", "--listen", "127.0.0.1:0"])
            .current_dir(&folder)
            .env("LD_PRELOAD", library())
            .envs(variables.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap()).lines();
        Self { _process: process, _nobody: socket, _folder: folder, log }
    }

    /// When the next pass begins, by the daemon's clock, and of which mirror.
    async fn pass(&mut self) -> (Timestamp, String) {
        let next = async {
            loop {
                let line = self.log.next_line().await.unwrap().expect("it ended");
                let line: Value = serde_json::from_str(&line).unwrap();
                if line["message"].as_str().unwrap().starts_with("Looking at") {
                    let time = line["timestamp"].as_str().unwrap().parse().unwrap();
                    return (time, line["mirror"].as_str().unwrap().to_owned());
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("no pass began")
    }

    /// The passes before a time: mirror and hour in UTC.
    async fn hours_before(&mut self, end: &str) -> Vec<String> {
        let (end, mut passes) = (end.parse().unwrap(), Vec::new());
        loop {
            let (time, mirror) = self.pass().await;
            if time >= end {
                return passes;
            }
            passes.push(format!("{mirror} {}", time.strftime("%H")));
        }
    }
}

/// Debian's library, which does not know `faketime`'s own options here.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let library = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    library.expect("faketime is not installed: run scripts/peers")
}

const HALF_PAST_TWO: (&str, &str) = ("daily", "{cron: 30 2 * * *, timezone: Europe/Berlin, retry: never}");
const HOURLY: (&str, &str) = ("hourly", "{cron: 0 * * * *, timezone: Europe/Berlin, retry: never}");

#[tokio::test]
async fn a_time_in_the_skipped_hour_runs_after_it() {
    let clock = [("FAKETIME", "@2027-03-28 00:20:00 x900"), ("TZ", "UTC")];
    let mut daemon = Daemon::start(&[HALF_PAST_TWO, HOURLY], &clock);
    let mut passes = daemon.hours_before("2027-03-28T04:00:00Z").await;
    passes.sort_unstable();
    assert_eq!(passes, ["daily 01", "hourly 01", "hourly 02", "hourly 03"]);
}

#[tokio::test]
async fn a_time_in_the_doubled_hour_runs_once() {
    let clock = [("FAKETIME", "@2026-10-24 23:40:00 x900"), ("TZ", "UTC")];
    let mut daemon = Daemon::start(&[HALF_PAST_TWO, HOURLY], &clock);
    let mut passes = daemon.hours_before("2026-10-25T03:00:00Z").await;
    passes.sort_unstable();
    // 00:30 in UTC is the first 02:30 in Berlin.
    assert_eq!(passes, ["daily 00", "hourly 00", "hourly 01", "hourly 02"]);
}

#[tokio::test]
async fn a_clock_that_is_set_forward_runs_once_and_one_that_is_set_back_runs_again() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("offset");
    fs::write(&file, "+0").unwrap();
    let clock = [
        ("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    // In two seconds, two and a half minutes and so on; never at the turn of an hour.
    let mut daemon = Daemon::start(
        &[("often", "{cron: '*/2 * * * * *', retry: never}"), ("rarely", "{cron: 0 0 1 1 *, retry: never}")],
        &clock,
    );
    assert_eq!(daemon.pass().await.1, "often");
    fs::write(&file, "+400d").unwrap();
    let mut seen = Vec::new();
    while !seen.contains(&"rarely".to_owned()) {
        seen.push(daemon.pass().await.1);
    }
    fs::write(&file, "-400d").unwrap();
    let (mut time, mut passes) = daemon.pass().await;
    while time > Timestamp::now() {
        (time, passes) = daemon.pass().await;
    }
    // A year was skipped and given back, and every two seconds are still two.
    assert_eq!(passes, "often");
    assert!(Timestamp::now().duration_since(time).as_hours() > 24);
}
