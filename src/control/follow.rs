//! Telling whoever listens what changes, as it changes: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{StreamExt, unfold};
use tokio::sync::watch;

use crate::control::Control;
use crate::control::answer::Error;
use crate::control::changes::{Mark, Place};
use crate::control::clients::Client;
use crate::control::parts::Parts;
use crate::worker::Worker;

/// While something runs, what went by is told after another such time: about once a second.
const PROGRESS: Duration = Duration::from_millis(500);
/// A listener hears at least this often that we are there: proxies end connections that are silent.
const STILL_HERE: Duration = Duration::from_secs(15);
/// A browser takes up a broken connection after this time, in milliseconds.
const GREETING: &str = "retry: 3000\n: tagferry\n\n";

/// Renders what changed, as events.
pub(super) trait EventRenderer: Send + 'static {
    /// Adds the events that say so; none where it is not worth one. `changed` are all mirrors at first, unless the
    /// listener has seen some of what changed.
    fn render(&mut self, control: &Control, changed: &[Arc<Worker>], events: &mut Parts);
}

/// A listener.
struct Follower<T> {
    control: Arc<Control>,
    renderer: T,
    changes: watch::Receiver<u64>,
    mark: Option<Mark>,
    has_begun: bool,
    /// What it is told now.
    events: Parts,
    _place: Place,
}

/// Tells what changed since `since`, at once and then as it changes, until the daemon stops. Nothing is computed while
/// nothing changes. Fails where too many listen already.
pub(super) fn follow(
    control: Arc<Control>,
    client: Option<Extension<Arc<Client>>>,
    since: Option<Mark>,
    renderer: impl EventRenderer,
) -> Result<Response, Error> {
    let place = control.changes.place(client).ok_or(Error::Listeners)?;
    let stopping = control.stopping.clone().cancelled_owned();
    let changes = control.ledger.changes();
    let follower = Follower {
        control,
        renderer,
        changes,
        mark: since,
        has_begun: false,
        events: Parts::default(),
        _place: place,
    };
    let told = unfold(follower, |mut follower| async move {
        let bytes = follower.next().await?;
        Some((Ok::<_, Infallible>(bytes), follower))
    });
    let fields = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")];
    Ok((fields, Body::from_stream(told.take_until(stopping))).into_response())
}

/// Up to where a listener who connects again has seen the changes.
pub(super) fn last_event(headers: &HeaderMap) -> Option<Mark> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

impl<T: EventRenderer> Follower<T> {
    /// The next bytes to send.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(bytes) = self.events.next(&self.control.pieces).await {
                return Some(bytes);
            }
            if self.has_begun {
                tokio::select! {
                    changed = self.changed() => changed?,
                    () = tokio::time::sleep(STILL_HERE) => return Some(Bytes::from_static(b":\n\n")),
                }
            } else {
                self.events.text(GREETING);
                self.has_begun = true;
            }
            self.look();
        }
    }

    /// Waits until there may be something to tell; none at the end of all changes. Cancel safe.
    async fn changed(&mut self) -> Option<()> {
        // All who listen are told at the same moments: what they are told is made once.
        tokio::time::sleep_until(self.control.changes.next_moment()).await;
        let is_running = self.control.workers.all().iter().any(|worker| worker.is_running());
        tokio::select! {
            changed = self.changes.changed() => changed.ok(),
            () = tokio::time::sleep(PROGRESS), if is_running => Some(()),
        }
    }

    fn look(&mut self) {
        self.changes.mark_unchanged();
        let (changed, mark) = self.control.changes.since(self.mark, self.control.workers.all());
        self.renderer.render(&self.control, &changed, &mut self.events);
        // Who has seen the last event of a burst has seen all of it. This is no event: it only says where it ends.
        self.events.text(format!("id: {mark}\n\n"));
        self.mark = Some(mark);
    }
}
