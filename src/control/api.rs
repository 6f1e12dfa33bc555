//! The mirrors for scripts, and "sync now".

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use url::form_urlencoded;

use crate::control::access::{AccessDenied, Caller, Peer, Proof};
use crate::control::answer::Error;
use crate::control::clients::Client;
use crate::control::parts::Parts;
use crate::control::pieces::Form;
use crate::control::{Configuration, Control};
use crate::ledger::Record;
use crate::oci::{NameError, Tag};
use crate::worker::{MirrorPass, Run, RunState, RunStatus};

/// A request waits at most this long for the end of a run; who wants to wait longer asks again.
const WAIT_MAX: Duration = Duration::from_secs(25);

/// The same where too many wait.
const WAIT_IN_CROWD_MAX: Duration = Duration::from_secs(1);

/// What `GET /api/v1/mirrors` answers.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Overview")]
pub(super) struct Overview<Mirrors = Vec<Record>> {
    /// The program's version.
    version: &'static str,
    started_at: Timestamp,
    configuration: Configuration,
    mirrors: Mirrors,
}

/// What `POST /api/v1/sync` answers.
#[derive(Serialize, JsonSchema)]
pub(super) struct Triggered {
    /// Where to look.
    status_url: String,
    #[serde(flatten)]
    run: RunStatus,
}

/// What `POST /api/v1/cancel` answers.
#[derive(Serialize, JsonSchema)]
pub(super) struct Cancelled {
    /// The passes that were under way, which end now, and those that waited for their turn, which are dropped. None where
    /// the mirrors did nothing.
    passes: Vec<MirrorPass>,
}

impl Control {
    /// Whether this caller may change something, and by what. `given` is a token from elsewhere than the header.
    pub(super) async fn authorize(&self, caller: &Caller<'_>, given: Option<&str>) -> Result<Proof, Error> {
        let checked = self.access.check(caller.headers, given);
        if let Err(AccessDenied::WrongToken) = checked {
            self.wrong_tokens.add(caller).await?;
        }
        Ok(checked?)
    }

    /// Asks for a pass over the named mirrors, over all where there are none, in the name of a caller who may.
    pub(super) fn start(&self, names: &[String], caller: &Caller<'_>, proof: Proof) -> Result<Run, Error> {
        if self.stopping.is_cancelled() {
            return Err(Error::Stopping);
        }
        let run = self.workers.fire(names)?;
        tracing::info!(run = run.id, "Asked to sync now: run {}, by {caller}, {proof}", run.id);
        Ok(run)
    }

    /// Asks for one tag of the sources of the named mirrors.
    fn start_tag(
        &self,
        names: &[String],
        tag: &Tag,
        caller: &Caller<'_>,
        proof: Proof,
    ) -> Result<Run, Error> {
        if names.is_empty() {
            return Err(Error::NoMirror);
        }
        if self.stopping.is_cancelled() {
            return Err(Error::Stopping);
        }
        let run = self.workers.fire_tag(names, tag)??;
        tracing::info!(run = run.id, %tag, "Asked to sync tag {tag} now: run {}, by {caller}, {proof}", run.id);
        Ok(run)
    }

    /// Ends the passes over the named mirrors, in the name of a caller who may.
    pub(super) fn cancel(
        &self,
        names: &[String],
        caller: &Caller<'_>,
        proof: Proof,
    ) -> Result<Vec<MirrorPass>, Error> {
        if names.is_empty() {
            return Err(Error::Query("name the mirrors to cancel: `?mirror=NAME`".to_owned()));
        }
        let passes = self.workers.cancel(names)?;
        for MirrorPass { name, pass, .. } in &passes {
            tracing::info!(
                mirror = name,
                pass,
                "Asked to cancel pass {pass} of {name}, by {caller}, {proof}"
            );
        }
        Ok(passes)
    }
}

/// Adds the overview, mirror by mirror.
pub(super) fn overview(control: &Control, parts: &mut Parts) {
    const NONE: [(); 0] = [];
    let empty = Overview {
        version: env!("CARGO_PKG_VERSION"),
        started_at: control.ledger.started_at,
        configuration: control.configuration(),
        mirrors: NONE,
    };
    // Texts and times, which always have a form in JSON.
    let empty = serde_json::to_string(&empty).unwrap_or_default();
    parts.text(empty.trim_end_matches("]}").to_owned());
    let mirrors = control.workers.all();
    let (first, others) = mirrors.split_at(mirrors.len().min(1));
    parts.mirrors(first, Form::Json, ("", ""));
    parts.mirrors(others, Form::Json, (",", ""));
    parts.text("]}");
}

/// `GET /api/v1/mirrors`: what is known of every mirror and target.
pub(super) async fn mirrors(State(control): State<Arc<Control>>) -> impl IntoResponse {
    let mut parts = Parts::default();
    overview(&control, &mut parts);
    ([(CONTENT_TYPE, "application/json")], parts.body(control))
}

/// `POST /api/v1/sync[?mirror=NAME]...[&tag=TAG]`: asks for a pass over the named mirrors, or over all; with `tag` over that tag
/// alone.
pub(super) async fn sync(
    State(control): State<Arc<Control>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<impl IntoResponse, Error> {
    let caller = Caller { peer: peer.map(|Extension(peer)| peer), headers: &headers, way: "API" };
    let proof = control.authorize(&caller, None).await?;
    let Wanted { names, tag } = wanted(query.as_deref(), true)?;
    let run = match tag {
        Some(tag) => control.start_tag(&names, &tag, &caller, proof)?,
        None => control.start(&names, &caller, proof)?,
    };
    let status_url = format!("/api/v1/runs/{}", run.id);
    let location = [(LOCATION, status_url.clone())];
    Ok((StatusCode::ACCEPTED, location, Json(Triggered { status_url, run: run.status() })))
}

/// `POST /api/v1/cancel?mirror=NAME...`: ends the passes over the named mirrors.
pub(super) async fn cancel(
    State(control): State<Arc<Control>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Json<Cancelled>, Error> {
    let caller = Caller { peer: peer.map(|Extension(peer)| peer), headers: &headers, way: "API" };
    let proof = control.authorize(&caller, None).await?;
    let passes = control.cancel(&wanted(query.as_deref(), false)?.names, &caller, proof)?;
    Ok(Json(Cancelled { passes }))
}

/// `GET /api/v1/runs/ID[?wait=SECONDS]`: how far a run is; with `wait`, its end if that comes in time.
pub(super) async fn run(
    State(control): State<Arc<Control>>,
    client: Option<Extension<Arc<Client>>>,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Json<RunStatus>, Error> {
    let Path(id) = id.map_err(|error| Error::Query(error.body_text()))?;
    let wait = wait(query.as_deref())?;
    let run = control.workers.run(&id).ok_or(Error::Run(id))?;
    let status = run.status();
    if status.state == RunState::Finished || wait.is_zero() {
        return Ok(Json(status));
    }
    // Where too many wait already, the wait is short. It is not zero, or clients would ask again at once.
    let place = control.changes.place(client);
    let wait = if place.is_some() { wait } else { wait.min(WAIT_IN_CROWD_MAX) };
    tokio::select! {
        status = control.workers.finished(&run) => Ok(Json(status)),
        () = tokio::time::sleep(wait) => Ok(Json(run.status())),
    }
}

/// What a query names.
#[derive(Default)]
struct Wanted {
    names: Vec<String>,
    tag: Option<Tag>,
}

fn wanted(query: Option<&str>, takes_tag: bool) -> Result<Wanted, Error> {
    let known = if takes_tag { "there are only `mirror` and `tag`" } else { "there is only `mirror`" };
    let mut wanted = Wanted::default();
    for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        match &*key {
            "mirror" => wanted.names.push(value.into_owned()),
            "tag" if takes_tag && wanted.tag.is_some() => {
                return Err(Error::Query("`tag` can be given once: ask for each by itself".to_owned()));
            }
            "tag" if takes_tag => {
                wanted.tag = Some(value.parse().map_err(|error: NameError| Error::Query(error.to_string()))?);
            }
            _ => return Err(Error::Query(format!("unknown parameter `{key}`: {known}"))),
        }
    }
    Ok(wanted)
}

fn wait(query: Option<&str>) -> Result<Duration, Error> {
    let mut wait = Duration::ZERO;
    for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let seconds = (key == "wait").then(|| value.parse().ok()).flatten();
        let seconds = seconds.ok_or_else(|| {
            Error::Query(format!("`{key}={value}` is not understood: there is only `wait=SECONDS`"))
        })?;
        wait = Duration::from_secs(seconds).min(WAIT_MAX);
    }
    Ok(wait)
}
