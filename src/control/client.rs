//! The client of a daemon's control plane, for `sync-now`.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{RequestBuilder, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::authorities;
use crate::control::access::is_this_machine;
use crate::control::answer::ErrorBody;
use crate::proxy::{Proxies, ProxyError};
use crate::redact::Secrets;
use crate::text::{address, chain, cut, quote};
use crate::worker::RunStatus;

/// For a connection, and then for the head of an answer: longer than the daemon lets anybody wait.
const TIMEOUT: Duration = Duration::from_secs(90);
/// The daemon is asked to answer after this time, be the run at its end or not.
const WAIT_SECONDS: &str = "20";
/// An error is shown up to this length.
const ERROR_MAX_CHARS: usize = 600;

/// Talks to a daemon.
pub struct Client {
    url: Url,
    token: Option<SecretString>,
    http: reqwest::Client,
    /// Why it trusts no TLS, if it does not.
    lack: Option<String>,
    /// By which it asks, if by any.
    proxies: Option<&'static Proxies>,
    /// What no answer is shown with.
    secrets: Secrets,
}

/// Why a daemon did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not that of a daemon. It is not repeated: it may hold a password.
    #[error("the daemon's address has to be like http://127.0.0.1:8080, and its login is TAGFERRY_API_TOKEN")]
    Address,
    /// Nobody knows which way to go.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A proxy would see the token.
    #[error(
        "the token would pass a proxy unencrypted on its way to {0}: use https, or add the host to `NO_PROXY` if the \
         network in between is trusted"
    )]
    Clear(String),
    /// Nobody is there.
    #[error(
        "cannot reach a tagferry daemon at {url}: {cause}; is `tagferry serve` running, and does it listen there?"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        cause: String,
    },
    /// It refuses.
    #[error("the daemon at {url} answers {status}: {said}")]
    Refused {
        /// Where.
        url: String,
        /// How.
        status: StatusCode,
        /// In its own words.
        said: String,
    },
    /// Something else answers there.
    #[error("the server at {url} does not answer like a tagferry daemon: {said}")]
    Strange {
        /// Where.
        url: String,
        /// What it says.
        said: String,
    },
}

impl ClientError {
    /// Whether the same question may be answered in a while: a connection breaks, or a proxy before the daemon does not reach it.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => matches!(
                *status,
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
            ),
            Self::Address | Self::Proxy(_) | Self::Clear(_) | Self::Strange { .. } => false,
        }
    }
}

/// A tag that a daemon copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Of which mirror.
    pub mirror: String,
    /// Into which of its targets.
    pub target: String,
    /// As it is called there.
    pub tag: String,
}

/// Of what `/api/v1/mirrors` answers, what is read.
#[derive(Deserialize)]
struct Mirrors {
    mirrors: Vec<Mirror>,
}

#[derive(Deserialize)]
struct Mirror {
    name: String,
    target: String,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    tag: String,
    copied_at: Option<Timestamp>,
}

impl Client {
    /// A client of the daemon at this address.
    pub fn new(url: &str, token: Option<SecretString>) -> Result<Self, ClientError> {
        let url: Url = url.parse().map_err(|_| ClientError::Address)?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some()
        {
            return Err(ClientError::Address);
        }
        let proxies = Proxies::of_process()?;
        // No proxy gets to this machine, though the environment may name one for the registries.
        let used = (!is_loopback(&url)).then_some(proxies);
        if url.scheme() == "http" && token.is_some() && used.is_some_and(|proxies| proxies.are_for(&url)) {
            return Err(ClientError::Clear(address(&url)));
        }
        let builder = || {
            let builder = reqwest::Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
            match used {
                Some(proxies) => proxies.apply(builder),
                None => builder.no_proxy(),
            }
        };
        let mut secrets = proxies.secrets();
        secrets.add_query(&url);
        if let Some(token) = &token {
            secrets.add(token.expose_secret());
        }
        match authorities::client(builder, &[]) {
            Ok((http, lack)) => Ok(Self { url, token, http, lack, proxies: used, secrets }),
            Err(error) => Err(ClientError::Unreachable { url: address(&url), cause: chain(&error) }),
        }
    }

    /// Whether the daemon is alive.
    pub async fn health(&self) -> Result<(), ClientError> {
        let url = self.route("healthz");
        self.send(&url, self.http.get(url.clone())).await.map(drop)
    }

    /// Asks for a pass over the mirrors of these names, over all where there are none.
    pub async fn sync(&self, mirrors: &[String]) -> Result<RunStatus, ClientError> {
        let mut url = self.route("api/v1/sync");
        for name in mirrors {
            url.query_pairs_mut().append_pair("mirror", name);
        }
        let mut request = self.http.post(url.clone());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        self.document(&url, request).await
    }

    /// How far a run is: its end, or what is known of it after a while.
    pub async fn run(&self, id: &str) -> Result<RunStatus, ClientError> {
        let mut url = self.route("api/v1/runs");
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(id);
        }
        url.query_pairs_mut().append_pair("wait", WAIT_SECONDS);
        self.document(&url, self.http.get(url.clone())).await
    }

    /// The tags that the daemon copied since then.
    pub async fn copied_since(&self, since: Timestamp) -> Result<Vec<Copied>, ClientError> {
        let url = self.route("api/v1/mirrors");
        let Mirrors { mirrors } = self.document(&url, self.http.get(url.clone())).await?;
        let is_new = |tag: &Tag| tag.copied_at.is_some_and(|at| at >= since);
        let of = |Mirror { name, target, tags }: Mirror| {
            let copied = move |Tag { tag, .. }| Copied { mirror: name.clone(), target: target.clone(), tag };
            tags.into_iter().filter(is_new).map(copied)
        };
        Ok(mirrors.into_iter().flat_map(of).collect())
    }

    /// The address of a route, below whatever path the daemon is published at.
    fn route(&self, route: &str) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(route.split('/'));
        }
        url
    }

    async fn document<T: DeserializeOwned>(
        &self,
        url: &Url,
        request: RequestBuilder,
    ) -> Result<T, ClientError> {
        let response = self.send(url, request).await?;
        let body = response.bytes().await.map_err(|error| self.unreachable(url, error))?;
        serde_json::from_slice(&body)
            .map_err(|error| ClientError::Strange { url: address(url), said: self.told(&error.to_string()) })
    }

    fn unreachable(&self, url: &Url, error: reqwest::Error) -> ClientError {
        let by_proxy = self.proxies.and_then(|proxies| proxies.explain(url, &error));
        let mut cause = chain(&error.without_url());
        if let Some(lack) = self.lack.as_ref().filter(|_| cause.contains("UnknownIssuer")) {
            cause = format!("{cause}; {lack}");
        }
        let cause = by_proxy.map_or(cause.clone(), |why| format!("{cause} ({why})"));
        ClientError::Unreachable { url: address(url), cause }
    }

    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| self.unreachable(url, error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, body) = (response.status(), response.text().await.unwrap_or_default());
        let refusal = serde_json::from_str(&body).map(|ErrorBody { error }| error);
        let said = self.told(&refusal.unwrap_or(body));
        Err(ClientError::Refused { url: address(url), status, said })
    }

    /// What the other side says, without what it was sent.
    fn told(&self, said: &str) -> String {
        cut(&quote(&self.secrets.redact(said)), ERROR_MAX_CHARS)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_this_machine(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// What comes of a question that is answered by these bytes and the end of the connection.
    async fn asked(answer: &str) -> ClientError {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()), None).unwrap();
        let answered = async {
            let (mut connection, _) = listener.accept().await.unwrap();
            let (mut head, mut part) = (Vec::new(), [0; 1024]);
            while !head.ends_with(b"\r\n\r\n") {
                let count = connection.read(&mut part).await.unwrap();
                head.extend(&part[..count]);
            }
            connection.write_all(answer.as_bytes()).await.unwrap();
        };
        let (asked, ()) = tokio::join!(client.run("1"), answered);
        asked.unwrap_err()
    }

    #[tokio::test]
    async fn what_stands_between_may_fail_for_a_while_and_a_stranger_stays_one() {
        for (answer, is_passing) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"run\": \"1\"", true),
            ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n", true),
            ("", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", false),
            ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n", false),
        ] {
            let error = asked(answer).await;
            assert_eq!(error.is_passing(), is_passing, "{answer}: {error}");
        }
    }
}
