//! Work at the same time whose results come in order.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use futures_util::{StreamExt, stream};

/// How many that are done may wait for one before them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// A slow one holds up the start of no other.
    All,
    /// As many as are awaited at once.
    AsManyAsRun,
}

/// Awaits up to `at_once` of them at a time, and gives their results away in the order of `work`.
pub(super) async fn in_order<F: Future>(
    work: impl Iterator<Item = F>,
    at_once: NonZeroUsize,
    waiting: Waiting,
    mut take: impl FnMut(F::Output),
) {
    let work = stream::iter(work.enumerate().map(|(index, work)| async move { (index, work.await) }));
    let mut done = match waiting {
        Waiting::All => work.buffer_unordered(at_once.get()).left_stream(),
        Waiting::AsManyAsRun => work.buffered(at_once.get()).right_stream(),
    };
    let (mut early, mut next) = (BTreeMap::new(), 0);
    while let Some((index, result)) = done.next().await {
        early.insert(index, result);
        while let Some(result) = early.remove(&next) {
            take(result);
            next += 1;
        }
    }
}
