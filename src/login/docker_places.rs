//! Where Docker and Podman keep logins, and what has to be there.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use rustix::process::getuid;
use secrecy::SecretString;
use tracing::warn;

/// Holds what a file would hold.
pub(super) const INLINE: &str = "DOCKER_AUTH_CONFIG";

/// The files that may hold logins, and where helpers are found.
#[derive(Clone, Debug, Default)]
pub struct DockerFiles {
    /// What is in no file, but in a variable; asked before all files.
    pub inline: Option<SecretString>,
    /// What has to be there, as variables name it.
    pub expected: Vec<Expected>,
    /// Files that somebody named; one that may not be read is an error. The first file that knows the registry answers.
    pub named: Vec<PathBuf>,
    /// Files where they usually are, asked after those; one that may not be read counts as none.
    pub usual: Vec<PathBuf>,
    /// Where helper programs are searched, in the form of `PATH`; none for that of this process.
    pub helper_path: Option<OsString>,
}

/// A file or folder that a variable names. What is not there was meant to be.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The variable.
    pub variable: &'static str,
    /// What it names.
    pub path: PathBuf,
    /// Which of the two.
    pub place: Place,
}

/// What a variable has to name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file with logins.
    File,
    /// The folder with Docker's `config.json`.
    Folder,
}

impl DockerFiles {
    /// The places that Docker and Podman use, given a way to read environment variables:
    ///
    /// 1. `$DOCKER_AUTH_CONFIG` itself
    /// 2. `$REGISTRY_AUTH_FILE`
    /// 3. `$DOCKER_CONFIG/config.json` and, as Kubernetes mounts a secret, `$DOCKER_CONFIG/.dockerconfigjson`, or without
    ///    that variable `~/.docker/config.json`
    /// 4. `$XDG_RUNTIME_DIR/containers/auth.json`, or without that variable `/run/containers/<user id>/auth.json`
    /// 5. `$XDG_CONFIG_HOME/containers/auth.json`, or without that variable `~/.config/containers/auth.json`
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = |path: &str| folder("HOME").map(|home| home.join(path));
        let expected = |variable, place| folder(variable).map(|path| Expected { variable, path, place });
        let (file, docker) = (folder("REGISTRY_AUTH_FILE"), folder("DOCKER_CONFIG"));
        let usual_docker = if docker.is_none() { home(".docker") } else { None };
        let in_docker = |name| docker.as_ref().map(|dir| dir.join(name));
        let named = [file, in_docker("config.json"), in_docker(".dockerconfigjson")];
        let runtime = folder("XDG_RUNTIME_DIR").map(|dir| dir.join("containers"));
        let runtime = runtime.unwrap_or_else(|| format!("/run/containers/{}", getuid().as_raw()).into());
        let usual = [
            usual_docker.map(|dir| dir.join("config.json")),
            Some(runtime.join("auth.json")),
            folder("XDG_CONFIG_HOME").or_else(|| home(".config")).map(|dir| dir.join("containers/auth.json")),
        ];
        let [named, usual] = [named.into_iter().flatten().collect(), usual.into_iter().flatten().collect()];
        let expected =
            [expected("REGISTRY_AUTH_FILE", Place::File), expected("DOCKER_CONFIG", Place::Folder)];
        let inline = variable(INLINE).filter(|value| !value.is_empty());
        Self {
            inline: inline.map(|value| value.to_string_lossy().into_owned().into()),
            expected: expected.into_iter().flatten().collect(),
            named,
            usual,
            helper_path: None,
        }
    }
}

/// What a variable names is something else.
#[derive(Debug, thiserror::Error)]
#[error(
    "the environment variable `{variable}` has to name {meant}, and {} is {what}: correct it, or take the variable away",
    .path.display()
)]
pub(super) struct Unexpected {
    variable: &'static str,
    meant: &'static str,
    path: PathBuf,
    what: &'static str,
}

impl Expected {
    pub(super) async fn check(&self) -> Result<(), Unexpected> {
        let what = match tokio::fs::metadata(&self.path).await {
            Ok(found) if found.is_dir() == (self.place == Place::Folder) => return Ok(()),
            Ok(found) if found.is_dir() => "a folder",
            Ok(_) => "no folder",
            // For Docker, that is no login.
            Err(error) if is_missing(&error) && self.place == Place::Folder => {
                let Self { variable, path, .. } = self;
                warn!(
                    "The environment variable `{variable}` names {}, which is not there: no login is read from it",
                    path.display()
                );
                return Ok(());
            }
            Err(error) if is_missing(&error) => "not there",
            // Reading it says more.
            Err(_) => return Ok(()),
        };
        let Self { variable, path, place } = self.clone();
        let meant = match place {
            Place::File => "a file with logins",
            Place::Folder => "the folder that holds `config.json`",
        };
        Err(Unexpected { variable, meant, path, what })
    }
}

/// Whether there is nothing of that name.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_where_docker_and_podman_have_them() {
        let paths = |variables: &[(&str, &str)]| {
            let value = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, v)| v.into());
            let files = DockerFiles::from_environment(value);
            [files.named, files.usual].concat()
        };
        let runtime = &*format!("/run/containers/{}/auth.json", getuid().as_raw());
        let expected =
            ["/h/.docker/config.json", runtime, "/h/.config/containers/auth.json"].map(PathBuf::from);
        assert_eq!(paths(&[("HOME", "/h"), ("DOCKER_CONFIG", "")]), expected);
        let all = [
            ("HOME", "/h"),
            ("REGISTRY_AUTH_FILE", "/r.json"),
            ("DOCKER_CONFIG", "/d"),
            ("XDG_RUNTIME_DIR", "/run/1"),
            ("XDG_CONFIG_HOME", "/c"),
        ];
        let expected = [
            "/r.json",
            "/d/config.json",
            "/d/.dockerconfigjson",
            "/run/1/containers/auth.json",
            "/c/containers/auth.json",
        ];
        assert_eq!(paths(&all), expected.map(PathBuf::from));
        assert_eq!(paths(&[]), [PathBuf::from(runtime)]);
    }
}
