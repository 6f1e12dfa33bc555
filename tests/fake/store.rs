//! What a registry holds, and whether it is complete.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;
use tagferry::oci::Digest;

use super::ecr::Settings;
use super::images::Image;

/// All repositories and the uploads in progress.
#[derive(Debug, Default)]
pub struct Store {
    pub repositories: BTreeMap<String, Repository>,
    pub uploads: BTreeMap<u64, Upload>,
    /// The number of the last upload.
    pub uploads_made: u64,
}

/// One repository.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    pub manifests: BTreeMap<Digest, Stored>,
    pub tags: BTreeMap<String, Digest>,
    pub blobs: BTreeMap<Digest, Bytes>,
    /// When images were pushed over the wire, or as a test says, in seconds since 1970.
    pub pushed_at: BTreeMap<Digest, u64>,
    /// Images that ECR has put away: they keep their tags, and cannot be had at once.
    pub archived: BTreeSet<Digest>,
    /// What only Amazon ECR has; the defaults elsewhere.
    pub settings: Settings,
}

/// A manifest and the type under which it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub media_type: String,
    pub bytes: Bytes,
}

/// An upload in progress.
#[derive(Clone, Debug, Default)]
pub struct Upload {
    pub repository: String,
    /// What arrived, by request.
    pub parts: Vec<Bytes>,
    /// Changes with each request; only the newest `Location` is valid.
    pub state: u64,
}

impl Upload {
    pub fn len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }
}

impl Store {
    /// Puts an image with all that it refers to into a repository, as an upstream would have it.
    pub fn push(&mut self, repository: &str, tag: &str, image: &Image) {
        let repository = self.repositories.entry(repository.to_owned()).or_default();
        repository.add(image);
        repository.tags.insert(tag.to_owned(), image.digest());
    }

    /// What is wrong: each tag's graph must be complete, with the right sizes and digests.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (name, repository) in &self.repositories {
            for (tag, digest) in &repository.tags {
                let mut report = |what: String| faults.push(format!("{name}:{tag}: {what}"));
                repository.check(*digest, None, &mut report);
            }
        }
        faults
    }
}

impl Repository {
    /// Adds an image without a tag.
    pub fn add(&mut self, image: &Image) {
        for blob in &image.blobs {
            self.blobs.insert(Digest::of(blob), blob.clone());
        }
        for child in &image.children {
            self.add(child);
        }
        let stored = Stored { media_type: image.media_type.clone(), bytes: image.bytes.clone() };
        self.manifests.insert(image.digest(), stored);
    }

    /// The manifest that a tag or a digest means.
    pub fn find(&self, reference: &str) -> Option<(Digest, &Stored)> {
        let digest = reference.parse().ok().or_else(|| self.tags.get(reference).copied())?;
        Some((digest, self.manifests.get(&digest)?))
    }

    /// The tags of one manifest.
    pub fn tags_of(&self, digest: Digest) -> BTreeSet<&str> {
        self.tags.iter().filter(|(_, d)| **d == digest).map(|(tag, _)| tag.as_str()).collect()
    }

    /// Whether a manifest refers to this blob.
    pub fn is_committed(&self, blob: Digest) -> bool {
        self.manifests.values().any(|m| Parts::of(&m.bytes).blobs.iter().any(|part| part.digest == blob))
    }

    fn check(&self, digest: Digest, size: Option<u64>, report: &mut impl FnMut(String)) {
        let Some(stored) = self.manifests.get(&digest) else {
            return match self.blobs.get(&digest) {
                // An index may list blobs.
                Some(blob) if size == Some(blob.len() as u64) && Digest::of(blob) == digest => {}
                _ => report(format!("manifest {digest} is missing")),
            };
        };
        if Digest::of(&stored.bytes) != digest {
            report(format!("manifest {digest} has other bytes"));
        }
        if size.is_some_and(|size| size != stored.bytes.len() as u64) {
            report(format!("manifest {digest} has another size"));
        }
        let parts = Parts::of(&stored.bytes);
        for child in parts.children {
            self.check(child.digest, Some(child.size), report);
        }
        for part in parts.blobs {
            match self.blobs.get(&part.digest) {
                None if part.is_foreign => {}
                None => report(format!("blob {} is missing", part.digest)),
                Some(blob) if Digest::of(blob) != part.digest => {
                    report(format!("blob {} has other bytes", part.digest));
                }
                Some(blob) if blob.len() as u64 != part.size => {
                    report(format!("blob {} has another size", part.digest));
                }
                Some(_) => {}
            }
        }
    }
}

/// What a manifest refers to. Members that are no proper descriptors are left out.
#[derive(Debug, Default)]
pub struct Parts {
    pub blobs: Vec<Part>,
    pub children: Vec<Part>,
    pub subject: Option<Digest>,
}

/// One descriptor.
#[derive(Debug)]
pub struct Part {
    pub digest: Digest,
    pub size: u64,
    /// Its type says so, and it has `urls`: a layer that registries need not hold.
    pub is_foreign: bool,
}

impl Parts {
    pub fn of(manifest: &[u8]) -> Self {
        let document: Value = serde_json::from_slice(manifest).unwrap_or_default();
        let list = |key: &str| document[key].as_array().into_iter().flatten();
        Self {
            blobs: std::iter::once(&document["config"]).chain(list("layers")).filter_map(part).collect(),
            children: list("manifests").filter_map(part).collect(),
            subject: part(&document["subject"]).map(|part| part.digest),
        }
    }
}

fn part(descriptor: &Value) -> Option<Part> {
    Some(Part {
        digest: descriptor["digest"].as_str()?.parse().ok()?,
        size: descriptor["size"].as_u64()?,
        is_foreign: descriptor["urls"].as_array().is_some_and(|urls| !urls.is_empty())
            && descriptor["mediaType"].as_str().is_some_and(|media_type| {
                media_type.contains(".foreign.") || media_type.contains(".nondistributable.")
            }),
    })
}
