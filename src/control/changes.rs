//! What changed since when, so that whoever saw the mirrors once is told only that.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::control::server::CONNECTIONS_MAX;
use crate::event::Pair;
use crate::worker::{Fingerprint, Worker};

/// The most listeners at a time: half of the connections that the control plane takes, so that the others answer whoever watches
/// over the process.
const LISTENERS_MAX: usize = CONNECTIONS_MAX / 2;

/// Numbers the changes of all mirrors, in the order in which they are noticed.
#[derive(Debug)]
pub struct Changes {
    /// Which process counts: another counts from 1 again.
    process: i64,
    /// Held for a look at every fingerprint.
    numbers: Mutex<Numbers>,
    /// Places for those who listen.
    listeners: Arc<Semaphore>,
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
            listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
        }
    }

    /// A place for somebody who listens, held as long as that takes. None where too many do.
    pub(super) fn listener(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.listeners).try_acquire_owned().ok()
    }

    /// Those of the mirrors that changed since the mark, or all; and the mark of now.
    pub(super) fn since(&self, mark: Option<Mark>, all: Vec<Arc<Worker>>) -> (Vec<Arc<Worker>>, Mark) {
        let seen = mark.filter(|mark| mark.process == self.process).map(|mark| mark.number);
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = all;
        changed.retain(|worker| {
            let number = numbers.number(worker.pair(), worker.fingerprint());
            seen.is_none_or(|seen| number > seen)
        });
        (changed, Mark { process: self.process, number: numbers.last })
    }
}

impl Numbers {
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
