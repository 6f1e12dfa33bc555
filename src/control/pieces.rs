//! What is shown of each mirror, made once for all who look, in a thread of its own: the mirrors may have tens of
//! thousands of tags, and whoever asks whether the daemon is well waits for none of it.

use std::collections::HashMap;
use std::future;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::control::page::{Depth, Look, id, mirror};
use crate::event::Pair;
use crate::ledger::Record;
use crate::worker::{Fingerprint, Worker};

/// At most this much is kept. Where there is more, all of it is made anew.
const KEPT_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Where nothing happens a mirror gets late all the same, and a time on the page further away: what is shown lasts so long.
const AGE_MAX: Duration = Duration::from_secs(30);
/// Mirrors with up to this many tags are made and held together; one after the other where they have more.
const GROUP_TAGS: usize = 2000;
const GROUP_MIRRORS: usize = 100;

/// In which form a mirror is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// As an object of the API.
    Json,
    /// As an element of the page.
    Html { depth: Depth, has_button: bool },
    /// As what `live.js` puts in the place of such an element.
    Swap { depth: Depth, has_button: bool },
}

/// What was made of mirrors last.
#[derive(Debug, Default)]
pub struct Pieces {
    /// Held while something is made, one after the other: its purpose is to make others wait.
    making: tokio::sync::Mutex<()>,
    /// Held for look-ups only.
    made: Arc<Mutex<Made>>,
}

#[derive(Debug, Default)]
struct Made {
    pieces: HashMap<(Pair, Form), Piece>,
    bytes: usize,
}

#[derive(Debug)]
struct Piece {
    /// Of what it shows.
    fingerprint: Fingerprint,
    /// When that was looked at.
    seen_at: Instant,
    bytes: Bytes,
}

/// A mirror, to be put where the element of this id is.
#[derive(Serialize)]
struct Swap<'a> {
    id: &'a str,
    html: &'a str,
}

impl Pieces {
    /// These mirrors in a form, as they were when they were asked for or are by now.
    pub(super) async fn of(&self, workers: &[Arc<Worker>], form: Form, asked: Instant) -> Vec<Bytes> {
        if let Some(found) = self.find(workers, form, asked) {
            return found;
        }
        let _turn = self.making.lock().await;
        if let Some(found) = self.find(workers, form, asked) {
            return found;
        }
        let (workers, made) = (workers.to_vec(), Arc::clone(&self.made));
        let work = move || {
            let piece = |worker: &Arc<Worker>| {
                let found = lock(&made).find(worker, form, asked);
                found.unwrap_or_else(|| {
                    let piece = Piece::make(worker, form);
                    let bytes = piece.bytes.clone();
                    lock(&made).keep((worker.pair().clone(), form), piece);
                    bytes
                })
            };
            workers.iter().map(piece).collect()
        };
        aside(work).await
    }

    fn find(&self, workers: &[Arc<Worker>], form: Form, asked: Instant) -> Option<Vec<Bytes>> {
        let made = lock(&self.made);
        workers.iter().map(|worker| made.find(worker, form, asked)).collect()
    }
}

/// Computes something in a thread of its own.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            // The answer or the connection that wanted it ends.
            Ok(panic) => resume_unwind(panic),
            // The runtime ends, and with it whoever waits for this.
            Err(_) => future::pending().await,
        },
    }
}

/// Mirrors in the same order, in groups of a size that may be made at once.
pub(super) fn groups(workers: &[Arc<Worker>]) -> Vec<Vec<Arc<Worker>>> {
    let mut groups: Vec<Vec<Arc<Worker>>> = Vec::new();
    let mut room = 0;
    for worker in workers {
        let tags = worker.entry.look(|record| record.tags.len());
        let open = groups.last_mut().filter(|group| tags <= room && group.len() < GROUP_MIRRORS);
        if let Some(group) = open {
            group.push(Arc::clone(worker));
            room -= tags;
        } else {
            groups.push(vec![Arc::clone(worker)]);
            room = GROUP_TAGS.saturating_sub(tags);
        }
    }
    groups
}

fn lock(made: &Mutex<Made>) -> MutexGuard<'_, Made> {
    made.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Made {
    fn find(&self, worker: &Worker, form: Form, asked: Instant) -> Option<Bytes> {
        let piece = self.pieces.get(&(worker.pair().clone(), form))?;
        let is_young = piece.seen_at.elapsed() < AGE_MAX;
        let is_new = piece.seen_at >= asked || is_young && piece.fingerprint == worker.fingerprint();
        is_new.then(|| piece.bytes.clone())
    }

    fn keep(&mut self, key: (Pair, Form), piece: Piece) {
        let bytes = piece.bytes.len();
        if let Some(before) = self.pieces.remove(&key) {
            self.bytes -= before.bytes.len();
        }
        if self.bytes + bytes > KEPT_MAX_BYTES {
            *self = Self::default();
        }
        if bytes <= KEPT_MAX_BYTES {
            self.bytes += bytes;
            self.pieces.insert(key, piece);
        }
    }
}

impl Piece {
    fn make(worker: &Worker, form: Form) -> Self {
        // Before what it stands for: what changes meanwhile makes it another.
        let (seen_at, fingerprint) = (Instant::now(), worker.fingerprint());
        Self { fingerprint, seen_at, bytes: written(&worker.record(), form).into() }
    }
}

/// The record in this form. None of them has a line break but in HTML.
fn written(record: &Record, form: Form) -> String {
    let html =
        |depth, has_button| mirror(record, Look { depth, has_button, now: Timestamp::now() }).into_string();
    // Texts, numbers and lists of them, which always have a form in JSON.
    match form {
        Form::Json => serde_json::to_string(record).unwrap_or_default(),
        Form::Html { depth, has_button } => html(depth, has_button),
        Form::Swap { depth, has_button } => {
            let swap = Swap { id: &id(&record.pair()), html: &html(depth, has_button) };
            serde_json::to_string(&swap).unwrap_or_default()
        }
    }
}

/// Something that is made at most once for all who asked for it before that began.
#[derive(Debug, Default)]
pub struct Latest(tokio::sync::Mutex<Option<(Instant, Bytes)>>);

impl Latest {
    /// It as it was when it was asked for, or is by now.
    pub(super) async fn get(&self, make: impl FnOnce() -> String + Send + 'static) -> Bytes {
        let asked = Instant::now();
        let mut latest = self.0.lock().await;
        if let Some((_, bytes)) = latest.as_ref().filter(|(seen_at, _)| *seen_at >= asked) {
            return bytes.clone();
        }
        let seen_at = Instant::now();
        let bytes = Bytes::from(aside(make).await);
        *latest = (bytes.len() <= KEPT_MAX_BYTES).then(|| (seen_at, bytes.clone()));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::samples;
    use crate::worker;
    use crate::worker::Workers;

    fn workers(names: &[&str]) -> (Workers, Vec<Arc<Worker>>) {
        let workers = worker::sample(&samples::mirrors(names));
        let all = workers.all();
        (workers, all)
    }

    #[tokio::test]
    async fn what_did_not_change_is_made_once() {
        let (all, list) = workers(&["a", "b"]);
        let pieces = Pieces::default();
        let first = pieces.of(&list, Form::Json, Instant::now()).await;
        let second = pieces.of(&list, Form::Json, Instant::now()).await;
        let is_same =
            |one: &[Bytes], other: &[Bytes], index: usize| one[index].as_ptr() == other[index].as_ptr();
        assert!(is_same(&first, &second, 0) && is_same(&first, &second, 1));
        let asked = Instant::now();
        all.fire(&["b".to_owned()]).unwrap();
        let third = pieces.of(&list, Form::Json, asked).await;
        assert!(is_same(&first, &third, 0) && !is_same(&first, &third, 1));
        assert!(std::str::from_utf8(&third[1]).unwrap().contains("\"state\":\"waiting\""));
        // Whoever asked before it was made takes it, whatever changed since.
        list[1].entry.set_next_run(Some(Timestamp::UNIX_EPOCH));
        let fourth = pieces.of(&list, Form::Json, asked).await;
        assert!(is_same(&third, &fourth, 1));
        let fifth = pieces.of(&list, Form::Json, Instant::now()).await;
        assert!(!is_same(&third, &fifth, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_time_alone_changes_is_said_anew() {
        let (_, list) = workers(&["a"]);
        let pieces = Pieces::default();
        for form in [Form::Html { depth: Depth::Full, has_button: true }, Form::Json] {
            let first = pieces.of(&list, form, Instant::now()).await;
            tokio::time::advance(AGE_MAX).await;
            let second = pieces.of(&list, form, Instant::now()).await;
            assert_ne!(first[0].as_ptr(), second[0].as_ptr());
        }
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes() {
        let (_, list) = workers(&["a"]);
        let mut made = Made::default();
        for number in 0..100 {
            let piece = Piece {
                fingerprint: list[0].fingerprint(),
                seen_at: Instant::now(),
                bytes: vec![0; 1024 * 1024 * (1 + number % 20)].into(),
            };
            made.keep((Pair::new(&number.to_string(), &"t"), Form::Json), piece);
            let held: usize = made.pieces.values().map(|piece| piece.bytes.len()).sum();
            assert_eq!(held, made.bytes);
            assert!(held <= KEPT_MAX_BYTES, "{held}");
        }
    }

    #[test]
    fn large_mirrors_are_made_one_by_one() {
        let (_, list) = workers(&["a", "b", "c"]);
        assert_eq!(groups(&list).iter().map(Vec::len).collect::<Vec<_>>(), [3]);
        assert!(groups(&[]).is_empty());
    }
}
