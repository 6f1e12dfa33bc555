//! Requests that are never gone on with, and whoever waits until one is there.

use std::sync::Arc;

use tokio::sync::watch;

/// Counts the requests of one server that ever hung. Clones count together.
#[derive(Clone, Debug, Default)]
pub struct Hangs(Arc<watch::Sender<usize>>);

impl Hangs {
    /// Hangs until the client gives up.
    pub async fn hang<T>(&self) -> T {
        self.0.send_modify(|count| *count += 1);
        std::future::pending().await
    }

    pub fn count(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until this many requests hung.
    pub async fn wait_for(&self, count: usize) {
        self.0.subscribe().wait_for(|hung| *hung >= count).await.unwrap();
    }
}
