//! What travels with an image where it is wished: signatures, SBOMs, attestations.

use http::StatusCode;

use crate::copy::{Copier, Error};
use crate::oci::{Digest, Reference, Tag};
use crate::plan::Root;

/// cosign keeps what it knows of an image under its digest with one of these.
const COSIGN_SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];

impl Copier {
    /// Copies what refers to an image and to its platforms: OCI 1.1 referrers, and cosign's tags as far as they
    /// are among `tags`, the tags of the source.
    ///
    /// Best effort where the target refuses (ECR refuses some, aws/containers-roadmap#2783): that is logged, and
    /// the image stands without.
    pub async fn referrers(&self, tag: &Tag, root: &Root, tags: &[Tag]) -> Result<(), Error> {
        let root = match root {
            Root::Made(manifest) => manifest.clone(),
            Root::Source(digest) => match self.read(*digest).await {
                // Upstream took it away; what we hold of it stays as it is.
                Err(Error::Source { cause, .. }) if cause.is_not_found() => return Ok(()),
                result => result?,
            },
        };
        let children = root.children().iter().map(|child| child.digest);
        for subject in [root.digest()].into_iter().chain(children) {
            let step = format!("ask what refers to {subject}");
            let referrers = self.sources.first().referrers(subject).await.map_err(Error::source(step))?;
            for referrer in referrers {
                self.forgiving(self.referrer(tag, referrer.digest, &referrer.digest.into()).await)?;
            }
            for cosign in cosign_tags(subject, tags) {
                let reference = Reference::Tag(cosign.clone());
                let step = format!("read tag {cosign}");
                if let Some(digest) =
                    self.sources.first().head(&reference).await.map_err(Error::source(step))?
                {
                    self.forgiving(self.referrer(tag, digest, &reference).await)?;
                }
            }
        }
        Ok(())
    }

    async fn referrer(&self, tag: &Tag, digest: Digest, reference: &Reference) -> Result<(), Error> {
        let step = format!("ask for manifest {reference}");
        if self.target.holds(reference).await.map_err(Error::target(step))? == Some(digest) {
            return Ok(());
        }
        let manifest = self.read(digest).await?;
        self.image(tag, &manifest, reference).await.map(drop)
    }

    fn forgiving(&self, result: Result<(), Error>) -> Result<(), Error> {
        match result {
            Err(Error::Target { step, cause })
                if cause.is_status(&[StatusCode::BAD_REQUEST, StatusCode::METHOD_NOT_ALLOWED]) =>
            {
                tracing::warn!(mirror = self.events.pass.pair.mirror, error = %cause, "The target refuses a referrer: cannot {step}");
                Ok(())
            }
            result => result,
        }
    }
}

fn cosign_tags(subject: Digest, tags: &[Tag]) -> impl Iterator<Item = &Tag> {
    let stem = format!("sha256-{}", subject.hex());
    tags.iter().filter(move |tag| {
        tag.as_str().strip_prefix(&stem).is_some_and(|suffix| COSIGN_SUFFIXES.contains(&suffix))
    })
}
