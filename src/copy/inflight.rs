//! What the copies of a run know of one another: one transfer per blob and target, however many tags and
//! repositories want it, and no manifest twice.
//!
//! A copy claims all blobs of an image in one step. Waiting therefore only ever points to
//! claims made before, and no two copies can wait for each other.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::oci::{Digest, Repository};

/// Which blobs are on their way or have arrived in this run.
#[derive(Debug, Default)]
pub struct Inflight {
    /// By registry and digest. Held for look-ups only.
    blobs: Mutex<HashMap<(String, Digest), Entry>>,
    /// The manifests written, with all below them. Held for look-ups only.
    manifests: Mutex<HashSet<(Holder, Digest)>>,
}

/// A registry and a repository in it; none in a target without repositories.
pub(super) type Holder = (String, Option<Repository>);

#[derive(Clone, Debug)]
struct Entry {
    repository: Option<Repository>,
    progress: watch::Receiver<Progress>,
}

/// How far the first claimant of a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Progress {
    /// It will not bring the blob.
    Failed,
    /// It is on its way.
    Moving,
    /// The blob is in its repository.
    Arrived,
    /// A manifest that refers to it is there too: only now does ECR mount it elsewhere.
    Committed,
}

/// What a claimant has to do for a blob.
#[derive(Debug)]
pub(super) enum Claim {
    /// Bring it.
    Mine(Ticket),
    /// Wait for another.
    Theirs(Other),
}

/// The claim of the copy that brings a blob. Where it is dropped before the blob arrived, the others learn that it will not.
#[derive(Debug)]
pub(super) struct Ticket(watch::Sender<Progress>);

/// Another copy that brings the blob.
#[derive(Debug)]
pub(super) struct Other {
    /// The repository that it brings it to; none in a target without repositories.
    pub(super) repository: Option<Repository>,
    progress: watch::Receiver<Progress>,
}

impl Inflight {
    /// Claims every blob of an image for a repository of `registry`, all in one step.
    pub(super) fn claim(
        &self,
        registry: &str,
        repository: Option<&Repository>,
        blobs: impl IntoIterator<Item = Digest>,
    ) -> HashMap<Digest, Claim> {
        let mut entries = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut claim = |digest| (digest, claim(&mut entries, registry, repository, digest));
        blobs.into_iter().map(&mut claim).collect()
    }

    /// Claims one blob.
    pub(super) fn claim_one(&self, registry: &str, repository: Option<&Repository>, blob: Digest) -> Claim {
        claim(&mut self.blobs.lock().unwrap_or_else(PoisonError::into_inner), registry, repository, blob)
    }

    /// Remembers that a manifest and all below it were written.
    pub(super) fn wrote(&self, registry: &str, repository: Option<&Repository>, manifest: Digest) {
        let place = (registry.to_owned(), repository.cloned());
        self.manifests.lock().unwrap_or_else(PoisonError::into_inner).insert((place, manifest));
    }

    /// Whether a manifest and all below it were written in this run.
    pub(super) fn has_written(
        &self,
        registry: &str,
        repository: Option<&Repository>,
        manifest: Digest,
    ) -> bool {
        let place = (registry.to_owned(), repository.cloned());
        self.manifests.lock().unwrap_or_else(PoisonError::into_inner).contains(&(place, manifest))
    }
}

fn claim(
    entries: &mut HashMap<(String, Digest), Entry>,
    registry: &str,
    repository: Option<&Repository>,
    blob: Digest,
) -> Claim {
    let key = (registry.to_owned(), blob);
    if let Some(entry) = entries.get(&key).filter(|entry| *entry.progress.borrow() != Progress::Failed) {
        let Entry { repository, progress } = entry.clone();
        return Claim::Theirs(Other { repository, progress });
    }
    let (sender, progress) = watch::channel(Progress::Moving);
    entries.insert(key, Entry { repository: repository.cloned(), progress });
    Claim::Mine(Ticket(sender))
}

impl Ticket {
    pub(super) fn arrived(&self) {
        self.0.send_replace(Progress::Arrived);
    }

    pub(super) fn committed(&self) {
        self.0.send_replace(Progress::Committed);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.send_if_modified(|progress| {
            let is_moving = *progress == Progress::Moving;
            if is_moving {
                *progress = Progress::Failed;
            }
            is_moving
        });
    }
}

impl Other {
    /// Waits until the other copy is as far as `wanted`, or will not come so far.
    pub(super) async fn reaches(&mut self, wanted: Progress) -> bool {
        let settled = |progress: &Progress| *progress >= wanted || *progress == Progress::Failed;
        // That the sender is gone is an answer too: what was not reached by then will not be.
        let settled = self.progress.wait_for(settled).await.map(|progress| *progress);
        settled.unwrap_or_else(|_| *self.progress.borrow()) >= wanted
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn claim(inflight: &Inflight, repository: &str) -> Claim {
        inflight.claim_one("registry", Some(&repository.parse().unwrap()), Digest::of(b"blob"))
    }

    fn pair() -> (Inflight, Ticket, Other) {
        let inflight = Inflight::default();
        let Claim::Mine(ticket) = claim(&inflight, "first") else {
            panic!("the first claim is the claimant's")
        };
        let Claim::Theirs(other) = claim(&inflight, "second") else { panic!("the second claim waits") };
        (inflight, ticket, other)
    }

    #[test]
    fn a_second_claimant_waits_for_the_first() {
        let (_, ticket, mut other) = pair();
        assert_eq!(other.repository.as_ref().unwrap().as_str(), "first");
        assert_eq!(other.reaches(Progress::Arrived).now_or_never(), None);
        ticket.arrived();
        assert_eq!(other.reaches(Progress::Arrived).now_or_never(), Some(true));
        assert_eq!(other.reaches(Progress::Committed).now_or_never(), None);
        ticket.committed();
        assert_eq!(other.reaches(Progress::Committed).now_or_never(), Some(true));
    }

    #[test]
    fn a_blob_that_arrived_without_its_manifest_is_there_but_not_committed() {
        let (_, ticket, mut other) = pair();
        ticket.arrived();
        drop(ticket);
        assert_eq!(other.reaches(Progress::Committed).now_or_never(), Some(false));
        assert_eq!(other.reaches(Progress::Arrived).now_or_never(), Some(true));
    }

    #[test]
    fn after_a_failure_the_next_claimant_brings_it() {
        let (inflight, ticket, mut other) = pair();
        drop(ticket);
        assert_eq!(other.reaches(Progress::Arrived).now_or_never(), Some(false));
        assert!(matches!(claim(&inflight, "third"), Claim::Mine(_)));
    }
}
