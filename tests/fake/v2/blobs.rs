//! `HEAD` and `GET` of blobs, whole or in part, here or at another origin.

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, LOCATION, RANGE};
use tagferry::oci::Digest;

use crate::fake::route::Route;
use crate::fake::wire::{Head, Reply};

use super::V2;

impl V2 {
    pub(super) fn blob(&self, head: &Head, route: &Route) -> Reply {
        let Ok(digest) = route.reference.parse::<Digest>() else {
            return Reply::error(400, "DIGEST_INVALID", "invalid digest");
        };
        let blob = match self.with(&route.name, |repository| repository.blobs.get(&digest).cloned()) {
            Ok(Some(blob)) => blob,
            Ok(None) => return Reply::error(404, "BLOB_UNKNOWN", "blob unknown to registry"),
            Err(refusal) => return refusal,
        };
        if let Some(storage) = &self.storage
            && head.method == Method::GET
        {
            return Reply::status(307).header(LOCATION, storage.link(&route.name, digest));
        }
        send(head, &blob, digest, self.quirks.ranges).named("docker-content-digest", digest.to_string())
    }
}

/// Answers with a blob, or with the part that `Range` asks for where ranges are served.
pub fn send(head: &Head, blob: &Bytes, digest: Digest, ranges: bool) -> Reply {
    let reply = Reply::status(200).header(CONTENT_TYPE, "application/octet-stream").body(blob.clone());
    if !ranges {
        return reply;
    }
    let etag = format!("\"{digest}\"");
    let is_current = head.header(IF_RANGE).is_none_or(|condition| condition == etag);
    let reply = reply.header(ACCEPT_RANGES, "bytes").header(ETAG, etag);
    let Some(range) = head.header(RANGE).filter(|_| is_current && head.method == Method::GET) else {
        return reply;
    };
    match parse(range, blob.len()) {
        Some((start, end)) => {
            let mut reply = reply.header(CONTENT_RANGE, format!("bytes {start}-{end}/{}", blob.len()));
            reply.status = http::StatusCode::PARTIAL_CONTENT;
            reply.body(blob.slice(start..=end))
        }
        None => Reply::status(416).header(CONTENT_RANGE, format!("bytes */{}", blob.len())),
    }
}

/// The first and last byte of `bytes=A-` or `bytes=A-B`.
fn parse(range: &str, len: usize) -> Option<(usize, usize)> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    let start: usize = start.parse().ok()?;
    let last = len.checked_sub(1)?;
    let end = if end.is_empty() { last } else { end.parse::<usize>().ok()?.min(last) };
    (start <= end).then_some((start, end))
}
