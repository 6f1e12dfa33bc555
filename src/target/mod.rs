//! The verbs of a target, whatever its kind: matched once, here.

mod error;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};

use crate::ecr;
use crate::layout::Layout;
use crate::oci::{Descriptor, Digest, Manifest, Reference, Repository, Stored, Tag};
use crate::registry;
use crate::registry::Started;

pub use crate::registry::Found;
pub use error::Error;

/// The most questions about one image in flight; the registry's own limits come on top.
const QUESTIONS_MAX: usize = 16;
/// Where so many tags are refused before any is answered, it is about the repository.
const REFUSED_MAX: usize = 32;

/// A repository to copy to.
#[derive(Clone, Debug)]
pub enum Target {
    /// Any Registry V2 registry, which makes its repositories on push.
    Registry(registry::Repository),
    /// Amazon ECR: the data plane is a registry, the rest goes through the AWS API.
    Ecr(Box<ecr::Repository>),
    /// A directory as an OCI image layout.
    Layout(Layout),
}

/// The store that blobs and manifests go to.
enum Data<'a> {
    Registry(&'a registry::Repository),
    Layout(&'a Layout),
}

/// How a blob was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The target took it from another of its repositories.
    Mounted,
    /// Its bytes were sent.
    Uploaded,
}

/// What a target was seen to hold.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// What tags point at; those that are not there are left out.
    pub digests: BTreeMap<Tag, Digest>,
    /// Of images that were asked for by their digests those that are there.
    pub untagged: BTreeSet<Digest>,
    /// What was refused of tags alone, while others were answered.
    pub refused: BTreeMap<Tag, Arc<Error>>,
    /// What the target tells besides, of some or none of them.
    pub stored: BTreeMap<Tag, Stored>,
    /// Whether there is no repository to hold anything.
    pub is_repository_missing: bool,
}

impl Held {
    /// The digest of what is there under a name.
    pub fn digest(&self, name: &Reference) -> Option<Digest> {
        match name {
            Reference::Tag(tag) => self.digests.get(tag).copied(),
            Reference::Digest(digest) => self.untagged.get(digest).copied(),
        }
    }
}

/// What one look at a target showed, be it nothing.
#[derive(Clone, Debug)]
pub struct Look(ecr::Look);

impl Look {
    /// Takes that a tag was written since.
    pub fn wrote(&mut self, tag: &Tag, digest: Digest) {
        if matches!(self.0, ecr::Look::Missing) {
            // Somebody made it.
            self.0 = ecr::Look::Page(ecr::Page { is_whole: true, ..ecr::Page::default() });
        }
        if let ecr::Look::Page(page) = &mut self.0 {
            page.wrote(tag, digest);
        }
    }
}

/// Which tags of a target cannot be moved.
#[derive(Clone, Debug)]
pub struct Mutability(Option<ecr::TagMutability>);

impl Mutability {
    /// Whether the target would refuse to move this tag.
    pub fn forbids_moving(&self, tag: &Tag) -> bool {
        self.0.as_ref().is_some_and(|mutability| mutability.forbids_moving(tag))
    }
}

impl Target {
    /// The repository's path in its registry; none where there are no paths.
    pub fn repository(&self) -> Option<&Repository> {
        match self.data() {
            Data::Registry(repository) => Some(repository.path()),
            Data::Layout(_) => None,
        }
    }

    /// The registry as a key: blobs are shared within one.
    pub fn registry(&self) -> Cow<'_, str> {
        match self.data() {
            Data::Registry(repository) => repository.host().as_str().into(),
            Data::Layout(layout) => layout.dir().to_string_lossy(),
        }
    }

    fn data(&self) -> Data<'_> {
        match self {
            Self::Registry(repository) => Data::Registry(repository),
            Self::Ecr(repository) => Data::Registry(repository.data()),
            Self::Layout(layout) => Data::Layout(layout),
        }
    }

    /// Looks at all that it holds, where one question does for that.
    pub async fn look(&self) -> Result<Look, Error> {
        match self {
            Self::Ecr(repository) => Ok(Look(repository.look().await?)),
            Self::Registry(_) | Self::Layout(_) => Ok(Look(ecr::Look::Nothing)),
        }
    }

    /// What is there under these names, as far as the look does not say that already. A missing repository is an empty one,
    /// until something is to be written.
    pub async fn held(&self, names: &[Reference], look: Look) -> Result<Held, Error> {
        let (mut tags, mut digests) = (Vec::with_capacity(names.len()), Vec::new());
        for name in names {
            match name {
                Reference::Tag(tag) => tags.push(tag.clone()),
                Reference::Digest(digest) => digests.push(*digest),
            }
        }
        let held = self.held_tags(&tags, look).await?;
        if held.is_repository_missing {
            return Ok(held);
        }
        let ask = |digest: Digest| async move { self.holds(&digest.into()).await };
        let answers = futures_util::stream::iter(digests).map(ask).buffer_unordered(QUESTIONS_MAX);
        let untagged = answers.try_filter_map(|held| async move { Ok(held) }).try_collect().await?;
        Ok(Held { untagged, ..held })
    }

    async fn held_tags(&self, tags: &[Tag], look: Look) -> Result<Held, Error> {
        let (mut stored, mut digests, mut unsure) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let missing = Held { is_repository_missing: true, ..Held::default() };
        let unseen = match look.0 {
            ecr::Look::Missing => return Ok(missing),
            ecr::Look::Nothing => tags.to_vec(),
            ecr::Look::Page(mut page) => {
                let (doubtful, others): (Vec<_>, _) =
                    tags.iter().cloned().partition(|tag| page.doubtful.contains(tag));
                unsure = doubtful;
                let known = |tag: &Tag| Some((tag.clone(), page.tags.remove(tag)?));
                stored = others.iter().filter_map(known).collect();
                digests.extend(stored.iter().map(|(tag, stored)| (tag.clone(), stored.digest)));
                let is_unseen = |tag: &Tag| !page.is_whole && !stored.contains_key(tag);
                others.into_iter().filter(is_unseen).collect()
            }
        };
        match self {
            _ if unseen.is_empty() => {}
            Self::Registry(_) => unsure.extend(unseen),
            Self::Ecr(repository) => match repository.presence(&unseen).await? {
                Some(presence) => {
                    digests.extend(presence.held);
                    unsure.extend(presence.doubtful);
                }
                None => return Ok(missing),
            },
            Self::Layout(layout) => digests.extend(layout.digests(&unseen).await?),
        }
        let refused = self.ask(unsure, &mut digests).await?;
        Ok(Held { digests, refused, stored, ..Held::default() })
    }

    /// Asks for each of these, and gives what was refused. Where nothing else comes, all of them are.
    async fn ask(
        &self,
        tags: Vec<Tag>,
        digests: &mut BTreeMap<Tag, Digest>,
    ) -> Result<BTreeMap<Tag, Arc<Error>>, Error> {
        let ask = |tag: Tag| async move { (self.digest(&tag).await, tag) };
        // In their order, so that luck does not decide whether the first are refused.
        let mut answers = futures_util::stream::iter(tags).map(ask).buffered(QUESTIONS_MAX);
        let (mut refused, mut is_answered) = (BTreeMap::new(), false);
        while let Some((answer, tag)) = answers.next().await {
            match answer {
                Ok(digest) => {
                    is_answered = true;
                    digests.extend(digest.map(|digest| (tag, digest)));
                }
                Err(error) if error.is_refused_for_good() && (is_answered || refused.len() < REFUSED_MAX) => {
                    refused.insert(tag, error);
                }
                Err(error) => return Err(error),
            }
        }
        drop(answers);
        match refused.pop_first() {
            Some((_, error)) if !is_answered => Err(error),
            first => {
                Ok(refused.into_iter().chain(first).map(|(tag, error)| (tag, Arc::new(error))).collect())
            }
        }
    }

    /// What one tag points at now, from the data plane: it has the last word.
    pub async fn digest(&self, tag: &Tag) -> Result<Option<Digest>, Error> {
        self.holds(&Reference::Tag(tag.clone())).await
    }

    /// The digest of what is under a reference, none where there is nothing.
    pub async fn holds(&self, reference: &Reference) -> Result<Option<Digest>, Error> {
        match (self.data(), reference) {
            (Data::Registry(repository), _) => Ok(repository.head(reference).await?),
            (Data::Layout(layout), Reference::Tag(tag)) => Ok(layout.digest(tag).await?),
            (Data::Layout(layout), Reference::Digest(digest)) => {
                Ok(layout.has_manifest(*digest).await?.then_some(*digest))
            }
        }
    }

    /// Which tags cannot be moved.
    pub async fn mutability(&self) -> Result<Mutability, Error> {
        match self {
            Self::Registry(_) | Self::Layout(_) => Ok(Mutability(None)),
            Self::Ecr(repository) => Ok(Mutability(repository.mutability().await?)),
        }
    }

    /// Looks whether it can be reached, without leaving anything there. Tells what it found.
    pub async fn probe(&self) -> Result<String, Error> {
        let found = match self {
            Self::Registry(_) => "registry answers".to_owned(),
            Self::Ecr(repository) => repository.probe().await?,
            Self::Layout(layout) => layout.probe().await?.to_owned(),
        };
        // Whether there is such a tag does not matter: that the registry answers does.
        self.digest(&Tag::latest()).await?;
        Ok(found)
    }

    /// Makes sure that the repository exists before the first byte is sent.
    pub async fn ensure(&self, held: &Held) -> Result<(), Error> {
        match self {
            Self::Ecr(_) if !held.is_repository_missing => Ok(()),
            _ => self.create().await,
        }
    }

    /// Why [`Target::ensure`] would fail, as far as is known without asking.
    pub fn obstacle(&self, held: &Held) -> Option<Error> {
        match self {
            Self::Ecr(repository) if held.is_repository_missing => repository.obstacle().map(Error::from),
            Self::Ecr(_) | Self::Registry(_) | Self::Layout(_) => None,
        }
    }

    /// Makes the repository, if it may be made. One that is there is success.
    pub async fn create(&self) -> Result<(), Error> {
        match self {
            Self::Registry(_) => Ok(()),
            Self::Ecr(repository) => Ok(repository.create().await?),
            Self::Layout(layout) => Ok(layout.ensure().await?),
        }
    }

    /// Which of these blobs the repository has, be it with another size. A wrong "absent" costs an upload, never more.
    pub async fn present(&self, blobs: &[&Descriptor]) -> Result<HashMap<Digest, Found>, Error> {
        let digests = || blobs.iter().map(|blob| blob.digest).collect::<Vec<_>>();
        let whole = match self {
            Self::Registry(repository) => {
                let ask = |blob: Descriptor| async move {
                    let found = repository.find_blob(&blob).await?;
                    Ok::<_, Error>(found.map(|found| (blob.digest, found)))
                };
                let blobs: Vec<Descriptor> = blobs.iter().copied().cloned().collect();
                let answers = futures_util::stream::iter(blobs).map(ask).buffer_unordered(QUESTIONS_MAX);
                return answers.try_filter_map(|found| async move { Ok(found) }).try_collect().await;
            }
            Self::Ecr(repository) => repository.available(&digests()).await?,
            Self::Layout(layout) => layout.present(&digests()).await?,
        };
        Ok(whole.into_iter().map(|digest| (digest, Found::Whole)).collect())
    }

    /// Fails where a blob that was sent is still what it was before: of another size.
    pub async fn check_blob(&self, blob: &Descriptor) -> Result<(), Error> {
        match self {
            Self::Registry(repository) => Ok(repository.check_blob(blob).await?),
            Self::Ecr(_) | Self::Layout(_) => Ok(()),
        }
    }

    /// Puts a blob: mounted from another repository where one is named and the target does it, streamed else.
    /// `body` is asked for only in the latter case, and again where it has to be sent in another way.
    pub async fn put_blob<S, E>(
        &self,
        blob: &Descriptor,
        from: Option<&Repository>,
        body: impl Fn() -> S,
    ) -> Result<Put, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
    {
        let repository = match self.data() {
            Data::Registry(repository) => repository,
            Data::Layout(layout) => {
                layout.put_blob(blob, body()).await?;
                return Ok(Put::Uploaded);
            }
        };
        let mounted = match from {
            Some(from) => match repository.mount(blob.digest, from).await {
                // A mount only saves traffic; a target that refuses it may still take the bytes.
                Err(error) if error.refusal().is_some() || error.is_denied() => None,
                started => Some(started?),
            },
            None => None,
        };
        let upload = match mounted {
            Some(Started::Mounted) => return Ok(Put::Mounted),
            Some(Started::Upload(upload)) => upload,
            None => repository.start_upload().await?,
        };
        repository.put_blob(upload, blob, body).await?;
        Ok(Put::Uploaded)
    }

    /// Which of these are not listed as referrers of the subject, and have to be: where the target has an API for it, they
    /// are listed by themselves.
    pub async fn unlisted_referrers(
        &self,
        subject: Digest,
        referrers: Vec<Digest>,
    ) -> Result<Vec<Digest>, Error> {
        match self {
            Self::Registry(repository) => Ok(repository.unlisted_referrers(subject, referrers).await?),
            Self::Ecr(_) => Ok(Vec::new()),
            Self::Layout(layout) => Ok(layout.unlisted_referrers(subject, referrers).await?),
        }
    }

    /// Lists these, which are there, as referrers of the subject.
    pub async fn list_referrers(&self, subject: Digest, referrers: &[Manifest]) -> Result<(), Error> {
        match self.data() {
            Data::Registry(repository) => Ok(repository.list_referrers(subject, referrers).await?),
            Data::Layout(layout) => Ok(layout.list_referrers(subject, referrers).await?),
        }
    }

    /// Writes a manifest under its digest or a tag.
    pub async fn put_manifest(&self, manifest: &Manifest, reference: &Reference) -> Result<(), Error> {
        match self.data() {
            Data::Registry(repository) => Ok(repository.put_manifest(manifest, reference).await?),
            Data::Layout(layout) => Ok(layout.put_manifest(manifest, reference).await?),
        }
    }
}
