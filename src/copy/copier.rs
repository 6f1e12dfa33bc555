//! What a copy works with.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::copy::deadline::Deadline;
use crate::copy::inflight::Inflight;
use crate::copy::looks::Looks;
use crate::copy::progress::Progress;
use crate::copy::siblings::Siblings;
use crate::event::Emitter;
use crate::registry::Retry;
use crate::source::Sources;
use crate::target::Target;

/// The most manifests of one image that are read or written at the same time.
pub(super) const MANIFESTS_MAX: usize = 8;

/// What the copies of a run share.
#[derive(Debug)]
pub struct Shared {
    /// Which blobs are on their way.
    pub inflight: Inflight,
    /// What the targets hold.
    pub looks: Looks,
    /// Where else in the target's registry blobs may be.
    pub siblings: Siblings,
    /// How many of them at once.
    pub blob_slots: Arc<Semaphore>,
    /// How often a blob is started over.
    pub retry: Retry,
}

/// Copies images of one mirror.
#[derive(Clone)]
pub struct Copier {
    /// Where from.
    pub sources: Sources,
    /// Where to.
    pub target: Target,
    /// Tells what happens.
    pub events: Emitter,
    /// What all mirrors of a run share.
    pub shared: Arc<Shared>,
    /// When the pass has to end; never where there is none.
    pub deadline: Option<Deadline>,
    /// Where it says what it brings and that bytes move, for passes that wait for that.
    pub progress: Option<Arc<Progress>>,
}
