//! Which proxy a request goes through, as the environment says: one rule for registries, AWS and notices.
//!
//! `https_proxy` and `http_proxy` by the scheme of the address, else `all_proxy`; `no_proxy` says where none is used. Names in
//! lower case come before those in upper case, as curl has it, and an empty variable counts as none.

mod exceptions;

use std::ffi::OsString;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use reqwest::ClientBuilder;
use tracing::warn;
use url::Url;

use crate::proxy::exceptions::Exceptions;
use crate::redact::Secrets;
use crate::text::{address, chain};

/// What stands around a value that was pasted.
const QUOTES: [char; 7] = ['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}'];

/// Which proxies there are, and what is not for them.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    exceptions: Exceptions,
}

#[derive(Clone)]
struct Proxy {
    /// A user and password may be in it.
    url: Url,
    variable: &'static str,
}

/// A variable that does not say which proxy is meant. What it holds is not shown, as a password may be in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not text.
    #[error("the environment variable `{0}` is set but is not UTF-8")]
    NotUtf8(&'static str),
    /// Quotes that are part of the value.
    #[error("the environment variable `{0}` holds a quote ({1}): write the address alone")]
    Quote(&'static str, char),
    /// A login that is cut off where the host was to begin.
    #[error(
        "the environment variable `{0}` has a user name or password that ends early: write `\\`, `/`, `#` and `?` in a user name or \
         password as `%5C`, `%2F`, `%23` and `%3F`"
    )]
    Login(&'static str),
    /// A kind of proxy that is not supported.
    #[error("the environment variable `{0}` names a proxy by `{1}://`: only `http://` and `https://` work")]
    Scheme(&'static str, String),
    /// No address.
    #[error("the environment variable `{0}` is not the address of a proxy, such as `http://HOST:PORT`")]
    Address(&'static str),
}

impl Proxies {
    /// Those of this process.
    pub fn of_process() -> Result<&'static Self, ProxyError> {
        static PROXIES: LazyLock<Result<Proxies, ProxyError>> =
            LazyLock::new(|| Proxies::read(|name| std::env::var_os(name)));
        PROXIES.as_ref().map_err(Clone::clone)
    }

    /// Those that these variables name.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, ProxyError> {
        let value = |names: [&'static str; 2]| {
            let set = names.into_iter().filter_map(|name| Some((name, variable(name)?)));
            let mut texts = set.map(|(name, value)| match value.into_string() {
                Ok(text) => Ok((name, text.trim().to_owned())),
                Err(_) => Err(ProxyError::NotUtf8(name)),
            });
            // What is no text counts: it was meant to say something.
            texts.find(|text| !matches!(text, Ok((_, text)) if text.is_empty())).transpose()
        };
        let proxy = |names| value(names)?.map(|(name, text)| Proxy::parse(name, &text)).transpose();
        let exceptions = value(["no_proxy", "NO_PROXY"])?;
        let exceptions = exceptions.map_or_else(Exceptions::default, |(name, text)| {
            let (exceptions, useless) = Exceptions::parse(&text);
            for entry in useless {
                warn!(
                    "`{entry}` in `{name}` matches nothing: write a host, `.domain`, an address or a network"
                );
            }
            exceptions
        });
        let (https, http) = (proxy(["https_proxy", "HTTPS_PROXY"])?, proxy(["http_proxy", "HTTP_PROXY"])?);
        // A variable that would not be used is not checked.
        let all = if https.is_none() || http.is_none() { proxy(["all_proxy", "ALL_PROXY"])? } else { None };
        Ok(Self { https: https.or_else(|| all.clone()), http: http.or(all), exceptions })
    }

    /// Makes a client ask by way of them.
    pub fn apply(&'static self, builder: ClientBuilder) -> ClientBuilder {
        if self.https.is_none() && self.http.is_none() {
            return builder.no_proxy();
        }
        builder.proxy(reqwest::Proxy::custom(|url| Some(self.of(url)?.url.clone())))
    }

    /// Whether a request for this address goes through one of them.
    pub fn are_for(&self, url: &Url) -> bool {
        self.of(url).is_some()
    }

    /// The hosts of the proxies.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        [&self.https, &self.http].into_iter().flatten().filter_map(|proxy| proxy.url.host_str())
    }

    /// The logins at the proxies, as they are sent.
    pub fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        for Proxy { url, .. } in [&self.https, &self.http].into_iter().flatten() {
            let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            if let Some(password) = url.password().map(decoded) {
                secrets.add(&STANDARD.encode(format!("{}:{password}", decoded(url.username()))));
                secrets.add(&password);
            }
        }
        secrets
    }

    /// Says that it was the proxy, where a request for this address failed at one.
    pub fn explain(&self, url: &Url, error: &reqwest::Error) -> Option<String> {
        let proxy = self.of(url).filter(|_| error.is_connect())?;
        let causes = chain(error);
        let what = if causes.contains("proxy authorization required") {
            match proxy.url.password() {
                Some(_) => "does not accept the login in that variable".to_owned(),
                None => "wants a login: write it into the variable, as in `http://USER:PASSWORD@HOST:PORT`"
                    .to_owned(),
            }
        } else if causes.contains("tunnel error: unsuccessful") {
            format!(
                "does not connect to {}: allow that there, or except the host in `NO_PROXY`",
                address(url)
            )
        } else if ["tcp connect", "dns error", "Connect)", "underlying connection"]
            .iter()
            .any(|part| causes.contains(part))
        {
            "cannot be reached".to_owned()
        } else {
            return None;
        };
        let Proxy { url, variable } = proxy;
        Some(format!(
            "the proxy {} of `{variable}` {what}",
            url.authority().rsplit('@').next().unwrap_or_default()
        ))
    }

    fn of(&self, url: &Url) -> Option<&Proxy> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.exceptions.contain(url))
    }
}

impl Proxy {
    fn parse(variable: &'static str, text: &str) -> Result<Self, ProxyError> {
        if let Some(quote) = text.chars().find(|letter| QUOTES.contains(letter)) {
            return Err(ProxyError::Quote(variable, quote));
        }
        // Without a scheme, http is meant.
        let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        match text.split_once("://") {
            Some(("http" | "https", _)) => {}
            Some((scheme, _)) => return Err(ProxyError::Scheme(variable, scheme.chars().take(10).collect())),
            None => return Err(ProxyError::Address(variable)),
        }
        // What is before the last `@` was meant as a login, and is the host for who reads addresses.
        let login = text.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
        if text.contains('\\') || login.is_some_and(|(login, _)| login.contains(['/', '#', '?'])) {
            return Err(ProxyError::Login(variable));
        }
        let url = Url::parse(&text).ok().filter(|url| url.has_host() && url.port() != Some(0));
        Ok(Self { url: url.ok_or(ProxyError::Address(variable))?, variable })
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.url.host_str().unwrap_or_default(), self.variable)
    }
}
