//! The verbs of a source, whatever its kind: matched once, here. Nothing is written to a source.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};

use crate::ecr;
use crate::layout;
use crate::layout::Layout;
use crate::oci::{Descriptor, Digest, Manifest, Platform, Reference, Referrers, Tag};
use crate::registry;
pub use crate::registry::Heads;
use crate::text::{chain, with_hint};

/// A larger config is not read: no image has one.
const CONFIG_MAX_BYTES: u64 = 1024 * 1024;
/// Children of one index whose configs are read at the same time.
const QUESTIONS_MAX: usize = 8;
/// An index with more children of unknown platform is no choice of platforms, and they are not asked.
const UNKNOWN_PLATFORMS_MAX: usize = 100;

/// A repository to read from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Any Registry V2 registry.
    Registry(registry::Repository),
    /// A directory as an OCI image layout.
    Layout(Layout),
}

/// The sources of a mirror in the order of preference: content by digest comes from the first that has it.
#[derive(Clone, Debug)]
pub struct Sources {
    /// Where content may be that was brought from these already. What goes wrong there is not told.
    relay: Option<Box<Source>>,
    first: Source,
    others: Arc<[Source]>,
}

/// A blob in transfer. Its end comes only after size and digest were found right.
pub enum BlobReader {
    /// From a registry.
    Registry(Box<registry::BlobReader>),
    /// From a directory.
    Layout(Box<layout::BlobReader>),
}

/// A failure at a source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of the registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// Of the directory.
    #[error(transparent)]
    Layout(#[from] layout::Error),
}

impl Source {
    /// All tags, each once.
    pub async fn tags(&self) -> Result<Vec<Tag>, Error> {
        match self {
            Self::Registry(repository) => Ok(repository.tags().await?),
            Self::Layout(layout) => Ok(layout.tags().await?),
        }
    }

    /// What looks wrong with the list of tags: of a directory, what has a name there and is no tag of this repository.
    pub async fn left_out(&self) -> Result<Option<String>, Error> {
        match self {
            Self::Registry(_) => Ok(None),
            Self::Layout(layout) => Ok(layout.left_out().await?),
        }
    }

    /// The digest that a reference stands for, none where there is nothing.
    pub async fn head(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        match self {
            Self::Registry(repository) => Ok(repository.head(reference).await?),
            Self::Layout(layout) => Ok(layout.head(reference).await?),
        }
    }

    /// The same for a tag that is in the list. With the same `heads` for all tags, none of them repeats what another one
    /// has shown of the registry.
    pub async fn listed(&self, tag: &Tag, heads: &Heads) -> Result<Option<Digest>, Error> {
        match self {
            Self::Registry(repository) => Ok(repository.listed(tag, heads).await?),
            Self::Layout(layout) => Ok(layout.head(&tag.clone().into()).await?),
        }
    }

    /// The manifest of this digest, verified.
    pub async fn manifest(&self, digest: Digest) -> Result<Manifest, Error> {
        match self {
            Self::Registry(repository) => Ok(repository.manifest(digest).await?),
            Self::Layout(layout) => Ok(layout.manifest(digest).await?),
        }
    }

    /// The manifest of this digest; none where that is something else.
    async fn manifest_if_any(&self, digest: Digest) -> Result<Option<Manifest>, Error> {
        match self.manifest(digest).await {
            Ok(manifest) => Ok(Some(manifest)),
            // A registry has manifests and blobs apart, a directory has files.
            Err(error) if error.is_not_found() => Ok(None),
            Err(Error::Layout(layout::Error::Manifest { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The manifest of this digest, read by a tag that stands for it.
    async fn manifest_of(&self, tag: &Tag, digest: Digest) -> Result<Manifest, Error> {
        match self {
            Self::Registry(repository) => Ok(repository.manifest_of(tag, digest).await?),
            Self::Layout(layout) => Ok(layout.manifest(digest).await?),
        }
    }

    /// Prepares to read a blob; the first [`BlobReader::chunk`] asks for it.
    pub fn blob(&self, blob: &Descriptor) -> BlobReader {
        match self {
            Self::Registry(repository) => BlobReader::Registry(Box::new(repository.blob(blob))),
            Self::Layout(layout) => BlobReader::Layout(Box::new(layout.blob_reader(blob))),
        }
    }

    /// The manifests that refer to this one.
    pub async fn referrers(&self, subject: Digest) -> Result<Referrers, Error> {
        match self {
            Self::Registry(repository) => Ok(repository.referrers(subject).await?),
            Self::Layout(layout) => {
                Ok(Referrers { digests: layout.referrers(subject).await?, ..Referrers::default() })
            }
        }
    }

    /// The platform of each child of an index, or of an image which is no index; none for what says nothing of the kind.
    ///
    /// A child of which the index does not say it says so in its own config.
    pub async fn platforms(&self, manifest: &Manifest) -> Result<Vec<Option<Platform>>, Error> {
        if !manifest.media_type().is_index() {
            return Ok(vec![self.own_platform(manifest).await?]);
        }
        let unknown = manifest.children().iter().filter(|child| child.platform.is_none());
        if unknown.count() > UNKNOWN_PLATFORMS_MAX {
            return Ok(manifest.children().iter().map(|child| child.platform.clone()).collect());
        }
        let ask = |child: Descriptor| async move {
            match child.platform {
                None if child.media_type.is_manifest() => self.platform_of_child(child.digest).await,
                platform => Ok(platform),
            }
        };
        let children: Vec<_> = manifest.children().iter().cloned().map(ask).collect();
        futures_util::stream::iter(children).buffered(QUESTIONS_MAX).try_collect().await
    }

    async fn platform_of_child(&self, child: Digest) -> Result<Option<Platform>, Error> {
        match self.manifest(child).await {
            Ok(manifest) => self.own_platform(&manifest).await,
            // An index may list platforms that were never published.
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn own_platform(&self, image: &Manifest) -> Result<Option<Platform>, Error> {
        let Some(config) = image.config().filter(|config| config.size <= CONFIG_MAX_BYTES) else {
            return Ok(None);
        };
        let mut reader = self.blob(config);
        let mut bytes = Vec::new();
        while let Some(chunk) = reader.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(serde_json::from_slice(&bytes).ok())
    }
}

impl Sources {
    /// These, the preferred one first.
    pub fn new(first: Source, others: impl IntoIterator<Item = Source>) -> Self {
        Self { relay: None, first, others: others.into_iter().collect() }
    }

    /// The same, with a place that is asked for content before them.
    #[must_use]
    pub fn after(self, relay: Option<Source>) -> Self {
        Self { relay: relay.map(Box::new), ..self }
    }

    /// The place that is asked for content before all of them.
    pub fn relay(&self) -> Option<&Source> {
        self.relay.as_deref()
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Source> {
        std::iter::once(&self.first).chain(&*self.others)
    }

    /// The preferred one.
    pub fn first(&self) -> &Source {
        &self.first
    }

    /// Those after it.
    pub fn others(&self) -> &[Source] {
        &self.others
    }

    /// A manifest, from the first that has it. Where none does, the error tells why, rather than that it is not there.
    pub async fn manifest(&self, digest: Digest) -> Result<Manifest, Error> {
        if let Some(relay) = &self.relay
            && let Ok(manifest) = relay.manifest(digest).await
        {
            return Ok(manifest);
        }
        let mut result = self.first.manifest(digest).await;
        for source in &*self.others {
            let Err(error) = &result else { break };
            let next = source.manifest(digest).await;
            if next.is_ok() || error.is_not_found() {
                result = next;
            }
        }
        result
    }

    /// A manifest, from the first that has it; none where nobody has a manifest of this digest.
    pub async fn manifest_if_any(&self, digest: Digest) -> Result<Option<Manifest>, Error> {
        for source in self.all() {
            if let Some(manifest) = source.manifest_if_any(digest).await? {
                return Ok(Some(manifest));
            }
        }
        Ok(None)
    }

    /// The platform of each child of an index, as [`Source::platforms`] tells it, from the first that has what it takes.
    pub async fn platforms(&self, manifest: &Manifest) -> Result<Vec<Option<Platform>>, Error> {
        let mut result = self.first.platforms(manifest).await;
        for source in &*self.others {
            let Err(error) = &result else { break };
            if !error.is_not_found() {
                break;
            }
            result = source.platforms(manifest).await;
        }
        result
    }

    /// A manifest for which a tag may stand: some registries give a manifest by its tag alone
    /// (containerd/containerd#2840).
    pub async fn tagged(&self, tag: Option<&Tag>, digest: Digest) -> Result<Manifest, Error> {
        let (error, tag) = match (self.manifest(digest).await, tag) {
            (Err(error), Some(tag)) if error.is_not_found() => (error, tag),
            (result, _) => return result,
        };
        let mut told = error;
        for source in self.all() {
            match source.manifest_of(tag, digest).await {
                Err(error) if error.is_not_found() => {}
                Err(error) => told = error,
                manifest => return manifest,
            }
        }
        Err(told)
    }
}

impl BlobReader {
    /// The next bytes, none after the last. An error ends the stream.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match self {
            Self::Registry(reader) => Ok(reader.chunk().await?),
            Self::Layout(reader) => Ok(reader.chunk().await?),
        }
    }
}

impl Error {
    /// Whether access was refused.
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_denied(),
            Self::Layout(error) => error.is_denied(),
        }
    }

    /// Whether there is nothing under the digest or tag.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_status(http::StatusCode::NOT_FOUND),
            Self::Layout(error) => error.is_not_found(),
        }
    }

    /// Whether the bytes are not those that were asked for.
    pub fn is_wrong_content(&self) -> bool {
        match self {
            Self::Registry(error) => {
                use registry::Kind::{Digest, Size, WebPage};
                matches!(error.kind(), Digest { .. } | Size { .. } | WebPage(_))
            }
            Self::Layout(error) => error.is_wrong_content(),
        }
    }

    /// Whether a blob broke off and cannot go on where it broke: starting over may help.
    pub fn is_worth_new_start(&self) -> bool {
        matches!(self, Self::Registry(error) if matches!(error.kind(), registry::Kind::StartOver(_)))
    }

    /// Whether it may pass by itself.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Registry(error) => ecr::is_transient(error),
            Self::Layout(error) => error.is_transient(),
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Registry(error) => error.hint(),
            Self::Layout(error) => error.hint(),
        }
    }

    /// In full, for where it is no part of another failure: with all its causes, and what to do about it.
    pub fn told(&self) -> String {
        with_hint(chain(self), self.hint())
    }

    /// What went wrong, as a word.
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::Registry(error) => error.code(),
            Self::Layout(error) => error.code(),
        }
    }

    /// By this id, the registry finds the failed request in its own logs.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Registry(error) => ecr::request_id(error),
            Self::Layout(_) => None,
        }
    }
}
