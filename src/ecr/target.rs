//! A repository of ECR to copy to: its API for questions in batches, its registry for the bytes.

use std::collections::HashSet;

use crate::aws::Error;
use crate::ecr::client::Api;
use crate::ecr::presence::Presence;
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
}

impl Repository {
    /// The repository of `data`, whose registry is that of `api`. Where it is missing, it is made with the settings of
    /// `create`.
    pub fn new(api: Api, data: registry::Repository, create: Option<RepositorySettings>) -> Self {
        Self { api, data, create }
    }

    /// The registry that takes blobs and manifests.
    pub fn data(&self) -> &registry::Repository {
        &self.data
    }

    /// What the tags point at; none where there is no repository.
    pub async fn presence(&self, tags: &[Tag]) -> Result<Option<Presence>, Error> {
        match self.api.digests(self.data.path(), tags).await {
            Err(error) if error.is_repository_missing() => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Which tags may move; none where there is no repository.
    pub async fn mutability(&self) -> Result<Option<TagMutability>, Error> {
        self.api.describe(self.data.path()).await
    }

    /// Makes the repository, if it may be made. One that somebody else made meanwhile is success.
    pub async fn create(&self) -> Result<(), Error> {
        let Some(settings) = &self.create else { return Err(self.missing()) };
        self.api.create(self.data.path(), settings).await
    }

    fn missing(&self) -> Error {
        Error::repository_missing(self.api.call("BatchGetImage", self.data.path()))
    }

    /// Why [`Repository::create`] would fail, as far as is known without asking.
    pub fn obstacle(&self) -> Option<Error> {
        self.create.is_none().then(|| self.missing())
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
