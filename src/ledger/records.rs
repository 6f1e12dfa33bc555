//! All records.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::config::Mirror;
use crate::event::{Event, EventKind, Observer, Pair, PassId};
use crate::ledger::entry::Entry;
use crate::ledger::exchanges::Exchanges;
use crate::ledger::record::{Record, Transition};
use crate::ledger::verdict::Freshness;

/// What is known of all mirrors and their targets. Observes passes; whoever shows something of them finds it here.
#[derive(Debug)]
pub struct Ledger {
    /// When the process started.
    pub started_at: Timestamp,
    /// Held for look-ups only.
    entries: RwLock<Entries>,
    /// Held for one addition, or to take a copy.
    exchanges: Mutex<Exchanges>,
    /// Counts what changed, but for bytes that went by.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Entries {
    /// Those of the configuration, in its order.
    configured: Vec<Arc<Entry>>,
    /// These, and those of configurations before that somebody still holds: a mirror may come back while its last pass is still
    /// under way.
    by_pair: HashMap<Pair, Weak<Entry>>,
}

/// A mirror with one of its targets, as a configuration has it.
#[derive(Clone, Debug)]
pub struct Configured {
    /// The place of its record.
    pub entry: Arc<Entry>,
    /// Whether the record is a new one.
    pub is_new: bool,
}

impl Ledger {
    /// An empty one.
    pub fn new(started_at: Timestamp) -> Self {
        Self {
            started_at,
            entries: RwLock::default(),
            exchanges: Mutex::default(),
            changes: watch::Sender::default(),
        }
    }

    /// Takes a configuration, at the start and at a reload, and gives what it has in its order.
    ///
    /// A mirror that is new, or has another source or target than before, gets a new record: what was fresh there is not
    /// here, and what passes by configurations before this `generation` still find out says nothing of it. That it
    /// failed is not forgotten, so that its end is told when the new configuration mends it. Other records go on.
    pub fn configure(&self, mirrors: &[Mirror], generation: u64, now: Timestamp) -> Vec<Configured> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let before: BTreeMap<Pair, Arc<Entry>> =
            entries.configured.drain(..).map(|entry| (entry.pair.clone(), entry)).collect();
        let pairs: HashSet<Pair> = mirrors.iter().map(pair).collect();
        let gone = before.iter().filter(|(pair, _)| !pairs.contains(pair));
        let gone: HashMap<&str, &Entry> = gone.map(|(pair, entry)| (&*pair.mirror, &**entry)).collect();
        let configured: Vec<_> = mirrors
            .iter()
            .map(|mirror| {
                let (pair, new) = (pair(mirror), Record::new(mirror, generation, now));
                if let Some(entry) = before.get(&pair) {
                    let is_new = entry.update(|record| record.configure(new));
                    return Configured { entry: Arc::clone(entry), is_new };
                }
                let troubles =
                    gone.get(&*pair.mirror).map(|entry| entry.look(|record| record.troubles.clone()));
                let known = entries.by_pair.get(&pair).and_then(Weak::upgrade);
                let entry = known.unwrap_or_else(|| Arc::new(Entry::new(pair.clone(), new.clone())));
                entries.by_pair.insert(pair, Arc::downgrade(&entry));
                entry.update(|record| record.replace(new, troubles.unwrap_or_default()));
                Configured { entry, is_new: true }
            })
            .collect();
        entries.configured = configured.iter().map(|configured| Arc::clone(&configured.entry)).collect();
        drop(before);
        entries.by_pair.retain(|_, entry| entry.strong_count() > 0);
        drop(entries);
        self.changed();
        configured
    }

    /// The records of the configuration, in its order.
    pub fn entries(&self) -> Vec<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).configured.clone()
    }

    /// What the end of this pass changed. Asked by observers that come after the ledger.
    pub fn transition(&self, pass: &PassId) -> Transition {
        let Some(entry) = self.get(&pass.pair) else { return Transition::None };
        entry.look(|record| record.transition_of(pass))
    }

    /// Takes notice that time goes by: gives the mirrors that got late since it was last looked, each once, and says that
    /// something changed where something did.
    pub fn age(&self, now: Timestamp) -> Vec<Record> {
        let mut late = Vec::new();
        let mut is_changed = false;
        for entry in self.entries() {
            let verdict = entry.glance().verdict(now);
            let is_late = verdict.freshness == Freshness::Late && !entry.look(|record| record.is_told_late);
            if is_late || verdict.stuck_since.is_some() {
                entry.update(|record| record.is_told_late |= is_late);
                is_changed = true;
            }
            if is_late {
                late.push(entry.record(now));
            }
        }
        if is_changed {
            self.changed();
        }
        late
    }

    /// What is counted of requests.
    pub fn exchanges(&self) -> Exchanges {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells when something changed in what is known, but for bytes that went by.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Says that something changed.
    pub fn changed(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    fn get(&self, pair: &Pair) -> Option<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).by_pair.get(pair)?.upgrade()
    }

    /// How many mirrors and targets are known at all.
    #[cfg(test)]
    pub(crate) fn known(&self) -> usize {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).by_pair.len()
    }

    fn count(&self, count: impl FnOnce(&mut Exchanges)) {
        count(&mut self.exchanges.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Observer for Ledger {
    fn observe(&self, event: &Event<'_>) {
        if let EventKind::Exchange(exchange) = event.kind {
            self.count(|exchanges| exchanges.add(exchange));
        }
        let Some(pass) = event.pass else { return };
        let Some(entry) = self.get(&pass.pair) else { return };
        entry.update(|record| record.fold(pass, event.at, &event.kind));
        use EventKind::{BlobArrived, BlobQueued, BlobStarted, BytesCopied, Exchange, TagSized};
        let goes_by = matches!(
            event.kind,
            TagSized { .. }
                | BlobQueued { .. }
                | BlobStarted { .. }
                | BytesCopied { .. }
                | BlobArrived { .. }
                | Exchange(_)
        );
        if !goes_by {
            self.changed();
        }
    }
}

fn pair(mirror: &Mirror) -> Pair {
    Pair::new(&mirror.name, &mirror.target)
}
