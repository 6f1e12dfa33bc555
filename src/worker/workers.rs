//! All mirrors of a daemon.

use std::collections::BTreeMap;
use std::future;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::sync::watch;

use crate::config::{Mirror, UnknownMirror};
use crate::event::{Event, EventKind, Observer};
use crate::worker::run::{Run, RunState, RunStatus, Runs};
use crate::worker::work::Worker;

/// All mirrors of a daemon. Observes passes, so that what is known of each is up to date.
#[derive(Debug, Default)]
pub struct Workers {
    /// Held for look-ups only.
    configured: RwLock<Configured>,
    /// Held for look-ups only.
    runs: Mutex<Runs>,
    /// Counts what changed, but for bytes that went by.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Configured {
    /// The mirrors of the configuration, in its order.
    list: Vec<Arc<Worker>>,
    /// These, and those of configurations before: a mirror may come back while its last pass is still under way.
    by_name: BTreeMap<String, Arc<Worker>>,
}

impl Workers {
    /// Takes the mirrors of a configuration, and gives the workers of those that there never were before: they have to
    /// be put to work. The others go on with what they do and what is known of them.
    pub fn configure(&self, mirrors: &[Mirror], generation: u64) -> Vec<Arc<Worker>> {
        let mut configured = self.configured.write().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        configured.list.clear();
        for mirror in mirrors {
            let worker = configured.by_name.entry(mirror.name.clone()).or_insert_with(|| {
                let worker = Arc::new(Worker::new(mirror, generation));
                new.push(Arc::clone(&worker));
                worker
            });
            worker.configure(mirror, generation);
            let worker = Arc::clone(worker);
            configured.list.push(worker);
        }
        drop(configured);
        self.changed();
        new
    }

    /// All of them, in the order of the configuration.
    pub fn all(&self) -> Vec<Arc<Worker>> {
        self.configured.read().unwrap_or_else(PoisonError::into_inner).list.clone()
    }

    fn get(&self, name: &str) -> Option<Arc<Worker>> {
        self.configured.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned()
    }

    /// Asks for a pass over the mirrors of these names, over all where there are none.
    pub fn fire(&self, names: &[String]) -> Result<Run, UnknownMirror> {
        let all = self.all();
        UnknownMirror::check(names, all.iter().map(|worker| &*worker.name))?;
        let is_named = |worker: &Arc<Worker>| names.is_empty() || names.contains(&worker.name);
        let run = Run::start(all.into_iter().filter(is_named).collect());
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).push(run.clone());
        self.changed();
        Ok(run)
    }

    /// A run that was asked for, as long as it is remembered.
    pub fn run(&self, id: &str) -> Option<Run> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).get(id)
    }

    /// Waits for the end of a run. Cancel safe.
    pub async fn finished(&self, run: &Run) -> RunStatus {
        let mut changes = self.changes();
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

    /// Tells when something changed in what is known, but for bytes that went by.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Says that something changed.
    pub fn changed(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}

impl Observer for Workers {
    fn observe(&self, event: &Event<'_>) {
        use EventKind::{BlobArrived, BytesCopied, Requested, Retried, TagSized};
        let Some(pass) = event.pass else { return };
        let Some(worker) = self.get(&pass.pair.mirror) else { return };
        worker.observe(pass, event.at, &event.kind);
        if !matches!(
            event.kind,
            TagSized { .. } | BytesCopied { .. } | BlobArrived { .. } | Requested { .. } | Retried { .. }
        ) {
            self.changed();
        }
    }
}
