//! Settings of registries.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use crate::config::ecr::Ecr;
use crate::config::raw;
use crate::config::secret::Secret;
use crate::ecr::EcrHost;
use crate::oci::Host;
use crate::yaml::{Document, Path};

/// Settings of one registry.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// The login. None: that of Docker's `config.json`; at ECR that of the AWS default chain.
    pub credentials: Option<Credentials>,
    /// The token service to which alone a login may go. None: whichever the registry names.
    pub token_service: Option<Host>,
    /// Limits on the requests to it.
    pub limits: Limits,
    /// Whether to talk HTTP without TLS.
    pub plain_http: bool,
    /// A PEM file of further certificate authorities to trust, as it was written: relative to the working directory.
    pub ca_file: Option<PathBuf>,
    /// Hosts inside that it may lead to although it is outside: names, and `*.DOMAIN` for all below one, in lower case.
    pub private_redirects: Vec<String>,
    /// What only Amazon ECR has. None: any other registry.
    pub ecr: Option<Ecr>,
}

/// A login at a registry.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A user name and a password or token.
    Password {
        /// The user.
        username: String,
        /// The password or token.
        password: SecretString,
    },
    /// A user name, and the file that holds the password or token.
    PasswordFile {
        /// The user.
        username: String,
        /// The file, as it was written: relative to the working directory.
        path: PathBuf,
    },
    /// A secret in AWS Secrets Manager whose JSON holds `username` and `password`.
    Secret {
        /// Its ARN or name.
        id: String,
    },
}

/// Limits on the requests to a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests at a time.
    pub concurrent: NonZeroUsize,
    /// Requests a second. None: no limit.
    pub per_second: Option<NonZeroU32>,
}

impl Limits {
    const DEFAULT_CONCURRENT: NonZeroUsize = NonZeroUsize::new(8).unwrap();
}

impl Default for Limits {
    fn default() -> Self {
        Self { concurrent: Self::DEFAULT_CONCURRENT, per_second: None }
    }
}

impl Registry {
    /// The settings of a host that has none of its own.
    pub fn of_host(host: &Host) -> Self {
        Self { ecr: Ecr::of_host(host), ..Self::default() }
    }

    fn new(host: &Host, raw: raw::Registry, path: &Path, document: &mut Document) -> Self {
        let credentials_path = path.key("credentials");
        let credentials = raw.credentials.and_then(|raw| Credentials::new(raw, &credentials_path, document));
        let token_service = token_service(raw.token_service, &path.key("token_service"), document);
        let limits_path = path.key("limits");
        let concurrent =
            document.bounded(raw.limits.concurrent, raw::AT_A_TIME_MAX, &limits_path.key("concurrent"));
        let per_second =
            document.bounded(raw.limits.per_second, raw::PER_SECOND_MAX, &limits_path.key("per_second"));
        let plain_http = raw.plain_http.unwrap_or(false);
        let ca_path = path.key("ca_file");
        let ca_file = document.text(raw.ca_file, &ca_path);
        if plain_http && EcrHost::parse(host).is_some() {
            document.report(&path.key("plain_http"), "ECR is reached over TLS alone: leave this out");
        }
        if plain_http && ca_file.is_some() {
            document.report(&ca_path, "has no meaning with `plain_http`: leave one of them out");
        }
        let ecr = match raw.ecr {
            Some(raw) => Ecr::new(host, raw, &path.key("ecr"), document),
            None => Ecr::of_host(host),
        };
        Self {
            credentials,
            token_service,
            limits: Limits { concurrent: concurrent.unwrap_or(Limits::DEFAULT_CONCURRENT), per_second },
            plain_http,
            ca_file: ca_file.map(PathBuf::from),
            private_redirects: private_redirects(
                raw.private_redirects,
                &path.key("private_redirects"),
                document,
            ),
            ecr,
        }
    }
}

/// The most pairs of hosts that are compared letter by letter; with more, misspellings are not looked for.
const COMPARISONS_MAX: usize = 250_000;

/// Reads the settings of all registries. `used` are the hosts of the mirrors, as far as these are without fault.
pub(super) fn registries(
    raw: BTreeMap<String, raw::Registry>,
    used: &BTreeSet<Host>,
    path: &Path,
    document: &mut Document,
) -> BTreeMap<Host, Registry> {
    let mut registries = BTreeMap::new();
    let is_compared = raw.len() * used.len() <= COMPARISONS_MAX;
    for (key, raw) in raw {
        let path = path.key(&key);
        let Ok(host) = key.parse::<Host>() else {
            // The key is not repeated: a user name and password may be in it.
            document.report_key(
                &path,
                "not a registry host: write HOST or HOST:PORT, without `https://` or a path",
            );
            continue;
        };
        let host = normal(host);
        if let Some(meant) = is_compared.then(|| meant(&host, used)).flatten() {
            document.report_key(&path, format!("no mirror uses this host, did you mean `{meant}`?"));
        }
        let registry = Registry::new(&host, raw, &path, document);
        if registries.insert(host, registry).is_some() {
            document
                .report_key(&path, "the same registry as another key here: put all its settings under one");
        }
    }
    registries
}

/// Warns of settings that are for no mirror. They may be for `tags` and `copy`, or for a name that is written otherwise.
pub(super) fn warn_unused(
    registries: &BTreeMap<Host, Registry>,
    used: &BTreeSet<Host>,
    path: &Path,
    document: &mut Document,
) {
    const NEAR: usize = 3;
    if registries.len() * used.len() > COMPARISONS_MAX {
        return;
    }
    let without_port = |host: &Host| host.as_str().split(':').next().unwrap_or_default().to_owned();
    for host in registries.keys().filter(|host| !used.contains(host)) {
        let distance = |other: &Host| {
            if without_port(other) == without_port(host) {
                return 0;
            }
            strsim::damerau_levenshtein(other.as_str(), host.as_str())
        };
        let near =
            used.iter().map(|other| (distance(other), other)).min().filter(|(distance, _)| *distance <= NEAR);
        let meant =
            near.map(|(_, other)| other).or_else(|| used.iter().find(|other| is_brother(host, other)));
        let meant = meant.map(|other| format!(": is `{other}` meant?")).unwrap_or_default();
        let what = format!("no mirror uses this host, so these settings do nothing for mirrors{meant}");
        document.warn(&path.key(host.as_str()), "unused_registry", &what);
    }
}

/// Whether both are ECR, in another region or of another account.
fn is_brother(host: &Host, other: &Host) -> bool {
    EcrHost::parse(host)
        .zip(EcrHost::parse(other))
        .is_some_and(|(host, other)| host.account == other.account || host.region == other.region)
}

/// The one of the `used` hosts that an unused `host` is a misspelling of. Short names are alike by nature (`gcr.io` and
/// `ghcr.io`), and so are numbered ones.
fn meant<'a>(host: &Host, used: &'a BTreeSet<Host>) -> Option<&'a Host> {
    const HOST_MIN_BYTES: usize = 12;
    const SLIPS_MAX: usize = 2;
    if used.contains(host) || host.as_str().len() < HOST_MIN_BYTES {
        return None;
    }
    let name = |host: &Host| host.as_str().replace(|c: char| c.is_ascii_digit(), "");
    let is_slip = |other: &&Host| {
        name(other) != name(host) && strsim::damerau_levenshtein(other.as_str(), host.as_str()) <= SLIPS_MAX
    };
    used.iter().find(is_slip)
}

impl Credentials {
    /// Exactly one of the three kinds has to be written, and all of it.
    fn new(raw: raw::Credentials, path: &Path, document: &mut Document) -> Option<Self> {
        let [username_path, password_path, file_path, secret_path] =
            ["username", "password", "password_file", "secret"].map(|key| path.key(key));
        let kinds = [
            (raw.password.is_some(), &password_path),
            (raw.password_file.is_some(), &file_path),
            (raw.secret.is_some(), &secret_path),
        ];
        let mut given = kinds.iter().filter(|(is_given, path)| *is_given || document.is_removed(path));
        let (first, second) = (given.next(), given.next());
        if let Some((_, path)) = second {
            document.report(path, "one too many: write only one of `password`, `password_file` and `secret`");
            return None;
        }
        if first.is_none() {
            document.report(
                path,
                "incomplete: write `username` with `password` or `password_file`, or `secret` alone",
            );
            return None;
        }
        if raw.secret.is_some() {
            if raw.username.is_some() {
                document.report(&username_path, "the secret holds the user name too: leave it out");
            }
            return Some(Self::Secret { id: document.text(raw.secret, &secret_path)? });
        }
        let username = if document.is_removed(&secret_path) {
            None
        } else {
            document.required(raw.username, &username_path, "write whose password this is")
        };
        let username = document.text(username, &username_path);
        match (raw.password, raw.password_file) {
            (Some(Secret(password)), _) if password.expose_secret().is_empty() => {
                document.report_empty(&password_path);
                None
            }
            (Some(Secret(password)), _) => {
                Some(Self::Password { username: username?, password: without_line_break(&password) })
            }
            (None, file) => {
                let path = document.text(file, &file_path)?.into();
                Some(Self::PasswordFile { username: username?, path })
            }
        }
    }
}

fn token_service(raw: Option<String>, path: &Path, document: &mut Document) -> Option<Host> {
    let host = document.text(raw, path)?.to_ascii_lowercase().parse().ok();
    if host.is_none() {
        document.report(path, "expected HOST or HOST:PORT, without `https://` or a path");
    }
    host
}

fn private_redirects(raw: Vec<String>, path: &Path, document: &mut Document) -> Vec<String> {
    let host = |(index, text): (usize, String)| {
        let path = path.index(index);
        let host = text.trim().trim_end_matches('.').to_ascii_lowercase();
        let name = host.strip_prefix("*.").unwrap_or(&host);
        let is_link_local = match name.parse() {
            Ok(IpAddr::V4(ip)) => ip.is_link_local(),
            Ok(IpAddr::V6(ip)) => ip.is_unicast_link_local(),
            Err(_) => false,
        };
        let is_name =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        if is_link_local {
            document.report(
                &path,
                "a link-local address: machines keep their credentials there, and it is never allowed",
            );
        } else if !is_name && name.parse::<IpAddr>().is_err() {
            document.report(
                &path,
                "expected a host without a port, such as `s3.example.com`, or `*.example.com`",
            );
        } else {
            return Some(host);
        }
        None
    };
    raw.into_iter().enumerate().filter_map(host).collect()
}

/// Secrets that were made of a file may have a byte order mark and line breaks around them; files are read likewise.
fn without_line_break(password: &SecretString) -> SecretString {
    password.expose_secret().trim_start_matches('\u{feff}').trim_matches(['\r', '\n']).into()
}

/// A host as it is compared: in lower case, and Docker Hub under one of its names.
pub(super) fn normal(host: Host) -> Host {
    let name = host.as_str().to_ascii_lowercase();
    let name = match name.as_str() {
        "index.docker.io" | "registry-1.docker.io" => Host::DOCKER_HUB,
        name => name,
    };
    name.parse().unwrap_or(host)
}
