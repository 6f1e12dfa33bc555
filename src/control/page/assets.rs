//! The files beside the page.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::oci::Digest;

/// `GET /assets/style.css`.
pub(in crate::control) async fn style(headers: HeaderMap) -> Response {
    asset(&headers, "text/css; charset=utf-8", include_str!("style.css"))
}

/// `GET /assets/live.js`.
pub(in crate::control) async fn script(headers: HeaderMap) -> Response {
    asset(&headers, "text/javascript; charset=utf-8", include_str!("live.js"))
}

/// `GET /assets/icon.svg`.
pub(in crate::control) async fn icon(headers: HeaderMap) -> Response {
    asset(&headers, "image/svg+xml", include_str!("icon.svg"))
}

/// A browser keeps a file, and asks each time whether it still is the same: another version of the program has others.
fn asset(headers: &HeaderMap, content_type: &'static str, text: &'static str) -> Response {
    let tag = format!("\"{}\"", Digest::of(text.as_bytes()));
    let is_same = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let fields = [
        (CONTENT_TYPE, content_type.to_owned()),
        (CACHE_CONTROL, "no-cache".to_owned()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (ETAG, tag),
    ];
    if is_same { (StatusCode::NOT_MODIFIED, fields).into_response() } else { (fields, text).into_response() }
}
