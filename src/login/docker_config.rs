//! Logins from the files that `docker login` and `podman login` write, and from the helpers named in them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use tokio::io::AsyncReadExt;
use tracing::warn;

use crate::login::docker_file::{DOCKER_HUB_KEY, Document, FormError};
use crate::login::docker_helper::{self, HelperError};
use crate::login::docker_places::{DockerFiles, INLINE, Unexpected, is_missing};
use crate::login::{Credentials, CredentialsError, Expiring, Fresh, Freshness, Login};
use crate::oci::{Host, Repository};

/// A larger file is refused.
const FILE_MAX_BYTES: u64 = 1024 * 1024;
/// What the files and helpers said holds this long; a helper may be slow, or ask a person.
const LIFETIME: Duration = Duration::from_mins(10);

/// The login for one registry, or for one repository of it, as Docker's or Podman's files have it.
///
/// In each file, a helper for the registry (`credHelpers`) comes before an entry in `auths`, and that before
/// the helper for all registries (`credsStore`). A registry that no file knows is visited anonymously.
#[derive(Debug)]
pub struct DockerConfig {
    host: Host,
    files: DockerFiles,
    /// By repository: Podman keeps logins for parts of a registry, such as `quay.io/team`. Held for look-ups only.
    caches: Mutex<HashMap<Repository, Arc<Cache>>>,
}

type Cache = Expiring<Option<Login>, Arc<Error>>;

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Unexpected(#[from] Unexpected),
    #[error("cannot read the login file `{}`", .path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the login file `{}` is larger than {FILE_MAX_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
    #[error(transparent)]
    Form(#[from] FormError),
    #[error("cannot get the login for `{key}`, as `{}` asks for", .path.display())]
    Helper {
        path: PathBuf,
        key: String,
        #[source]
        source: HelperError,
    },
}

impl DockerConfig {
    /// Looks for logins of `host` in these files; an entry for a part of the registry that holds the repository
    /// in question comes before one for all of it.
    pub fn new(host: Host, files: DockerFiles) -> Self {
        Self { host, files, caches: Mutex::default() }
    }

    async fn find(&self, repository: &Repository) -> Result<Option<Login>, Error> {
        if let Some(inline) = &self.files.inline {
            let path = PathBuf::from(format!("${INLINE}"));
            let document = Document::parse(inline.expose_secret().as_bytes(), &path)?;
            if let Some(login) = self.find_in(&document, &path, repository).await? {
                return Ok(Some(login));
            }
        }
        for expected in &self.files.expected {
            expected.check().await?;
        }
        let named = self.files.named.iter().map(|path| (path, true));
        let usual = self.files.usual.iter().map(|path| (path, false));
        for (path, is_named) in named.chain(usual) {
            let document = match read(path).await {
                Err(Error::Read { path, source })
                    if !is_named && source.kind() == io::ErrorKind::PermissionDenied =>
                {
                    warn!(
                        "The login file `{}` may not be read, and counts as none: {source}",
                        path.display()
                    );
                    None
                }
                read => read?,
            };
            if let Some(document) = document
                && let Some(login) = self.find_in(&document, path, repository).await?
            {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }

    async fn find_in(
        &self,
        document: &Document,
        path: &Path,
        repository: &Repository,
    ) -> Result<Option<Login>, Error> {
        let keys = self.keys(repository);
        if let Some(helper) = document.helper(&keys)? {
            return self.ask(&helper, path).await;
        }
        if let Some(login) = document.login(&keys)? {
            return Ok(Some(login));
        }
        let Some(store) = &document.store else { return Ok(None) };
        match self.ask(store, path).await {
            // The file may come from another machine. Who logged in there has an entry.
            Err(error @ Error::Helper { source: HelperError::NotFound(_), .. })
                if !document.has_entry(&keys) =>
            {
                warn!("No login for {}: {error}: {}", self.host, HelperError::not_found(store));
                Ok(None)
            }
            answer => answer,
        }
    }

    /// What a file of these bytes says; nobody is asked if it names helpers.
    #[cfg(any(test, fuzzing))]
    pub(super) fn find_in_bytes(
        &self,
        bytes: &[u8],
        repository: &Repository,
    ) -> Result<Option<Login>, CredentialsError> {
        let path = Path::new("config.json");
        let document = Document::parse(bytes, path)?.without_helpers();
        let found = futures_util::FutureExt::now_or_never(self.find_in(&document, path, repository));
        Ok(found.transpose()?.flatten())
    }

    async fn ask(&self, helper: &str, path: &Path) -> Result<Option<Login>, Error> {
        let key = match self.host.as_str() {
            Host::DOCKER_HUB => DOCKER_HUB_KEY,
            host => host,
        };
        let answer = docker_helper::get(helper, key, self.files.helper_path.as_deref()).await;
        let (path, key) = (path.to_owned(), key.to_owned());
        match answer {
            Err(source) => Err(Error::Helper { path, key, source }),
            Ok(Some(login)) if login.username == "<token>" => {
                Err(FormError::IdentityToken { path, key }.into())
            }
            Ok(login) => Ok(login),
        }
    }

    /// The keys that an entry for us may have, normalised, the most specific first.
    fn keys(&self, repository: &Repository) -> Vec<String> {
        let (host, repository) = (self.host.as_str(), repository.as_str());
        let ends = repository.match_indices('/').map(|(end, _)| end).chain([repository.len()]);
        let mut keys: Vec<_> = ends.map(|end| format!("{host}/{}", &repository[..end])).rev().collect();
        keys.push(host.to_owned());
        keys
    }
}

impl Credentials for DockerConfig {
    fn origin(&self) -> String {
        "Docker's or Podman's login file".to_owned()
    }

    fn login(
        &self,
        repository: &Repository,
        freshness: Freshness,
    ) -> BoxFuture<'_, Result<Option<Login>, CredentialsError>> {
        let repository = repository.clone();
        let mut caches = self.caches.lock().unwrap_or_else(PoisonError::into_inner);
        let cache = Arc::clone(caches.entry(repository.clone()).or_default());
        Box::pin(async move {
            let find = async || match self.find(&repository).await {
                Ok(login) => Ok(Fresh::lasting(login, LIFETIME)),
                Err(error) => Err(Arc::new(error)),
            };
            Ok(cache.get(freshness, find).await?)
        })
    }
}

/// Reads a file; none if there is none.
async fn read(path: &Path) -> Result<Option<Document>, Error> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    let file = match tokio::fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return Err(Error::TooLarge(path.to_owned()));
    }
    Ok(Some(Document::parse(&bytes, path)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    /// What the file says for a repository: `user:password`, empty if anonymous.
    async fn ask(name: &str, documents: &[&str]) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let mut files = DockerFiles::default();
        files.named.push(dir.path().join("missing.json"));
        for (index, document) in documents.iter().enumerate() {
            let path = dir.path().join(format!("{index}.json"));
            std::fs::write(&path, document).unwrap();
            files.named.push(path);
        }
        files.helper_path = Some(dir.path().into());
        let (host, repository) = name.split_once('/').unwrap();
        let config = DockerConfig::new(host.parse().unwrap(), files.clone());
        match config.login(&repository.parse().unwrap(), Freshness::Cached).await {
            Ok(None) => Ok(String::new()),
            Ok(Some(login)) => Ok(format!("{}:{}", login.username, login.password.expose_secret())),
            Err(error) => {
                let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
                Err(format!("{error}{source}").replace(dir.path().to_str().unwrap(), "DIR"))
            }
        }
    }

    #[track_caller]
    fn check(answer: Result<&str, &String>, expected: &str) {
        assert_eq!(answer, Ok(expected));
    }

    fn auth(key: &str, login: &str) -> String {
        format!(r#"{{"auths": {{"{key}": {{"auth": "{}"}}}}}}"#, BASE64.encode(login))
    }

    #[tokio::test]
    async fn every_spelling_of_a_host_is_found() {
        for key in ["a.test", "https://a.test", "https://a.test/v1/", "http://a.test/v2/", "a.test/"] {
            check(ask("a.test/x", &[&auth(key, "me:pass:word")]).await.as_deref(), "me:pass:word");
        }
        for key in ["https://index.docker.io/v1/", "docker.io", "index.docker.io/v1/", "registry-1.docker.io"]
        {
            check(ask("docker.io/library/nginx", &[&auth(key, "me:hub\0\0")]).await.as_deref(), "me:hub");
        }
    }

    #[tokio::test]
    async fn another_host_is_not_ours() {
        for key in ["b.a.test", "a.test.evil.test", "https://evil.test/a.test", "a.test:443", "a.test/other"]
        {
            check(ask("a.test/x", &[&auth(key, "me:word")]).await.as_deref(), "");
        }
    }

    #[tokio::test]
    async fn the_most_specific_key_wins() {
        let document = r#"{"auths": {
            "a.test": {"username": "all", "password": "1"},
            "a.test/team": {"username": "team", "password": "2"},
            "a.test/team/app": {"username": "app", "password": "3"}}}"#;
        check(ask("a.test/team/app", &[document]).await.as_deref(), "app:3");
        check(ask("a.test/team/other", &[document]).await.as_deref(), "team:2");
        check(ask("a.test/teams", &[document]).await.as_deref(), "all:1");
    }

    #[tokio::test]
    async fn the_first_file_that_knows_the_registry_answers() {
        let documents = ["{}", &auth("b.test", "b:1"), &auth("a.test", "a:2"), &auth("a.test", "a:3")];
        check(ask("a.test/x", &documents).await.as_deref(), "a:2");
        check(ask("c.test/x", &documents).await.as_deref(), "");
    }

    #[tokio::test]
    async fn a_broken_file_is_named_and_not_quoted() {
        let error = ask("a.test/x", &[r#"{"auths": {"a.test": "hunter2"}}"#]).await.unwrap_err();
        assert_eq!(
            error,
            "the login file `DIR/0.json` is not valid: `auths → a.test` has a value of the wrong kind"
        );
        let error = ask("a.test/x", &[&auth("a.test", "hunter2")]).await.unwrap_err();
        assert_eq!(
            error,
            "the login for `a.test` in `DIR/0.json` is not base64 of `user:password`: log in again"
        );
    }

    #[tokio::test]
    async fn a_key_is_repeated_on_one_line_and_in_part() {
        let key = format!("https://a.test/\\u001b[2J\\n{}", "x".repeat(10_000));
        let error = ask("a.test/x", &[&auth(&key, "hunter2")]).await.unwrap_err();
        assert!(error.starts_with(r"the login for `https://a.test/\u{1b}[2J xxx"), "{error}");
        assert!(error.len() < 1200 && !error.contains(char::is_control), "{error}");
    }

    #[tokio::test]
    async fn an_identity_token_is_refused_by_name() {
        let document = r#"{"auths": {"a.test": {"identitytoken": "hunter2"}}}"#;
        let error = ask("a.test/x", &[document]).await.unwrap_err();
        assert!(error.contains("identity token") && !error.contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn an_own_entry_comes_before_the_helper_for_all() {
        let document = r#"{"credsStore": "missing", "auths": {
            "a.test": {"username": "me", "password": "1"}, "b.test": {}}}"#;
        check(ask("a.test/x", &[document]).await.as_deref(), "me:1");
        let error = ask("b.test/x", &[document]).await.unwrap_err();
        assert_eq!(
            error,
            "cannot get the login for `b.test`, as `DIR/0.json` asks for: \
             the program `docker-credential-missing` was not found"
        );
    }

    #[tokio::test]
    async fn the_helper_for_a_host_comes_before_all_else() {
        let document = r#"{"credHelpers": {"a.test": "missing"}, "auths": {
            "a.test": {"username": "me", "password": "1"}}}"#;
        assert!(ask("a.test/x", &[document]).await.unwrap_err().contains("docker-credential-missing"));
    }
}
