//! When a worker makes passes, by a clock that stands still until everybody waits.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::time::Instant;

use super::*;
use crate::app::{App, Options};
use crate::config::Config;
use crate::event::{Event, EventKind, Observer, Observers};
use crate::ledger::Ledger;
use crate::pass::Stop;

/// A worker whose source nobody listens at, so that each of its passes fails as it may not in a while.
struct Failing {
    worker: Arc<Worker>,
    ledger: Arc<Ledger>,
    apps: watch::Sender<Arc<App>>,
    seen: Arc<Seen>,
    yaml: String,
    /// Has the port at which nobody listens.
    _socket: TcpSocket,
}

/// When passes began, in minutes, with their numbers and which retry they were.
struct Seen {
    start: Instant,
    passes: Mutex<Vec<(u64, u64, usize)>>,
}

impl Observer for Seen {
    fn observe(&self, event: &Event<'_>) {
        if let (EventKind::PassStarted, Some(pass)) = (&event.kind, event.pass) {
            let minutes = self.start.elapsed().as_secs().div_ceil(60);
            self.passes.lock().unwrap().push((minutes, pass.number, pass.retry));
        }
    }
}

const MINUTE: Duration = Duration::from_mins(1);

async fn app(yaml: &str, ledger: &Arc<Ledger>, seen: &Arc<Seen>) -> Arc<App> {
    let config = Config::parse("test.yaml", yaml, &|_| None).unwrap();
    let mut options = Options::default();
    options.retry.tries = 1;
    let observers = Observers(vec![Arc::clone(ledger) as _, Arc::clone(seen) as _]);
    Arc::new(App::new(config, options, Arc::new(observers)).await.unwrap())
}

impl Failing {
    /// `retry` is the end of the mirror's schedule.
    async fn start(retry: &str) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let host = socket.local_addr().unwrap();
        let yaml = format!(
            "mirrors: [{{source: '{host}/a', target: 'oci:unused', tags: [{{match: .}}], \
             schedule: {{cron: 0 0 1 1 *{retry}}}}}]\nregistries: {{'{host}': {{plain_http: true}}}}\n"
        );
        let ledger = Arc::new(Ledger::new(Timestamp::now()));
        let seen = Arc::new(Seen { start: Instant::now(), passes: Mutex::default() });
        let app = app(&yaml, &ledger, &seen).await;
        let workers = Workers::new(Arc::clone(&ledger));
        let configured = ledger.configure(&app.config().mirrors, 1, Timestamp::now());
        let worker = workers.configure(&configured, Duration::ZERO).remove(0);
        Self { worker, ledger, apps: watch::Sender::new(app), seen, yaml, _socket: socket }
    }

    /// Lets the worker work for some minutes, while somebody does something else.
    async fn work(&self, minutes: u32, meanwhile: impl Future<Output = ()>) -> Vec<(u64, u64, usize)> {
        let stop = Stop::default();
        let work = self.worker.work(self.apps.subscribe(), &stop, || {});
        let end = async {
            meanwhile.await;
            tokio::time::sleep_until(self.seen.start + MINUTE * minutes).await;
            stop.soft.cancel();
        };
        tokio::join!(work, end);
        self.seen.passes.lock().unwrap().clone()
    }

    fn next_retry(&self) -> Option<Timestamp> {
        self.worker.entry.look(|record| record.next_retry)
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_pass_is_tried_again_and_then_left_to_the_schedule() {
    let failing = Failing::start("").await;
    failing.worker.trigger.fire();
    let passes = failing.work(1000, async {}).await;
    assert_eq!(passes, [(0, 1, 0), (1, 2, 1), (6, 3, 2), (21, 4, 3), (51, 5, 4)]);
    assert_eq!(failing.next_retry(), None);
    let counts = failing.worker.entry.look(|record| record.counts.clone());
    assert_eq!((counts.failed, counts.retried, counts.failed_in_a_row), (5, 4, 1));
}

#[tokio::test(start_paused = true)]
async fn whatever_else_starts_a_pass_begins_anew() {
    let failing = Failing::start(", retry: [10m, 1h]").await;
    failing.worker.trigger.fire();
    let meanwhile = async {
        tokio::time::sleep(30 * MINUTE).await;
        assert!(failing.next_retry().is_some());
        failing.worker.trigger.fire();
    };
    let passes = failing.work(1000, meanwhile).await;
    assert_eq!(passes, [(0, 1, 0), (10, 2, 1), (30, 3, 0), (40, 4, 1), (100, 5, 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_reload_ends_the_tries() {
    let failing = Failing::start("").await;
    failing.worker.trigger.fire();
    let meanwhile = async {
        tokio::time::sleep(3 * MINUTE).await;
        failing.apps.send_replace(app(&failing.yaml, &failing.ledger, &failing.seen).await);
    };
    assert_eq!(failing.work(1000, meanwhile).await, [(0, 1, 0), (1, 2, 1)]);
    assert_eq!(failing.next_retry(), None);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_comes_first_is_the_next_try() {
    let failing = Failing::start("").await;
    failing.worker.trigger.fire();
    let next = Timestamp::now() + SignedDuration::from_mins(10);
    failing.worker.entry.set_next_run(Some(next));
    assert_eq!(failing.work(1000, async {}).await, [(0, 1, 0), (1, 2, 1), (6, 3, 2)]);
}

#[tokio::test(start_paused = true)]
async fn never_is_never() {
    let failing = Failing::start(", retry: never").await;
    failing.worker.trigger.fire();
    assert_eq!(failing.work(1000, async {}).await, [(0, 1, 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_dismissed_ends() {
    let failing = Failing::start(", retry: never").await;
    failing.worker.trigger.fire();
    let stop = Stop::default();
    let work = failing.worker.work(failing.apps.subscribe(), &stop, || failing.worker.dismissed.cancel());
    tokio::time::timeout(MINUTE, work).await.unwrap();
    assert_eq!(failing.seen.passes.lock().unwrap().len(), 1);
}
