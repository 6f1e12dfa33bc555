//! One tag: read the image, bring its blobs, write its manifests, set the tag, look again.

use std::collections::{BTreeMap, HashMap};

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::copy::Error;
use crate::copy::blob::Need;
use crate::copy::copier::{Copier, MANIFESTS_MAX};
use crate::copy::graph::Trust;
use crate::copy::inflight::Claim;
use crate::event::{Arrival, Blobs, EventKind};
use crate::oci::{Descriptor, Digest, Manifest, Reference, Repository, Tag};
use crate::plan::Root;
use crate::target::Found;

/// Upper bound on blobs of one image that wait for a slot.
const BLOBS_WAITING_MAX: usize = 64;

/// What a copy moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Bytes of blobs that were sent.
    pub bytes: u64,
    /// How the blobs arrived.
    pub blobs: Blobs,
}

impl Copier {
    /// Copies the image and sets the tag that `name` is, which was `previous` before. When it returns, the tag was seen to point
    /// at it. `source_tag` stands for the image at the source, if any does.
    ///
    /// Cancel safe in the sense that matters: the tag is written last, after all that it needs.
    pub async fn tag(
        &self,
        name: &Reference,
        source_tag: Option<&Tag>,
        root: &Root,
        previous: Option<Digest>,
    ) -> Result<Copied, Error> {
        self.events.emit(EventKind::TagStarted { tag: name });
        let root = match root {
            Root::Made(manifest) => manifest.clone(),
            Root::Source(digest) => {
                let step = ("read manifest", digest);
                self.sources.tagged(source_tag, *digest).await.map_err(Error::source(step))?
            }
        };
        let copied = self.image(name, &root, name).await?;
        self.verify(name, root.digest(), previous).await?;
        Ok(copied)
    }

    /// Copies an image, and once more where the target finds that something is missing which it seemed to have
    /// (oras-project/oras-go#1212), or that the whole repository is gone.
    pub(super) async fn image(
        &self,
        tag: &Reference,
        root: &Manifest,
        reference: &Reference,
    ) -> Result<Copied, Error> {
        for trust in [Trust::Run, Trust::Target] {
            match self.try_image(tag, root, reference, trust).await {
                Err(Error::Target { cause, .. }) if cause.is_missing_repository() => {
                    self.target.create().await.map_err(Error::target("restore the repository"))?;
                }
                Err(Error::Target { cause, .. }) if cause.is_missing_reference() => {
                    tracing::debug!(%tag, error = %cause, "The target lacks something that it seemed to have");
                }
                result => return result,
            }
        }
        self.try_image(tag, root, reference, Trust::Nobody).await
    }

    async fn try_image(
        &self,
        tag: &Reference,
        root: &Manifest,
        reference: &Reference,
        trust: Trust,
    ) -> Result<Copied, Error> {
        if self.is_done(root.digest(), trust) {
            self.put(root, reference).await?;
            return Ok(Copied::default());
        }
        let graph = self.graph(root, trust).await?;
        let blobs = graph.blobs(root)?;
        let mut claims = self.claims(blobs.keys().copied());
        let copied = self.blobs(tag, &blobs, &mut claims, trust).await?;
        for level in graph.levels() {
            let writes = level.into_iter().map(|manifest| self.write(manifest, &claims));
            stream::iter(writes).buffer_unordered(MANIFESTS_MAX).try_collect::<()>().await?;
        }
        self.put(root, reference).await?;
        self.commit(&claims, root);
        Ok(copied)
    }

    /// Brings all blobs of an image that the target lacks.
    async fn blobs(
        &self,
        tag: &Reference,
        blobs: &BTreeMap<Digest, Descriptor>,
        claims: &mut HashMap<Digest, Claim>,
        trust: Trust,
    ) -> Result<Copied, Error> {
        let present = if trust == Trust::Nobody {
            HashMap::new()
        } else {
            let blobs: Vec<_> = blobs.values().collect();
            self.target.present(&blobs).await.map_err(Error::target("ask which blobs it has"))?
        };
        let missing = || blobs.values().filter(|blob| !present.contains_key(&blob.digest));
        let bytes = missing().map(|blob| blob.size).sum();
        self.events.emit(EventKind::TagSized { tag, bytes });
        let elsewhere = self.look_around(missing()).await;

        let work = claims.iter_mut().filter_map(|(digest, claim)| {
            let blob = blobs.get(digest)?;
            let found = present.get(digest);
            let need = match elsewhere.get(digest) {
                _ if found == Some(&Found::Whole) => Need::Nothing,
                _ if found.is_some() || trust != Trust::Run => Need::Anew,
                Some(holder) => Need::Mount(holder),
                None => Need::Bytes,
            };
            let is_replaced = matches!(found, Some(Found::OtherSize(_)));
            Some(async move {
                let arrival = self.blob(tag, blob, claim, need).await?;
                if is_replaced {
                    self.target.check_blob(blob).await.map_err(Error::target(("check blob", digest)))?;
                }
                Ok::<_, Error>((blob.size, arrival))
            })
        });
        let arrivals = stream::iter(work).buffer_unordered(BLOBS_WAITING_MAX);
        let add = |sum: Copied, (size, arrival)| async move { Ok(sum.plus(size, arrival)) };
        arrivals.try_fold(Copied::default(), add).await
    }

    async fn write(&self, manifest: &Manifest, claims: &HashMap<Digest, Claim>) -> Result<(), Error> {
        self.put(manifest, &manifest.digest().into()).await?;
        self.commit(claims, manifest);
        Ok(())
    }

    async fn put(&self, manifest: &Manifest, reference: &Reference) -> Result<(), Error> {
        let digest = manifest.digest();
        let result = self.target.put_manifest(manifest, reference).await;
        let Reference::Tag(tag) = reference else {
            return result.map_err(Error::target(("write manifest", reference)));
        };
        if let Err(cause) = result {
            // The tag may be there already, by a try whose answer was lost: some refuse even the same again. What is missing
            // is brought first.
            let is_last = cause.is_refused_for_good()
                && !cause.is_missing_reference()
                && !cause.is_missing_repository();
            let held = if is_last { self.target.digest(tag).await.ok().flatten() } else { None };
            match held {
                Some(held) if held == digest => {}
                Some(held) if cause.is_immutable_tag() => return Err(Error::Conflict(held)),
                _ => return Err(Error::target(("write manifest", reference))(cause)),
            }
        }
        self.wrote(tag, digest).await;
        Ok(())
    }

    /// Looks whether the name stands for what was written. Some registries show that a while later, and nothing or what was
    /// there before until then (int128/docker-manifest-create-action#857).
    async fn verify(
        &self,
        name: &Reference,
        expected: Digest,
        previous: Option<Digest>,
    ) -> Result<(), Error> {
        let mut budget = self.shared.retry.budget();
        loop {
            let held = self.target.holds(name).await.map_err(Error::target(("verify tag", name)))?;
            if held == Some(expected) {
                return Ok(());
            }
            let got = held.map_or_else(|| "nothing".to_owned(), |held| held.to_string());
            let error = Error::Unverified(format!("expected {expected}, got {got}"));
            let may_come = held.is_none() || held == previous;
            let Some(pause) = budget.spend(None).filter(|_| may_come) else { return Err(error) };
            budget.tell("verify", pause, &error);
            tokio::time::sleep(pause).await;
        }
    }

    fn claims(&self, blobs: impl IntoIterator<Item = Digest>) -> HashMap<Digest, Claim> {
        self.shared.inflight.claim(&self.target.registry(), self.repository(), blobs)
    }

    /// Claims one more blob, after the claims of its image.
    pub(super) fn claim(&self, blob: Digest) -> Claim {
        self.shared.inflight.claim_one(&self.target.registry(), self.repository(), blob)
    }

    /// Tells the others that a manifest is there, and that its blobs can be mounted now.
    fn commit(&self, claims: &HashMap<Digest, Claim>, manifest: &Manifest) {
        self.shared.inflight.wrote(&self.target.registry(), self.repository(), manifest.digest());
        for blob in manifest.blobs().iter().chain(manifest.children()) {
            if let Some(Claim::Mine(ticket)) = claims.get(&blob.digest) {
                ticket.committed();
            }
        }
    }

    pub(super) async fn read(&self, digest: Digest) -> Result<Manifest, Error> {
        self.sources.manifest(digest).await.map_err(Error::source(("read manifest", digest)))
    }

    pub(super) fn repository(&self) -> Option<&Repository> {
        self.target.repository()
    }
}

impl Copied {
    fn plus(mut self, size: u64, arrival: Arrival) -> Self {
        match arrival {
            Arrival::Uploaded => {
                self.blobs.uploaded += 1;
                self.bytes += size;
            }
            Arrival::Mounted => self.blobs.mounted += 1,
            Arrival::Present => self.blobs.present += 1,
        }
        self
    }
}
