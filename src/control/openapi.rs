//! What the routes are, for machines.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// The description of all routes, in `OpenAPI` 3.1.
const DOCUMENT: &str = include_str!("openapi.json");

/// `GET /api/v1/openapi.json`.
pub(super) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let document: Value = serde_json::from_str(super::DOCUMENT).unwrap();
        let described: BTreeSet<&str> =
            document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let routes: BTreeSet<&str> = crate::control::routes().into_iter().map(|(path, _)| path).collect();
        assert_eq!(described, routes);
    }
}
