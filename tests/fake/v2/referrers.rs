//! `GET /v2/NAME/referrers/DIGEST`: what speaks about a manifest (OCI 1.1).

use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tagferry::oci::{Digest, MediaType};

use crate::fake::route::Route;
use crate::fake::store::{Parts, Repository};
use crate::fake::wire::{Head, Reply};

use super::V2;

impl V2 {
    pub(super) fn referrers(&self, head: &Head, route: &Route) -> Reply {
        let Ok(subject) = route.reference.parse::<Digest>() else {
            return Reply::error(400, "DIGEST_INVALID", "invalid digest");
        };
        let wanted = head.query("artifactType");
        let list = |repository: &Repository| {
            let about =
                repository.manifests.iter().filter(|(_, m)| Parts::of(&m.bytes).subject == Some(subject));
            about
                .map(|(digest, stored)| {
                    let document: Value = serde_json::from_slice(&stored.bytes).unwrap_or_default();
                    json!({
                        "mediaType": stored.media_type,
                        "digest": digest.to_string(),
                        "size": stored.bytes.len(),
                        "artifactType": document["artifactType"],
                    })
                })
                .filter(|descriptor| {
                    wanted.as_ref().is_none_or(|wanted| descriptor["artifactType"] == **wanted)
                })
                .collect::<Vec<_>>()
        };
        match self.with(&route.name, list) {
            Ok(manifests) => {
                let document =
                    json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": manifests});
                let reply = Reply::json(200, &document).header(CONTENT_TYPE, MediaType::OCI_INDEX);
                if wanted.is_some() { reply.named("oci-filters-applied", "artifactType") } else { reply }
            }
            Err(refusal) => refusal,
        }
    }
}
