//! What refers to a manifest: by the specification's rule for stores without an API for it, an index under the tag
//! `sha256-<hex>`, and whatever is listed with a `subject`, as oras does.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::layout::index::offer::{Offer, Referrers};
use crate::layout::staged::Staged;
use crate::layout::{Error, Layout};
use crate::oci::{Digest, Manifest, Tag, list_referrers};

impl Layout {
    /// The manifests that refer to this one.
    pub async fn referrers(&self, subject: Digest) -> Result<Vec<Digest>, Error> {
        self.blocking(move |layout| {
            let offer = layout.read_offer()?;
            let all = layout.all_referrers(&offer)?;
            Ok(all.get(&subject).into_iter().flat_map(BTreeMap::keys).copied().collect())
        })
        .await
    }

    /// Which of these are in no list of the layout.
    pub async fn unlisted_referrers(
        &self,
        subject: Digest,
        mut referrers: Vec<Digest>,
    ) -> Result<Vec<Digest>, Error> {
        self.blocking(move |layout| {
            let all = layout.all_referrers(&*layout.read_offer()?)?;
            referrers.retain(|digest| all.get(&subject).is_none_or(|listed| !listed.contains_key(digest)));
            Ok(referrers)
        })
        .await
    }

    /// Lists these, which are there, as referrers of the subject.
    pub async fn list_referrers(&self, subject: Digest, added: &[Manifest]) -> Result<(), Error> {
        let added = added.to_vec();
        self.blocking(move |layout| {
            let tag = Tag::of_referrers(subject);
            layout.change_tag(&tag, |listed| {
                let listed = listed.map(|digest| layout.read_manifest(digest)).transpose()?;
                let unusable = |cause| Error::Manifest { digest: subject, cause };
                let list = list_referrers(listed.as_ref(), &added).map_err(unusable)?;
                let folder = layout.writable_blobs()?;
                layout.publish(Staged::with(&folder, list.bytes())?, list.digest())?;
                Ok(list)
            })
        })
        .await
    }

    /// Reads everything that is listed once for each `index.json`.
    fn all_referrers(&self, offer: &Offer) -> Result<Arc<Referrers>, Error> {
        if let Some(known) = offer.referrers.get() {
            return Ok(Arc::clone(known));
        }
        let mut referrers = Referrers::new();
        for (subject, index) in offer.referrers_indexes() {
            let children = self.read_manifest(index)?.children().to_vec();
            referrers
                .entry(subject)
                .or_default()
                .extend(children.into_iter().map(|child| (child.digest, child)));
        }
        for listed in offer.listed() {
            if let Some(subject) = self.subject(listed.digest)? {
                referrers.entry(subject).or_default().insert(listed.digest, listed.clone());
            }
        }
        Ok(Arc::clone(offer.referrers.get_or_init(|| Arc::new(referrers))))
    }
}
