//! HTTP to an address that is a secret, and how patiently: notices, heartbeats, metrics that are pushed.
//!
//! Address and headers are not shown, also where the other side repeats them. Knows nothing of what it sends.

use std::fmt;
use std::time::Duration;

use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use tokio::time::Instant;
use tracing::info;

use crate::authorities;
use crate::config::SecretUrl;
use crate::proxy::{Proxies, ProxyError};
use crate::registry::{Retry, retry_after};
use crate::text::{chain, excerpt, of_bytes};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Only this much of an answer is read.
const ANSWER_MAX_BYTES: usize = 4096;

/// Where something is sent.
#[derive(Clone, Debug)]
pub struct Sender {
    http: Client,
    proxies: &'static Proxies,
    url: SecretUrl,
    headers: HeaderMap,
}

/// How patiently something is sent to a place that does not take it.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often, and with which pauses. The AWS SDK tries by itself, five times.
    pub retry: Retry,
    /// The time for one answer over HTTP.
    pub answer: Duration,
    /// No new try begins later than this after the first.
    pub total: Duration,
}

/// Why something was not taken. Holds no secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It will not be taken later either.
    #[error("{0}")]
    Final(String),
    /// It may be taken later.
    #[error("{text}")]
    Transient {
        /// What was said.
        text: String,
        /// How long the other side wants to be left alone, if it says.
        asked: Option<Duration>,
    },
}

/// Why nothing can be sent.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The variables that name one cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The machine has no certificate authorities, and the address needs them.
    #[error("{0}")]
    Authorities(String),
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] authorities::Error),
}

impl Patience {
    /// Sends until it is taken, is refused for good, or patience ends. `place` is what logs call the other side.
    pub async fn send(
        self,
        place: &impl fmt::Display,
        send: impl AsyncFn() -> Result<(), SendError>,
    ) -> Result<(), SendError> {
        let deadline = Instant::now() + self.total;
        let mut budget = self.retry.budget();
        loop {
            let Err(error) = send().await else { return Ok(()) };
            let SendError::Transient { asked, .. } = error else { return Err(error) };
            let pause = budget.spend(asked).filter(|pause| Instant::now() + *pause <= deadline);
            let Some(pause) = pause else { return Err(error) };
            let seconds = pause.as_secs_f64();
            info!("Trying {place} again in {seconds:.1} s: {error}");
            tokio::time::sleep(pause).await;
        }
    }
}

impl Sender {
    /// `answer` is the time for one request, its connection and its answer. Contacts nobody.
    pub fn new(url: SecretUrl, headers: HeaderMap, answer: Duration) -> Result<Self, OpenError> {
        // A redirect would carry the headers, and what is told, to somebody else.
        let proxies = Proxies::of_process()?;
        let builder = || {
            proxies
                .apply(Client::builder())
                .redirect(Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(answer)
                .user_agent(concat!("tagferry/", env!("CARGO_PKG_VERSION")))
        };
        let (http, lack) = authorities::client(builder, &[])?;
        if let Some(lack) = lack.filter(|_| url.expose().scheme() == "https") {
            return Err(OpenError::Authorities(lack));
        }
        Ok(Self { http, proxies, url, headers })
    }

    /// The same to another address.
    #[must_use]
    pub fn to(&self, url: SecretUrl) -> Self {
        Self { url, ..self.clone() }
    }

    /// Sends once, as this media type. Whatever says 2xx has taken it.
    pub async fn send(&self, method: Method, kind: &'static str, body: String) -> Result<(), SendError> {
        let request = self
            .http
            .request(method, self.url.expose().clone())
            .header(CONTENT_TYPE, HeaderValue::from_static(kind))
            .headers(self.headers.clone())
            .body(body);
        let answer = match request.send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => answer,
            Err(error) => {
                let is_final = error.is_builder();
                let text = format!("no answer: {}", chain(&error.without_url()));
                return Err(if is_final {
                    SendError::Final(text)
                } else {
                    SendError::Transient { text, asked: None }
                });
            }
        };
        Err(self.refusal(answer).await)
    }

    async fn refusal(&self, mut answer: Response) -> SendError {
        let status = answer.status();
        if status.is_redirection() && answer.headers().contains_key(LOCATION) {
            return SendError::Final(format!(
                "{status}: redirects are not followed, configure the address it leads to"
            ));
        }
        let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let asked = asked.and_then(|value| retry_after(value, Timestamp::now()));
        let mut body = Vec::new();
        // An answer that breaks off takes nothing away from its status.
        while let Ok(Some(chunk)) = answer.chunk().await {
            body.extend_from_slice(&chunk[..chunk.len().min(ANSWER_MAX_BYTES - body.len())]);
            if body.len() == ANSWER_MAX_BYTES {
                break;
            }
        }
        let said = self.shown(&of_bytes(&body));
        let text = if said.is_empty() { status.to_string() } else { format!("{status}: {said}") };
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                SendError::Transient { text, asked }
            }
            _ if status.is_server_error() => SendError::Transient { text, asked },
            _ => SendError::Final(text),
        }
    }

    /// What the other side says, without what it may know of us. A web page says nothing that helps.
    fn shown(&self, said: &str) -> String {
        if said.trim_start().starts_with('<') {
            return String::new();
        }
        let mut secrets = self.proxies.secrets();
        secrets.add_address(self.url.expose());
        self.headers.values().for_each(|value| secrets.add_header(value));
        excerpt(secrets.redact(said).trim())
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::config::{Config, Destination};

    fn webhook() -> Sender {
        let yaml = "mirrors: [{source: quay.io/a, target: registry.test/a, tags: [{match: x}]}]\n\
            notices: [{webhook: {url: 'https://hooks.example.com/services/T0001/hunter2hunter2?token=swordfish', \
            headers: {Authorization: 'Bearer opensesame'}}}]";
        let config = Config::parse("test.yaml", yaml, &|_| None).unwrap();
        let Destination::Webhook { url, headers } = config.notices[0].destination.clone() else { panic!() };
        Sender::new(url, headers, Duration::from_secs(1)).unwrap()
    }

    #[test]
    fn an_answer_that_repeats_the_request_is_shown_without_its_secrets() {
        let webhook = webhook();
        for (said, shown) in [
            ("no_service", "no_service"),
            ("Cannot POST /services/T0001/hunter2hunter2?token=swordfish", "Cannot POST […]"),
            ("unknown hook hunter2hunter2 for swordfish", "unknown hook […] for […]"),
            ("at hooks.example.com: `Bearer opensesame` is wrong", "at hooks.example.com: `[…]` is wrong"),
            ("bad token opensesame", "bad token […]"),
            ("  <!doctype html> hunter2hunter2", ""),
        ] {
            assert_eq!(webhook.shown(said), shown);
        }
    }

    #[test]
    fn a_login_in_an_address_is_not_shown_either() {
        let url = SecretUrl::parse("https://me:p%40ssword-of-us@push.example/").unwrap();
        let sender = Sender::new(url, HeaderMap::new(), Duration::from_secs(1)).unwrap();
        let said = format!("no `Basic {}` for p@ssword-of-us", STANDARD.encode("me:p@ssword-of-us"));
        assert_eq!(sender.shown(&said), "no `Basic bWU6[…]=` for […]");
    }

    #[test]
    fn a_secret_at_the_edge_of_the_excerpt_is_not_shown_in_part() {
        let said = format!("{}hunter2hunter2", "x".repeat(295));
        assert!(!webhook().shown(&said).contains("hun"));
        let mut said = "hunter2hunter2".repeat(ANSWER_MAX_BYTES);
        said.truncate(ANSWER_MAX_BYTES);
        assert!(!webhook().shown(&said).contains("hun"));
    }
}
