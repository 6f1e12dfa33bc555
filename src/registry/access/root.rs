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

/// An answer without a challenge counts for this long: registries change.
const LIFE: Duration = Duration::from_mins(10);
/// Nobody waits for a root that failed again at once.
const FAILURE_LIFE: Duration = Duration::from_mins(1);

/// What `/v2/` said of late.
#[derive(Debug, Default)]
pub(in crate::registry) struct Root {
    /// Held for look-ups only.
    last: Mutex<Option<Last>>,
    /// Held while asking: its purpose is to make others wait.
    flight: tokio::sync::Mutex<()>,
}

/// The last answer without a challenge, or the last failure.
#[derive(Clone, Copy, Debug)]
struct Last {
    is_failure: bool,
    counts_until: Instant,
}

/// Which failures of late make it needless to ask.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failures {
    Count,
    AreTriedAgain,
}

impl Root {
    /// Asks before a request that may have a login, where it is not known how to send that. Whatever comes of it, the request
    /// is worth sending.
    pub(in crate::registry) async fn ask_first(&self, wire: &Wire, url: &Url, auth: &Auth, scope: &Scope) {
        if auth.is_unasked() || self.is_known(auth, Failures::Count) || !auth.has_login(scope).await {
            return;
        }
        if let Err(error) = self.asked(wire, url, auth, scope, Failures::Count).await {
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
        self.asked(wire, url, auth, scope, Failures::AreTriedAgain).await
    }

    async fn asked(
        &self,
        wire: &Wire,
        url: &Url,
        auth: &Auth,
        scope: &Scope,
        failures: Failures,
    ) -> Result<(), Error> {
        let _flight = self.flight.lock().await;
        if self.is_known(auth, failures) {
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
        let passes = |status: StatusCode| status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let is_failure = answer.as_ref().map_or(true, |answer| passes(answer.status()));
        let counts_until = Instant::now() + if is_failure { FAILURE_LIFE } else { LIFE };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Last { is_failure, counts_until });
        match answer? {
            answer if answer.status() == StatusCode::UNAUTHORIZED => {
                auth.learn(wire, url, scope, &answer).map(drop)
            }
            answer if is_failure => Err(answer.refused().await),
            _ => Ok(()),
        }
    }

    fn is_known(&self, auth: &Auth, failures: Failures) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = |last: Last| {
            Instant::now() < last.counts_until && (failures == Failures::Count || !last.is_failure)
        };
        auth.knows_challenge() || last.is_some_and(counts)
    }
}
