//! What changes on the page, as it changes: each mirror as its own piece of HTML.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use jiff::Timestamp;
use serde::Serialize;

use crate::control::answer::Error;
use crate::control::clients::Client;
use crate::control::follow::{EventRenderer, follow, last_event};
use crate::control::page::mirror::{Look, id};
use crate::control::page::summary::Summary;
use crate::control::page::verdict::{Standing, Verdict};
use crate::control::page::{Query, look};
use crate::control::parts::Parts;
use crate::control::pieces::Form;
use crate::control::{Configuration, Control};
use crate::event::Pair;
use crate::worker::Worker;

/// Tells in pieces of HTML.
#[derive(Default)]
struct Html {
    /// The mirror that the page shows alone.
    only: Option<String>,
    /// The configuration of which the listener knows.
    configuration: Option<Configuration>,
    standings: Vec<Standing>,
    /// The place of each in `standings`.
    places: HashMap<Pair, usize>,
    summary: String,
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
    client: Option<Extension<Arc<Client>>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let query = Query::of(query.as_deref());
    let since = last_event(&headers).or(query.since);
    follow(control, client, since, Html { only: query.mirror, ..Html::default() })
}

impl EventRenderer for Html {
    fn render(&mut self, control: &Control, changed: &[Arc<Worker>], events: &mut Parts) {
        let (configuration, now) = (control.configuration(), Timestamp::now());
        if self.configuration.as_ref() != Some(&configuration) {
            let all = control.workers.all();
            let shown = all.iter().filter(|worker| self.shows(worker));
            self.standings = shown.map(|worker| Standing::of_worker(worker, now)).collect();
            self.places = self.standings.iter().map(|standing| standing.pair.clone()).zip(0..).collect();
            let ids: Vec<_> = self.standings.iter().map(|standing| id(&standing.pair)).collect();
            events.event("mirrors", &json(&ids));
        }
        let changed: Vec<_> = changed.iter().filter(|worker| self.shows(worker)).cloned().collect();
        for worker in &changed {
            if let Some(&place) = self.places.get(worker.pair()) {
                self.standings[place] = Standing::of_worker(worker, now);
            }
        }
        let Look { depth, has_button, .. } = look(control, self.only.as_deref());
        events.mirrors(&changed, Form::Swap { depth, has_button }, ("event: mirror\ndata: ", "\n\n"));
        self.summarise(control, &configuration, events);
        self.configuration = Some(configuration);
    }
}

impl Html {
    fn shows(&self, worker: &Worker) -> bool {
        self.only.as_ref().is_none_or(|only| *only == worker.pair().mirror)
    }

    fn summarise(&mut self, control: &Control, configuration: &Configuration, events: &mut Parts) {
        let is_stopping = control.stopping.is_cancelled();
        let summary = Summary { verdict: Verdict::new(&self.standings), configuration, is_stopping };
        let (title, html) = (summary.title(), summary.markup().into_string());
        if html != self.summary {
            self.summary = html;
            events.event("summary", &json(&Headline { title: &title, html: &self.summary }));
        }
    }
}

/// Texts and lists of them always have a form in JSON.
fn json(data: &impl Serialize) -> String {
    serde_json::to_string(data).unwrap_or_default()
}
