//! What a registry is asked.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::registry::access::auth::Scope;
use crate::registry::transport::wire::Author;

/// A request to the registry.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) author: Author,
    pub(super) scope: Scope,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

impl Request {
    pub(super) fn new(method: Method, url: Url, scope: Scope) -> Self {
        Self { method, url, author: Author::Us, scope, headers: HeaderMap::new(), body: None }
    }

    /// A request to where the registry said that an upload goes on.
    pub(super) fn to(method: Method, location: Url, scope: Scope) -> Self {
        Self { author: Author::Location, ..Self::new(method, location, scope) }
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn is_read(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }

    /// Whether the answer is a blob.
    pub(super) fn is_blob(&self) -> bool {
        self.method == Method::GET && self.url.path().contains("/blobs/")
    }

    /// Whether it counts as a pull where those are counted.
    pub(super) fn is_pull(&self) -> bool {
        self.method == Method::GET && self.url.path().contains("/manifests/")
    }
}
