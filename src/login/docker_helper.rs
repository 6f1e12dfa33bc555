//! Credential helpers: programs named `docker-credential-…` that are asked for a login.
//!
//! The protocol is that of docker/docker-credential-helpers: `get`, the server on standard input, JSON out.

use std::ffi::OsStr;
use std::io;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::process::Command;

use crate::login::Login;
use crate::login::docker_file;
use crate::process;
use crate::process::{Output, PATIENCE};
use crate::text::{cut, quote};

/// What the programs' names start with.
const PREFIX: &str = "docker-credential-";
/// Of what is no name, this much is shown.
const NAME_MAX_CHARS: usize = 200;
/// The same of an error.
const SAID_MAX_CHARS: usize = 200;

/// Why a helper gave no login. Of what a helper that succeeded printed on standard output, where the secret goes, it holds the
/// text of an error alone.
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
    #[error("`{0}` did not answer within {seconds} seconds", seconds = PATIENCE.as_secs())]
    Timeout(String),
    #[error("`{program}` failed: {complaint}")]
    Failed { program: String, complaint: String },
    #[error("`{0}` printed something that is not a login in JSON")]
    Answer(String),
    #[error("`{program}` printed no login: {said}")]
    Said { program: String, said: String },
    #[error("`{program}` printed a login without `{missing}`")]
    Half { program: String, missing: &'static str },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    username: Option<String>,
    secret: Option<String>,
}

impl HelperError {
    /// That there is no helper of this name.
    pub(super) fn not_found(name: &str) -> Self {
        Self::NotFound(format!("{PREFIX}{name}"))
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
        return Err(HelperError::Name(name.chars().take(NAME_MAX_CHARS).collect()));
    }
    let program = format!("{PREFIX}{name}");
    let mut command = Command::new(&program);
    command.arg("get");
    if let Some(path) = path {
        command.env("PATH", path);
    }
    match process::run(command, server.as_bytes()).await {
        Ok(output) => read(&output, program),
        Err(process::Error::Late) => Err(HelperError::Timeout(program)),
        Err(process::Error::Run(source)) if source.kind() == io::ErrorKind::NotFound => {
            Err(HelperError::NotFound(program))
        }
        Err(process::Error::Run(source)) => Err(HelperError::Run { program, source }),
    }
}

/// The login in what a helper printed; none if it knows none.
fn read(output: &Output, program: String) -> Result<Option<Login>, HelperError> {
    if !output.status.success() {
        // Helpers say so with one text for all of them.
        let knows_nothing = [&output.stdout, &output.stderr].into_iter().any(|bytes| {
            String::from_utf8_lossy(bytes).to_ascii_lowercase().contains("credentials not found")
        });
        return if knows_nothing {
            Ok(None)
        } else {
            Err(HelperError::Failed { program, complaint: output.complaint() })
        };
    }
    let printed = process::objects(&output.stdout).into_iter();
    let mut printed: Vec<_> = printed.filter_map(|object| docker_file::object(object.into())).collect();
    let is_login =
        |object: &Map<String, Value>| object.contains_key("username") || object.contains_key("secret");
    let Some(place) = printed.iter().position(is_login) else {
        let is_fault =
            |object: &&Map<String, Value>| ["error", "message"].iter().any(|key| object.contains_key(*key));
        return match printed.iter().find(is_fault).or(printed.last()) {
            None => Err(HelperError::Answer(program)),
            Some(object) if object.is_empty() => Ok(None),
            Some(object) => Err(HelperError::Said { program, said: said(object) }),
        };
    };
    let Ok(Answer { username, secret }) = serde_json::from_value(printed.swap_remove(place).into()) else {
        return Err(HelperError::Answer(program));
    };
    let is_given = |text: &String| !text.is_empty();
    match (username.filter(is_given), secret.filter(is_given)) {
        (Some(username), Some(secret)) => Ok(Some(Login { username, password: secret.into() })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(HelperError::Half { program, missing: "Secret" }),
        (None, Some(_)) => Err(HelperError::Half { program, missing: "Username" }),
    }
}

/// What went wrong, where an object says it.
fn said(object: &Map<String, Value>) -> String {
    let said = ["error", "message"].into_iter().find_map(|key| object.get(key)?.as_str());
    said.map_or_else(|| "it does not say why".to_owned(), |said| cut(&quote(said), SAID_MAX_CHARS))
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
    async fn a_failure_is_told_in_the_helpers_words_and_an_answer_is_not() {
        let failed = |why: &str| Err(format!("`docker-credential-fake` failed: {why}"));
        let script = "echo; echo 'AccessDenied: no' ; echo more; exit 1";
        assert_eq!(ask(script).await, failed("AccessDenied: no"));
        assert_eq!(
            ask("echo >&2; echo 'keychain is locked' >&2; exit 1").await,
            failed("keychain is locked")
        );
        assert_eq!(ask("echo out; echo err >&2; exit 1").await, failed("out; err"));
        assert_eq!(ask("echo same; echo same >&2; exit 1").await, failed("same"));
        let silent = failed("it did not say why (exit status: 3)");
        assert_eq!(ask("exit 3").await, silent);
        assert_eq!(ask(r#"echo '{"Secret":"hunter2"}'; exit 3"#).await, silent);
        let expected = "`docker-credential-fake` printed something that is not a login in JSON";
        assert_eq!(ask("echo hunter2").await, Err(expected.to_owned()));
        assert_eq!(ask(r#"echo '{"Username":"hunter2","Secret":7}'"#).await, Err(expected.to_owned()));
    }

    #[tokio::test]
    async fn an_answer_is_found_behind_warnings_and_in_any_spelling() {
        let login = Ok(Some("me:word".to_owned()));
        let script =
            r#"echo 'level=error msg="no log"'; echo '{"ServerURL":"x","Username":"me","Secret":"word"}'"#;
        assert_eq!(ask(script).await, login);
        assert_eq!(
            ask(r#"echo warning >&2; printf '{\n "secret": "word",\n "username": "me"\n}\n'"#).await,
            login
        );
        assert_eq!(ask(r#"echo '{"Username":null,"Secret":null}'"#).await, Ok(None));
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
        assert_eq!(start.elapsed(), PATIENCE);
    }
}
