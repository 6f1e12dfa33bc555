//! What a registry says when it refuses, as far as it can be read.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::registry::code;
use crate::text::{markup, of_bytes, quote};

/// A wish to be left alone for longer is not told to the second, if it is meant at all.
const RETRY_AFTER_TOLD_MAX: Duration = Duration::from_hours(24);

/// Only this much of an error body is read.
pub(super) const ERROR_BODY_MAX_BYTES: usize = 64 * 1024;
/// What is shown of it is in so many bytes of its words.
const SHOWN_MAX_BYTES: usize = 8 * 1024;

/// A registry's refusal: the status and what the body says, as far as it can be read.
///
/// What it says is judged as it came, and shown without what we sent.
#[derive(Clone)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The registry's own errors; none where the body has another form.
    pub(super) errors: Vec<ApiError>,
    /// The body as text, where it holds no errors of the specified form.
    pub(super) text: String,
    /// The first of the registry's own codes, or the status, to be shown.
    code: String,
    /// What the body says, to be shown.
    said: String,
    /// When to come back, if the registry says.
    pub retry_after: Option<Duration>,
    /// By this id, the registry finds the request in its logs.
    pub request_id: Option<String>,
    /// The address that a redirect names, to be shown, where this request is not sent on.
    pub(super) leads_to: Option<String>,
    /// What calls itself the server of this answer, be it the registry or a proxy before it.
    pub server: Option<String>,
}

/// One entry of a registry's error document.
#[derive(Clone, Deserialize)]
pub(super) struct ApiError {
    /// The code, such as `DENIED`.
    #[serde(default, deserialize_with = "text_or_null")]
    pub(super) code: String,
    /// The text for people.
    #[serde(default, deserialize_with = "text_or_null")]
    message: String,
}

/// One entry that leaves something out must not make all of them unreadable.
fn text_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Deserialize)]
struct ErrorDocument {
    errors: Option<Vec<ApiError>>,
}

impl Refusal {
    /// What went wrong, as a word to be shown.
    pub(super) fn code(&self) -> Cow<'static, str> {
        self.code.clone().into()
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
    pub(super) fn transient(&self) -> Option<&'static str> {
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

    /// Reads the body of an answer. It is shown as `redact` leaves it.
    pub(super) fn parse(
        status: StatusCode,
        retry_after: Option<Duration>,
        body: &[u8],
        redact: impl Fn(&str) -> String,
    ) -> Self {
        // Azure's documents begin with a byte order mark, which is no white space.
        let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
        // Some are followed by more.
        let document = serde_json::Deserializer::from_slice(body).into_iter::<ErrorDocument>().next();
        let mut errors =
            document.and_then(Result::ok).and_then(|document| document.errors).unwrap_or_default();
        // What says nothing hides what the rest of the document says.
        errors.retain(|ApiError { code, message }| !(code.is_empty() && message.is_empty()));
        let text = if errors.is_empty() { of_bytes(body).trim().to_owned() } else { String::new() };
        let shown = |text: &str| quote(&redact(&text[..text.floor_char_boundary(SHOWN_MAX_BYTES)]));
        let own = errors.iter().map(|error| &*error.code).find(|code| !code.is_empty());
        let code = match own {
            Some(code) if code::ALL.contains(&code) => code.to_owned(),
            Some(code) => shown(code),
            None => status.as_str().to_owned(),
        };
        let said = if errors.is_empty() {
            shown(&words(&text, &redact))
        } else {
            let all = errors.iter().flat_map(|ApiError { code, message }| [&**code, message]);
            shown(&all.filter(|said| !said.is_empty()).collect::<Vec<_>>().join(": "))
        };
        Self { status, errors, text, code, said, retry_after, request_id: None, leads_to: None, server: None }
    }

    /// The error that a document is in spite of its status, none where it does not say so.
    pub(super) fn in_success(body: &[u8], redact: impl Fn(&str) -> String) -> Option<Self> {
        let body = &body[..body.len().min(ERROR_BODY_MAX_BYTES)];
        let document: Value = serde_json::from_slice(body).ok()?;
        // Anything else may be a secret, which is not shown.
        let has_words =
            ["errors", "error", "error_description"].iter().any(|&name| document[name].is_string())
                || document["error"]["message"].is_string();
        let refusal = Self::parse(StatusCode::OK, None, body, redact);
        (has_words || !refusal.errors.is_empty()).then_some(refusal)
    }
}

/// What a body says that is of no specified form: a line of text, the title of a page, the words of a document.
fn words(text: &str, redact: impl Fn(&str) -> String) -> String {
    if let Some(page) = markup(text.as_bytes(), redact) {
        return page;
    }
    let Ok(document) = serde_json::from_str::<Value>(text) else { return text.to_owned() };
    let nested = document.get("error").filter(|error| error.is_object()).unwrap_or(&document);
    let members = ["errors", "error", "code", "message", "details", "detail", "error_description"];
    let mut words: Vec<_> = members.iter().filter_map(|name| nested.get(name)?.as_str()).collect();
    words.dedup();
    if words.is_empty() { text.to_owned() } else { words.join(": ") }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.said.is_empty() { "" } else { ": " };
        write!(f, "{}{separator}{}", self.status, self.said)?;
        if let Some(address) = &self.leads_to {
            write!(f, ": it leads to {address}, where this is not sent")?;
        }
        match self.retry_after.filter(|pause| !pause.is_zero()) {
            Some(pause) if pause > RETRY_AFTER_TOLD_MAX => {
                f.write_str(": to be asked again in more than a day")
            }
            Some(pause) => write!(f, ": to be asked again in {}", humantime::format_duration(pause)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal::parse(StatusCode::from_u16(status).unwrap(), None, body.as_bytes(), str::to_owned)
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
        assert_eq!(refusal(403, body).to_string(), r"403 Forbidden: DENIED: not \u{1b}[31mhere");
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
    fn what_is_judged_is_what_came_and_what_is_shown_is_redacted() {
        let body =
            br#"{"errors":[{"code":"NAME_UNKNOWN","message":"token hunter2 expired"},{"code":"hunter2"}]}"#;
        let parse =
            |body| Refusal::parse(StatusCode::NOT_FOUND, None, body, |text| text.replace("hunter2", "[…]"));
        let refusal = parse(body);
        assert_eq!(refusal.to_string(), "404 Not Found: NAME_UNKNOWN: token […] expired: […]");
        assert!(
            refusal.has_code("hunter2")
                && refusal.says("hunter2 expired")
                && refusal.code() == "NAME_UNKNOWN"
        );
        let refusal = parse(br#"{"errors":[{"code":"hunter2"}]}"#);
        assert_eq!(refusal.code(), "[…]");
        assert!(!format!("{refusal:?}").contains("hunter2"));
    }

    #[test]
    fn an_error_with_success_is_told_and_nothing_else_is() {
        let told = |body: &str| {
            Refusal::in_success(body.as_bytes(), str::to_owned).map(|refusal| refusal.to_string())
        };
        for (body, words) in [
            (
                r#"{"name":"a","errors":[{"code":"UNKNOWN","message":"timed out"}]}"#,
                "200 OK: UNKNOWN: timed out",
            ),
            (r#"{"error":"invalid_grant","error_description":"expired"}"#, "200 OK: invalid_grant: expired"),
            (r#"{"error":{"message":"locked"},"token":""}"#, "200 OK: locked"),
        ] {
            assert_eq!(told(body).as_deref(), Some(words), "{body}");
        }
        for body in [
            "",
            "[]",
            r#"{"errors":[]}"#,
            r#"{"errors":[{"secret":"hunter2"}]}"#,
            r#"{"error":{"secret":"hunter2"}}"#,
            r#"{"code":"hunter2"}"#,
        ] {
            assert_eq!(told(body), None, "{body}");
        }
    }

    #[test]
    fn an_entry_without_a_message_hides_no_other() {
        let body = r#"{"errors":[{"code":"X","message":null},{"code":"TAG_INVALID","message":"no"}]}"#;
        assert_eq!(refusal(400, body).to_string(), "400 Bad Request: X: TAG_INVALID: no");
    }
}
