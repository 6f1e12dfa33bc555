//! How the AWS SDK asks: by the HTTP library that registries are asked with, so that one rule for proxies counts.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_ecr::config::http::{HttpRequest, HttpResponse};
use aws_sdk_ecr::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use crate::proxy::Proxies;
use crate::redact::Secrets;
use crate::text::chain;

/// Longer answers are refused. The largest are a hundred manifests.
const ANSWER_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Of an error that repeats what was sent, this much is read.
const ERROR_MAX_BYTES: usize = 64 * 1024;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Makes a client for each set of time limits, and keeps it.
#[derive(Debug, Default)]
pub(super) struct Http {
    /// Held for look-ups only.
    connectors: Mutex<Vec<(Limits, SharedHttpConnector)>>,
}

/// For a connection and for the next bytes of an answer.
type Limits = (Option<Duration>, Option<Duration>);

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let limits = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, connector)) = connectors.iter().find(|(known, _)| *known == limits) {
            return connector.clone();
        }
        let connector = SharedHttpConnector::new(Connector(client(limits)));
        connectors.push((limits, connector.clone()));
        connector
    }
}

fn client((connect, read): Limits) -> Result<reqwest::Client, String> {
    let proxies = Proxies::of_process().map_err(|error| error.to_string())?;
    let mut builder = reqwest::Client::builder().http1_only().redirect(reqwest::redirect::Policy::none());
    if let Some(connect) = connect {
        builder = builder.connect_timeout(connect);
    }
    if let Some(read) = read {
        builder = builder.read_timeout(read);
    }
    proxies.apply(builder).build().map_err(|error| chain(&error))
}

/// A client, or why there is none.
struct Connector(Result<reqwest::Client, String>);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector(..)")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match &self.0 {
            Ok(client) => HttpConnectorFuture::new(ask(client.clone(), request)),
            Err(why) => HttpConnectorFuture::ready(Err(ConnectorError::user(why.clone().into()))),
        }
    }
}

async fn ask(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let user = |error: BoxError| ConnectorError::user(error);
    let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.bytes().ok_or_else(|| user("a request whose body is a stream".into()))?;
    let (headers, body) = (parts.headers.clone(), Bytes::copy_from_slice(body));
    let request = reqwest::Request::try_from(http::Request::from_parts(parts, body.clone()));
    let request = request.map_err(|error| user(error.into()))?;
    let url = request.url().clone();
    let failed = |error: reqwest::Error| judge(error, &url);
    let mut answer = client.execute(request).await.map_err(failed)?;
    let mut said = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        said.extend_from_slice(&chunk);
        if said.len() > ANSWER_MAX_BYTES {
            return Err(ConnectorError::other("the answer is too large".into(), None));
        }
    }
    if !answer.status().is_success() {
        let secrets = secrets(&headers, &body);
        said = redacted(&secrets, &said);
        for value in answer.headers_mut().values_mut() {
            let shown = HeaderValue::from_bytes(&redacted(&secrets, value.as_bytes()));
            *value = shown.unwrap_or_else(|_| HeaderValue::from_static(""));
        }
    }
    let mut response = http::Response::new(SdkBody::from(said));
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// What a request sends that must not be shown.
fn secrets(headers: &HeaderMap, body: &[u8]) -> Secrets {
    let mut secrets = Proxies::of_process().map(Proxies::secrets).unwrap_or_default();
    secrets.add_headers(headers);
    secrets.add_body(body);
    secrets
}

/// An error without what was sent: the SDK and we show some of it.
fn redacted(secrets: &Secrets, bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(ERROR_MAX_BYTES)]);
    let shown = secrets.redact(&text);
    if shown == text { bytes.to_vec() } else { shown.into_bytes() }
}

/// The SDK tries again what timed out or broke on its way.
fn judge(error: reqwest::Error, url: &url::Url) -> ConnectorError {
    let by_proxy = Proxies::of_process().ok().and_then(|proxies| proxies.explain(url, &error));
    let error = error.without_url();
    if error.is_timeout() {
        return ConnectorError::timeout(error.into());
    }
    match by_proxy {
        Some(why) => ConnectorError::io(format!("{why}: {}", chain(&error)).into()),
        None => ConnectorError::io(error.into()),
    }
}
