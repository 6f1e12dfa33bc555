//! The page for people: is the mirror fresh? And "sync now".
//!
//! Everything is in the HTML that comes from here; `live.js` only puts newer pieces of it in place. Markup is written with
//! `maud`, which escapes whatever is put into it.

mod assets;
mod details;
mod document;
mod live;
mod mirror;
mod running;
mod summary;
mod time;
mod verdict;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use url::form_urlencoded;

use crate::control::access::{AccessDenied, Caller, Peer, check_form};
use crate::control::answer::{CHALLENGE, Error};
use crate::control::changes::Mark;
use crate::control::page::document::{Message, Page};
use crate::control::page::verdict::{Health, Standing, worst_first};
use crate::control::parts::Parts;
use crate::control::pieces::Form;
use crate::control::{Access, Control};
use crate::worker::Worker;

pub(super) use assets::{icon, script, style};
pub(super) use live::events;
pub(super) use mirror::{Depth, Look, id, mirror};

/// Nothing but our own files, and no inline script or style: markup that slips in can do nothing.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
    img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// With this many mirrors or more those that are as they should be are a line each.
const FOLDED_MIN: usize = 4;
/// The most mirrors for which all tags are on one page, which then has up to some 200 kB.
const DETAILED_MAX: usize = 50;
/// The same for the tags of all of them together.
const DETAILED_TAGS_MAX: usize = 5000;

/// What is asked for in an address. What is not understood is ignored: it changes nothing.
#[derive(Debug, Default)]
struct Query {
    /// The mirror to show alone.
    mirror: Option<String>,
    /// Which mirrors to show: those that are so.
    health: Option<Health>,
    /// What was just asked to run: a mirror, or all where it is empty.
    asked: Option<String>,
    /// The mirror whose pass was just cancelled.
    cancelled: Option<String>,
    /// What the page shows already.
    since: Option<Mark>,
}

impl Query {
    fn of(text: Option<&str>) -> Self {
        let mut query = Self::default();
        for (key, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            match &*key {
                "mirror" => query.mirror = Some(value.into_owned()),
                "health" => query.health = Health::of_class(&value),
                "asked" => query.asked = Some(value.into_owned()),
                "cancelled" => query.cancelled = Some(value.into_owned()),
                "since" => query.since = value.parse().ok(),
                _ => {}
            }
        }
        query
    }
}

/// Which mirrors a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice<'a> {
    All,
    /// This one alone.
    Mirror(&'a str),
    /// Those that are so.
    Health(Health),
}

/// `GET /[?mirror=NAME|?health=WORD]`.
pub(super) async fn show(State(control): State<Arc<Control>>, RawQuery(query): RawQuery) -> Response {
    let query = Query::of(query.as_deref());
    let is_known = |name: &String| control.workers.all().iter().any(|worker| worker.pair().mirror == *name);
    if let Some(name) = query.mirror.as_ref().filter(|name| !is_known(name)) {
        let message =
            Message::Refused(format!("There is no mirror `{name}`. All mirrors are shown instead."));
        return page(&control, Choice::All, StatusCode::NOT_FOUND, Some(message));
    }
    let asked = query.asked.filter(|name| name.is_empty() || is_known(name));
    let message = asked.map(|name| {
        let what = if name.is_empty() { "All mirrors were" } else { &format!("{name} was") };
        Message::Done(format!("{what} asked to sync."))
    });
    let cancelled = query.cancelled.filter(is_known);
    let message = message.or(cancelled.map(|name| Message::Done(format!("{name} was cancelled."))));
    let choice = match (query.mirror.as_deref(), query.health) {
        (Some(name), _) => Choice::Mirror(name),
        (None, Some(health)) => Choice::Health(health),
        (None, None) => Choice::All,
    };
    page(&control, choice, StatusCode::OK, message)
}

/// `POST /`: the form behind "Sync now" and "Cancel".
pub(super) async fn sync(
    State(control): State<Arc<Control>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let caller = Caller { peer: peer.map(|Extension(peer)| peer), headers: &headers, way: "page" };
    match ask(&control, &caller, &body).await {
        Ok(location) => (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response(),
        Err(error) => {
            let message = match &error {
                Error::Refused(AccessDenied::NoToken | AccessDenied::WrongToken) => {
                    "This is not the daemon's token. Nothing was done.".to_owned()
                }
                error => format!("Nothing was done: {error}."),
            };
            page(&control, Choice::All, error.status(), Some(Message::Refused(message)))
        }
    }
}

/// Does what a form asks for. Gives the address that shows it.
async fn ask(control: &Control, caller: &Caller<'_>, body: &[u8]) -> Result<String, Error> {
    check_form(caller.headers)?;
    let (mut token, mut names, mut cancel) = (None, Vec::new(), None);
    for (key, value) in form_urlencoded::parse(body) {
        match &*key {
            "token" => token = Some(value),
            "mirror" => names.push(value.into_owned()),
            "cancel" => cancel = Some(value.into_owned()),
            _ => {
                let why = format!("unknown field `{key}`: there are `mirror`, `cancel` and `token`");
                return Err(Error::Query(why));
            }
        }
    }
    let proof = control.authorize(caller, token.as_deref()).await?;
    if let Some(name) = cancel {
        let address = format!("./?cancelled={}", mirror::encoded(&name));
        control.cancel(&[name], caller, proof)?;
        return Ok(address);
    }
    control.start(&names, caller, proof)?;
    let asked = names.first().map(String::as_str).unwrap_or_default();
    Ok(format!("./?asked={}", mirror::encoded(asked)))
}

/// How mirrors are shown on a page of all of them, or of one alone.
fn look(control: &Control, only: Option<&str>) -> Look {
    let all = control.workers.all();
    let tags = || all.iter().map(|worker| worker.entry.glance().tags).sum::<usize>();
    let depth = if only.is_some() || all.len() < FOLDED_MIN {
        Depth::Full
    } else if all.len() <= DETAILED_MAX && tags() <= DETAILED_TAGS_MAX {
        Depth::Folded
    } else {
        Depth::Brief
    };
    Look { depth, has_button: !matches!(control.access, Access::Nobody), now: Timestamp::now() }
}

fn page(
    control: &Arc<Control>,
    choice: Choice<'_>,
    status: StatusCode,
    message: Option<Message>,
) -> Response {
    // Before what it marks is looked at: what changes meanwhile is told again.
    let (_, mark) = control.changes.since(None, control.workers.all());
    let only = match choice {
        Choice::Mirror(name) => Some(name),
        Choice::All | Choice::Health(_) => None,
    };
    let health = match choice {
        Choice::Health(health) => Some(health),
        Choice::All | Choice::Mirror(_) => None,
    };
    let is_shown = |worker: &Arc<Worker>| only.is_none_or(|only| only == worker.pair().mirror);
    // `live.js` changes mirrors where they are: what somebody reads does not jump away.
    let now = Timestamp::now();
    let shown =
        worst_first(control.workers.all().into_iter().filter(is_shown), |it| Standing::of_worker(it, now));
    // What is above them is about all of them.
    let is_chosen = |standing: &Standing| health.is_none_or(|health| standing.health == health);
    let workers: Vec<_> = shown
        .iter()
        .filter(|(standing, _)| is_chosen(standing))
        .map(|(_, worker)| Arc::clone(worker))
        .collect();
    let standings: Vec<_> = shown.into_iter().map(|(standing, _)| standing).collect();
    let look = look(control, only);
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        configuration: &control.configuration(),
        standings: &standings,
        only,
        health,
        look,
        access: &control.access,
        is_stopping: control.stopping.is_cancelled(),
        message,
        mark,
    };
    let fields = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer` browsers send forms with `Origin: null`, as a stranger's page would.
        (REFERRER_POLICY, "same-origin"),
    ];
    let (before, after) = page.around();
    let mut parts = Parts::default();
    parts.text(before);
    let Look { depth, has_button, .. } = look;
    parts.mirrors(&workers, Form::Html { depth, has_button }, ("", ""));
    parts.text(after);
    let mut response = (status, fields, parts.body(Arc::clone(control))).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}
