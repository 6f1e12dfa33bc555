//! What a server was asked, for counting and asserting.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::AUTHORIZATION;
use tokio::sync::Notify;

use super::fault::Match;
use super::route::Route;
use super::wire::Head;

/// One request and, once there is one, the status of its answer.
#[derive(Clone, Debug)]
pub struct Seen {
    pub head: Head,
    /// `None` while it is being answered, and where the connection was closed instead.
    pub status: Option<u16>,
}

impl Seen {
    pub fn route(&self) -> Route {
        Route::of(&self.head)
    }

    pub fn is_authorized(&self) -> bool {
        self.head.headers.contains_key(AUTHORIZATION)
    }

    /// `GET /v2/a/tags/list?n=2 200`, for messages and comparisons.
    pub fn line(&self) -> String {
        let status = self.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        format!("{} {} {status}", self.head.method, self.head.target())
    }
}

/// The requests of one server in the order of their arrival.
#[derive(Debug, Default)]
pub struct Log {
    entries: Mutex<Vec<Seen>>,
    arrived: Notify,
    in_flight: AtomicUsize,
    in_flight_max: AtomicUsize,
}

impl Log {
    /// Notes an arrival. The request counts as in flight until the guard is dropped.
    pub fn arrive(&self, head: &Head) -> InFlight<'_> {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.in_flight_max.fetch_max(now, Ordering::SeqCst);
        let index = {
            let mut entries = self.entries.lock().unwrap();
            entries.push(Seen { head: head.clone(), status: None });
            entries.len() - 1
        };
        self.arrived.notify_waiters();
        InFlight { log: self, index }
    }

    /// All requests so far.
    pub fn entries(&self) -> Vec<Seen> {
        self.entries.lock().unwrap().clone()
    }

    /// How many requests match.
    pub fn count(&self, pattern: &Match) -> usize {
        self.entries.lock().unwrap().iter().filter(|seen| pattern.matches(&seen.head)).count()
    }

    /// Waits until this many requests that match have arrived.
    pub async fn wait_for(&self, pattern: &Match, count: usize) {
        loop {
            let mut arrived = std::pin::pin!(self.arrived.notified());
            arrived.as_mut().enable();
            if self.count(pattern) >= count {
                return;
            }
            arrived.await;
        }
    }

    /// The most requests that were ever being answered at one time.
    pub fn in_flight_max(&self) -> usize {
        self.in_flight_max.load(Ordering::SeqCst)
    }
}

/// A request that is being answered.
pub struct InFlight<'a> {
    log: &'a Log,
    index: usize,
}

impl InFlight<'_> {
    /// Notes the status of the answer.
    pub fn answered(&self, status: u16) {
        self.log.entries.lock().unwrap()[self.index].status = Some(status);
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.log.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}
