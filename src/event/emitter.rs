//! From who works to who observes.

use std::sync::Arc;

use jiff::Timestamp;

use crate::event::kind::{Event, EventKind, PassId};
use crate::registry::Exchange;

/// Takes events as they happen. Called from the hot path: implementations never block.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn observe(&self, event: &Event<'_>);
}

/// Several observers as one: each takes every event, in this order.
pub struct Observers(pub Vec<Arc<dyn Observer>>);

impl Observer for Observers {
    fn observe(&self, event: &Event<'_>) {
        for observer in &self.0 {
            observer.observe(event);
        }
    }
}

/// Tells an observer what happens in one pass.
#[derive(Clone)]
pub struct Emitter {
    /// The pass.
    pub pass: Arc<PassId>,
    /// Who is told.
    pub observer: Arc<dyn Observer>,
}

tokio::task_local! {
    /// The pass for which a request is made: clients are shared, and know no pass.
    static CURRENT: Arc<PassId>;
}

impl Emitter {
    /// Tells what happens now.
    pub fn emit(&self, kind: EventKind<'_>) {
        self.observer.observe(&Event { at: Timestamp::now(), pass: Some(&self.pass), kind });
    }

    /// Does a part of the pass: the requests that it makes are the pass's, see [`emit_request`].
    ///
    /// Another task, such as that of a connection which reads the body of a request, has to be told again.
    pub fn within<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(Arc::clone(&self.pass), work)
    }
}

/// Tells of a request, which belongs to the pass within which it was made, if any.
pub fn emit_request(observer: &dyn Observer, exchange: Exchange<'_>) {
    let pass = CURRENT.try_with(Arc::clone).ok();
    let kind = EventKind::Exchange(exchange);
    observer.observe(&Event { at: Timestamp::now(), pass: pass.as_deref(), kind });
}
