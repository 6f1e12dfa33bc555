//! Finding the configuration and reading it.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use tracing::{info, warn};

use crate::app;
use crate::app::Options;
use crate::cli::exit::{ExitCode, ExitError};
use crate::config::{Config, Faults, Found, Mirror, Warning};
use crate::pass::Stop;

/// Read where nothing else is said.
const DEFAULT_PATH: &str = "tagferry.yaml";
/// Not read, but what people call it who write `.yml`.
const OTHER_PATH: &str = "tagferry.yml";
/// May hold the configuration's text. An empty one counts as none.
const TEXT_VARIABLE: &str = "TAGFERRY_CONFIG_YAML";
/// What it takes to start a run over HTTP. An empty one counts as none.
const TOKEN_VARIABLE: &str = "TAGFERRY_API_TOKEN";
/// A daemon's token is at least so long.
const TOKEN_MIN_CHARS: usize = 16;

/// A configuration as it is written: of what is to be discovered, nobody knows yet which repositories there are.
pub(super) struct Loaded {
    pub(super) config: Config,
    origin: String,
    text: String,
}

/// The configuration that `--config` (here `path`), the environment or the working directory gives.
pub(super) fn load(path: Option<&Path>) -> Result<Loaded, ExitError> {
    let origin = Origin::find(path, variable(TEXT_VARIABLE));
    let text = origin.read().map_err(|error| unreadable(&origin, &error))?;
    let origin = origin.to_string();
    let config = Config::parse(&origin, &text, &|name| std::env::var_os(name));
    let config = config.map_err(|faults| faulty(&origin, &faults))?;
    tell(&origin, &config.warnings);
    Ok(Loaded { config, origin, text })
}

fn tell<'a>(origin: &str, warnings: impl IntoIterator<Item = &'a Warning>) {
    for Warning { code, fault } in warnings {
        warn!(code, "{origin}:{fault}");
    }
}

impl Loaded {
    /// With a mirror for each repository that is to be discovered, and one that fails for what cannot be. `known` is what was
    /// found before, and then what is found now.
    pub(super) async fn discovered(
        self,
        options: Options,
        known: &mut Found,
        stop: &Stop,
    ) -> Result<Config, ExitError> {
        let Self { config: written, origin, text } = self;
        if written.discoveries.is_empty() {
            return Ok(written);
        }
        let mut found = Box::pin(app::discover::repositories(&written, options, stop)).await;
        for discovery in &written.discoveries {
            if let (Some(now), Some(before)) =
                (found.get_mut(&discovery.source), known.get(&discovery.source))
            {
                *now = discovery.keep(before, std::mem::take(now));
            }
        }
        let config = Config::parse_found(&origin, &text, &|name| std::env::var_os(name), &found);
        *known = found;
        let config = config.map_err(|faults| faulty(&origin, &faults))?;
        tell(&origin, config.warnings.iter().filter(|warning| !written.warnings.contains(warning)));
        for discovery in &written.discoveries {
            let source = &discovery.source;
            if config.mirrors.iter().any(|mirror| mirror.name == *source) {
                // Its pass says why.
                continue;
            }
            let of = |mirror: &&Mirror| {
                mirror.first_target.is_none() && mirror.discovered_by.as_ref() == Some(source)
            };
            let count = config.mirrors.iter().filter(of).count();
            let repositories = if count == 1 { "repository" } else { "repositories" };
            info!(repositories = count, "Discovered {count} {repositories} of {source}");
        }
        Ok(config)
    }
}

/// The same, and the default where nobody names a configuration and there is none.
pub(super) fn load_if_any(path: Option<&Path>) -> Result<Config, ExitError> {
    match Origin::find(path, variable(TEXT_VARIABLE)) {
        Origin::Default if !Path::new(DEFAULT_PATH).exists() => Ok(Config::default()),
        _ => Ok(load(path)?.config),
    }
}

/// Whether this path stands for standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// The token of a daemon's control plane. Secrets that were files often end in a line break, which no header can hold.
pub(super) fn api_token() -> Option<SecretString> {
    let token = variable(TOKEN_VARIABLE).map(|token| token.trim().to_owned());
    token.filter(|token| !token.is_empty()).map(SecretString::from)
}

/// The same for the daemon itself, which takes none that could be guessed.
pub(super) fn own_api_token() -> Result<Option<SecretString>, ExitError> {
    let token = api_token();
    let length = token.as_ref().map_or(0, |token| token.expose_secret().chars().count());
    // Blanks alone count as no token, but somebody meant to set one.
    let is_set = variable(TOKEN_VARIABLE).is_some_and(|token| !token.is_empty());
    if is_set && length < TOKEN_MIN_CHARS {
        let text = format_args!(
            "the environment variable {TOKEN_VARIABLE} has fewer than {TOKEN_MIN_CHARS} characters and could be guessed: make \
             one with `openssl rand -hex 32`"
        )
        .to_string();
        return Err(ExitError::new(ExitCode::Usage, text));
    }
    Ok(token)
}

/// Where the text is. `Display` is what messages call it.
#[derive(Debug, PartialEq, Eq)]
enum Origin {
    Stdin,
    File(PathBuf),
    Variable(String),
    Default,
}

impl Origin {
    /// What is said on the command line wins over the environment, and that over the working directory.
    fn find(path: Option<&Path>, text: Option<String>) -> Self {
        match (path, text) {
            (Some(path), _) if is_stdin(path) => Self::Stdin,
            (Some(path), _) => Self::File(path.to_owned()),
            (None, Some(text)) if !text.is_empty() => Self::Variable(text),
            (None, _) => Self::Default,
        }
    }

    fn read(&self) -> io::Result<String> {
        match self {
            Self::Stdin => io::read_to_string(io::stdin()),
            Self::File(path) => fs::read_to_string(path),
            Self::Variable(text) => Ok(text.clone()),
            Self::Default => fs::read_to_string(DEFAULT_PATH),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::File(path) => path.display().fmt(f),
            Self::Variable(_) => f.write_str(TEXT_VARIABLE),
            Self::Default => f.write_str(DEFAULT_PATH),
        }
    }
}

/// The value of a variable among those that [`check_variables`] has looked at.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Fails where a variable of ours is set and is no text: it would count as one that is not set. Those of AWS, of proxies
/// and in the configuration are looked at where they are used.
pub(super) fn check_variables() -> Result<(), ExitError> {
    let is_ours = |name: &str| {
        ["TAGFERRY_", "OTEL_", "AWS_BATCH_"].iter().any(|prefix| name.starts_with(prefix))
            || ["RUST_LOG", "JOB_COMPLETION_INDEX"].contains(&name)
    };
    let faulty = std::env::vars_os().find_map(|(name, value)| {
        let name = name.into_string().ok().filter(|name| is_ours(name))?;
        value.into_string().is_err().then_some(name)
    });
    faulty.map_or(Ok(()), |name| {
        let text = format_args!("the environment variable `{name}` is set but is not UTF-8").to_string();
        Err(ExitError::new(ExitCode::Usage, text))
    })
}

fn unreadable(origin: &Origin, error: &io::Error) -> ExitError {
    let mut text = format!("cannot read the configuration {origin}: {error}");
    let is_missing = *origin == Origin::Default && error.kind() == io::ErrorKind::NotFound;
    if is_missing && Path::new(OTHER_PATH).exists() {
        text += "\nhint: there is a tagferry.yml: rename it, or use `--config tagferry.yml`";
    } else if is_missing {
        text += "\nhint: create it here (`tagferry help check` shows a minimal one), name another with \
                 `--config PATH`, or put its text into the environment variable TAGFERRY_CONFIG_YAML";
    }
    ExitError::new(ExitCode::Usage, text)
}

fn faulty(origin: &str, faults: &Faults) -> ExitError {
    let count = faults.iter().count();
    let plural = if count == 1 { "" } else { "s" };
    ExitError::verbatim(ExitCode::Usage, format!("{faults}\n{count} fault{plural} in {origin}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: Option<&str>, text: Option<&str>, expected: &Origin) {
        assert_eq!(&Origin::find(path.map(Path::new), text.map(str::to_owned)), expected);
    }

    #[test]
    fn the_command_line_wins_over_the_environment_and_that_over_the_default() {
        check(Some("a.yaml"), Some("mirrors: []"), &Origin::File("a.yaml".into()));
        check(Some("-"), Some("mirrors: []"), &Origin::Stdin);
        check(None, Some("mirrors: []"), &Origin::Variable("mirrors: []".to_owned()));
        check(None, Some(""), &Origin::Default);
        check(None, None, &Origin::Default);
    }
}
