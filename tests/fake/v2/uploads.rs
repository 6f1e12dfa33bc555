//! Uploads: `POST` starts one or mounts a blob, `PATCH` adds a part, `PUT` completes it.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE};
use tagferry::oci::Digest;

use crate::fake::quirks::{Location, Mount, Patch};
use crate::fake::route::{OUTSIDE, Route};
use crate::fake::store::{Store, Upload};
use crate::fake::wire::{Broken, Head, Payload, Reply};

use super::{V2, either};

impl V2 {
    pub(super) async fn start_upload(&self, head: &Head, route: &Route, payload: &mut Payload) -> Reply {
        if let Err(refusal) = self.ensure(&route.name) {
            return refusal;
        }
        if let Some(digest) = self.mounted(head, route) {
            return created(route, digest);
        }
        let Ok(body) = body(head, payload).await else { return Reply::status(400) };
        let digest = head.query("digest").filter(|_| self.quirks.single_post);
        let mut store = self.store.lock().unwrap();
        if let Some(digest) = digest {
            return either(commit(&mut store, route, &digest, body));
        }
        store.uploads_made += 1;
        let id = store.uploads_made;
        store.uploads.insert(id, Upload { repository: route.name.clone(), ..Upload::default() });
        let status = Reply::status(self.quirks.upload_status);
        let mut reply = status.named("docker-upload-uuid", id.to_string()).header(RANGE, "0-0");
        if let Some(bytes) = self.quirks.chunk_min {
            reply = reply.named("oci-chunk-min-length", bytes);
        }
        reply.header(LOCATION, self.location(head, &route.name, id, 0))
    }

    pub(super) async fn patch_upload(&self, head: &Head, route: &Route, payload: &mut Payload) -> Reply {
        if self.quirks.patch == Patch::Refused {
            return Reply::error(405, "UNSUPPORTED", "The operation is unsupported.");
        }
        let Ok(body) = body(head, payload).await else { return Reply::status(400) };
        let mut store = self.store.lock().unwrap();
        let (id, upload) = match find(&mut store, head, route) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        if let Some(start) = start_of(head)
            && start != upload.len()
        {
            return Reply::error(416, "RANGE_INVALID", "invalid content range")
                .header(RANGE, format!("0-{}", upload.len().saturating_sub(1)));
        }
        upload.parts.push(body);
        upload.state += 1;
        let (status, stored) = match self.quirks.patch {
            Patch::Stale => (201, upload.parts[0].len()),
            Patch::Standard | Patch::Refused => (202, upload.len()),
        };
        let location = self.location(head, &route.name, id, upload.state);
        Reply::status(status)
            .header(RANGE, format!("0-{}", stored.saturating_sub(1)))
            .header(LOCATION, location)
    }

    pub(super) async fn put_upload(&self, head: &Head, route: &Route, payload: &mut Payload) -> Reply {
        let Ok(body) = body(head, payload).await else { return Reply::status(400) };
        if let Some(refusal) = self.quirks.put_refused.as_ref().filter(|_| !body.is_empty()) {
            return refusal.clone();
        }
        let Some(digest) = head.query("digest") else {
            return Reply::error(400, "DIGEST_INVALID", "digest missing");
        };
        let mut store = self.store.lock().unwrap();
        let mut parts = match find(&mut store, head, route) {
            Ok((id, _)) => store.uploads.remove(&id).unwrap_or_default().parts,
            Err(refusal) => return refusal,
        };
        if !body.is_empty() {
            parts.push(body);
        }
        let whole = match &parts[..] {
            [whole] => whole.clone(),
            [all @ .., _] if all.iter().any(|part| part.len() < self.quirks.part_min) => {
                let message =
                    format!("LayerPartTooSmall: parts before the last need {} bytes", self.quirks.part_min);
                return Reply::error(400, "BLOB_UPLOAD_INVALID", &message);
            }
            parts => parts.concat().into(),
        };
        either(commit(&mut store, route, &digest, whole))
    }

    /// Mounts the blob of another repository, where that is asked for and allowed.
    fn mounted(&self, head: &Head, route: &Route) -> Option<Digest> {
        let digest: Digest = head.query("mount")?.parse().ok()?;
        let from = head.query("from")?;
        let mut store = self.store.lock().unwrap();
        let source = store.repositories.get(&from)?;
        let target = store.repositories.get(&route.name)?;
        let has_same_key = target.settings.key() == source.settings.key();
        let allowed = match self.quirks.mount {
            Mount::Never => false,
            Mount::Always => true,
            Mount::Committed => source.is_committed(digest) && has_same_key,
        };
        let blob = source.blobs.get(&digest).filter(|_| allowed)?.clone();
        store.repositories.get_mut(&route.name)?.blobs.insert(digest, blob);
        Some(digest)
    }

    fn location(&self, head: &Head, name: &str, id: u64, state: u64) -> String {
        let path = format!("/v2/{name}/blobs/uploads/{id}?_state={state}");
        match &self.quirks.location {
            Location::Relative => path,
            Location::Bare => format!("{id}?_state={state}"),
            Location::Outside => format!("{OUTSIDE}{name}/uploads/{id}?_state={state}"),
            Location::Absolute => format!("http://{}{path}", head.host()),
            Location::WithoutScheme => format!("//{}{path}", head.host()),
            Location::Elsewhere(host) => format!("http://{host}{path}"),
        }
    }
}

/// The upload that a request goes on with. Only the newest `Location` leads to it.
fn find<'a>(store: &'a mut Store, head: &Head, route: &Route) -> Result<(u64, &'a mut Upload), Reply> {
    let id = route.reference.parse().unwrap_or_default();
    let state = head.query("_state").and_then(|state| state.parse().ok());
    match store.uploads.get_mut(&id) {
        Some(upload) if upload.repository == route.name && Some(upload.state) == state => Ok((id, upload)),
        Some(_) => Err(Reply::error(404, "BLOB_UPLOAD_INVALID", "blob upload invalid")),
        None => Err(Reply::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")),
    }
}

/// The whole body; an error where the client went away in its middle.
async fn body(head: &Head, payload: &mut Payload) -> Result<Bytes, Broken> {
    let length = head.header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
    match length {
        Some(length) => payload.collect(length).await,
        None => payload.collect(0).await,
    }
}

/// The first byte that `Content-Range` names.
fn start_of(head: &Head) -> Option<usize> {
    let range = head.header(CONTENT_RANGE)?;
    range.trim_start_matches("bytes ").split('-').next()?.parse().ok()
}

/// Stores a blob under the digest that the client gave, if it is the right one.
fn commit(store: &mut Store, route: &Route, digest: &str, blob: Bytes) -> Result<Reply, Reply> {
    let actual = Digest::of(&blob);
    if digest.parse() != Ok(actual) {
        return Err(Reply::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content"));
    }
    store.repositories.entry(route.name.clone()).or_default().blobs.insert(actual, blob);
    Ok(created(route, actual))
}

fn created(route: &Route, digest: Digest) -> Reply {
    Reply::status(201)
        .header(LOCATION, format!("/v2/{}/blobs/{digest}", route.name))
        .named("docker-content-digest", digest.to_string())
}
