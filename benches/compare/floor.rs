//! The floor: a bare pipe. It downloads, hashes and uploads blobs with the libraries that tagferry uses, set as
//! `registry::Client` sets them, and does nothing else: no manifests, retries, limits, progress or clocks.
//!
//! It runs as a process of its own, as all that is compared with it.

use std::path::PathBuf;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Certificate, Client, Response};
use serde::{Deserialize, Serialize};
use tagferry::oci::Digest;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What is to be copied, as the file says that its argument names.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// The addresses of the repositories, without a slash at the end.
    pub(crate) source: String,
    pub(crate) target: String,
    /// The certificate authority to trust.
    pub(crate) ca_file: Option<PathBuf>,
    /// So many at a time.
    pub(crate) at_once: usize,
    pub(crate) blobs: Vec<(String, u64)>,
}

/// Copies.
pub(crate) async fn run(orders: Orders) -> Result<(), Failure> {
    let Orders { source, target, ca_file, at_once, blobs } = &orders;
    let ca_pem = ca_file.as_ref().map(std::fs::read).transpose()?;
    let (from, to) = (client(ca_pem.as_deref())?, client(ca_pem.as_deref())?);
    let copies = blobs.iter().map(|(digest, size)| {
        let download = from.get(format!("{source}/blobs/{digest}"));
        let start = to.post(format!("{target}/blobs/uploads/")).header(CONTENT_LENGTH, 0);
        let to = &to;
        async move {
            let started = start.send().await?.error_for_status()?;
            let location = started.headers().get(LOCATION).ok_or("no upload address")?.to_str()?;
            let mut location = started.url().join(location)?;
            location.query_pairs_mut().append_pair("digest", digest);
            let answer = download.send().await?.error_for_status()?;
            let upload = to
                .put(location)
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, *size)
                .body(reqwest::Body::wrap_stream(hashed(answer, digest.clone())));
            upload.send().await?.error_for_status()?;
            Ok(())
        }
    });
    stream::iter(copies).buffer_unordered(*at_once).try_collect().await
}

fn client(ca_pem: Option<&[u8]>) -> Result<Client, Failure> {
    let mut client = Client::builder().http1_only().redirect(reqwest::redirect::Policy::none());
    if let Some(pem) = ca_pem {
        client = client.tls_certs_merge(Certificate::from_pem_bundle(pem)?);
    }
    Ok(client.build()?)
}

/// The bytes of a body as they come, and an error at the end where they are others.
fn hashed(answer: Response, expected: String) -> impl Stream<Item = Result<Bytes, Failure>> {
    let state = Some((answer, Context::new(&SHA256), expected));
    stream::unfold(state, |state| async {
        let (mut answer, mut context, expected) = state?;
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                context.update(&chunk);
                Some((Ok(chunk), Some((answer, context, expected))))
            }
            Ok(None) => {
                let digest = hex(context.finish().as_ref());
                (digest != expected).then(|| (Err(format!("{digest} instead of {expected}").into()), None))
            }
            Err(error) => Some((Err(error.into()), None)),
        }
    })
    .boxed()
}

fn hex(hash: &[u8]) -> String {
    hash.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Blobs as orders.
pub(crate) fn blobs<'a>(blobs: impl Iterator<Item = &'a crate::corpus::Blob>) -> Vec<(String, u64)> {
    let blobs: std::collections::BTreeMap<Digest, u64> = blobs.map(|blob| (blob.digest, blob.size)).collect();
    blobs.into_iter().map(|(digest, size)| (digest.to_string(), size)).collect()
}
