//! The HTTP control plane of a daemon: is it alive, what is known of the mirrors, "sync now".
//!
//! It shows what the [`Ledger`] knows and fires triggers; it starts and stops nothing itself. [`serve`] bounds what a
//! client may cost: connections, headers, bodies, time.

mod accept;
mod access;
mod answer;
mod api;
mod changes;
mod client;
mod clients;
mod events;
mod follow;
mod health;
mod openapi;
mod page;
mod parts;
mod pieces;
mod server;

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::Shard;
use crate::ledger::Ledger;
use crate::worker::Workers;

pub use access::{Access, Hosts, WrongTokens};
pub use changes::Changes;
pub use client::{Client, ClientError, Copied};
pub use pieces::{Latest, Pieces};
pub use server::serve;

/// A request's body is a name or two.
const BODY_MAX_BYTES: usize = 16 * 1024;

/// What the routes show and do.
#[derive(Debug)]
pub struct Control {
    /// What is known of the mirrors.
    pub ledger: Arc<Ledger>,
    /// Who makes their passes.
    pub workers: Workers,
    /// Which part of the mirrors the process has; none for all of them.
    pub shard: Option<Shard>,
    /// What changed in which order.
    pub changes: Changes,
    /// What is shown of the mirrors, made once for all who look.
    pub pieces: Pieces,
    /// The page of metrics, likewise.
    pub metrics: Latest,
    /// By which names it may be asked.
    pub hosts: Hosts,
    /// Who may change something.
    pub access: Access,
    /// Who tried to, and may not.
    pub wrong_tokens: WrongTokens,
    /// Cancelled when the daemon stops.
    pub stopping: CancellationToken,
    /// What became of the last configuration that was read. Held for copies only.
    pub configuration: Mutex<Configuration>,
}

/// What became of the last configuration that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Configuration {
    /// When the configuration that counts was read.
    pub loaded_at: Timestamp,
    /// Why the one that was read last does not count, where it is faulty.
    pub error: Option<String>,
}

impl Control {
    /// What became of the last configuration that was read.
    pub fn configuration(&self) -> Configuration {
        self.configuration.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says that a configuration was read, and why it does not count where it is faulty.
    pub fn reloaded(&self, error: Option<String>, now: Timestamp) {
        let mut configuration = self.configuration.lock().unwrap_or_else(PoisonError::into_inner);
        if error.is_none() {
            configuration.loaded_at = now;
        }
        configuration.error = error;
        drop(configuration);
        self.ledger.changed();
    }
}

/// All routes.
pub fn router(control: Arc<Control>) -> Router {
    let routed = |router: Router<_>, (path, route)| router.route(path, route);
    routes()
        .into_iter()
        .fold(Router::new(), routed)
        .fallback(answer::no_such_route)
        .method_not_allowed_fallback(answer::no_such_method)
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&control), server::by_name))
        .layer(middleware::from_fn(server::in_time))
        .with_state(control)
}

/// Each path, and what it answers. `routes.json` describes the same.
fn routes() -> Vec<(&'static str, MethodRouter<Arc<Control>>)> {
    vec![
        ("/", get(page::show).post(page::sync)),
        ("/events", get(page::events)),
        ("/assets/style.css", get(page::style)),
        ("/assets/live.js", get(page::script)),
        ("/assets/icon.svg", get(page::icon)),
        ("/healthz", get(health::live)),
        ("/readyz", get(health::ready)),
        ("/metrics", get(health::metrics)),
        ("/api/v1/mirrors", get(api::mirrors)),
        ("/api/v1/sync", post(api::sync)),
        ("/api/v1/cancel", post(api::cancel)),
        ("/api/v1/runs/{run}", get(api::run)),
        ("/api/v1/events", get(events::events)),
        ("/api/v1/openapi.json", get(openapi::document)),
    ]
}
