//! What is copied with an image where `referrers` asks for it: signatures, SBOMs, attestations, and their signatures.

use std::collections::{HashSet, VecDeque};
use std::fmt::Display;

use http::StatusCode;

use crate::copy::{Copier, Error};
use crate::event::Warning;
use crate::oci::{Digest, Reference, Referrers, Tag};
use crate::plan::Root;

/// cosign keeps what it knows of an image under its digest with one of these.
const COSIGN_SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];
/// The most manifests that an image and all that refers to it, at any remove, may have.
const SUBJECTS_MAX: usize = 2000;

impl Copier {
    /// Copies what refers to an image and to its platforms, what refers to that, and so on: OCI 1.1 referrers, and cosign's
    /// tags as far as they are among `tags`, the tags of the source.
    ///
    /// What the target refuses (ECR refuses some, aws/containers-roadmap#2783) and what cannot be asked for is added to
    /// `warnings`, and the image stands without.
    pub async fn referrers(
        &self,
        tag: &Reference,
        root: &Root,
        tags: &[Tag],
        warnings: &mut Vec<Warning>,
    ) -> Result<(), Error> {
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
            for referrer in self.referrers_of(tag, subject, tags, warnings).await? {
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
    async fn referrers_of(
        &self,
        tag: &Reference,
        subject: Digest,
        tags: &[Tag],
        warnings: &mut Vec<Warning>,
    ) -> Result<Vec<Digest>, Error> {
        let mut arrived = Vec::new();
        let step = ("ask what refers to", subject);
        let mut found = Referrers::default();
        // What one source does not have may have referrers where it is.
        for source in self.sources.all() {
            found = source.referrers(subject).await.map_err(Error::source(step))?;
            if let Some(why) = &found.hidden {
                tell_hidden(tag, why, warnings);
            }
            if !found.digests.is_empty() {
                break;
            }
        }
        let Referrers { digests, unknown, .. } = found;
        warnings.extend(unknown.iter().map(|entry| left_behind(tag, subject, entry)));
        for referrer in digests {
            let copied = self.referrer(tag, referrer, &referrer.into()).await;
            let copied =
                forgiving(copied, warnings, |why| refused(tag, &format!("{referrer}, which"), subject, why))?;
            arrived.extend(copied.map(|()| referrer));
        }
        let listed = self.list_referrers(subject, arrived.clone()).await;
        forgiving(listed, warnings, |why| refused(tag, "the list of what", subject, why))?;
        for cosign in cosign_tags(subject, tags) {
            let reference = Reference::Tag(cosign.clone());
            let mut signature = None;
            for source in self.sources.all() {
                if signature.is_none() {
                    let step = ("read tag", cosign);
                    signature = source.head(&reference).await.map_err(Error::source(step))?;
                }
            }
            if let Some(digest) = signature {
                let copied = self.referrer(tag, digest, &reference).await;
                let copied = forgiving(copied, warnings, |why| {
                    refused(tag, &format!("{reference}, which"), subject, why)
                })?;
                arrived.extend(copied.map(|()| digest));
            }
        }
        Ok(arrived)
    }

    async fn referrer(&self, tag: &Reference, digest: Digest, reference: &Reference) -> Result<(), Error> {
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
}

/// None where the target refuses, with a warning.
fn forgiving(
    result: Result<(), Error>,
    warnings: &mut Vec<Warning>,
    warning: impl FnOnce(&dyn Display) -> Warning,
) -> Result<Option<()>, Error> {
    match result {
        Err(Error::Target { cause, .. })
            if cause.is_status(&[StatusCode::BAD_REQUEST, StatusCode::METHOD_NOT_ALLOWED]) =>
        {
            warnings.push(warning(&cause));
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// A referrer that the target does not take.
fn refused(tag: &Reference, referrer: &str, subject: Digest, why: &dyn Display) -> Warning {
    let message = format!(
        "{tag} stays without some of its referrers: the target refuses {referrer} refers to {subject}: {why}"
    );
    Warning { code: "referrer_refused", rule: None, message }
}

/// A referrer that is listed in a way that is not known here.
fn left_behind(tag: &Reference, subject: Digest, entry: &str) -> Warning {
    let message = format!(
        "{tag} stays without some of its referrers: of what refers to {subject}, the source lists `{entry}`, and only \
         sha256 digests are copied"
    );
    Warning { code: "referrer_unknown", rule: None, message }
}

/// Tells once of an image that the source refuses to show what refers to it.
fn tell_hidden(tag: &Reference, why: &str, warnings: &mut Vec<Warning>) {
    let may_be = format!("{tag} may stay without some of its referrers");
    if !warnings.iter().any(|warning| warning.message.starts_with(&may_be)) {
        let message = format!("{may_be}: the source does not show whether there are any: {why}");
        warnings.push(Warning { code: "referrer_unknown", rule: None, message });
    }
}

fn cosign_tags(subject: Digest, tags: &[Tag]) -> impl Iterator<Item = &Tag> {
    let stem = Tag::of_referrers(subject);
    tags.iter().filter(move |tag| {
        tag.as_str().strip_prefix(stem.as_str()).is_some_and(|suffix| COSIGN_SUFFIXES.contains(&suffix))
    })
}
