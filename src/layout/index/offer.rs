//! What an `index.json` holds for a reader: repositories and their tags, as whoever wrote it names them. Pure.
//!
//! umoci, regctl, oras and buildx write a tag; skopeo writes what it is told, a tag or a whole name; Docker and containerd
//! write a tag and, in an annotation of their own, the whole name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use crate::layout::index::document::{Index, Said};
use crate::layout::unclear::{LeftOut, Names, Unclear};
use crate::oci::{Descriptor, Digest, LayoutName, Tag};

/// What a layout has to offer.
#[derive(Debug, Default)]
pub(in crate::layout) struct Offer {
    /// The images that are called by a tag alone.
    plain: Tags,
    /// Those with a name before it, by that name. An image may be here and there.
    named: BTreeMap<String, Tags>,
    /// The number of those that are called nothing, or something else.
    unnamed: usize,
    /// What else those are called.
    misnamed: BTreeSet<String>,
    /// Everything that is listed, called or not.
    listed: Vec<Descriptor>,
    /// What refers to what, once somebody asked.
    pub(in crate::layout) referrers: OnceLock<Arc<Referrers>>,
}

/// The referrers of each manifest.
pub(in crate::layout) type Referrers = HashMap<Digest, BTreeMap<Digest, Descriptor>>;

/// The tags of one repository, each with all entries that claim it.
type Tags = BTreeMap<Tag, Vec<Said>>;

impl Offer {
    pub(in crate::layout) fn of(index: &Index) -> Self {
        let mut offer = Self::default();
        for said in index.said() {
            offer.add(said);
        }
        offer
    }

    fn add(&mut self, said: Said) {
        self.listed.extend(said.descriptor.as_ref().ok().cloned());
        let whole = |name: &Option<String>| {
            let (name, tag) = name.as_deref()?.rsplit_once(':')?;
            Some((name.to_owned(), tag.parse::<Tag>().ok()?))
        };
        let plain = said.name.as_deref().and_then(|name| name.parse::<Tag>().ok());
        let named: BTreeMap<_, _> = [whole(&said.name), whole(&said.image)].into_iter().flatten().collect();
        if plain.is_none() && named.is_empty() {
            self.unnamed += 1;
            self.misnamed.extend(said.name.clone().or_else(|| said.image.clone()));
        }
        for (name, tag) in named {
            self.named.entry(name).or_default().entry(tag).or_default().push(said.clone());
        }
        if let Some(tag) = plain {
            self.plain.entry(tag).or_default().push(said);
        }
    }

    /// The tags of a repository. Those under which referrers are kept are none of them.
    pub(in crate::layout) fn tags(&self, name: Option<&LayoutName>) -> Result<Vec<Tag>, Unclear> {
        Ok(self.of_name(name)?.keys().filter(|tag| tag.subject().is_none()).cloned().collect())
    }

    /// What somebody named and [`Offer::tags`] does not tell; none where that is nothing.
    pub(in crate::layout) fn left_out(&self, name: Option<&LayoutName>) -> Option<LeftOut> {
        let is_of = |text: &&String| match name {
            Some(name) => text.strip_prefix(name.as_str()).is_some_and(|tag| tag.starts_with(':')),
            None => true,
        };
        let misnamed = self.misnamed.iter().filter(is_of).cloned().collect();
        // Who names a repository wants no other one, and where there is but one, it is read.
        let others = if name.is_some() || self.plain.is_empty() { Vec::new() } else { self.without_tag() };
        LeftOut::of(misnamed, others)
    }

    /// The repositories with an image that has no plain tag as well.
    fn without_tag(&self) -> Vec<String> {
        let is_alone = |said: &Said| said.name.as_deref().is_none_or(|name| name.parse::<Tag>().is_err());
        let has_one = |tags: &Tags| {
            tags.iter().any(|(tag, found)| tag.subject().is_none() && found.iter().any(is_alone))
        };
        self.named.iter().filter(|(_, tags)| has_one(tags)).map(|(name, _)| name.clone()).collect()
    }

    /// What a tag points at, none where there is no such tag.
    pub(in crate::layout) fn find(
        &self,
        name: Option<&LayoutName>,
        tag: &Tag,
    ) -> Result<Option<Descriptor>, Unclear> {
        let Some(found) = self.of_name(name)?.get(tag) else { return Ok(None) };
        let descriptors = found.iter().filter_map(|said| said.descriptor.as_ref().ok());
        let by_digest: BTreeMap<Digest, &Descriptor> =
            descriptors.map(|found| (found.digest, found)).collect();
        let mut digests = by_digest.values();
        match (digests.next(), digests.next()) {
            (None, _) => {
                let why = found.iter().find_map(|said| said.descriptor.as_ref().err().cloned());
                Err(Unclear::Unreadable { tag: tag.clone(), why: why.unwrap_or_default() })
            }
            (Some(&found), None) => Ok(Some(found.clone())),
            (Some(_), Some(_)) => {
                let names = found.iter().filter_map(|said| said.image.clone());
                let names = names.filter_map(|name| Some(name.rsplit_once(':')?.0.to_owned()));
                let hint = match Names(names.collect()) {
                    names if names.0.is_empty() => {
                        "leave one of them in the layout's `index.json`".to_owned()
                    }
                    names => format!("name one repository, as in `oci:DIR#NAME`: {names}"),
                };
                let digests = Names(by_digest.keys().map(Digest::to_string).collect());
                Err(Unclear::Ambiguous { tag: tag.clone(), digests, hint })
            }
        }
    }

    /// The indexes of referrers, each with the subject that they refer to.
    pub(in crate::layout) fn referrers_indexes(&self) -> impl Iterator<Item = (Digest, Digest)> {
        let tags = self.named.values().chain([&self.plain]).flatten();
        let tags = tags.filter_map(|(tag, found)| Some((tag.subject()?, found)));
        tags.flat_map(|(subject, found)| {
            let indexes = found.iter().filter_map(|said| said.descriptor.as_ref().ok());
            indexes.map(move |index| (subject, index.digest))
        })
    }

    /// Everything that is listed, whatever it is called.
    pub(in crate::layout) fn listed(&self) -> &[Descriptor] {
        &self.listed
    }

    /// Without a name: the images that are called by a tag alone, or those of the only name that there is.
    fn of_name(&self, name: Option<&LayoutName>) -> Result<&Tags, Unclear> {
        if let Some(name) = name {
            let held = || Names(self.names().collect());
            return self
                .named
                .get(name.as_str())
                .ok_or_else(|| Unclear::NotThere { name: name.clone(), held: held() });
        }
        if !self.plain.is_empty() {
            return Ok(&self.plain);
        }
        let mut named = self.named.values();
        match (named.next(), named.next()) {
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(Unclear::Several(Names(self.names().collect()))),
            (None, _) if self.unnamed > 0 => Err(Unclear::Unnamed(self.unnamed)),
            (None, _) => Ok(&self.plain),
        }
    }

    fn names(&self) -> impl Iterator<Item = String> {
        self.named.keys().cloned()
    }
}
