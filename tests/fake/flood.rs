//! Answers far larger than anything that is meant well.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;

use super::fault::Gate;

/// Bodies leave in pieces of this many bytes.
const PIECE: Bytes = Bytes::from_static(&[b' '; 64 * 1024]);

/// A body of spaces, sent for as long as the client reads. Clones are the same flood.
#[derive(Clone, Debug)]
pub struct Flood {
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) is_announced: bool,
    sent: Arc<AtomicU64>,
    ended: Gate,
}

impl Flood {
    /// One of each kind: its length announced by `Content-Length`, and its length not announced.
    pub fn both(status: u16, bytes: u64) -> [Self; 2] {
        [true, false].map(|is_announced| Self {
            status,
            bytes,
            is_announced,
            sent: Arc::default(),
            ended: Gate::closed(),
        })
    }

    /// Bytes that were handed to the connection, in all answers.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Waits until a body ended or was hung up on.
    pub async fn ended(&self) {
        self.ended.passed().await;
    }

    pub(super) fn body(&self) -> Body {
        let start = (self.clone(), Ended(self.ended.clone()), self.bytes);
        Body::from_stream(stream::unfold(start, |(flood, ended, left)| async move {
            let piece = PIECE.slice(..usize::try_from(left).unwrap_or(usize::MAX).min(PIECE.len()));
            let bytes = piece.len() as u64;
            flood.sent.fetch_add(bytes, Ordering::SeqCst);
            (bytes > 0).then(|| (Ok::<_, Infallible>(piece), (flood, ended, left - bytes)))
        }))
    }
}

/// Opens the gate when the body is dropped.
struct Ended(Gate);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.open();
    }
}
