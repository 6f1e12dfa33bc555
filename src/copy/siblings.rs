//! Which of our other repositories in the target's registry have a blob that this one lacks.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::copy::Copier;
use crate::oci::{Descriptor, Digest, Repository};
use crate::target::Target;

/// A smaller blob is sent quicker than asked about.
const WORTH_ASKING_BYTES: u64 = 1024 * 1024;
/// So many other repositories are asked for one image.
const SIBLINGS_MAX: usize = 8;

/// The targets of a run, and which of their registries mount blobs.
#[derive(Debug, Default)]
pub struct Siblings {
    targets: Vec<Target>,
    /// Registries that declined to mount in this run: ECR does unless the account allows it. Held for look-ups
    /// only.
    declined: Mutex<HashSet<String>>,
}

impl Siblings {
    /// The targets of all mirrors.
    pub fn new(targets: Vec<Target>) -> Self {
        Self { targets, declined: Mutex::default() }
    }

    /// Remembers that a registry does not mount.
    pub(super) fn decline(&self, registry: &str) {
        self.declined.lock().unwrap_or_else(PoisonError::into_inner).insert(registry.to_owned());
    }

    fn mounts(&self, registry: &str) -> bool {
        !self.declined.lock().unwrap_or_else(PoisonError::into_inner).contains(registry)
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
        let mut wanted: Vec<Digest> =
            missing.filter(|blob| blob.size >= WORTH_ASKING_BYTES).map(|blob| blob.digest).collect();
        let mut holders = HashMap::new();
        let mut asked = HashSet::from([self.repository()]);
        let others = siblings.targets.iter().filter(|other| other.registry() == registry);
        for other in others.filter(|other| asked.insert(other.repository())).take(SIBLINGS_MAX) {
            let Some(repository) = other.repository() else { break };
            if wanted.is_empty() || !siblings.mounts(&registry) {
                break;
            }
            let held = other.present(&wanted).await.unwrap_or_default();
            wanted.retain(|digest| !held.contains(digest));
            holders.extend(held.into_iter().map(|digest| (digest, repository.clone())));
        }
        holders
    }
}
