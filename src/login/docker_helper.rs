//! Credential helpers: programs named `docker-credential-…` that are asked for a login.
//!
//! The protocol is that of docker/docker-credential-helpers: `get`, the server on standard input, JSON out.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::login::Login;

/// A helper that takes longer is killed.
const HELPER_TIMEOUT: Duration = Duration::from_secs(10);
/// More output than this is not read.
const OUTPUT_MAX_BYTES: u64 = 64 * 1024;
/// Of what a helper complains about, this much is passed on.
const COMPLAINT_MAX_CHARS: usize = 200;

/// Why a helper gave no login. Never holds what it printed on standard output, where the secret goes.
#[derive(Debug, thiserror::Error)]
pub(super) enum HelperError {
    #[error("`{0}` is not the name of a credential helper: expected letters, digits, `-`, `_` and `.`")]
    Name(String),
    #[error("the program `{0}` was not found")]
    NotFound(String),
    #[error("cannot run `{program}`")]
    Run {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("`{0}` did not answer within {seconds} seconds", seconds = HELPER_TIMEOUT.as_secs())]
    Timeout(String),
    #[error("`{program}` failed: {complaint}")]
    Failed { program: String, complaint: String },
    #[error("`{0}` printed something that is not a login in JSON")]
    Answer(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: SecretText,
}

/// [`SecretString`] reads from JSON only with a feature that also lets it be written.
#[derive(Default, Deserialize)]
#[serde(from = "String")]
struct SecretText(SecretString);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// Asks the helper `docker-credential-<name>` for the login of `server`; none if it knows no login.
///
/// The program is searched in `path`, or else in that of this process. Cancel safe: the helper is killed.
pub(super) async fn get(
    name: &str,
    server: &str,
    path: Option<&OsStr>,
) -> Result<Option<Login>, HelperError> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(is_plain) {
        return Err(HelperError::Name(name.chars().take(COMPLAINT_MAX_CHARS).collect()));
    }
    let program = format!("docker-credential-{name}");
    let mut command = Command::new(&program);
    command.arg("get").kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let child = command.spawn().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => HelperError::NotFound(program.clone()),
        _ => HelperError::Run { program: program.clone(), source },
    })?;
    match timeout(HELPER_TIMEOUT, talk(child, server)).await {
        Err(_) => Err(HelperError::Timeout(program)),
        Ok(Err(source)) => Err(HelperError::Run { program, source }),
        Ok(Ok(output)) => output.read(program),
    }
}

struct Output {
    is_success: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

async fn talk(mut child: Child, server: &str) -> io::Result<Output> {
    if let Some(mut stdin) = child.stdin.take() {
        // A helper may answer without having read the question.
        match stdin.write_all(server.as_bytes()).await {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(drain(stdout), drain(stderr))?;
    Ok(Output { is_success: child.wait().await?.success(), stdout, stderr })
}

async fn drain(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(OUTPUT_MAX_BYTES).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

impl Output {
    fn read(self, program: String) -> Result<Option<Login>, HelperError> {
        if !self.is_success {
            // Helpers say so on standard output, with one text for all of them.
            let knows_nothing = [&self.stdout, &self.stderr].into_iter().any(|bytes| {
                String::from_utf8_lossy(bytes).to_ascii_lowercase().contains("credentials not found")
            });
            let complaint = || first_line(&self.stderr);
            return if knows_nothing {
                Ok(None)
            } else {
                Err(HelperError::Failed { program, complaint: complaint() })
            };
        }
        let answer: Answer =
            serde_json::from_slice(&self.stdout).map_err(|_| HelperError::Answer(program))?;
        let login = Login { username: answer.username, password: answer.secret.0 };
        Ok((!login.username.is_empty()).then_some(login))
    }
}

fn first_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it did not say why");
    line.chars().filter(|c| !c.is_control()).take(COMPLAINT_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use secrecy::ExposeSecret;
    use tokio::time::Instant;

    use super::*;

    /// Installs a helper and asks it.
    async fn ask(script: &str) -> Result<Option<String>, String> {
        let dir = tempfile::tempdir().unwrap();
        install(&dir.path().join("docker-credential-fake"), script).await;
        let path = format!("{}:/usr/bin:/bin", dir.path().display());
        let login = get("fake", "a.test", Some(path.as_ref())).await.map_err(|error| error.to_string())?;
        Ok(login.map(|login| format!("{}:{}", login.username, login.password.expose_secret())))
    }

    /// Another process writes the program: while this one has a file open for writing, a helper that
    /// another test starts may inherit it, and then the program is "busy" and does not run.
    async fn install(path: &Path, script: &str) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#, "sh"]);
        assert!(command.arg(path).arg(script).status().await.unwrap().success());
    }

    #[tokio::test]
    async fn the_helper_is_told_the_server_and_gives_the_login() {
        let script = r#"printf '{"ServerURL":"%s","Username":"%s","Secret":"%s"}' x "$(cat)" "$1""#;
        assert_eq!(ask(script).await, Ok(Some("a.test:get".to_owned())));
    }

    #[tokio::test]
    async fn no_login_is_anonymous() {
        let script = "echo credentials not found in native keychain; exit 1";
        assert_eq!(ask(script).await, Ok(None));
        assert_eq!(ask(r#"echo '{"Username":"","Secret":""}'"#).await, Ok(None));
    }

    #[tokio::test]
    async fn a_failure_shows_the_first_complaint_and_never_the_output() {
        let script = "echo hunter2; echo >&2; echo 'keychain is locked' >&2; echo more >&2; exit 1";
        let expected = "`docker-credential-fake` failed: keychain is locked";
        assert_eq!(ask(script).await, Err(expected.to_owned()));
        let expected = "`docker-credential-fake` failed: it did not say why";
        assert_eq!(ask("echo hunter2; exit 1").await, Err(expected.to_owned()));
        let expected = "`docker-credential-fake` printed something that is not a login in JSON";
        assert_eq!(ask("echo hunter2").await, Err(expected.to_owned()));
        assert_eq!(ask(r#"echo '{"Username":"hunter2","Secret":7}'"#).await, Err(expected.to_owned()));
    }

    #[tokio::test]
    async fn a_name_is_not_a_path() {
        for name in ["", "../evil", "a/b", "a b", "a\\b"] {
            let error = get(name, "a.test", None).await.unwrap_err();
            assert!(matches!(error, HelperError::Name(_)), "{name}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_helper_that_hangs_is_given_up() {
        let start = Instant::now();
        let error = ask("exec sleep 600").await.unwrap_err();
        assert_eq!(error, "`docker-credential-fake` did not answer within 10 seconds");
        assert_eq!(start.elapsed(), HELPER_TIMEOUT);
    }
}
