//! What is copied with an image where `referrers` asks for it: signatures, SBOMs, attestations, and their signatures.

use std::collections::{HashSet, VecDeque};

use http::StatusCode;

use crate::copy::{Copier, Error};
use crate::oci::{Digest, Reference, Tag};
use crate::plan::Root;

/// cosign keeps what it knows of an image under its digest with one of these.
const COSIGN_SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];
/// The most manifests that an image and all that refers to it, at any remove, may have.
const SUBJECTS_MAX: usize = 2000;

impl Copier {
    /// Copies what refers to an image and to its platforms, what refers to that, and so on: OCI 1.1 referrers, and cosign's
    /// tags as far as they are among `tags`, the tags of the source.
    ///
    /// Best effort where the target refuses (ECR refuses some, aws/containers-roadmap#2783): that is logged, and the image
    /// stands without.
    pub async fn referrers(&self, tag: &Tag, root: &Root, tags: &[Tag]) -> Result<(), Error> {
        let root = match root {
            Root::Made(manifest) => manifest.clone(),
            Root::Source(digest) => match self.read(*digest).await {
                // Upstream took it away; what we hold of it stays as it is.
                Err(Error::Source { cause, .. }) if cause.is_not_found() => return Ok(()),
                result => result?,
            },
        };
        let children = root.children().iter().filter(|child| !child.media_type.is_blob());
        let mut pending: VecDeque<Digest> =
            [root.digest()].into_iter().chain(children.map(|child| child.digest)).collect();
        let mut seen: HashSet<Digest> = pending.iter().copied().collect();
        while let Some(subject) = pending.pop_front() {
            for referrer in self.referrers_of(tag, subject, tags).await? {
                if seen.insert(referrer) {
                    pending.push_back(referrer);
                }
            }
            if seen.len() > SUBJECTS_MAX {
                return Err(Error::Image(format!("more than {SUBJECTS_MAX} manifests refer to it")));
            }
        }
        Ok(())
    }

    /// Copies what refers to one manifest, and tells what it was.
    async fn referrers_of(&self, tag: &Tag, subject: Digest, tags: &[Tag]) -> Result<Vec<Digest>, Error> {
        let mut arrived = Vec::new();
        let source = self.sources.first();
        let step = ("ask what refers to", subject);
        for referrer in source.referrers(subject).await.map_err(Error::source(step))? {
            let copied = self.referrer(tag, referrer.digest, &referrer.digest.into()).await;
            arrived.extend(self.forgiving(copied)?.map(|()| referrer.digest));
        }
        let listed = self.list_referrers(subject, arrived.clone()).await;
        self.forgiving(listed)?;
        for cosign in cosign_tags(subject, tags) {
            let reference = Reference::Tag(cosign.clone());
            let step = ("read tag", cosign);
            if let Some(digest) = source.head(&reference).await.map_err(Error::source(step))? {
                let copied = self.referrer(tag, digest, &reference).await;
                arrived.extend(self.forgiving(copied)?.map(|()| digest));
            }
        }
        Ok(arrived)
    }

    async fn referrer(&self, tag: &Tag, digest: Digest, reference: &Reference) -> Result<(), Error> {
        let step = ("ask for manifest", reference);
        if self.target.holds(reference).await.map_err(Error::target(step))? == Some(digest) {
            return Ok(());
        }
        let manifest = self.read(digest).await?;
        self.image(tag, &manifest, reference).await.map(drop)
    }

    /// Lists them where clients ask the target what refers to the subject.
    async fn list_referrers(&self, subject: Digest, referrers: Vec<Digest>) -> Result<(), Error> {
        if referrers.is_empty() {
            return Ok(());
        }
        let step = ("list what refers to", subject);
        let unlisted = self.target.unlisted_referrers(subject, referrers).await;
        let mut added = Vec::new();
        for referrer in unlisted.map_err(Error::target(step))? {
            added.push(self.read(referrer).await?);
        }
        if added.is_empty() {
            return Ok(());
        }
        self.target.list_referrers(subject, &added).await.map_err(Error::target(step))
    }

    /// None where the target refuses a referrer.
    fn forgiving(&self, result: Result<(), Error>) -> Result<Option<()>, Error> {
        match result {
            Err(Error::Target { step, cause })
                if cause.is_status(&[StatusCode::BAD_REQUEST, StatusCode::METHOD_NOT_ALLOWED]) =>
            {
                tracing::warn!(mirror = self.events.pass.pair.mirror, error = %cause, "The target refuses a referrer: cannot {step}");
                Ok(None)
            }
            result => result.map(Some),
        }
    }
}

fn cosign_tags(subject: Digest, tags: &[Tag]) -> impl Iterator<Item = &Tag> {
    let stem = Tag::of_referrers(subject);
    tags.iter().filter(move |tag| {
        tag.as_str().strip_prefix(stem.as_str()).is_some_and(|suffix| COSIGN_SUFFIXES.contains(&suffix))
    })
}
