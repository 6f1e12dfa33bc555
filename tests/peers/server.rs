//! A program that serves on a loopback port until it is dropped.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A port found free may be taken by somebody else before the program binds it.
const STARTS_MAX: usize = 5;
const START_MAX: Duration = Duration::from_mins(1);
const POLL_EVERY: Duration = Duration::from_millis(20);
/// How much of a program's log a failing test prints.
const LOG_LINES_MAX: usize = 40;

/// A running program. Killed when dropped; a failing test then prints the end of its log.
pub(crate) struct Server {
    name: &'static str,
    port: u16,
    child: Child,
    home: TempDir,
}

impl Server {
    /// Starts the program that `command` describes, for a home folder and a port, and waits until it serves.
    ///
    /// It does when its log holds the line that `ready` gives for the port. A probe of the port could be answered by
    /// another test's program; the log is this one's alone.
    pub(crate) async fn start(
        name: &'static str,
        command: impl Fn(&Path, u16) -> Command,
        ready: impl Fn(u16) -> String,
    ) -> Self {
        for _ in 0..STARTS_MAX {
            let mut server = Self::spawn(name, &command);
            if server.is_ready(&ready(server.port)).await {
                return server;
            }
        }
        panic!("`{name}` ended {STARTS_MAX} times before it served")
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn spawn(name: &'static str, command: impl Fn(&Path, u16) -> Command) -> Self {
        let home = TempDir::with_prefix("tagferry-peer-").unwrap();
        let port = free_port();
        let log = File::create(home.path().join("log")).unwrap();
        let child = command(home.path(), port)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("`{name}` does not start, run `scripts/peers` first: {error}"));
        Self { name, port, child, home }
    }

    /// False when the program ended instead.
    async fn is_ready(&mut self, line: &str) -> bool {
        let deadline = Instant::now() + START_MAX;
        while !self.log().contains(line) {
            if self.child.try_wait().unwrap().is_some() {
                self.print_log();
                return false;
            }
            assert!(Instant::now() < deadline, "`{}` does not serve after {START_MAX:?}", self.name);
            // Real time: what happens in another program has no other clock.
            tokio::time::sleep(POLL_EVERY).await;
        }
        true
    }

    /// All that it has printed.
    pub(crate) fn log(&self) -> String {
        let bytes = fs::read(self.home.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[expect(clippy::print_stderr, reason = "the test runner shows it with the failure that it explains")]
    fn print_log(&self) {
        let log = self.log();
        // Distribution logs each request three times, twice at this level and once as an access log.
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains(" level=info ")).collect();
        eprintln!("end of the log of `{}` on {}:", self.name, self.address());
        for line in &lines[lines.len().saturating_sub(LOG_LINES_MAX)..] {
            eprintln!("    {line}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only for a program that has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            self.print_log();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}
