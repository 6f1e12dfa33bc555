//! A repository of ECR to copy to: its API for questions in batches, its registry for the bytes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::aws::Error;
use crate::ecr::client::Api;
use crate::ecr::settings::{RepositorySettings, TagMutability};
use crate::oci::{Digest, Tag};
use crate::registry;

/// A repository of one ECR registry.
#[derive(Clone, Debug)]
pub struct Repository {
    api: Api,
    data: registry::Repository,
    /// How to make it; none where it must exist.
    create: Option<RepositorySettings>,
    /// Whether it was missing when last asked.
    is_missing: Arc<AtomicBool>,
}

impl Repository {
    /// The repository of `data`, whose registry is that of `api`. Where it is missing, `ensure` makes it with
    /// the settings of `create`.
    pub fn new(api: Api, data: registry::Repository, create: Option<RepositorySettings>) -> Self {
        Self { api, data, create, is_missing: Arc::default() }
    }

    /// The registry that takes blobs and manifests.
    pub fn data(&self) -> &registry::Repository {
        &self.data
    }

    /// What the tags point at, and those of which the answer is not clear.
    pub async fn digests(&self, tags: &[Tag]) -> Result<(BTreeMap<Tag, Digest>, Vec<Tag>), Error> {
        let answer = self.api.digests(self.data.path(), tags).await;
        let is_missing = answer.as_ref().is_err_and(Error::is_repository_missing);
        self.is_missing.store(is_missing, Relaxed);
        match answer {
            Ok(presence) => Ok((presence.held, presence.doubtful.into_iter().collect())),
            // A missing repository is an empty one, until something is to be written.
            Err(_) if is_missing => Ok((BTreeMap::new(), Vec::new())),
            Err(error) => Err(error),
        }
    }

    /// Which tags may move; none where there is no repository.
    pub async fn mutability(&self) -> Result<Option<TagMutability>, Error> {
        self.api.describe(self.data.path()).await
    }

    /// Makes the repository if it was missing when last asked, and may be made.
    pub async fn ensure(&self) -> Result<(), Error> {
        if !self.is_missing.load(Relaxed) {
            return Ok(());
        }
        let Some(settings) = &self.create else { return Err(self.missing()) };
        self.api.create(self.data.path(), settings).await?;
        self.is_missing.store(false, Relaxed);
        Ok(())
    }

    fn missing(&self) -> Error {
        Error::repository_missing(self.api.call("BatchGetImage", self.data.path()))
    }

    /// Why `ensure` would fail, as far as is known without asking.
    pub fn obstacle(&self) -> Option<Error> {
        (self.is_missing.load(Relaxed) && self.create.is_none()).then(|| self.missing())
    }

    /// The same for a repository that was there and is gone.
    pub async fn restore(&self) -> Result<(), Error> {
        self.is_missing.store(true, Relaxed);
        self.ensure().await
    }

    /// Which of these blobs it has.
    pub async fn available(&self, blobs: &[Digest]) -> Result<HashSet<Digest>, Error> {
        self.api.available(self.data.path(), blobs).await
    }

    /// Whether it is there, or would be made, for people.
    pub async fn probe(&self) -> Result<String, Error> {
        match (self.mutability().await?, &self.create) {
            (Some(mutability), _) => Ok(format!("repository exists, tags are {mutability}")),
            (None, Some(_)) => Ok("repository does not exist yet and will be created".to_owned()),
            (None, None) => Err(self.missing()),
        }
    }
}
