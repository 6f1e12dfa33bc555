//! What changes, as it changes, for scripts.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use futures_util::stream::Stream;

use crate::control::answer::Error;
use crate::control::api::Overview;
use crate::control::follow::{EventRenderer, follow};
use crate::control::{Configuration, Control};
use crate::worker::Worker;

/// Tells in JSON.
struct Json {
    /// The configuration of which the listener knows.
    known: Option<Configuration>,
}

/// `GET /api/v1/events`: an event `mirrors` holds what `GET /api/v1/mirrors` answers, at first and whenever the
/// configuration was read again; an event `mirror` holds one mirror of it, whenever that changed.
pub(super) async fn events(
    State(control): State<Arc<Control>>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    follow(control, None, Json { known: None })
}

impl EventRenderer for Json {
    fn render(&mut self, control: &Control, changed: &[Arc<Worker>]) -> Vec<Event> {
        let configuration = control.configuration();
        if self.known.as_ref() == Some(&configuration) {
            let event =
                |worker: &Arc<Worker>| Event::default().event("mirror").json_data(worker.record()).ok();
            return changed.iter().filter_map(event).collect();
        }
        self.known = Some(configuration);
        Event::default().event("mirrors").json_data(Overview::of(control)).into_iter().collect()
    }
}
