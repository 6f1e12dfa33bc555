//! Mistakes of ours: a panic ends the pass that it belongs to.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use tagferry::event::{Event, EventKind, Observer, RunOutcome};
use tagferry::pass::{Mode, Stop};

use crate::fake::{Face, Match, Registry, image};
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
        let words = "internal error: a mistake of [31mours; please report this, with what the log says of it";
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
