//! Who may change something: start passes.

use std::fmt;
use std::net::SocketAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use crate::control::access::host::is_this_machine;

/// By these headers a proxy tells that it stands in between; besides those that begin with `x-forwarded-`.
const FORWARDING: [&str; 9] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-host",
    "x-original-forwarded-for",
    "true-client-ip",
    "cf-connecting-ip",
];

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

/// By what somebody may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::control) enum Proof {
    /// The token.
    Token,
    /// Being on this machine.
    Local,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "with the token",
            Self::Local => "on this machine",
        })
    }
}

/// Why somebody may not.
#[derive(Debug, thiserror::Error)]
pub(in crate::control) enum AccessDenied {
    #[error("this needs the header `Authorization: Bearer TOKEN` with the daemon's TAGFERRY_API_TOKEN")]
    NoToken,
    #[error("this is not the daemon's TAGFERRY_API_TOKEN")]
    WrongToken,
    #[error(
        "the daemon listens beyond loopback and has no token, so nobody may start a run: set TAGFERRY_API_TOKEN"
    )]
    NoTokenSet,
    #[error(
        "without a token only local requests are accepted, and none from another site's page: set TAGFERRY_API_TOKEN"
    )]
    Foreign,
    #[error(
        "this came through a proxy, and without a token only requests made on this machine are accepted: set \
         TAGFERRY_API_TOKEN"
    )]
    Forwarded,
    #[error(
        "the form was sent from a page of another site; where a proxy stands in between, it has to pass on the header \
         `Host`"
    )]
    ForeignForm,
}

impl AccessDenied {
    pub(in crate::control) fn status(&self) -> StatusCode {
        match self {
            Self::NoToken | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::NoTokenSet | Self::Foreign | Self::Forwarded | Self::ForeignForm => StatusCode::FORBIDDEN,
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
    pub(in crate::control) fn check(
        &self,
        headers: &HeaderMap,
        given: Option<&str>,
    ) -> Result<Proof, AccessDenied> {
        match self {
            Self::Token(token) => match given.or_else(|| bearer(headers)) {
                None => Err(AccessDenied::NoToken),
                Some(given) if is_equal(given, token) => Ok(Proof::Token),
                Some(_) => Err(AccessDenied::WrongToken),
            },
            Self::Local if is_forwarded(headers) => Err(AccessDenied::Forwarded),
            Self::Local if is_local(headers) => Ok(Proof::Local),
            Self::Local => Err(AccessDenied::Foreign),
            Self::Nobody => Err(AccessDenied::NoTokenSet),
        }
    }
}

/// Refuses a form that a browser sends from a page of another site. What is no browser says nothing of where it is.
pub(in crate::control) fn check_form(headers: &HeaderMap) -> Result<(), AccessDenied> {
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
    let Some(host) = text(HOST).filter(|host| is_this_machine(host)) else { return false };
    text(ORIGIN).is_none_or(|origin| origin.strip_prefix("http://") == Some(host))
}

/// Whether a proxy sent it, for whomever: what it says of that is not believed.
fn is_forwarded(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| name.as_str().starts_with("x-forwarded-") || FORWARDING.contains(&name.as_str()))
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
        result.map_or_else(|denied| denied.status().as_u16(), |_| 200)
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

    // Seen in KarpelesLab/teamclaude#324, mnfst/llm-gateway#2157, jleechanorg/mcp_mail#233, rails/rails#33145.
    #[test]
    fn whoever_comes_by_a_proxy_is_not_on_this_machine() {
        for (name, value) in [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-for", ""),
            ("x-forwarded-host", "localhost"),
            ("x-forwarded-proto", "http"),
            ("forwarded", "for=localhost"),
            ("x-real-ip", "::1"),
            ("via", "1.1 nginx"),
            ("cf-connecting-ip", "127.0.0.1"),
        ] {
            assert_eq!(status(None, LOOPBACK, &[("host", LOOPBACK), (name, value)]), 403, "{name}");
            let with = [("host", LOOPBACK), (name, value), ("authorization", "Bearer secret")];
            assert_eq!(status(Some("secret"), LOOPBACK, &with), 200, "{name}");
        }
    }

    // Seen in aria2/aria2#220, frappe/press#2554.
    #[test]
    fn an_empty_token_opens_nothing() {
        for value in ["Bearer ", "Bearer", "bearer  ", ""] {
            let headers = [("host", LOOPBACK), ("authorization", value)];
            assert_eq!(status(Some("secret"), LOOPBACK, &headers), 401, "{value:?}");
        }
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
