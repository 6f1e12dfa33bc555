//! The token endpoint of a registry like Oracle's: `GET /auth`, and a service name that holds a space.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What Oracle's challenge says, space and all.
pub(crate) const SERVICE: &str = "Oracle Registry";
pub(crate) const USERNAME: &str = "someone@example.com";
pub(crate) const PASSWORD: &str = "0racle-auth-t0ken";
/// What the realm hands out.
pub(crate) const TOKEN: &str = "an-opaque-token";

type Scopes = Arc<Mutex<Vec<String>>>;

/// A running token endpoint, stopped when dropped.
pub(crate) struct Realm {
    url: String,
    granted: Scopes,
    _serving: JoinSet<()>,
}

impl Realm {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/auth", listener.local_addr().unwrap());
        let granted = Scopes::default();
        let routes = Router::new().route("/auth", get(grant)).with_state(Arc::clone(&granted));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, granted, _serving: serving }
    }

    /// Its address, for a challenge.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The scopes that it gave tokens for, in order.
    pub(crate) fn granted(&self) -> Vec<String> {
        self.granted.lock().unwrap().clone()
    }
}

/// Answers as Oracle's realm does: `Not found` for another service, 401 for other credentials, no `expires_in`.
async fn grant(
    State(granted): State<Scopes>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> (StatusCode, String) {
    if !query.iter().any(|(key, value)| key == "service" && value == SERVICE) {
        return (StatusCode::NOT_FOUND, "Not found".to_owned());
    }
    let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{USERNAME}:{PASSWORD}")));
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != expected.as_str()) {
        return (StatusCode::UNAUTHORIZED, "Auth failed.".to_owned());
    }
    let scopes = query.into_iter().filter(|(key, _)| key == "scope").map(|(_, scope)| scope);
    granted.lock().unwrap().extend(scopes);
    (StatusCode::OK, serde_json::json!({ "token": TOKEN }).to_string())
}
