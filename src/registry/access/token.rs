//! Token services: what they are asked, and what can be made of their answers (distribution token specification).

use std::time::Duration;

use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderMap, Method};
use secrecy::SecretString;
use serde_json::{Map, Value};
use tokio::time::Instant;
use url::Url;

use crate::login::{Fresh, Login};
use crate::registry::access::auth::{basic, fail};
use crate::registry::error::{Error, Kind};
use crate::registry::refusal::Refusal;
use crate::registry::transport::origin;
use crate::registry::transport::wire::{Answer, Author, Body, Wire, WireRequest};
use crate::text::{address, excerpt};

/// A token answer larger than this is refused.
const TOKEN_ANSWER_MAX_BYTES: usize = 1024 * 1024;
/// A longer token is refused: with it, no registry would take a request's head.
const TOKEN_MAX_BYTES: usize = 32 * 1024;
/// So many redirects of a token service are followed.
const REDIRECTS_MAX: usize = 3;
/// The life of a token that does not say, and the least that counts.
const TOKEN_LIFE_MIN: Duration = Duration::from_mins(1);
/// No token counts for longer: what says more means milliseconds or a date.
const TOKEN_LIFE_MAX: Duration = Duration::from_hours(12);

/// Asks the token service.
pub(super) async fn fetch(
    wire: &Wire,
    root: &Url,
    realm: &Url,
    service: Option<&str>,
    scope: &str,
    login: Option<&Login>,
) -> Result<Fresh<SecretString>, Error> {
    let mut url = realm.clone();
    let kept: Vec<(String, String)> = realm.query_pairs().into_owned().collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .extend_pairs(service.map(|service| ("service", service)))
        // Several scopes stand in one challenge, and apart in the question: a mount needs two repositories.
        .extend_pairs(scope.split(' ').filter(|scope| !scope.is_empty()).map(|scope| ("scope", scope)));
    // `+` for a space is form encoding; as a query, `%20` is what every service understands.
    let query = url.query().map(|query| query.replace('+', "%20"));
    url.set_query(query.as_deref());

    let mut headers = HeaderMap::new();
    if let Some(login) = login {
        headers.insert(AUTHORIZATION, basic(login).map_err(|why| fail(root, why))?);
    }
    let asked_at = Instant::now();
    let mut answer = ask(wire, &mut url, headers).await?;
    if !answer.status().is_success() {
        let refusal = answer.refusal().await;
        return Err(answer.fail(Kind::NoToken(refusal)));
    }
    let redactor = answer.redactor().clone();
    let body = answer.document(TOKEN_ANSWER_MAX_BYTES).await?;
    let failed = |why: String| {
        let own_words = Refusal::in_success(&body, |text| redactor.redact(text)).map(Kind::NoToken);
        let kind = own_words.unwrap_or_else(|| Kind::Protocol(redactor.redact(&why)));
        Error::at(&Method::GET, &redactor.redact(&address(&url)), kind)
    };
    let (value, life) = read(&body).map_err(failed)?;
    // Early enough that a token does not die between two requests, late enough to be worth having.
    let margin = (life / 4).min(Duration::from_mins(1));
    Ok(Fresh { value, refresh_at: asked_at + life - margin, expires_at: asked_at + life })
}

/// Asks, and follows where the service sends on within its own origin: nobody else gets the login.
async fn ask(wire: &Wire, url: &mut Url, headers: HeaderMap) -> Result<Answer, Error> {
    let mut redirects = 0;
    loop {
        let request = WireRequest {
            method: &Method::GET,
            url,
            author: Author::Challenge,
            headers: headers.clone(),
            body: Body::Empty,
            is_blob: false,
            retries: 0,
        };
        let answer = wire.exchange(request).await?;
        let location = answer.header(LOCATION.as_str()).filter(|_| answer.status().is_redirection());
        let next = location.and_then(|location| url.join(location).ok());
        match next.map(|next| origin::encrypted(url, next)) {
            Some(next) if redirects < REDIRECTS_MAX && origin::is_own(url, &next) => *url = next,
            _ => return Ok(answer),
        }
        redirects += 1;
    }
}

/// The token of an answer, and how long it lives. What is not needed, or cannot be understood, spoils nothing.
///
/// `issued_at` is not read: clocks differ, and some services send year 1.
fn read(answer: &[u8]) -> Result<(SecretString, Duration), String> {
    let none = |why: &str| Err(format!("the token service answered without a token: {why}"));
    let Ok(answer) = serde_json::from_slice::<Map<String, Value>>(answer) else {
        return none("its answer is no JSON object");
    };
    // One of the two may be there and empty, as at Harbor.
    let tokens = ["token", "access_token"].into_iter().filter_map(|name| answer.get(name)?.as_str());
    let Some(token) = tokens.map(str::trim).find(|token| !token.is_empty()) else {
        // Only names: a value may be a token by another name.
        let names: Vec<_> = answer.keys().map(String::as_str).collect();
        let names = if names.is_empty() { "nothing".to_owned() } else { excerpt(&names.join(", ")) };
        return none(&format!("it has {names}"));
    };
    if token.len() > TOKEN_MAX_BYTES {
        let bytes = token.len();
        return Err(format!(
            "the token service gave a token of {bytes} bytes, of {TOKEN_MAX_BYTES} at the most"
        ));
    }
    let life = answer.get("expires_in").and_then(seconds);
    let life = life.map_or(TOKEN_LIFE_MIN, |life| life.clamp(TOKEN_LIFE_MIN, TOKEN_LIFE_MAX));
    Ok((token.into(), life))
}

/// A span in whatever way it is written, none where it cannot be one.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds: f64 = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // `min` would give the bound for NaN.
    let seconds = Some(seconds).filter(|seconds| !seconds.is_nan())?;
    Duration::try_from_secs_f64(seconds.min(TOKEN_LIFE_MAX.as_secs_f64())).ok()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[track_caller]
    fn check(answer: &str, life: u64) {
        let (token, read) = read(answer.as_bytes()).unwrap();
        assert_eq!((token.expose_secret(), read), ("T", Duration::from_secs(life)), "{answer}");
    }

    #[test]
    fn every_way_to_write_a_life_leaves_the_token() {
        for (life, seconds) in [
            ("300", 300),
            (r#""3599""#, 3599),
            (r#"" 300.5 ""#, 300),
            ("3.6e3", 3600),
            ("0", 60),
            ("-1", 60),
            ("5", 60),
            ("null", 60),
            ("true", 60),
            (r#""soon""#, 60),
            (r#""NaN""#, 60),
            (r#"{"seconds":300}"#, 60),
            ("102800324040000", 12 * 3600),
            ("99999999999999999999", 12 * 3600),
            (r#""inf""#, 12 * 3600),
        ] {
            let answer = format!(r#"{{"token":"T","expires_in":{life}}}"#);
            let (token, read) = read(answer.as_bytes()).unwrap();
            assert_eq!((token.expose_secret(), read.as_secs()), ("T", seconds), "{answer}");
        }
    }

    #[test]
    fn either_name_will_do_and_an_empty_one_is_none() {
        for answer in [
            r#"{"token":"T","access_token":""}"#,
            r#"{"token":"","access_token":"T"}"#,
            r#"{"token":null,"access_token":" T\n"}"#,
            r#"{"token":["x"],"access_token":"T","scope":["a"],"issued_at":1457510670}"#,
        ] {
            check(answer, 60);
        }
    }

    #[test]
    fn a_token_that_is_too_long_is_refused_with_its_size() {
        let answer = |bytes: usize| format!(r#"{{"token":"{}"}}"#, "x".repeat(bytes));
        assert!(read(answer(TOKEN_MAX_BYTES).as_bytes()).is_ok());
        let error = read(answer(1024 * 1000).as_bytes()).unwrap_err();
        assert_eq!(error, "the token service gave a token of 1024000 bytes, of 32768 at the most");
    }

    #[test]
    fn an_answer_without_a_token_is_told_without_its_values() {
        let error = read(br#"{"Token":"secret","code":1}"#).unwrap_err();
        assert_eq!(error, "the token service answered without a token: it has Token, code");
        assert!(read(b"").is_err() && read(b"[]").is_err() && read(br#"{"token":" "}"#).is_err());
    }
}
