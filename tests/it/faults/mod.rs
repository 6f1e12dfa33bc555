//! What can go wrong, a line each, and how it must end.
//!
//! Where a line counts requests, the count is the proof: one upload means that a download was resumed, two that
//! the blob started over; one request that nothing was tried again.

mod contents;
mod downloads;
mod ecr;
mod questions;
mod scenario;
mod stage;
mod uploads;

use http::header::LOCATION;
use serde_json::json;

use crate::fake::Action::{CutBody, Header};
use crate::fake::{Action, Reply};

const CUT: Action = CutBody { after: 100_000 };

const NOWHERE: &str = "http://127.0.0.1:1/gone";

/// An error of the AWS API.
fn aws(code: &str) -> Action {
    let reply = Reply::json(400, &json!({"__type": code, "message": "so AWS says"}));
    Action::Answer(reply.named("x-amzn-errortype", code))
}

/// An error page of a proxy, which says nothing in a form that we know.
fn page(status: u16) -> Action {
    Action::Answer(Reply::status(status).body("<html><body>Bad <b>luck</b></body></html>"))
}

fn range(text: &str) -> Action {
    Header("content-range", text.to_owned())
}

fn redirect(location: &str) -> Action {
    Action::Answer(Reply::status(307).header(LOCATION, location))
}
