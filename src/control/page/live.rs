//! What changes on the page, as it changes: each mirror as its own piece of HTML.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use futures_util::stream::Stream;
use serde::Serialize;

use crate::control::answer::Error;
use crate::control::follow::{EventRenderer, follow, last_event};
use crate::control::page::Query;
use crate::control::page::mirror::{Look, id, mirror};
use crate::control::page::summary::Summary;
use crate::control::page::verdict::{Standing, Verdict};
use crate::control::{Configuration, Control};
use crate::worker::Worker;

/// Tells in pieces of HTML.
#[derive(Default)]
struct Pieces {
    /// The mirror that the page shows alone.
    only: Option<String>,
    /// The configuration of which the listener knows.
    configuration: Option<Configuration>,
    standings: Vec<Standing>,
    summary: String,
}

/// A mirror, to be put where the element of this id is.
#[derive(Serialize)]
struct Piece<'a> {
    id: &'a str,
    html: &'a str,
}

/// What is above all mirrors, and the title of the page.
#[derive(Serialize)]
struct Headline<'a> {
    title: &'a str,
    html: &'a str,
}

/// `GET /events[?since=MARK][&mirror=NAME]`, for `live.js`: an event `mirrors` holds the ids of all mirrors that the page
/// is to have, an event `mirror` one that changed, an event `summary` what is above them all.
pub(in crate::control) async fn events(
    State(control): State<Arc<Control>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Error> {
    let query = Query::of(query.as_deref());
    let since = last_event(&headers).or(query.since);
    follow(control, since, Pieces { only: query.mirror, ..Pieces::default() })
}

impl EventRenderer for Pieces {
    fn render(&mut self, control: &Control, changed: &[Arc<Worker>]) -> Vec<Event> {
        let (look, configuration) = (Look::new(control, self.only.as_deref()), control.configuration());
        let mut events = Vec::new();
        if self.configuration.as_ref() != Some(&configuration) {
            let all = control.workers.all();
            self.standings =
                all.iter().filter(|worker| self.shows(worker)).map(|it| Standing::of(&it.record())).collect();
            let ids: Vec<_> = self.standings.iter().map(|standing| id(&standing.pair)).collect();
            events.extend(Event::default().event("mirrors").json_data(ids));
        }
        for worker in changed {
            if self.shows(worker) {
                events.extend(self.piece(worker, look));
            }
        }
        events.extend(self.summarise(control, &configuration));
        self.configuration = Some(configuration);
        events
    }
}

impl Pieces {
    fn shows(&self, worker: &Worker) -> bool {
        self.only.as_ref().is_none_or(|only| *only == worker.pair().mirror)
    }

    fn piece(&mut self, worker: &Worker, look: Look) -> Option<Event> {
        let record = worker.record();
        let standing = Standing::of(&record);
        if let Some(known) = self.standings.iter_mut().find(|known| known.pair == standing.pair) {
            *known = standing;
        }
        let piece = Piece { id: &id(worker.pair()), html: &mirror(&record, look).into_string() };
        Event::default().event("mirror").json_data(piece).ok()
    }

    fn summarise(&mut self, control: &Control, configuration: &Configuration) -> Option<Event> {
        let is_stopping = control.stopping.is_cancelled();
        let summary = Summary { verdict: Verdict::new(&self.standings), configuration, is_stopping };
        let (title, html) = (summary.title(), summary.markup().into_string());
        if html == self.summary {
            return None;
        }
        self.summary = html;
        Event::default().event("summary").json_data(Headline { title: &title, html: &self.summary }).ok()
    }
}
