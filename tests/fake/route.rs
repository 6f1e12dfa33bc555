//! What a request is about, read from its address alone.

use super::wire::Head;

/// The kinds of request that faults and counts tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `/v2/`
    Ping,
    /// `/v2/_catalog`
    Catalogue,
    /// `/v2/NAME/tags/list`
    Tags,
    /// `/v2/NAME/manifests/REFERENCE`
    Manifest,
    /// `/v2/NAME/blobs/DIGEST`
    Blob,
    /// `/v2/NAME/blobs/uploads/`, where an upload starts.
    UploadStart,
    /// `/v2/NAME/blobs/uploads/ID`, where it goes on.
    Upload,
    /// `/v2/NAME/referrers/DIGEST`
    Referrers,
    /// An operation of the AWS APIs.
    Api,
    /// Anything else: token realms, redirected blobs.
    Other,
}

/// A request's kind and the names in its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub kind: Kind,
    /// The repository; empty where there is none.
    pub name: String,
    /// Tag, digest, upload id or AWS operation; empty where there is none.
    pub reference: String,
}

/// Where uploads go on that leave `/v2/`: `OUTSIDE NAME/uploads/ID`.
pub const OUTSIDE: &str = "/artifacts-uploads/";

/// The separators between a repository and what is asked of it; the last one in an address counts, and of those that end
/// there the longest.
const SEPARATORS: &[(&str, Kind)] = &[
    ("/blobs/uploads/", Kind::Upload),
    ("/manifests/", Kind::Manifest),
    ("/referrers/", Kind::Referrers),
    ("/blobs/", Kind::Blob),
];

impl Route {
    /// Reads the route of a request.
    pub fn of(head: &Head) -> Self {
        let route = |kind, name: &str, reference: &str| Self {
            kind,
            name: name.to_owned(),
            reference: reference.to_owned(),
        };
        if let Some(target) = head.header("x-amz-target") {
            return route(Kind::Api, "", target.rsplit('.').next().unwrap_or_default());
        }
        let outside = head.path.strip_prefix(OUTSIDE).and_then(|path| path.rsplit_once("/uploads/"));
        if let Some((name, id)) = outside {
            return route(Kind::Upload, name, id);
        }
        let Some(path) = head.path.strip_prefix("/v2").and_then(|path| path.strip_prefix('/')) else {
            // The query APIs of AWS (STS) name their operation in the body; only one of them is served.
            let is_form =
                head.header("content-type").is_some_and(|t| t.starts_with("application/x-www-form"));
            return if is_form { route(Kind::Api, "", "AssumeRole") } else { route(Kind::Other, "", "") };
        };
        if path.is_empty() {
            return route(Kind::Ping, "", "");
        }
        if path == "_catalog" {
            return route(Kind::Catalogue, "", "");
        }
        if let Some(name) = path.strip_suffix("/tags/list") {
            return route(Kind::Tags, name, "");
        }
        // A repository may be called `manifests`, too.
        let found = SEPARATORS
            .iter()
            .filter_map(|&(separator, kind)| Some((path.rfind(separator)?, separator, kind)));
        match found.rev().max_by_key(|(at, ..)| *at) {
            Some((at, separator, kind)) => {
                let (name, reference) = (&path[..at], &path[at + separator.len()..]);
                let is_start = kind == Kind::Upload && reference.is_empty();
                route(if is_start { Kind::UploadStart } else { kind }, name, reference)
            }
            None => match path.strip_suffix("/blobs/uploads") {
                Some(name) => route(Kind::UploadStart, name, ""),
                None => route(Kind::Other, "", ""),
            },
        }
    }
}
