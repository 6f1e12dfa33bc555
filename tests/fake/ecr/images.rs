//! The batch operations on images and layers.

use serde_json::{Value, json};
use tagferry::oci::Digest;

use crate::fake::store::{Parts, Repository};

use super::api::{Outcome, fail};
use super::{ACCOUNT, Service};

/// The most ids or digests of one call.
const BATCH_MAX: usize = 100;
/// The most images of one page, and how many it has unless told otherwise.
const PAGE_MAX: u64 = 1000;
const PAGE_DEFAULT: u64 = 100;
/// When images were pushed of which nobody says it.
const LONG_AGO: u64 = 1_700_000_000;

impl Service {
    /// Answers each id that was asked for, in the same words: a tag gives that tag, not another of the image.
    pub(super) fn batch_get_image(&self, input: &Value) -> Outcome {
        let Some(ids) = input["imageIds"].as_array().filter(|ids| (1..=BATCH_MAX).contains(&ids.len()))
        else {
            return fail(
                "InvalidParameterException",
                "Invalid parameter at 'imageIds': 1 to 100 are allowed",
            );
        };
        self.in_repository(input, |name, repository| {
            let (mut images, mut failures) = (Vec::new(), Vec::new());
            for id in ids {
                let mut failure = |code: &str, reason: &str| {
                    failures.push(json!({"imageId": id, "failureCode": code, "failureReason": reason}));
                };
                let (tag, digest) = (id["imageTag"].as_str(), id["imageDigest"].as_str());
                let Some(reference) = digest.or(tag) else {
                    failure("MissingDigestAndTag", "Neither a digest nor a tag");
                    continue;
                };
                if digest.is_some_and(|digest| digest.parse::<Digest>().is_err()) {
                    failure("InvalidImageDigest", "Invalid digest");
                    continue;
                }
                let Some((digest, stored)) = repository.find(reference) else {
                    failure("ImageNotFound", "Requested image not found");
                    continue;
                };
                if tag.is_some_and(|tag| repository.tags.get(tag) != Some(&digest)) {
                    failure("ImageTagDoesNotMatchDigest", "The tag has another digest");
                    continue;
                }
                let mut image = json!({
                    "registryId": ACCOUNT,
                    "repositoryName": name,
                    "imageId": {"imageDigest": digest.to_string()},
                    "imageManifest": String::from_utf8_lossy(&stored.bytes),
                    "imageManifestMediaType": stored.media_type,
                });
                if let Some(tag) = tag {
                    image["imageId"]["imageTag"] = json!(tag);
                }
                images.push(image);
            }
            Ok(json!({"images": images, "failures": failures}))
        })
    }

    /// Images by their digests, so that one with many tags is one; a page of them where no ids are asked for.
    ///
    /// It fails as a whole where one of the ids is missing, and shows only what is active unless told otherwise.
    pub(super) fn describe_images(&self, input: &Value) -> Outcome {
        let invalid =
            |what: &str| fail("InvalidParameterException", format!("Invalid parameter at '{what}'"));
        let ids = input["imageIds"].as_array();
        let at_most = input["maxResults"].as_u64();
        if at_most.is_some_and(|at_most| !(1..=PAGE_MAX).contains(&at_most)) {
            return invalid("maxResults");
        }
        if ids.is_some() && (at_most.is_some() || input["nextToken"].is_string()) {
            return invalid("nextToken");
        }
        let start = input["nextToken"].as_str().map_or(Some(0), |token| token.parse::<usize>().ok());
        let Some(start) = start else { return invalid("nextToken") };
        self.in_repository(input, |name, repository| {
            let mut asked = Vec::new();
            for id in ids.into_iter().flatten() {
                let reference = id["imageDigest"].as_str().or(id["imageTag"].as_str()).unwrap_or_default();
                let Some((digest, _)) = repository.find(reference) else {
                    return fail(
                        "ImageNotFoundException",
                        format!("The image with imageId {id} does not exist"),
                    );
                };
                asked.push(digest);
            }
            let all = repository.manifests.keys().copied();
            let wanted: Vec<Digest> = match ids {
                Some(_) => asked,
                None => all.filter(|digest| is_wanted(&input["filter"], repository, *digest)).collect(),
            };
            let size = usize::try_from(at_most.unwrap_or(PAGE_DEFAULT)).unwrap();
            let end = if ids.is_some() { wanted.len() } else { wanted.len().min(start + size) };
            let page = wanted.get(start..end).unwrap_or_default();
            let details: Vec<_> = page.iter().map(|digest| detail(name, repository, *digest)).collect();
            let mut output = json!({"imageDetails": details});
            if end < wanted.len() {
                output["nextToken"] = json!(end.to_string());
            }
            Ok(output)
        })
    }

    pub(super) fn batch_check_layer_availability(&self, input: &Value) -> Outcome {
        let digests = input["layerDigests"].as_array().filter(|all| (1..=BATCH_MAX).contains(&all.len()));
        let Some(digests) = digests else {
            return fail(
                "InvalidParameterException",
                "Invalid parameter at 'layerDigests': 1 to 100 are allowed",
            );
        };
        self.in_repository(input, |_, repository| {
            let (mut layers, mut failures) = (Vec::new(), Vec::new());
            for digest in digests {
                match digest.as_str().unwrap_or_default().parse::<Digest>() {
                    Ok(parsed) => layers.push(match repository.blobs.get(&parsed) {
                        Some(blob) => json!({
                            "layerDigest": digest,
                            "layerAvailability": "AVAILABLE",
                            "layerSize": blob.len(),
                        }),
                        None => json!({"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}),
                    }),
                    Err(_) => failures.push(json!({
                        "layerDigest": digest,
                        "failureCode": "InvalidLayerDigest",
                        "failureReason": "Invalid digest",
                    })),
                }
            }
            Ok(json!({"layers": layers, "failures": failures}))
        })
    }
}

/// Whether a filter lets an image through.
fn is_wanted(filter: &Value, repository: &Repository, digest: Digest) -> bool {
    let is_tagged = repository.tags.values().any(|tagged| *tagged == digest);
    let has_tag_status = match filter["tagStatus"].as_str() {
        Some("TAGGED") => is_tagged,
        Some("UNTAGGED") => !is_tagged,
        _ => true,
    };
    let has_status = match filter["imageStatus"].as_str() {
        Some("ANY") => true,
        Some("ARCHIVED") => repository.archived.contains(&digest),
        _ => !repository.archived.contains(&digest),
    };
    has_tag_status && has_status
}

fn detail(name: &str, repository: &Repository, digest: Digest) -> Value {
    let stored = &repository.manifests[&digest];
    let is_archived = repository.archived.contains(&digest);
    let mut detail = json!({
        "registryId": ACCOUNT,
        "repositoryName": name,
        "imageDigest": digest.to_string(),
        "imageSizeInBytes": size(repository, &stored.bytes),
        "imagePushedAt": repository.pushed_at.get(&digest).copied().unwrap_or(LONG_AGO),
        "imageManifestMediaType": stored.media_type,
        "imageStatus": if is_archived { "ARCHIVED" } else { "ACTIVE" },
    });
    let tags = repository.tags_of(digest);
    if !tags.is_empty() {
        detail["imageTags"] = json!(tags);
    }
    detail
}

/// The bytes of all blobs; of an index those of its largest image.
fn size(repository: &Repository, manifest: &[u8]) -> u64 {
    let parts = Parts::of(manifest);
    let children = parts.children.iter().filter_map(|child| repository.manifests.get(&child.digest));
    let largest = children.map(|child| size(repository, &child.bytes)).max().unwrap_or_default();
    largest + parts.blobs.iter().map(|blob| blob.size).sum::<u64>()
}
