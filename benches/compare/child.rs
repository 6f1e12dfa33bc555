//! One program, run to its end, and what it took.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

/// Asks the kernel what a child took. A parent that is large itself would see its own size: what a process has
/// before it becomes another program counts as the other's peak. This one is small.
const TIME: &str = "/usr/bin/time";
const RUN_MAX: Duration = Duration::from_mins(5);

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) started: Instant,
    pub(crate) wall_s: f64,
    /// User and system, to a hundredth of a second.
    pub(crate) cpu_s: f64,
    /// The largest that it ever was.
    pub(crate) peak_mb: f64,
}

/// Whether runs can be measured here.
pub(crate) fn can_measure() -> bool {
    Path::new(TIME).exists()
}

/// Runs a program in its home folder. It sees no other configuration of this machine.
pub(crate) async fn run(arguments: &[OsString], home: &Path) -> Result<Took, String> {
    let figures = home.join("time");
    let mut command = Command::new(TIME);
    command
        .args(["-q", "-f", "%U %S %M", "-o"])
        .arg(&figures)
        .args(arguments)
        .current_dir(home)
        .env_clear()
        .envs([("PATH", std::env::var_os("PATH").unwrap_or_default())])
        .envs(["HOME", "XDG_RUNTIME_DIR"].map(|name| (name, home)))
        .env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
        .envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let started = Instant::now();
    let output = tokio::time::timeout(RUN_MAX, command.output()).await;
    let wall_s = started.elapsed().as_secs_f64();
    let what = arguments.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default();
    let output = output.map_err(|_| format!("{what} took longer than {RUN_MAX:?}"))?;
    let output = output.map_err(|error| format!("{what} does not start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        let said: Vec<_> = said.lines().rev().take(5).collect();
        return Err(format!("{what} failed with {}: {}", output.status, said.join(" | ")));
    }
    let text = fs::read_to_string(figures).map_err(|error| error.to_string())?;
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [user, system, kib] = numbers[..] else { return Err(format!("{TIME} says `{text}`")) };
    Ok(Took { started, wall_s, cpu_s: user + system, peak_mb: kib * 1024.0 / 1e6 })
}

/// The middle of the samples; of two middles, their mean.
pub(crate) fn median(samples: impl IntoIterator<Item = f64>) -> f64 {
    let mut samples: Vec<f64> = samples.into_iter().collect();
    samples.sort_by(f64::total_cmp);
    let (middle, count) = (samples.len() / 2, samples.len());
    match count {
        0 => f64::NAN,
        _ if count.is_multiple_of(2) => f64::midpoint(samples[middle - 1], samples[middle]),
        _ => samples[middle],
    }
}
