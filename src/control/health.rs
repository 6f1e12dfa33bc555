//! For those who watch over the process.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use jiff::Timestamp;

use crate::control::Control;
use crate::control::accept::ALIVE;
use crate::metrics;

/// `GET /healthz`: 200 while the process serves. Mostly answered where connections are accepted.
pub(super) async fn live() -> &'static str {
    ALIVE
}

/// `GET /readyz`: 200 while it takes work, 503 while it stops.
pub(super) async fn ready(State(control): State<Arc<Control>>) -> (StatusCode, &'static str) {
    if control.stopping.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    (StatusCode::OK, "ready\n")
}

/// `GET /metrics`.
pub(super) async fn metrics(State(control): State<Arc<Control>>) -> impl IntoResponse {
    let asked = Arc::clone(&control);
    let page = control.metrics.get(move || {
        let Control { ledger, shard, wrong_tokens, .. } = &*asked;
        metrics::encode(ledger, *shard, Some(wrong_tokens.count()), Timestamp::now())
    });
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], page.await)
}
