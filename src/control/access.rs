//! Who may change something: start passes.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};

/// Who may change something. Looking is free.
#[derive(Debug)]
pub enum Access {
    /// Who knows the token.
    Token(SecretString),
    /// Who is on this machine, and no page of a foreign site in a browser here.
    Local,
    /// Nobody: others can connect, and there is no token.
    Nobody,
}

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
pub(super) enum AccessDenied {
    #[error("this needs the header `Authorization: Bearer TOKEN` with the daemon's TAGFERRY_API_TOKEN")]
    NoToken,
    #[error("this is not the daemon's TAGFERRY_API_TOKEN")]
    WrongToken,
    #[error(
        "the daemon listens beyond loopback and has no token, so nobody may start a run: set TAGFERRY_API_TOKEN"
    )]
    NoTokenSet,
    #[error(
        "without a token only requests to this machine are taken, and none of a foreign page: set TAGFERRY_API_TOKEN"
    )]
    Foreign,
    #[error(
        "the form was sent from a page of another site; where a proxy stands in between, it has to pass on the header \
         `Host`"
    )]
    ForeignForm,
}

impl AccessDenied {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::NoTokenSet | Self::Foreign | Self::ForeignForm => StatusCode::FORBIDDEN,
        }
    }
}

impl Access {
    /// Who may change something when the daemon listens there.
    pub fn new(token: Option<SecretString>, listen: SocketAddr) -> Self {
        match token {
            Some(token) => Self::Token(token),
            None if listen.ip().is_loopback() => Self::Local,
            None => Self::Nobody,
        }
    }

    /// Checks a request. `given` is a token from elsewhere than the header.
    pub(super) fn check(&self, headers: &HeaderMap, given: Option<&str>) -> Result<(), AccessDenied> {
        match self {
            Self::Token(token) => match given.or_else(|| bearer(headers)) {
                None => Err(AccessDenied::NoToken),
                Some(given) if is_equal(given, token) => Ok(()),
                Some(_) => Err(AccessDenied::WrongToken),
            },
            Self::Local if is_local(headers) => Ok(()),
            Self::Local => Err(AccessDenied::Foreign),
            Self::Nobody => Err(AccessDenied::NoTokenSet),
        }
    }
}

/// Refuses a form that a browser sends from a page of another site. What is no browser says nothing of where it is.
pub(super) fn check_form(headers: &HeaderMap) -> Result<(), AccessDenied> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let is_ours = match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        // Browsers send this over TLS and on this machine. Unlike the other, it is right behind any proxy.
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin.split_once("://").map(|(_, host)| host) == text(HOST.as_str()),
        (None, None) => true,
    };
    if is_ours { Ok(()) } else { Err(AccessDenied::ForeignForm) }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares in a time that says nothing of where the two differ, or how long the right one is.
fn is_equal(given: &str, token: &SecretString) -> bool {
    let [given, token] = [given, token.expose_secret()].map(|text| digest(&SHA256, text.as_bytes()));
    verify_slices_are_equal(given.as_ref(), token.as_ref()).is_ok()
}

/// A foreign page in a browser on this machine can send requests here too. Its browser says so: with `Origin`, or,
/// where the page's own name was made to point here, with `Host`.
fn is_local(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(host) = text(HOST).filter(|host| is_loopback(host)) else { return false };
    text(ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

/// Whether the host of an address, with a port or without, is this machine.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1:8080";
    const ALL: &str = "0.0.0.0:8080";

    /// The status of a request with these headers, of a daemon with this token on this address.
    fn status(token: Option<&str>, listen: &str, headers: &[(&'static str, &str)]) -> u16 {
        let access = Access::new(token.map(Into::into), listen.parse().unwrap());
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        let result = access.check(&headers.collect(), None);
        result.map_or_else(|denied| denied.status().as_u16(), |()| 200)
    }

    #[test]
    fn a_token_is_asked_for_wherever_there_is_one() {
        for listen in [LOOPBACK, ALL] {
            let with =
                |value| status(Some("secret"), listen, &[("host", LOOPBACK), ("authorization", value)]);
            assert_eq!(with("Bearer secret"), 200);
            assert_eq!(with("bearer secret"), 200);
            assert_eq!(with("Bearer secre"), 401);
            assert_eq!(with("Bearer secret2"), 401);
            assert_eq!(with("Basic secret"), 401);
            assert_eq!(status(Some("secret"), listen, &[("host", LOOPBACK)]), 401);
        }
    }

    #[test]
    fn nobody_starts_anything_from_elsewhere_without_a_token() {
        assert_eq!(status(None, ALL, &[("host", LOOPBACK)]), 403);
        assert_eq!(status(None, "[::]:80", &[("host", LOOPBACK)]), 403);
        assert_eq!(status(None, "10.0.0.1:80", &[("host", "10.0.0.1")]), 403);
    }

    #[test]
    fn on_this_machine_no_token_is_needed() {
        for host in [LOOPBACK, "localhost:8080", "localhost", "[::1]:8080", "[::1]", "127.0.0.1"] {
            assert_eq!(status(None, LOOPBACK, &[("host", host)]), 200, "{host}");
        }
        let own = [("host", "localhost:8080"), ("origin", "http://localhost:8080")];
        assert_eq!(status(None, LOOPBACK, &own), 200);
    }

    #[test]
    fn a_form_of_a_foreign_page_is_refused() {
        let check = |headers: &[(&'static str, &str)]| {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            check_form(&headers.collect()).is_ok()
        };
        assert!(check(&[]));
        assert!(check(&[("host", "mirror.example"), ("origin", "https://mirror.example")]));
        assert!(check(&[
            ("host", "10.0.0.1"),
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://m.example")
        ]));
        assert!(!check(&[("host", "mirror.example"), ("origin", "https://evil.example")]));
        assert!(!check(&[("host", "mirror.example"), ("origin", "null")]));
        assert!(!check(&[("origin", "https://evil.example")]));
        assert!(!check(&[("sec-fetch-site", "cross-site")]));
        assert!(!check(&[("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn a_foreign_page_in_a_browser_starts_nothing() {
        for (host, origin) in [
            (LOOPBACK, "https://evil.example"),
            (LOOPBACK, "http://127.0.0.1:9999"),
            (LOOPBACK, "null"),
            ("evil.example", "http://evil.example"),
            ("127.0.0.1.evil.example:8080", "http://127.0.0.1.evil.example:8080"),
        ] {
            assert_eq!(status(None, LOOPBACK, &[("host", host), ("origin", origin)]), 403, "{host} {origin}");
        }
        assert_eq!(status(None, LOOPBACK, &[]), 403);
    }
}
