//! What changes, as it changes, for scripts.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use crate::control::answer::Error;
use crate::control::api::overview;
use crate::control::clients::Client;
use crate::control::follow::{EventRenderer, follow};
use crate::control::parts::Parts;
use crate::control::pieces::Form;
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
    client: Option<Extension<Arc<Client>>>,
) -> Result<Response, Error> {
    follow(control, client, None, Json { known: None })
}

impl EventRenderer for Json {
    fn render(&mut self, control: &Control, changed: &[Arc<Worker>], events: &mut Parts) {
        let configuration = control.configuration();
        if self.known.as_ref() == Some(&configuration) {
            return events.mirrors(changed, Form::Json, ("event: mirror\ndata: ", "\n\n"));
        }
        self.known = Some(configuration);
        events.text("event: mirrors\ndata: ");
        overview(control, events);
        events.text("\n\n");
    }
}
