//! The Registry API, `/v2/`, over a store and as the quirks want it. One verb a file.

mod blobs;
mod lists;
mod manifests;
mod referrers;
mod uploads;

use std::sync::{Arc, Mutex};

use http::Method;
use http::header::{CONTENT_LENGTH, LOCATION};

use super::ecr;
use super::quirks::{Flavour, Quirks};
use super::route::{Kind, Route};
use super::storage::Storage;
use super::store::{Repository, Store};
use super::wire::{Head, Payload, Reply};

pub use blobs::send as send_blob;

/// The registry behind `/v2/`. Who may ask is decided before.
pub struct V2 {
    pub store: Arc<Mutex<Store>>,
    pub quirks: Quirks,
    /// Where blobs are read, if not here.
    pub storage: Option<Arc<Storage>>,
}

impl V2 {
    /// The redirect to where this registry moved, if it did. It comes before any question of access.
    pub fn moved(&self, head: &Head) -> Option<Reply> {
        let host = self.quirks.moved_to.as_ref()?;
        Some(Reply::status(307).header(LOCATION, format!("http://{host}{}", head.target())))
    }

    pub async fn answer(&self, head: &Head, route: &Route, payload: &mut Payload) -> Reply {
        if let (Kind::Upload, Some((bytes, refusal))) = (route.kind, &self.quirks.body_refused_above) {
            let length = head.header(CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
            if length.is_none_or(|length| length > *bytes) {
                return refusal.clone();
            }
        }
        match (route.kind, head.method.clone()) {
            (Kind::Ping, Method::GET) => {
                Reply::status(200).named("docker-distribution-api-version", "registry/2.0")
            }
            (Kind::Catalogue, Method::GET) if self.quirks.catalogue => self.catalogue(head),
            (Kind::Tags, Method::GET) => self.tags(head, &route.name),
            (Kind::Manifest, Method::GET | Method::HEAD) => self.manifest(head, route),
            (Kind::Manifest, Method::PUT) => self.put_manifest(head, route, payload).await,
            (Kind::Blob, Method::GET | Method::HEAD) => self.blob(head, route),
            (Kind::Referrers, Method::GET) if self.quirks.referrers => self.referrers(head, route),
            (Kind::UploadStart, Method::POST) => self.start_upload(head, route, payload).await,
            (Kind::Upload, Method::PATCH) => self.patch_upload(head, route, payload).await,
            (Kind::Upload, Method::PUT) => self.put_upload(head, route, payload).await,
            (Kind::Ping | Kind::Catalogue | Kind::Other | Kind::Api | Kind::Referrers, _) => {
                Reply::status(404).body("404 page not found\n")
            }
            _ => Reply::error(405, "UNSUPPORTED", "The operation is unsupported."),
        }
    }

    /// Looks at a repository that must exist.
    fn with<T>(&self, name: &str, look: impl FnOnce(&Repository) -> T) -> Result<T, Reply> {
        let store = self.store.lock().unwrap();
        store.repositories.get(name).map(look).ok_or_else(|| self.name_unknown(name))
    }

    /// Makes sure that a repository can be written to.
    fn ensure(&self, name: &str) -> Result<(), Reply> {
        let mut store = self.store.lock().unwrap();
        if self.quirks.create_on_push {
            store.repositories.entry(name.to_owned()).or_default();
        }
        if store.repositories.contains_key(name) { Ok(()) } else { Err(self.name_unknown(name)) }
    }

    fn name_unknown(&self, name: &str) -> Reply {
        match self.quirks.flavour {
            Flavour::Distribution => {
                Reply::error(404, "NAME_UNKNOWN", "repository name not known to registry")
            }
            Flavour::Ecr => Reply::error(
                404,
                "NAME_UNKNOWN",
                &format!(
                    "The repository with name '{name}' does not exist in the registry with id '{}'",
                    ecr::ACCOUNT
                ),
            ),
        }
    }
}

/// Joins the two ways in which a handler ends.
fn either(result: Result<Reply, Reply>) -> Reply {
    result.unwrap_or_else(|refusal| refusal)
}
