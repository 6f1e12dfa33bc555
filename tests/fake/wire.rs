//! A request as the fakes read it and an answer as they give it, both free of the HTTP library's types.

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};

/// A request without its body.
#[derive(Clone, Debug)]
pub struct Head {
    pub method: Method,
    /// The path; `%3A` is read as the colon of a digest.
    pub path: String,
    /// The query as it was sent, without the question mark.
    pub raw_query: String,
    pub headers: HeaderMap,
}

impl Head {
    /// The first value of a query parameter, decoded.
    pub fn query(&self, key: &str) -> Option<String> {
        self.queries(key).into_iter().next()
    }

    /// All values of a query parameter, decoded, in order.
    pub fn queries(&self, key: &str) -> Vec<String> {
        url::form_urlencoded::parse(self.raw_query.as_bytes())
            .filter(|(name, _)| name == key)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// A header, where it is readable text.
    pub fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The parameter after an authorization scheme: `Basic`, `Bearer`.
    pub fn authorization(&self, scheme: &str) -> Option<&str> {
        self.header(AUTHORIZATION)?.strip_prefix(scheme)?.strip_prefix(' ')
    }

    /// `HOST:PORT` as the client wrote it.
    pub fn host(&self) -> &str {
        self.header(HOST).unwrap_or("host.invalid")
    }

    /// Path and query.
    pub fn target(&self) -> String {
        if self.raw_query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.raw_query)
        }
    }
}

/// The body of a request, piece by piece.
pub struct Payload(BodyDataStream);

/// The client went away in the middle of its body.
#[derive(Debug)]
pub struct Broken;

impl Payload {
    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        Some(self.0.next().await?.map_err(|_| Broken))
    }

    /// All that is left, in one piece.
    pub async fn collect(&mut self, capacity: usize) -> Result<Bytes, Broken> {
        let mut all = BytesMut::with_capacity(capacity);
        while let Some(piece) = self.next().await {
            all.extend_from_slice(&piece?);
        }
        Ok(all.freeze())
    }

    /// Reads and forgets up to `bytes` bytes.
    pub async fn skip(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            let Some(Ok(piece)) = self.next().await else { return };
            left = left.saturating_sub(piece.len());
        }
    }
}

/// Takes a request of the HTTP library apart.
pub fn split(request: http::Request<hyper::body::Incoming>) -> (Head, Payload) {
    let (parts, body) = request.into_parts();
    let head = Head {
        method: parts.method,
        path: parts.uri.path().replace("%3A", ":").replace("%3a", ":"),
        raw_query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
    };
    (head, Payload(Body::new(body).into_data_stream()))
}

/// An answer. For `HEAD` the body is what `GET` would have, and only its length is sent.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        Self { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A JSON document.
    pub fn json(status: u16, document: &Value) -> Self {
        Self::status(status).header(CONTENT_TYPE, "application/json").body(document.to_string())
    }

    /// The error envelope of the distribution specification.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"errors": [{"code": code, "message": message}]}))
    }

    /// Sets a header.
    pub fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        self.headers.insert(name, HeaderValue::from_str(value.as_ref()).unwrap());
        self
    }

    /// Sets a header that has no constant.
    pub fn named(self, name: &str, value: impl AsRef<str>) -> Self {
        self.header(HeaderName::from_bytes(name.as_bytes()).unwrap(), value)
    }

    /// Adds a challenge beside those that are there.
    pub fn challenge(mut self, challenge: &str) -> Self {
        self.headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(challenge).unwrap());
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}
