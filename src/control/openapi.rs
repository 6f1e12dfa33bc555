//! What the routes are, for machines.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// The description of all routes, in `OpenAPI` 3.1.
const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`.
pub(super) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}
