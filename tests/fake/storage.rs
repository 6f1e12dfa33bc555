//! The object store behind a registry: another origin, reached by presigned addresses only.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use tagferry::oci::Digest;

use super::server::Handler;
use super::store::Store;
use super::v2;
use super::wire::{Head, Payload, Reply};

/// Serves the blobs of a store to whoever holds a valid address.
pub struct Storage {
    store: Arc<Mutex<Store>>,
    host: OnceLock<String>,
    links_made: AtomicU64,
    links_expired: AtomicU64,
}

impl Storage {
    pub fn new(store: Arc<Mutex<Store>>) -> Self {
        Self { store, host: OnceLock::new(), links_made: AtomicU64::new(0), links_expired: AtomicU64::new(0) }
    }

    /// Says where this is reached.
    pub fn is_at(&self, host: String) {
        self.host.set(host).unwrap();
    }

    /// A new address of a blob.
    pub fn link(&self, name: &str, digest: Digest) -> String {
        let number = self.links_made.fetch_add(1, Ordering::SeqCst) + 1;
        let host = self.host.get().unwrap();
        format!(
            "http://{host}/{name}/{}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Signature={number}",
            digest.hex()
        )
    }

    /// Makes all addresses so far invalid.
    pub fn expire_links(&self) {
        self.links_expired.store(self.links_made.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

impl Handler for Storage {
    async fn answer(&self, head: &Head, _: &mut Payload) -> Reply {
        if head.headers.contains_key(AUTHORIZATION) {
            let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, \
                           Signature query string parameter or the Authorization header should be specified";
            return error(400, "InvalidArgument", message);
        }
        // An address is signed for one method.
        let number = head.query("X-Amz-Signature").and_then(|number| number.parse::<u64>().ok());
        let Some(number) = number.filter(|_| head.method == Method::GET) else {
            return error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match");
        };
        if number <= self.links_expired.load(Ordering::SeqCst) {
            return error(403, "AccessDenied", "Request has expired");
        }
        let store = self.store.lock().unwrap();
        let (name, hex) = head.path.trim_start_matches('/').rsplit_once('/').unwrap_or_default();
        let digest = format!("sha256:{hex}").parse::<Digest>().ok();
        let repository = store.repositories.get(name);
        match digest.and_then(|digest| Some((digest, repository?.blobs.get(&digest)?))) {
            Some((digest, blob)) => v2::send_blob(head, blob, digest, true),
            None => error(404, "NoSuchKey", "The specified key does not exist."),
        }
    }
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>"#
    );
    Reply::status(status).header(CONTENT_TYPE, "application/xml").body(body)
}
