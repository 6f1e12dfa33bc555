//! Telling whoever listens what changes, as it changes: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt, unfold};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::control::Control;
use crate::control::answer::Error;
use crate::control::changes::Mark;
use crate::worker::Worker;

/// At most one burst of events in this time.
const PAUSE: Duration = Duration::from_millis(500);
/// While something runs, what went by is told after another such time: about once a second.
const PROGRESS: Duration = Duration::from_millis(500);
/// A browser takes up a broken connection after this time.
const RETRY: Duration = Duration::from_secs(3);

/// Renders what changed.
pub(super) trait EventRenderer: Send + 'static {
    /// The events that say so; none where it is not worth one. `changed` are all mirrors at first, unless the listener
    /// has seen some of what changed.
    fn render(&mut self, control: &Control, changed: &[Arc<Worker>]) -> Vec<Event>;
}

/// A listener.
struct Follower<T> {
    control: Arc<Control>,
    renderer: T,
    changes: watch::Receiver<u64>,
    mark: Option<Mark>,
    has_begun: bool,
    _place: OwnedSemaphorePermit,
}

/// Tells what changed since `since`, at once and then as it changes, until the daemon stops. Nothing is sent, and nothing
/// computed, while nothing changes. Fails where too many listen already.
pub(super) fn follow(
    control: Arc<Control>,
    since: Option<Mark>,
    renderer: impl EventRenderer,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let place = control.changes.listener().ok_or(Error::Listeners)?;
    let stopping = control.stopping.clone().cancelled_owned();
    let changes = control.ledger.changes();
    let follower = Follower { control, renderer, changes, mark: since, has_begun: false, _place: place };
    let bursts = unfold(follower, |mut follower| async move {
        let events = follower.next().await?;
        Some((stream::iter(events.into_iter().map(Ok)), follower))
    });
    Ok(Sse::new(bursts.flatten().take_until(stopping)).keep_alive(KeepAlive::default()))
}

/// Up to where a listener who connects again has seen the changes.
pub(super) fn last_event(headers: &HeaderMap) -> Option<Mark> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

impl<T: EventRenderer> Follower<T> {
    async fn next(&mut self) -> Option<Vec<Event>> {
        if self.has_begun {
            tokio::time::sleep(PAUSE).await;
            let is_running = self.control.workers.all().iter().any(|worker| worker.is_running());
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                () = tokio::time::sleep(PROGRESS), if is_running => {}
            }
        }
        self.changes.mark_unchanged();
        let (changed, mark) = self.control.changes.since(self.mark, self.control.workers.all());
        let mut events = self.renderer.render(&self.control, &changed);
        if !self.has_begun {
            events.insert(0, Event::default().retry(RETRY).comment("tagferry"));
        }
        (self.mark, self.has_begun) = (Some(mark), true);
        // Who has seen the last event of a burst has seen all of it.
        let last = events.pop().map(|last| last.id(mark.to_string()));
        events.extend(last);
        Some(events)
    }
}
