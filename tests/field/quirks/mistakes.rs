//! Mistakes of ours: a panic ends the pass or the reload that it belongs to.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::{FutureExt, future, stream};
use serde_json::Value;
use tagferry::config::Config;
use tagferry::daemon::{Daemon, Options};
use tagferry::event::{Event, EventKind, Observer, RunOutcome};
use tagferry::pass::{Mode, Stop};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::fake::{Face, Match, Registry, image};
use crate::world::daemon::PATIENCE;
use crate::world::program::Program;
use crate::world::{APP, app, assert_says, mirror};

/// Panics where a tag of one mirror begins, or with each event of it.
struct Faulty {
    mirror: &'static str,
    is_always: bool,
    finished: AtomicUsize,
}

impl Observer for Faulty {
    fn observe(&self, event: &Event<'_>) {
        let is_its = event.pass.is_some_and(|pass| pass.pair.mirror == self.mirror);
        let is_mistaken = is_its && (self.is_always || matches!(event.kind, EventKind::TagStarted { .. }));
        assert!(!is_mistaken, "a mistake\nof \u{1b}[31mours");
        if let EventKind::PassFinished { .. } = event.kind {
            self.finished.fetch_add(1, Relaxed);
        }
    }
}

#[tokio::test]
async fn a_panic_ends_its_pass_and_no_other() {
    for is_always in [false, true] {
        let (source, target) = (Registry::start(Face::Token).await, Registry::start(Face::Open).await);
        for name in ["app", "other"] {
            for tag in ["1", "2", "3"] {
                source.push(name, tag, &image(&["shared", tag]));
            }
        }
        let faulty = Arc::new(Faulty { mirror: "app", is_always, finished: AtomicUsize::default() });
        let config = mirror(&source, &target, &(APP.to_owned() + &APP.replace("app", "other")));
        let app = Box::pin(app(&config, faulty.clone())).await;
        let summary = Box::pin(app.run(Mode::Sync, &Stop::default())).await;
        assert_eq!(summary.outcome, RunOutcome::Failed);
        let [broken, other] = &summary.mirrors[..] else { panic!("{summary:#?}") };
        assert_eq!((broken.outcome, other.outcome), (RunOutcome::Failed, RunOutcome::Succeeded));
        let words =
            "internal error: a mistake of \\u{1b}[31mours; please report this, with what the log says of it";
        assert_says(broken.error.as_ref().unwrap().to_string(), &[words]);
        assert_eq!(target.tags("other"), source.tags("other"));
        target.assert_consistent();
        assert_eq!(faulty.finished.load(Relaxed), if is_always { 1 } else { 2 });

        // What it held is free again, also within one process.
        let before = source.count(&Match::tags());
        let again = Box::pin(app.run(Mode::Sync, &Stop::default())).await;
        assert_eq!(again.mirrors[1].outcome, RunOutcome::Succeeded);
        assert_eq!(source.count(&Match::tags()), before + if is_always { 1 } else { 2 });
    }
}

/// Panics where the first tag of the mirror `app` begins.
#[derive(Default)]
struct FaultyOnce(AtomicUsize);

impl Observer for FaultyOnce {
    fn observe(&self, event: &Event<'_>) {
        let is_its = event.pass.is_some_and(|pass| pass.pair.mirror == "app");
        if is_its && matches!(event.kind, EventKind::TagStarted { .. }) {
            assert!(self.0.fetch_add(1, Relaxed) > 0, "a mistake of ours");
        }
    }
}

/// The error of the configuration, when it is as awaited.
async fn error_of_configuration(url: &str, is_awaited: impl Fn(&Value) -> bool) -> Value {
    let wait = async {
        loop {
            let overview = reqwest::get(format!("{url}/api/v1/mirrors")).await.unwrap().text().await.unwrap();
            let error = serde_json::from_str::<Value>(&overview).unwrap()["configuration"]["error"].take();
            if is_awaited(&error) {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap()
}

#[tokio::test]
async fn a_daemon_goes_on_after_a_panic() {
    let (source, target) = (Registry::start(Face::Open).await, Registry::start(Face::Open).await);
    source.push("app", "1", &image(&["app"]));
    source.push("other", "1", &image(&["other"]));
    let text = mirror(&source, &target, &(APP.to_owned() + &APP.replace("app", "other")));
    let config = move || Config::parse("test.yaml", &text, &|_| None).map_err(|faults| faults.to_string());
    let (first, loads) = (config().unwrap(), AtomicUsize::default());
    let reload = move || {
        assert!(loads.fetch_add(1, Relaxed) > 0, "a mistake of ours");
        future::ready(config()).boxed_local()
    };
    let options = Options {
        app: tagferry::app::Options::default(),
        listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
        token: None,
        reload: Box::new(reload),
    };
    let daemon = Box::pin(Daemon::new(first, options, Arc::new(FaultyOnce::default()))).await.unwrap();
    let url = format!("http://{}", daemon.address().unwrap());
    let (hangup, hangups) = mpsc::unbounded_channel::<()>();
    let hangups =
        stream::unfold(hangups, |mut hangups| async move { hangups.recv().await.map(|()| ((), hangups)) });
    let stop = Stop::default();
    let used = async {
        let program = Program::new();
        let sync_now = async |mirror| {
            program.run_online(&["sync-now", "--wait", "--url", &url, "--mirror", mirror]).await
        };
        let broken = sync_now("app").await;
        assert_says(broken.assert_code(1).stdout.clone() + &broken.stderr, &["app: failed"]);
        sync_now("other").await.assert_code(0);
        sync_now("app").await.assert_code(0);

        hangup.send(()).unwrap();
        let error = error_of_configuration(&url, |error| !error.is_null()).await;
        assert_says(error.as_str().unwrap(), &["internal error: a mistake of ours; please report this"]);
        sync_now("app").await.assert_code(0);
        hangup.send(()).unwrap();
        error_of_configuration(&url, Value::is_null).await;
        stop.soft.cancel();
    };
    let (ended, ()) = Box::pin(async { tokio::join!(daemon.run(stop.clone(), hangups), used) }).await;
    ended.unwrap();
    assert_eq!(target.tags("app"), source.tags("app"));
    assert_eq!(target.tags("other"), source.tags("other"));
}
