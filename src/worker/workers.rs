//! All mirrors of a daemon.

use std::collections::{HashMap, HashSet};
use std::future;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::config::UnknownMirror;
use crate::event::Pair;
use crate::ledger::{Configured, Ledger};
use crate::oci::Tag;
use crate::pass::StopReason;
use crate::worker::parts::TooManyTags;
use crate::worker::run::{MirrorPass, Run, RunState, RunStatus, Runs};
use crate::worker::work::Worker;

/// All mirrors of a daemon, each with each of its targets.
#[derive(Debug)]
pub struct Workers {
    ledger: Arc<Ledger>,
    /// Held for look-ups, and while workers are asked for passes.
    known: RwLock<Known>,
    /// Held for look-ups only.
    runs: Mutex<Runs>,
}

#[derive(Debug, Default)]
struct Known {
    /// Those of the configuration, in its order.
    configured: Vec<Arc<Worker>>,
    /// These, and those of configurations before that have something to do: a mirror may come back while its last pass is
    /// still under way.
    by_pair: HashMap<Pair, Arc<Worker>>,
}

impl Workers {
    /// None yet. What their passes find out is in the ledger.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, known: RwLock::default(), runs: Mutex::default() }
    }

    /// Takes what a configuration has, and gives the workers of what there never was before: they have to be put to
    /// work. The others go on with what they do, but for passes over what is no longer configured, or from another source:
    /// they have a time of grace, then they hold up nobody. A worker that has nothing to do and is not configured is let go.
    pub fn configure(&self, configured: &[Configured], grace: Duration) -> Vec<Arc<Worker>> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut known.configured);
        let mut new = Vec::new();
        for Configured { entry, .. } in configured {
            let worker = known.by_pair.entry(entry.pair.clone()).or_insert_with(|| {
                let worker = Arc::new(Worker::new(Arc::clone(entry)));
                new.push(Arc::clone(&worker));
                worker
            });
            let worker = Arc::clone(worker);
            known.configured.push(worker);
        }
        hand_over(&before, &known.configured);
        let is_new: HashMap<&Pair, bool> =
            configured.iter().map(|one| (&one.entry.pair, one.is_new)).collect();
        known.by_pair.retain(|pair, worker| {
            let is_new = is_new.get(pair);
            if is_new != Some(&false) {
                worker.stop_in(grace, StopReason::Reconfigured);
            }
            let stays = is_new.is_some() || worker.is_busy();
            if !stays {
                worker.dismissed.cancel();
            }
            stays
        });
        drop(known);
        self.ledger.changed();
        new
    }

    /// All of them, in the order of the configuration.
    pub fn all(&self) -> Vec<Arc<Worker>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).configured.clone()
    }

    /// Asks for a pass over the mirrors of these names, over all where there are none.
    pub fn fire(&self, names: &[String]) -> Result<Run, UnknownMirror> {
        // Held until all are asked: nobody who is asked is let go.
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let all = &known.configured;
        UnknownMirror::check(names, all.iter().map(|worker| &*worker.pair().mirror))?;
        let is_named = |worker: &&Arc<Worker>| names.is_empty() || names.contains(&worker.pair().mirror);
        let run = Run::start(all.iter().filter(is_named).cloned().collect());
        drop(known);
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).push(run.clone());
        self.ledger.changed();
        Ok(run)
    }

    /// Asks for one tag of the sources of the mirrors of these names.
    pub fn fire_tag(&self, names: &[String], tag: &Tag) -> Result<Result<Run, TooManyTags>, UnknownMirror> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let all = &known.configured;
        UnknownMirror::check(names, all.iter().map(|worker| &*worker.pair().mirror))?;
        let is_named = |worker: &&Arc<Worker>| names.contains(&worker.pair().mirror);
        let run = Run::start_part(all.iter().filter(is_named).cloned().collect(), tag);
        drop(known);
        if let Ok(run) = &run {
            self.runs.lock().unwrap_or_else(PoisonError::into_inner).push(run.clone());
            self.ledger.changed();
        }
        Ok(run)
    }

    /// Ends the passes over the mirrors of these names that are under way, and drops those that wait for their turn.
    pub fn cancel(&self, names: &[String]) -> Result<Vec<MirrorPass>, UnknownMirror> {
        let all = self.all();
        UnknownMirror::check(names, all.iter().map(|worker| &*worker.pair().mirror))?;
        let meant = all.iter().filter(|worker| names.contains(&worker.pair().mirror));
        let ended = meant.flat_map(|worker| {
            let numbers = worker.cancel().into_iter();
            numbers.map(|pass| MirrorPass::of(worker, pass))
        });
        let ended = ended.collect();
        self.ledger.changed();
        Ok(ended)
    }

    /// A run that was asked for, as long as it is remembered.
    pub fn run(&self, id: &str) -> Option<Run> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).get(id)
    }

    /// Waits for the end of a run. Cancel safe.
    pub async fn finished(&self, run: &Run) -> RunStatus {
        let mut changes = self.ledger.changes();
        loop {
            changes.mark_unchanged();
            let status = run.status();
            if status.state == RunState::Finished {
                return status;
            }
            if changes.changed().await.is_err() {
                future::pending::<()>().await;
            }
        }
    }
}

/// A pass that waits for its turn into a target which its mirror has no longer is made into those which it has instead.
fn hand_over(before: &[Arc<Worker>], now: &[Arc<Worker>]) {
    let pairs = |all: &[Arc<Worker>]| all.iter().map(|worker| worker.pair().clone()).collect::<HashSet<_>>();
    let (known, still) = (pairs(before), pairs(now));
    let left = before.iter().filter(|worker| worker.trigger.is_asked() && !still.contains(worker.pair()));
    let left: HashSet<&str> = left.map(|worker| worker.pair().mirror.as_str()).collect();
    let is_heir =
        |worker: &&Arc<Worker>| left.contains(&*worker.pair().mirror) && !known.contains(worker.pair());
    for worker in now.iter().filter(is_heir) {
        worker.trigger.fire();
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::event::RunOutcome;
    use crate::ledger::samples::{elsewhere, mirrors};
    use crate::worker::passes::PassState;

    #[test]
    fn a_reload_starts_what_is_new_and_hands_over_what_waits() {
        let ledger = Arc::new(Ledger::new(Timestamp::UNIX_EPOCH));
        let workers = Workers::new(Arc::clone(&ledger));
        let configure = |mirrors: &[_], generation| {
            let configured = ledger.configure(mirrors, generation, Timestamp::UNIX_EPOCH);
            let new = workers.configure(&configured, Duration::ZERO);
            new.iter().map(|worker| worker.pair().clone()).collect::<Vec<_>>()
        };
        let asked = || workers.all().iter().map(|worker| worker.trigger.is_asked()).collect::<Vec<_>>();
        let mut mirrors = mirrors(&["a", "b", "c"]);
        assert_eq!(configure(&mirrors, 1).len(), 3);
        workers.fire(&["a".to_owned(), "b".to_owned()]).unwrap();
        // `a` moves to another target, `b` stays, `c` moves and nobody asked for it.
        mirrors[0].target = elsewhere();
        mirrors[2].target = elsewhere();
        let moved = ["a", "c"].map(|name| Pair::new(name, &elsewhere()));
        assert_eq!(configure(&mirrors, 2), moved);
        assert_eq!(asked(), [true, true, false]);
        assert_eq!(configure(&mirrors, 3), []);
        assert_eq!(asked(), [true, true, false]);
    }

    #[test]
    fn many_reloads_leave_no_mirror_that_is_gone_and_one_that_comes_back_works() {
        let ledger = Arc::new(Ledger::new(Timestamp::UNIX_EPOCH));
        let workers = Workers::new(Arc::clone(&ledger));
        let mut generation = 0;
        let mut configure = |names: &[&str]| {
            generation += 1;
            let configured = ledger.configure(&mirrors(names), generation, Timestamp::UNIX_EPOCH);
            workers.configure(&configured, Duration::ZERO)
        };
        let known = || workers.known.read().unwrap().by_pair.len();
        let first = configure(&["stays", "busy"]).remove(1);
        first.trigger.fire();
        for number in 0..100 {
            assert_eq!(configure(&["stays", &format!("goes-{number}")]).len(), 1);
            assert!(known() <= 3 && ledger.known() <= 4, "{} {}", known(), ledger.known());
        }
        // One that still has something to do is the same when it comes back.
        assert!(!first.dismissed.is_cancelled() && configure(&["stays", "busy"]).is_empty());
        assert!(Arc::ptr_eq(&workers.all()[1], &first));
        // Another one is not, and is put to work again, with the record that is shown.
        first.trigger.begin();
        configure(&["stays"]);
        assert!(first.dismissed.is_cancelled());
        let again = configure(&["stays", "busy"]);
        assert!(again.len() == 1 && !again[0].dismissed.is_cancelled());
        assert!(Arc::ptr_eq(&again[0].entry, &ledger.entries()[1]));
        assert_eq!((again[0].trigger.fire(), known()), (1, 2));
    }

    #[test]
    fn what_waits_for_its_turn_can_be_cancelled() {
        let ledger = Arc::new(Ledger::new(Timestamp::UNIX_EPOCH));
        let workers = Workers::new(Arc::clone(&ledger));
        let configured = ledger.configure(&mirrors(&["a", "b"]), 1, Timestamp::UNIX_EPOCH);
        workers.configure(&configured, Duration::ZERO);
        let run = workers.fire(&[]).unwrap();
        let cancelled = workers.cancel(&["a".to_owned()]).unwrap();
        assert_eq!(cancelled.iter().map(|pass| (&*pass.name, pass.pass)).collect::<Vec<_>>(), [("a", 1)]);
        let error = Some("it was cancelled before its turn".to_owned());
        let finished = PassState::Finished { outcome: RunOutcome::Failed, error };
        let states = |run: &Run| run.status().mirrors.into_iter().map(|pass| pass.state).collect::<Vec<_>>();
        assert_eq!(states(&run), [finished, PassState::Waiting]);
        assert_eq!(
            workers.all().iter().map(|worker| worker.trigger.is_asked()).collect::<Vec<_>>(),
            [false, true]
        );
        assert!(workers.cancel(&["a".to_owned()]).unwrap().is_empty(), "nothing is left of it");
        assert!(workers.cancel(&["c".to_owned()]).is_err());
    }
}
