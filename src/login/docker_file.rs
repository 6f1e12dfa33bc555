//! What Docker's and Podman's login files say, read as Docker reads them: keys in any case, `null` and nothing alike.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT as BASE64;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::login::Login;
use crate::oci::Host;
use crate::text::quote;

/// Under this key and to helpers by this name, Docker keeps the login for Docker Hub.
pub(super) const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// Why a file cannot be read as logins. Holds nothing of the file but keys of `auths`.
#[derive(Debug, thiserror::Error)]
pub(super) enum FormError {
    /// The parser's own words may quote the file, and with it a password.
    #[error("the login file `{}` is not valid at line {line}, column {column}{why}", .path.display())]
    Json { path: PathBuf, line: usize, column: usize, why: &'static str },
    #[error("the login file `{}` is UTF-16: save it as UTF-8", .0.display())]
    Utf16(PathBuf),
    #[error("the login file `{}` is not valid: `{what}` has a value of the wrong kind", .path.display())]
    Kind { path: PathBuf, what: String },
    #[error("the login for `{key}` in `{}` is not base64 of `user:password`: log in again", .path.display())]
    Entry { path: PathBuf, key: String },
    #[error(
        "the login for `{key}` in `{}` is an identity token, which only its issuer's own tools can use: \
         give `credentials` with a user name and password for this registry", .path.display()
    )]
    IdentityToken { path: PathBuf, key: String },
}

/// What is read of such a file.
#[derive(Default)]
pub(super) struct Document {
    path: PathBuf,
    auths: Map<String, Value>,
    helpers: Map<String, Value>,
    /// The helper for all registries.
    pub(super) store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    #[serde(rename = "auth")]
    basic: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<String>,
}

impl Document {
    /// Reads the bytes of the file at `path`. An empty file says nothing.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, FormError> {
        let path = path.to_owned();
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return Err(FormError::Utf16(path));
        }
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes).trim_ascii();
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let value = serde_json::from_slice(bytes).map_err(|error| {
            let is_break = error.to_string().contains("control character");
            let why =
                if is_break { ": a line break or another control character is inside a text" } else { "" };
            FormError::Json { path: path.clone(), line: error.line(), column: error.column(), why }
        })?;
        let kind = |what: &str| FormError::Kind { path: path.clone(), what: what.to_owned() };
        let mut document = object(value).ok_or_else(|| kind("the whole of it"))?;
        let mut take = |key| document.remove(key).unwrap_or_default();
        let (auths, helpers, store) = (take("auths"), take("credhelpers"), take("credsstore"));
        let is_old = auths.is_null() && helpers.is_null() && store.is_null();
        let auths = if is_old {
            // What Docker before 1.7 and Kubernetes' `dockercfg` hold: the entries without anything around them.
            document.retain(|_, entry| entry.get("auth").is_some());
            document
        } else {
            entries(auths).ok_or_else(|| kind("auths"))?
        };
        let helpers = entries(helpers).ok_or_else(|| kind("credHelpers"))?;
        let store: Option<String> = serde_json::from_value(store).map_err(|_| kind("credsStore"))?;
        Ok(Self { auths, helpers, store: store.filter(|store| !store.is_empty()), path })
    }

    /// The same without programs that would be asked.
    #[cfg(any(test, fuzzing))]
    pub(super) fn without_helpers(self) -> Self {
        Self { helpers: Map::new(), store: None, ..self }
    }

    /// The helper for one of these keys. An empty name turns helpers off.
    pub(super) fn helper(&self, keys: &[String]) -> Result<Option<String>, FormError> {
        let Some((key, helper)) = lookup(&self.helpers, keys) else { return Ok(None) };
        let helper: Option<String> = self.read(helper, || format!("credHelpers → {}", quote(key)))?;
        Ok(helper.filter(|helper| !helper.is_empty()))
    }

    /// Whether there is an entry for one of these keys, be there a login in it or not.
    pub(super) fn has_entry(&self, keys: &[String]) -> bool {
        lookup(&self.auths, keys).is_some_and(|(_, entry)| !entry.is_null())
    }

    /// The login for one of these keys; none in an entry that only says that a helper has it.
    pub(super) fn login(&self, keys: &[String]) -> Result<Option<Login>, FormError> {
        let Some((key, entry)) = lookup(&self.auths, keys) else { return Ok(None) };
        let entry: Option<Entry> = self.read(entry, || format!("auths → {}", quote(key)))?;
        let Entry { basic, username, password, identity_token } = entry.unwrap_or_default();
        let is_given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        if is_given(&identity_token) {
            return Err(FormError::IdentityToken { path: self.path.clone(), key: quote(key) });
        }
        if !is_given(&basic) {
            let username = username.filter(|username| !username.is_empty());
            let password = password.unwrap_or_default();
            return Ok(username.map(|username| Login { username, password: password.into() }));
        }
        let login = decode(&basic.unwrap_or_default());
        login.map(Some).ok_or_else(|| FormError::Entry { path: self.path.clone(), key: quote(key) })
    }

    fn read<T: DeserializeOwned>(
        &self,
        value: &Value,
        what: impl FnOnce() -> String,
    ) -> Result<Option<T>, FormError> {
        let value = if value.is_object() { object(value.clone()).into() } else { value.clone() };
        serde_json::from_value(value).map_err(|_| FormError::Kind { path: self.path.clone(), what: what() })
    }
}

/// An object with its keys in lower case, as Docker's parser takes them in any. `null` is an empty one.
pub(super) fn object(value: Value) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    for (key, value) in entries(value)? {
        let lower = key.to_ascii_lowercase();
        // The key that is spelt right wins.
        if lower == key || !object.contains_key(&lower) {
            object.insert(lower, value);
        }
    }
    Some(object)
}

fn entries(value: Value) -> Option<Map<String, Value>> {
    match value {
        Value::Null => Some(Map::new()),
        Value::Object(entries) => Some(entries),
        _ => None,
    }
}

/// Base64 of `user:password` in either alphabet, be it padded, broken into lines or neither.
fn decode(text: &str) -> Option<Login> {
    let letter = |letter| match letter {
        '-' => '+',
        '_' => '/',
        other => other,
    };
    let text: String = text.chars().filter(|letter| !letter.is_whitespace()).map(letter).collect();
    let text = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    // Docker pads with zero bytes at times, and takes them off when it reads; `echo` adds a line break.
    let password = password.trim_end_matches(['\0', '\r', '\n']);
    Some(Login { username: username.to_owned(), password: password.into() })
}

/// The entry under the most specific of our keys.
fn lookup<'a>(entries: &'a Map<String, Value>, keys: &[String]) -> Option<(&'a str, &'a Value)> {
    keys.iter().find_map(|key| {
        // Several spellings of one key are possible; the order of a map must not decide between them.
        let usual = if key == Host::DOCKER_HUB { DOCKER_HUB_KEY } else { key };
        let spellings = entries.iter().filter(|(written, _)| normalise(written) == *key);
        let best = spellings.min_by_key(|(written, _)| (*written != usual, *written));
        best.map(|(written, entry)| (written.as_str(), entry))
    })
}

/// Docker writes `https://index.docker.io/v1/` for Docker Hub and knew `https://HOST/v1/` for others;
/// a path counts only where there is no scheme.
fn normalise(key: &str) -> String {
    let without_scheme = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let key = match without_scheme {
        Some(rest) => rest.split('/').next().unwrap_or_default(),
        None => key.trim_end_matches('/'),
    };
    let (host, path) = key.split_once('/').map_or((key, None), |(host, path)| (host, Some(path)));
    let host = host.to_ascii_lowercase();
    let host = Host::canonical(&host);
    match path {
        // `docker.io/v1` without a scheme is the same old form.
        None | Some("v1" | "v2") => host.to_owned(),
        Some(path) => format!("{host}/{path}"),
    }
}
