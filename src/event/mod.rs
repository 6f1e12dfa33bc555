//! What happened, unrendered: events while it happens, summaries when it is over.
//!
//! Work emits events; `report` and metrics render them. Nothing here prints, formats for people or waits.

mod emitter;
pub mod fault;
mod kind;
mod summary;

pub use crate::plan::{Action, Root, Step};
pub use crate::registry::Exchange;
pub use emitter::{Emitter, Observer, Observers, emit_request};
pub use fault::{Fault, Side};
pub use kind::{Arrival, Event, EventKind, Pair, PassId};
pub use summary::{
    Blobs, Ending, MirrorSummary, RunOutcome, RunSummary, TagOutcome, TagSummary, Totals, Warning,
};
