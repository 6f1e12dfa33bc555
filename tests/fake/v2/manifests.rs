//! Manifests: read by tag or digest, and stored once all that they refer to is there.

use std::time::SystemTime;

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use tagferry::oci::{Digest, MediaType, Tag};

use crate::fake::ecr;
use crate::fake::quirks::{Accept, DigestHeader, Flavour};
use crate::fake::route::Route;
use crate::fake::store::{Parts, Repository, Stored};
use crate::fake::wire::{Head, Payload, Reply};

use super::{V2, either};

impl V2 {
    pub(super) fn manifest(&self, head: &Head, route: &Route) -> Reply {
        let found = self.with(&route.name, |repository| {
            repository.find(&route.reference).map(|(_, stored)| stored.clone())
        });
        let stored = match found {
            Ok(Some(stored)) => stored,
            Ok(None) => return unknown(),
            Err(refusal) => return refusal,
        };
        let is_tag = route.reference.parse::<Digest>().is_err();
        let stored = match self.quirks.accept {
            Accept::Ignored => Some(stored),
            _ if accepts(head, &stored.media_type) => Some(stored),
            Accept::Required => None,
            Accept::Converts if is_tag => converted(head, &stored),
            Accept::Converts => Some(stored),
        };
        let Some(stored) = stored else { return unknown() };
        let digest = Digest::of(&stored.bytes).to_string();
        let reply = Reply::status(200).header(CONTENT_TYPE, &stored.media_type).body(stored.bytes);
        match self.quirks.digest_header {
            DigestHeader::Always => reply.named("docker-content-digest", digest),
            DigestHeader::HeadOnly if head.method == Method::HEAD => {
                reply.named("docker-content-digest", digest)
            }
            DigestHeader::HeadOnly | DigestHeader::Never => reply,
        }
    }

    pub(super) async fn put_manifest(&self, head: &Head, route: &Route, payload: &mut Payload) -> Reply {
        let Ok(bytes) = payload.collect(0).await else { return Reply::status(400) };
        let media_type = head.header(CONTENT_TYPE).unwrap_or_default().to_owned();
        either(self.store_manifest(route, Stored { media_type, bytes }))
    }

    fn store_manifest(&self, route: &Route, stored: Stored) -> Result<Reply, Reply> {
        self.ensure(&route.name)?;
        let digest = Digest::of(&stored.bytes);
        self.check_document(route, &stored, digest)?;
        let mut store = self.store.lock().unwrap();
        let repository = store.repositories.entry(route.name.clone()).or_default();
        if self.quirks.references {
            self.check_references(&route.name, repository, &stored)?;
        }
        if route.reference.parse::<Digest>().is_err() {
            check_tag(route, repository)?;
            repository.tags.insert(route.reference.clone(), digest);
        }
        let subject = Parts::of(&stored.bytes).subject;
        repository.manifests.insert(digest, stored);
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        repository.pushed_at.entry(digest).or_insert(now);
        let reply = Reply::status(201)
            .header(LOCATION, format!("/v2/{}/manifests/{digest}", route.name))
            .named("docker-content-digest", digest.to_string());
        Ok(match subject.filter(|_| self.quirks.referrers) {
            Some(subject) => reply.named("oci-subject", subject.to_string()),
            None => reply,
        })
    }

    /// What can be said without the repository.
    fn check_document(&self, route: &Route, stored: &Stored, digest: Digest) -> Result<(), Reply> {
        let invalid = |message: &str| Err(Reply::error(400, "MANIFEST_INVALID", message));
        if stored.bytes.len() > self.quirks.manifest_max {
            return invalid("manifest is too large");
        }
        let Ok(document) = serde_json::from_slice::<serde_json::Value>(&stored.bytes) else {
            return invalid("manifest invalid");
        };
        if document["mediaType"].as_str().is_some_and(|body| body != stored.media_type) {
            return invalid("mediaType in manifest does not match Content-Type");
        }
        if self.quirks.refuses.iter().any(|refusal| refusal.strikes(&stored.media_type, &stored.bytes)) {
            let message = "Invalid parameter at 'ImageManifest' failed to satisfy constraint: \
                           'Invalid JSON syntax'";
            return Err(Reply::error(405, "UNSUPPORTED", message));
        }
        match route.reference.parse::<Digest>() {
            Ok(wanted) if wanted != digest && self.quirks.flavour == Flavour::Ecr => invalid(&format!(
                "Image manifest digest '{digest}' does not match the image digest '{wanted}'"
            )),
            Ok(wanted) if wanted != digest => {
                Err(Reply::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content"))
            }
            Err(_) if route.reference.parse::<Tag>().is_err() => {
                Err(Reply::error(400, "TAG_INVALID", "manifest tag did not match URI"))
            }
            _ => Ok(()),
        }
    }

    fn check_references(&self, name: &str, repository: &Repository, stored: &Stored) -> Result<(), Reply> {
        let parts = Parts::of(&stored.bytes);
        // CNCF distribution looks for a child among blobs too; ECR does not.
        let may_be_blob = self.quirks.flavour == Flavour::Distribution;
        let has_child = |digest: &Digest| {
            repository.manifests.contains_key(digest) || may_be_blob && repository.blobs.contains_key(digest)
        };
        let children = parts.children.iter().map(|child| child.digest);
        let children: Vec<_> = children.filter(|child| !has_child(child)).collect();
        let held = |digest: &Digest| repository.blobs.contains_key(digest);
        let blobs: Vec<_> = parts
            .blobs
            .iter()
            .filter(|part| !part.is_foreign && !held(&part.digest))
            .map(|part| part.digest)
            .collect();
        for (what, missing) in [("Images", children), ("Layers", blobs)] {
            if missing.is_empty() {
                continue;
            }
            return Err(match self.quirks.flavour {
                Flavour::Ecr => {
                    let message = format!(
                        "{what} with digests '{missing:?}' required for pushing image into repository with \
                         name '{name}' in the registry with id '{}' do not exist",
                        ecr::ACCOUNT
                    );
                    Reply::error(400, "MANIFEST_BLOB_UNKNOWN", &message)
                }
                Flavour::Distribution => {
                    let errors: Vec<_> = missing.iter().map(missing_blob).collect();
                    Reply::json(400, &serde_json::json!({ "errors": errors }))
                }
            });
        }
        Ok(())
    }
}

/// An immutable tag is refused even where it has this very digest (ECR).
fn check_tag(route: &Route, repository: &Repository) -> Result<(), Reply> {
    let tag = &route.reference;
    if !repository.tags.contains_key(tag) || !repository.settings.is_immutable(tag) {
        return Ok(());
    }
    let message = format!(
        "The image tag '{tag}' already exists in the '{}' repository and cannot be overwritten \
         because the tag is immutable.",
        route.name
    );
    Err(Reply::error(400, "TAG_INVALID", &message))
}

fn missing_blob(digest: &Digest) -> serde_json::Value {
    serde_json::json!({
        "code": "MANIFEST_BLOB_UNKNOWN",
        "message": "blob unknown to registry",
        "detail": {"digest": digest.to_string()},
    })
}

fn unknown() -> Reply {
    Reply::error(404, "MANIFEST_UNKNOWN", "manifest unknown")
}

/// Whether the client takes this type. No header, or `*/*`, takes all.
fn accepts(head: &Head, media_type: &str) -> bool {
    let mut all = head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    all.peek().is_none()
        || all.flat_map(|value| value.split(',')).any(|part| {
            let part = part.split(';').next().unwrap_or_default().trim();
            part == "*/*" || part == media_type
        })
}

/// The same image under the other vendor's types, if the client takes those.
fn converted(head: &Head, stored: &Stored) -> Option<Stored> {
    const PAIRS: [(&str, &str); 3] = [
        (MediaType::DOCKER_MANIFEST, MediaType::OCI_MANIFEST),
        ("application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json"),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.oci.image.layer.v1.tar+gzip"),
    ];
    let to_oci = stored.media_type == MediaType::DOCKER_MANIFEST;
    let target = if to_oci { MediaType::OCI_MANIFEST } else { MediaType::DOCKER_MANIFEST };
    if MediaType::new(&stored.media_type).is_index() || !accepts(head, target) {
        return None;
    }
    let text = std::str::from_utf8(&stored.bytes).unwrap().to_owned();
    let replace = |text: String, (docker, oci): (&str, &str)| {
        if to_oci { text.replace(docker, oci) } else { text.replace(oci, docker) }
    };
    let bytes = PAIRS.into_iter().fold(text, replace).into();
    Some(Stored { media_type: target.to_owned(), bytes })
}
