//! A request as traces show it, by OpenTelemetry's conventions for HTTP clients.
//!
//! Where nobody listens at this level, which is so unless traces are asked for, a span costs one comparison.

use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use tracing::field::{Empty, display};
use tracing::{Span, trace_span};

use crate::registry::error::{Error, Kind};
use crate::registry::transport::wire::{Answer, WireRequest};

/// A request that was sent.
pub(in crate::registry) struct Sent {
    pub(in crate::registry) span: Span,
    /// The answer that is no failure though its status says so.
    harmless: Option<StatusCode>,
}

impl Sent {
    /// `address` is where it goes, as that is shown.
    pub(in crate::registry) fn new(request: &WireRequest<'_>, address: &str) -> Self {
        let WireRequest { method, url, headers, retries, .. } = request;
        let span = trace_span!(
            "request",
            otel.name = %method,
            otel.kind = "client",
            http.request.method = %method,
            http.request.resend_count = (*retries > 0).then_some(*retries),
            server.address = url.host_str().filter(|host| address.contains(host)),
            server.port = url.port_or_known_default(),
            url.path = address.splitn(4, '/').nth(3).map(|path| format!("/{path}")),
            url.full = address,
            http.response.status_code = Empty,
            error.r#type = Empty,
            otel.status_code = Empty,
            otel.status_description = Empty,
        );
        let harmless = match **method {
            // What is asked for may well be missing, and a challenge is how a login begins.
            Method::HEAD if headers.contains_key(AUTHORIZATION) => Some(StatusCode::NOT_FOUND),
            _ if !headers.contains_key(AUTHORIZATION) => Some(StatusCode::UNAUTHORIZED),
            _ => None,
        };
        Self { span, harmless }
    }

    /// Says how it ended.
    pub(in crate::registry) fn ended(&self, result: &Result<Answer, Error>) {
        if self.span.is_disabled() {
            return;
        }
        match result {
            Ok(answer) => {
                let status = answer.status();
                self.span.record("http.response.status_code", status.as_u16());
                if (status.is_client_error() || status.is_server_error()) && self.harmless != Some(status) {
                    self.span.record("error.type", status.as_str());
                    self.span.record("otel.status_code", "ERROR");
                }
            }
            Err(error) => {
                let is_timeout =
                    matches!(error.kind(), Kind::Stalled(_) | Kind::Late { .. } | Kind::Slow { .. });
                let word = if is_timeout { "timeout" } else { "transport" };
                self.span.record("error.type", word);
                self.span.record("otel.status_code", "ERROR");
                self.span.record("otel.status_description", display(error));
            }
        }
    }
}
