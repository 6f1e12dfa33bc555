//! Which of our other repositories in the target's registry have a blob that this one lacks.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::copy::Copier;
use crate::oci::{Descriptor, Digest, Repository};
use crate::target::{Found, Target};

/// A smaller blob is sent quicker than asked about.
const WORTH_ASKING_BYTES: u64 = 1024 * 1024;
/// The most other repositories that are asked for one image.
const SIBLINGS_MAX: usize = 8;

/// The targets of a run, and which of their registries mount blobs.
#[derive(Debug, Default)]
pub struct Siblings {
    targets: Vec<Target>,
    /// The repositories into which nothing was mounted in this run, by registry and path: ECR declines unless the
    /// account allows it and the keys are the same. Held for look-ups only.
    declined: Mutex<HashSet<(String, Option<Repository>)>>,
}

impl Siblings {
    /// The targets of all mirrors.
    pub fn new(targets: Vec<Target>) -> Self {
        Self { targets, declined: Mutex::default() }
    }
}

impl Copier {
    /// Looks for large blobs in our other repositories of the same registry. What cannot be asked is passed over:
    /// it is only about sending less.
    pub(super) async fn look_around<'a>(
        &self,
        missing: impl Iterator<Item = &'a Descriptor>,
    ) -> HashMap<Digest, Repository> {
        let siblings = &self.shared.siblings;
        let registry = self.target.registry();
        let mut wanted: Vec<_> = missing.filter(|blob| blob.size >= WORTH_ASKING_BYTES).collect();
        let mut holders = HashMap::new();
        let mut asked = HashSet::from([self.repository()]);
        let others = siblings.targets.iter().filter(|other| other.registry() == registry);
        for other in others.filter(|other| asked.insert(other.repository())).take(SIBLINGS_MAX) {
            let Some(repository) = other.repository() else { break };
            if wanted.is_empty() || !self.may_mount() {
                break;
            }
            let held = other.present(&wanted).await.unwrap_or_else(|error| {
                tracing::debug!(%repository, %error, "Cannot ask another repository for blobs");
                HashMap::new()
            });
            wanted.retain(|blob| held.get(&blob.digest) != Some(&Found::Whole));
            let whole = held.into_iter().filter(|(_, found)| *found == Found::Whole);
            holders.extend(whole.map(|(digest, _)| (digest, repository.clone())));
        }
        holders
    }

    /// Whether it is worth to ask the target for a mount.
    pub(super) fn may_mount(&self) -> bool {
        !self.declined().contains(&self.place())
    }

    /// Remembers that the target did not mount.
    pub(super) fn decline_mounts(&self) {
        self.declined().insert(self.place());
    }

    fn declined(&self) -> MutexGuard<'_, HashSet<(String, Option<Repository>)>> {
        self.shared.siblings.declined.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
