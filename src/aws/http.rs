//! How the AWS SDK asks: by the HTTP library that registries are asked with, so that one rule for proxies counts.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_ecr::config::http::{HttpRequest, HttpResponse};
use aws_sdk_ecr::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Certificate;

use crate::authorities;
use crate::proxy::Proxies;
use crate::redact::{Recent, Secrets};
use crate::text::chain;

/// Longer answers are refused. The largest are a hundred manifests.
const ANSWER_MAX_BYTES: usize = 64 * 1024 * 1024;
/// Of an error that repeats what was sent, this much is read.
const ERROR_MAX_BYTES: usize = 64 * 1024;

/// Names a file of authorities for AWS alone.
const BUNDLE: &str = "AWS_CA_BUNDLE";
/// What to do about a certificate of an unknown authority.
const UNTRUSTED: &str = "if a proxy or an endpoint with a certificate of your own authority answers there, name a PEM file of that \
     authority in `AWS_CA_BUNDLE`";

/// What was sent to AWS and to sources of credentials of late.
static SENT: LazyLock<Arc<Recent>> =
    LazyLock::new(|| Arc::new(Recent::new(Proxies::of_process().map(Proxies::secrets).unwrap_or_default())));

type BoxError = Box<dyn StdError + Send + Sync>;

/// Takes out of a text of an answer what was sent of late.
pub(crate) fn redact(text: &str) -> String {
    SENT.redact(text)
}

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

fn client((connect, read): Limits) -> Result<(reqwest::Client, String), String> {
    let proxies = Proxies::of_process().map_err(|error| error.to_string())?;
    let builder = || {
        let mut builder = reqwest::Client::builder().http1_only().redirect(reqwest::redirect::Policy::none());
        if let Some(connect) = connect {
            builder = builder.connect_timeout(connect);
        }
        if let Some(read) = read {
            builder = builder.read_timeout(read);
        }
        proxies.apply(builder)
    };
    match authorities::client(builder, &bundle()?) {
        Ok((client, lack)) => Ok((client, lack.unwrap_or_else(|| UNTRUSTED.to_owned()))),
        Err(broken @ authorities::Error::Broken(_)) => Err(bundle_fault(broken)),
        Err(authorities::Error::Client(error)) => Err(chain(&error)),
    }
}

/// The authorities of the variable that AWS' own tools read.
pub(super) fn bundle() -> Result<Vec<Certificate>, String> {
    let Some(path) = std::env::var_os(BUNDLE).filter(|path| !path.is_empty()) else { return Ok(Vec::new()) };
    let bytes = std::fs::read(path).map_err(|error| bundle_fault(format!("cannot be read: {error}")))?;
    authorities::read(&bytes).map_err(bundle_fault)
}

fn bundle_fault(what: impl fmt::Display) -> String {
    let path = std::env::var_os(BUNDLE).unwrap_or_default();
    format!("the environment variable `{BUNDLE}` names {}, which {what}", Path::new(&path).display())
}

/// A client and what to do where it trusts nobody who answers, or why there is none.
struct Connector(Result<(reqwest::Client, String), String>);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector(..)")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match &self.0 {
            Ok((client, untrusted)) => {
                HttpConnectorFuture::new(ask(client.clone(), untrusted.clone(), request))
            }
            Err(why) => HttpConnectorFuture::ready(Err(ConnectorError::user(why.clone().into()))),
        }
    }
}

async fn ask(
    client: reqwest::Client,
    untrusted: String,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let user = |error: BoxError| ConnectorError::user(error);
    let request = request.try_into_http1x().map_err(|error| user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.bytes().ok_or_else(|| user("a request whose body is a stream".into()))?;
    let (headers, body) = (parts.headers.clone(), Bytes::copy_from_slice(body));
    let (redactor, is_read) = (SENT.sends(secrets(&headers, &body)), parts.method == Method::GET);
    let request = reqwest::Request::try_from(http::Request::from_parts(parts, body.clone()));
    let request = request.map_err(|error| user(error.into()))?;
    let url = request.url().clone();
    let failed = |error: reqwest::Error| judge(error, &url, &untrusted);
    let mut answer = client.execute(request).await.map_err(failed)?;
    let mut said = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        said.extend_from_slice(&chunk);
        if said.len() > ANSWER_MAX_BYTES {
            return Err(ConnectorError::other("the answer is too large".into(), None));
        }
    }
    let is_success = answer.status().is_success();
    if !is_success || is_read {
        // Sources of credentials alone are read, and some say with success why they have none. What they give may be what
        // was sent before, but not what they were asked with.
        let own = secrets(&headers, &body);
        let redact = |text: &str| if is_success { own.redact(text) } else { redactor.redact(text) };
        said = redacted(&said, redact);
        for value in answer.headers_mut().values_mut() {
            let shown = HeaderValue::from_bytes(&redacted(value.as_bytes(), redact));
            *value = shown.unwrap_or_else(|_| HeaderValue::from_static(""));
        }
        // The SDK compares it with what is there now.
        answer.headers_mut().remove(CONTENT_LENGTH);
    }
    let mut response = http::Response::new(SdkBody::from(said));
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// What a request sends that must not be shown.
fn secrets(headers: &HeaderMap, body: &[u8]) -> Secrets {
    let mut secrets = Secrets::default();
    secrets.add_headers(headers);
    secrets.add_body(body);
    secrets
}

/// An answer without what was sent: the SDK and we show some of it.
fn redacted(bytes: &[u8], redact: impl Fn(&str) -> String) -> Vec<u8> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(ERROR_MAX_BYTES)]);
    let shown = redact(&text);
    if shown == text { bytes.to_vec() } else { shown.into_bytes() }
}

/// The SDK tries again what timed out or broke on its way.
fn judge(error: reqwest::Error, url: &url::Url, untrusted: &str) -> ConnectorError {
    let by_proxy = Proxies::of_process().ok().and_then(|proxies| proxies.explain(url, &error));
    let error = error.without_url();
    if error.is_timeout() {
        return ConnectorError::timeout(error.into());
    }
    let causes = chain(&error);
    match by_proxy {
        Some(why) => ConnectorError::io(format!("{why}: {causes}").into()),
        None if causes.contains("UnknownIssuer") => {
            // Asking again does not help.
            ConnectorError::user(format!("{causes}; {untrusted}").into())
        }
        None => ConnectorError::io(error.into()),
    }
}
