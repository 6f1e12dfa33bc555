//! What goes wrong between us and a registry, in terms of what a caller does about it.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::login::CredentialsError;
use crate::oci::{Digest, ManifestError};
use crate::registry::code;
use crate::registry::transport::resolve;
use crate::text::{HINT, address, chain, markup, quote};

/// Only this much of an error body is read.
pub(super) const ERROR_BODY_MAX_BYTES: usize = 64 * 1024;

/// A request that failed: what was asked, and why it failed.
///
/// Cheap to clone: whoever waited for the same answer gets the same error.
#[derive(Clone, Debug)]
pub struct Error {
    inner: Arc<Inner>,
    /// What to do about it, where that is known; starts with a line break.
    hint: Option<Arc<str>>,
}

#[derive(Debug)]
struct Inner {
    /// Method and address, without query: it may hold a presigned signature.
    request: String,
    /// Whether it is a write that may have been sent just once.
    is_write: bool,
    kind: Kind,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Kind {
    /// The connection could not be made or broke.
    #[error("no answer")]
    Transport(#[source] reqwest::Error),
    /// Nothing moved for this long.
    #[error("nothing moved for {}", humantime::format_duration(*.0))]
    Stalled(Duration),
    /// The answer ended before its end.
    #[error("the answer ended after {got} of {expected} bytes")]
    Truncated {
        /// Bytes that came.
        got: u64,
        /// Bytes that were to come.
        expected: u64,
    },
    /// The registry refused.
    #[error("{0}")]
    Refused(Refusal),
    /// Not the registry refused, but where it sent us.
    #[error("{0}, from where the registry sent us")]
    RefusedElsewhere(Refusal),
    /// The token service refused to let us log in.
    #[error("{0}, from the token service")]
    NoToken(Refusal),
    /// A login could not be had from where it is kept.
    #[error("cannot get credentials")]
    Credentials(#[source] CredentialsError),
    /// The bytes are not those of the digest.
    #[error("wrong content: expected {expected}, got {got}")]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What came.
        got: Digest,
    },
    /// There are more or fewer bytes than announced.
    #[error("wrong size: expected {expected} bytes, got {got}")]
    Size {
        /// What was announced.
        expected: u64,
        /// What came, at least.
        got: u64,
    },
    /// A document that cannot be copied.
    #[error("unusable manifest")]
    Manifest(#[source] ManifestError),
    /// The answer breaks the protocol, or a rule that keeps us safe.
    #[error("{0}")]
    Protocol(String),
    /// The host allows no more pulls in this window of time. It was not asked.
    #[error(
        "no pulls are left of those that this host allows in {}: they come back with time, and with credentials there \
         may be more",
        humantime::format_duration(*.0)
    )]
    PullsUsedUp(Duration),
    /// The source cannot resume where a transfer broke: it has to start over.
    #[error("the source cannot resume: {0}")]
    StartOver(String),
}

/// A registry's refusal: the status and what the body says, as far as it can be read.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The registry's own errors; none where the body has another form.
    pub errors: Vec<ApiError>,
    /// The body as text, where it holds no errors of the specified form.
    pub text: String,
    /// When to come back, if the registry says.
    pub retry_after: Option<Duration>,
    /// By this id, the registry finds the request in its logs.
    pub request_id: Option<String>,
    /// What calls itself the server of this answer, be it the registry or a proxy before it.
    pub server: Option<String>,
}

/// One entry of a registry's error document.
#[derive(Clone, Debug, Deserialize)]
pub struct ApiError {
    /// The code, such as `DENIED`.
    #[serde(default, deserialize_with = "text_or_null")]
    pub code: String,
    /// The text for people.
    #[serde(default, deserialize_with = "text_or_null")]
    pub message: String,
}

/// One entry that leaves something out must not make all of them unreadable.
fn text_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
struct ErrorDocument {
    errors: Option<Vec<ApiError>>,
}

/// Everything in one text, causes included: the hint has to come last.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { request, kind, .. } = &*self.inner;
        write!(f, "{request}: {}{}", chain(kind), self.hint.as_deref().unwrap_or_default())
    }
}

impl std::error::Error for Error {}

impl Error {
    pub(super) fn new(method: &Method, url: &Url, kind: Kind) -> Self {
        Self::of(format!("{method} {}", address(url)), [Method::PUT, Method::PATCH].contains(method), kind)
    }

    /// A failure to log in at the registry of this address.
    pub(super) fn login(root: &Url, kind: Kind) -> Self {
        Self::of(format!("cannot log in at {}", root.authority()), false, kind)
    }

    fn of(request: String, is_write: bool, kind: Kind) -> Self {
        Self { inner: Arc::new(Inner { request, is_write, kind }), hint: None }
    }

    pub(super) fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.map(|hint| format!("{HINT}{hint}").into());
        self
    }

    /// Why.
    pub fn kind(&self) -> &Kind {
        &self.inner.kind
    }

    /// What went wrong, as a word: the registry's own code, its status, or what broke.
    pub fn code(&self) -> Cow<'static, str> {
        match self.kind() {
            Kind::Transport(_) => "no_answer".into(),
            Kind::Stalled(_) => "stalled".into(),
            Kind::Truncated { .. } => "truncated".into(),
            Kind::Refused(refusal) | Kind::RefusedElsewhere(refusal) | Kind::NoToken(refusal) => {
                refusal.code()
            }
            Kind::Credentials(_) => "no_credentials".into(),
            Kind::Digest { .. } => "wrong_content".into(),
            Kind::Size { .. } => "wrong_size".into(),
            Kind::Manifest(_) => "unusable".into(),
            Kind::Protocol(_) => "protocol".into(),
            Kind::PullsUsedUp(_) => "pulls_used_up".into(),
            Kind::StartOver(_) => "cannot_resume".into(),
        }
    }

    /// The refusal, if the registry answered with one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.inner.kind {
            Kind::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether the registry refused with this status.
    pub fn is_status(&self, status: StatusCode) -> bool {
        self.refusal().is_some_and(|refusal| refusal.status == status)
    }

    /// Whether the registry refused for good, and not because of who asks.
    pub(super) fn is_final_refusal(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.status.is_client_error())
            && self.transient().is_none()
            && !self.is_unauthorized()
    }

    /// By this id, the registry finds the refused request in its logs, if it gave one.
    pub fn request_id(&self) -> Option<&str> {
        match self.kind() {
            Kind::Refused(refusal) | Kind::RefusedElsewhere(refusal) | Kind::NoToken(refusal) => {
                refusal.request_id.as_deref()
            }
            _ => None,
        }
    }

    /// Whether access was refused, or no login could be had to ask for it: a matter of logins, licences and
    /// policies, the same for all tags.
    pub fn is_denied(&self) -> bool {
        self.is_unauthorized() || matches!(self.kind(), Kind::Credentials(_))
    }

    /// Whether the registry itself refused access, or its token service did. That service has no images to miss:
    /// its 404 is a refusal like any other, seen at Oracle.
    pub(super) fn is_unauthorized(&self) -> bool {
        match self.kind() {
            Kind::NoToken(refusal) => refusal.transient().is_none(),
            _ => self.is_status(StatusCode::UNAUTHORIZED) || self.is_status(StatusCode::FORBIDDEN),
        }
    }

    /// The word for what may pass by itself, none for what will not.
    pub fn transient(&self) -> Option<&'static str> {
        match &self.inner.kind {
            Kind::Transport(error) => (!error.is_builder() && !is_final(error)).then_some("transport"),
            Kind::Stalled(_) => Some("stalled"),
            Kind::Truncated { .. } => Some("truncated"),
            // A presigned address dies soon; the registry gives a new one.
            Kind::RefusedElsewhere(refusal) if refusal.status == StatusCode::FORBIDDEN => Some("elsewhere"),
            Kind::Refused(refusal) | Kind::RefusedElsewhere(refusal) | Kind::NoToken(refusal) => {
                refusal.transient()
            }
            _ => None,
        }
    }

    /// Whether a new upload of the same blob may succeed. Only the `PUT` of a body is sent just once; everything
    /// else was tried as often as it is worth.
    pub fn is_worth_new_upload(&self) -> bool {
        let is_gone = |refusal: &Refusal| {
            refusal.status == StatusCode::NOT_FOUND && !refusal.has_code(code::NAME_UNKNOWN)
                || refusal.has_code(code::BLOB_UPLOAD_UNKNOWN)
                || refusal.has_code(code::BLOB_UPLOAD_INVALID)
        };
        let is_logged_out = self.is_status(StatusCode::UNAUTHORIZED) || self.is_expired_login();
        self.inner.is_write
            && (self.transient().is_some() || is_logged_out || self.refusal().is_some_and(is_gone))
    }

    /// Whether our login was good and is so no longer. ECR says it with 403 (aws/aws-cli#6580).
    pub(super) fn is_expired_login(&self) -> bool {
        let expired = |refusal: &Refusal| refusal.status == StatusCode::FORBIDDEN && refusal.says("expired");
        self.refusal().is_some_and(expired)
    }

    /// How long the registry wants to be left alone, if it says.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            Kind::Refused(refusal) | Kind::RefusedElsewhere(refusal) | Kind::NoToken(refusal) => {
                refusal.retry_after
            }
            _ => None,
        }
    }
}

impl Refusal {
    /// The first of the registry's own codes, or the status.
    fn code(&self) -> Cow<'static, str> {
        let own = self.errors.iter().map(|error| &error.code).find(|code| !code.is_empty());
        own.map_or_else(|| self.status.as_str().to_owned(), |code| quote(code)).into()
    }

    /// Whether one of the registry's errors has this code.
    pub fn has_code(&self, code: &str) -> bool {
        self.errors.iter().any(|error| error.code == code)
    }

    /// Whether one of the registry's errors, or the body, says this, in any case.
    pub fn says(&self, words: &str) -> bool {
        let says = |text: &str| text.to_ascii_lowercase().contains(words);
        self.errors.iter().any(|error| says(&error.message)) || says(&self.text)
    }

    /// Codes and texts first, the status second: throttling also comes as 400.
    fn transient(&self) -> Option<&'static str> {
        if self.has_code(code::TOO_MANY_REQUESTS)
            || self.says("toomanyrequests")
            || self.says("throttlingexception")
        {
            return Some("throttled");
        }
        match self.status.as_u16() {
            429 => Some("throttled"),
            408 | 499 | 500 | 502 | 503 | 504 | 520..=524 => Some("server"),
            _ => None,
        }
    }

    pub(super) fn parse(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> Self {
        // Azure's documents begin with a byte order mark, which is no white space.
        let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
        // Some are followed by more.
        let document = serde_json::Deserializer::from_slice(body).into_iter::<ErrorDocument>().next();
        let errors = document.and_then(Result::ok).and_then(|document| document.errors).unwrap_or_default();
        let text =
            if errors.is_empty() { String::from_utf8_lossy(body).trim().to_owned() } else { String::new() };
        Self { status, errors, text, retry_after, request_id: None, server: None }
    }

    /// What the body says, where it is of no specified form: a line of text, the title of a page, the words of a document.
    fn words(&self) -> String {
        if let Some(page) = markup(self.text.as_bytes()) {
            return page;
        }
        let Ok(document) = serde_json::from_str::<Value>(&self.text) else { return self.text.clone() };
        let nested = document.get("error").filter(|error| error.is_object()).unwrap_or(&document);
        let members = ["errors", "error", "code", "message", "details", "detail", "error_description"];
        let mut words: Vec<_> = members.iter().filter_map(|name| nested.get(name)?.as_str()).collect();
        words.dedup();
        if words.is_empty() { self.text.clone() } else { words.join(": ") }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self.errors.iter().flat_map(|ApiError { code, message }| [code, message]);
        let words = self.words();
        let said: Vec<_> =
            errors.chain([&words]).filter(|said| !said.is_empty()).map(String::as_str).collect();
        let separator = if said.is_empty() { "" } else { ": " };
        write!(f, "{}{separator}{}", self.status, quote(&said.join(": ")))?;
        match self.retry_after.filter(|pause| !pause.is_zero()) {
            Some(pause) => write!(f, ": to be asked again in {}", humantime::format_duration(pause)),
            None => Ok(()),
        }
    }
}

/// A certificate that is not trusted does not become so by trying again, nor does a server without TLS learn it, nor
/// an address that is refused become a good one.
fn is_final(error: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.any(|cause| {
        let text = cause.to_string();
        cause.is::<resolve::Refused>() || text.contains("certificate") || text.contains("InvalidContentType")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal::parse(StatusCode::from_u16(status).unwrap(), None, body.as_bytes())
    }

    #[test]
    fn every_status_is_either_worth_a_retry_or_not() {
        let transient: Vec<u16> =
            (400..600).filter(|&status| refusal(status, "").transient().is_some()).collect();
        assert_eq!(transient, [408, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524]);
    }

    #[test]
    fn codes_and_texts_count_before_the_status() {
        assert_eq!(refusal(400, r#"{"__type":"ThrottlingException"}"#).transient(), Some("throttled"));
        let body = r#"{"errors":[{"code":"X"},{"code":"TOOMANYREQUESTS","message":"Rate exceeded"}]}"#;
        assert_eq!(refusal(403, body).transient(), Some("throttled"));
    }

    #[test]
    fn what_the_registry_says_is_repeated_on_one_line() {
        let body = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"not\\n\\u001b[31mhere\",\"detail\":{}}]}";
        assert_eq!(refusal(403, body).to_string(), "403 Forbidden: DENIED: not [31mhere");
        for page in ["<html>", "\n<html>", "\u{feff}<!doctype html>"] {
            assert_eq!(refusal(503, page).to_string(), "503 Service Unavailable: a web page");
        }
        assert_eq!(refusal(502, "bad gateway\n").to_string(), "502 Bad Gateway: bad gateway");
    }

    #[test]
    fn of_many_errors_the_first_are_repeated() {
        let error = r#"{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}"#;
        let message = refusal(404, &format!(r#"{{"errors":[{}]}}"#, vec![error; 1000].join(","))).to_string();
        assert!(message.starts_with("404 Not Found: BLOB_UNKNOWN: blob unknown to registry: BLOB_UNKNOWN: "));
        assert!(message.len() < 1100, "{}", message.len());
    }

    #[test]
    fn an_entry_without_a_message_hides_no_other() {
        let body = r#"{"errors":[{"code":"X","message":null},{"code":"TAG_INVALID","message":"no"}]}"#;
        assert_eq!(refusal(400, body).to_string(), "400 Bad Request: X: TAG_INVALID: no");
    }
}
