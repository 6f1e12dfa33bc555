//! The batch operations on images and layers.

use serde_json::{Value, json};
use tagferry::oci::Digest;

use super::api::{Outcome, fail};
use super::{ACCOUNT, Service};

/// The most ids or digests of one call.
const BATCH_MAX: usize = 100;

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
