//! What changed since when, so that whoever saw the mirrors once is told only that.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::control::clients::{CONNECTIONS_MAX, Client};
use crate::event::Pair;
use crate::worker::{Fingerprint, Worker};

/// At most this many requests wait at once, for changes or for the end of a run: half of the connections. The others
/// stay free for health checks and metrics.
const WAITING_MAX: usize = CONNECTIONS_MAX / 2;
/// There is at most one burst of events in this time, at the same moments for all who listen.
const PAUSE: Duration = Duration::from_millis(500);

/// Numbers the changes of all mirrors, in the order in which they are noticed.
#[derive(Debug)]
pub struct Changes {
    /// Which process counts: another counts from 1 again.
    process: i64,
    /// Held for a look at every fingerprint.
    numbers: Mutex<Numbers>,
    /// Places for those who wait.
    places: Arc<Semaphore>,
    /// From when the moments are counted at which changes are told.
    started_at: Instant,
}

/// A place for somebody who waits for us. While it is held, the connection is for nobody else.
#[derive(Debug)]
pub(super) struct Place {
    client: Option<Arc<Client>>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(client) = &self.client {
            client.set_waiting(false);
        }
    }
}

#[derive(Debug, Default)]
struct Numbers {
    last: u64,
    /// What each mirror and target was like when last looked at, and the number of the change that made it so.
    pairs: HashMap<Pair, (Fingerprint, u64)>,
}

/// Up to where somebody has seen the changes. Its text is the `id` of server-sent events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    process: i64,
    number: u64,
}

impl Changes {
    /// Counts from 1.
    pub fn new(started_at: Timestamp) -> Self {
        Self {
            process: started_at.as_microsecond(),
            numbers: Mutex::default(),
            places: Arc::new(Semaphore::new(WAITING_MAX)),
            started_at: Instant::now(),
        }
    }

    /// A place for a client who waits for us, held as long as that takes. None where too many do.
    pub(super) fn place(&self, client: Option<Extension<Arc<Client>>>) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let client = client.map(|Extension(client)| client);
        if let Some(client) = &client {
            client.set_waiting(true);
        }
        Some(Place { client, _permit: permit })
    }

    /// The next moment at which changes are told.
    pub(super) fn next_moment(&self) -> Instant {
        let moments = self.started_at.elapsed().as_millis() / PAUSE.as_millis() + 1;
        self.started_at + PAUSE * u32::try_from(moments).unwrap_or(u32::MAX)
    }

    /// Those of the mirrors that changed since the mark, or all; and the mark of now.
    pub(super) fn since(&self, mark: Option<Mark>, all: Vec<Arc<Worker>>) -> (Vec<Arc<Worker>>, Mark) {
        let seen = mark.filter(|mark| mark.process == self.process).map(|mark| mark.number);
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        numbers.forget_others(&all);
        let mut changed = all;
        changed.retain(|worker| {
            let number = numbers.number(worker.pair(), worker.fingerprint());
            seen.is_none_or(|seen| number > seen)
        });
        (changed, Mark { process: self.process, number: numbers.last })
    }
}

#[cfg(test)]
impl Changes {
    /// How many mirrors and targets have a number.
    pub(super) fn known(&self) -> usize {
        self.numbers.lock().unwrap().pairs.len()
    }
}

impl Numbers {
    /// Forgets mirrors that are no longer configured, where there are any.
    fn forget_others(&mut self, all: &[Arc<Worker>]) {
        if self.pairs.len() > all.len() {
            let all: HashSet<&Pair> = all.iter().map(|worker| worker.pair()).collect();
            self.pairs.retain(|pair, _| all.contains(pair));
        }
    }

    fn number(&mut self, pair: &Pair, fingerprint: Fingerprint) -> u64 {
        match self.pairs.get(pair) {
            Some((known, number)) if *known == fingerprint => *number,
            _ => {
                self.last += 1;
                self.pairs.insert(pair.clone(), (fingerprint, self.last));
                self.last
            }
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.process, self.number)
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (process, number) = text.split_once('.').ok_or(())?;
        Ok(Self { process: process.parse().map_err(drop)?, number: number.parse().map_err(drop)? })
    }
}
