//! What changes, as it changes: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, StreamExt, unfold};

use crate::control::Control;
use crate::control::api::Overview;
use crate::worker::State as MirrorState;

/// At most one event in this time: changes come in bursts.
const PAUSE: Duration = Duration::from_millis(500);
/// While something runs, what went by is told this often.
const PROGRESS: Duration = Duration::from_secs(1);

/// `GET /api/v1/events`: what `GET /api/v1/mirrors` answers, at once and again whenever it changed, until the daemon
/// stops. Nothing is sent, and nothing computed, while nothing changes.
pub(super) async fn events(
    State(control): State<Arc<Control>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stopping = control.stopping.clone().cancelled_owned();
    let changes = control.workers.changes();
    let snapshots = unfold((control, changes, None::<bool>), |(control, mut changes, last)| async move {
        if let Some(is_running) = last {
            tokio::time::sleep(PAUSE).await;
            tokio::select! {
                told = changes.changed() => told.ok()?,
                () = tokio::time::sleep(PROGRESS), if is_running => {}
            }
        }
        changes.mark_unchanged();
        let overview = Overview::of(&control);
        let is_running = overview.mirrors.iter().any(|mirror| mirror.state == MirrorState::Running);
        let event = Event::default().event("mirrors").json_data(overview).ok()?;
        Some((Ok(event), (control, changes, Some(is_running))))
    });
    Sse::new(snapshots.take_until(stopping)).keep_alive(KeepAlive::default())
}
