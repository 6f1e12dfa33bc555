//! A repository of ECR to copy to: its API for questions in batches, its registry for the bytes.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::aws::Error;
use crate::ecr::client::Api;
use crate::ecr::images::Page;
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
    /// Whether one look does not do: it has too many images, or the caller may not look. A clone knows it, too.
    has_to_be_asked: Arc<AtomicBool>,
}

/// What one look at a repository showed.
#[derive(Clone, Debug)]
pub enum Look {
    /// There is no repository.
    Missing,
    /// Its images, or a thousand of them.
    Page(Page),
    /// Nothing: tags have to be asked for.
    Nothing,
}

impl Repository {
    /// The repository of `data`, whose registry is that of `api`. Where it is missing, it is made with the settings of
    /// `create`.
    pub fn new(api: Api, data: registry::Repository, create: Option<RepositorySettings>) -> Self {
        Self { api, data, create, has_to_be_asked: Arc::default() }
    }

    /// The registry that takes blobs and manifests.
    pub fn data(&self) -> &registry::Repository {
        &self.data
    }

    /// Looks at all images at once, where that does.
    pub async fn look(&self) -> Result<Look, Error> {
        if self.has_to_be_asked.load(Relaxed) {
            return Ok(Look::Nothing);
        }
        match self.api.images(self.data.path()).await {
            Ok(page) => {
                self.has_to_be_asked.store(!page.is_whole, Relaxed);
                Ok(Look::Page(page))
            }
            Err(error) if error.is_repository_missing() => Ok(Look::Missing),
            Err(error) if error.is_call_missing() => {
                self.has_to_be_asked.store(true, Relaxed);
                self.api.warn_of_questions(&error);
                Ok(Look::Nothing)
            }
            Err(error) => Err(error),
        }
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
        Error::repository_missing(self.api.call("DescribeImages", self.data.path()))
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
