//! `/v2/`, which Docker asks first. Some registries say there alone that they want a login; whoever comes without one is
//! shown less of them, or nothing (containerd/containerd#3291, regclient/regclient#748, sonatype/nexus-public#217).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;
use tracing::warn;
use url::Url;

use crate::registry::access::auth::{Auth, Scope};
use crate::registry::error::Error;
use crate::registry::transport::wire::{Author, Body, Wire, WireRequest};

/// An answer without a challenge counts for this long. It may have been a failure, and registries change.
const LIFE: Duration = Duration::from_mins(10);

/// Whether `/v2/` was asked of late.
#[derive(Debug, Default)]
pub(in crate::registry) struct Root {
    /// Held for look-ups only.
    asked_at: Mutex<Option<Instant>>,
    /// Held while asking: its purpose is to make others wait.
    flight: tokio::sync::Mutex<()>,
}

impl Root {
    /// Asks before a request that may have a login, where it is not known how to send that. Whatever comes of it, the request
    /// is worth sending.
    pub(in crate::registry) async fn ask_first(&self, wire: &Wire, url: &Url, auth: &Auth, scope: &Scope) {
        if auth.is_unasked() || self.is_known(auth) || !auth.has_login(scope).await {
            return;
        }
        if let Err(error) = self.ask(wire, url, auth, scope).await {
            let host = wire.host.as_str();
            warn!(host, "Cannot send the login for {host} as its `/v2/` asks: {error}");
        }
    }

    /// Asks, and learns from a challenge, unless that was done. Where there is none, this is no failure.
    pub(in crate::registry) async fn ask(
        &self,
        wire: &Wire,
        url: &Url,
        auth: &Auth,
        scope: &Scope,
    ) -> Result<(), Error> {
        let _flight = self.flight.lock().await;
        if self.is_known(auth) {
            return Ok(());
        }
        let mut url_of_root = url.clone();
        url_of_root.set_path("v2/");
        let request = WireRequest {
            method: &Method::GET,
            url: &url_of_root,
            author: Author::Us,
            headers: HeaderMap::new(),
            body: Body::Empty,
            is_blob: false,
            retries: 0,
        };
        let answer = wire.exchange(request).await;
        *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        match answer {
            Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
                auth.learn(wire, url, scope, &answer).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn is_known(&self, auth: &Auth) -> bool {
        let asked_at = *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner);
        auth.knows_challenge() || asked_at.is_some_and(|at| at.elapsed() < LIFE)
    }
}
