//! Programs that are run for what they print, such as helpers that know a login: bounded in time and in bytes.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::text::{cut, of_bytes, quote};

/// A program that takes longer is killed. No source of a login is waited for longer.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Of what a program prints, this much is kept. The rest is read, for it must not wait for its reader.
const OUTPUT_MAX_BYTES: usize = 64 * 1024;
/// Of what a program complains about, this much is passed on.
const COMPLAINT_MAX_CHARS: usize = 200;

/// What a program printed, and how it ended.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it said. May be a secret.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: Vec<u8>,
}

/// Why there is no output.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be run, or not be talked to.
    #[error(transparent)]
    Run(#[from] io::Error),
    /// It did not end in time.
    #[error("no answer within {} seconds", PATIENCE.as_secs())]
    Late,
}

/// Runs a program to its end, with this on its standard input. Cancel safe: it is killed, with all that it started.
pub async fn run(mut command: Command, input: &[u8]) -> Result<Output, Error> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, so that the children of a shell are killed too.
    let child = command.kill_on_drop(true).process_group(0).spawn()?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)));
    let output = timeout(PATIENCE, talk(child, input)).await.map_err(|_| Error::Late)??;
    // What it left behind is meant to stay, such as an agent that remembers.
    group.0 = None;
    Ok(output)
}

/// A group of processes that ends with this.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It may be gone already.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

async fn talk(mut child: Child, input: &[u8]) -> io::Result<Output> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        let Some(mut stdin) = stdin else { return Ok(()) };
        match stdin.write_all(input).await {
            // It may answer without having read the question.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        }
    };
    let ((), stdout, stderr) = tokio::try_join!(write, drain(stdout), drain(stderr))?;
    Ok(Output { status: child.wait().await?, stdout, stderr })
}

async fn drain(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let Some(mut pipe) = pipe else { return Ok(kept) };
    let mut bytes = [0; 4096];
    loop {
        let got = pipe.read(&mut bytes).await?;
        if got == 0 {
            return Ok(kept);
        }
        let room = OUTPUT_MAX_BYTES - kept.len();
        kept.extend_from_slice(&bytes[..got.min(room)]);
    }
}

/// The JSON objects in what was printed: some programs print warnings, or a log in JSON, beside the one that is meant.
pub fn objects(stdout: &[u8]) -> Vec<Map<String, Value>> {
    let (mut objects, mut rest) = (Vec::new(), stdout);
    while let Some(start) = rest.iter().position(|&byte| byte == b'{') {
        rest = &rest[start..];
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter();
        let end = if let Some(Ok(object)) = values.next() {
            objects.push(object);
            values.byte_offset()
        } else {
            1
        };
        rest = &rest[end..];
    }
    objects
}

impl Output {
    /// Why it failed, in its own words: the first line of each of its outputs. A JSON object would hold a secret.
    pub fn complaint(&self) -> String {
        let said = [&self.stdout, &self.stderr].map(|bytes| of_bytes(bytes));
        let lines = said.iter().filter_map(|text| {
            let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
            let shown = cut(&quote(line), COMPLAINT_MAX_CHARS);
            (!shown.contains('{')).then_some(shown)
        });
        let mut lines: Vec<_> = lines.collect();
        lines.dedup();
        if lines.is_empty() { format!("it did not say why ({})", self.status) } else { lines.join("; ") }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;

    use tokio::sync::oneshot;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn more_output_than_is_kept_holds_up_nobody() {
        let flood = "head -c 1000000 /dev/zero >&2; head -c 1000000 /dev/zero; exit 3";
        let output = run(shell(flood), &vec![b'x'; 1_000_000]).await.unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert_eq!((output.stdout.len(), output.stderr.len()), (OUTPUT_MAX_BYTES, OUTPUT_MAX_BYTES));
    }

    /// It is killed before its time: the clock is wound on once it runs.
    #[tokio::test]
    async fn who_takes_too_long_is_killed_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        let path = fifo.to_str().unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        // A child of the shell holds the pipe open: reading it ends when that child is gone.
        let script = format!("(echo up; sleep 1000) > {path} & wait");
        let (up, is_up) = oneshot::channel();
        let reader = tokio::task::spawn_blocking({
            let fifo = fifo.clone();
            move || {
                let mut lines = std::io::BufReader::new(std::fs::File::open(fifo).unwrap()).lines();
                up.send(lines.next().unwrap().unwrap()).unwrap();
                lines.count()
            }
        });
        let wind = async {
            assert_eq!(is_up.await.unwrap(), "up");
            wind_on().await;
        };
        let result = tokio::select! {
            result = run(shell(&script), b"") => result.map(drop),
            () = wind => unreachable!("time does not end"),
        };
        assert!(matches!(result, Err(Error::Late)), "{result:?}");
        assert_eq!(reader.await.unwrap(), 0);
    }

    /// Lets time pass at once, again and again.
    async fn wind_on() {
        loop {
            tokio::task::yield_now().await;
            tokio::time::pause();
            tokio::time::advance(PATIENCE / 10).await;
            tokio::time::resume();
        }
    }

    #[test]
    fn objects_are_found_among_warnings_and_a_complaint_shows_none() {
        let output = |stdout: &[u8], stderr: &[u8]| {
            let status = std::os::unix::process::ExitStatusExt::from_raw(256);
            Output { status, stdout: stdout.to_vec(), stderr: stderr.to_vec() }
        };
        let found = |text: &str| serde_json::to_string(&objects(text.as_bytes())).unwrap();
        assert_eq!(found("warning\n{\"a\":{\"b\":1}}\n"), r#"[{"a":{"b":1}}]"#);
        assert_eq!(found("in {here}: {\"a\":1}{\"b\":2} done }{"), r#"[{"a":1},{"b":2}]"#);
        assert_eq!(found("none"), "[]");
        assert_eq!(output(b"\nout\nmore", b"err\n").complaint(), "out; err");
        assert_eq!(output(b"{\"Secret\":\"x\"}", b"").complaint(), "it did not say why (exit status: 1)");
    }
}
