//! Carries out the faults that strike a request: before it is answered, on the answer, on its body.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_LENGTH, RANGE};
use http::{HeaderName, HeaderValue};

use super::fault::Action;
use super::hang::Hangs;
use super::wire::{Head, Payload, Reply};

/// Bodies leave in pieces of at most this many bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// What is left to do for a request once the faults before the answer are through.
pub enum Before {
    /// Ask the real handler.
    Proceed,
    /// Give this answer.
    Answer(Reply),
    /// Close the connection.
    Close,
}

/// Carries out what happens before the answer.
pub async fn before(actions: &[Action], hangs: &Hangs, head: &mut Head, payload: &mut Payload) -> Before {
    for action in actions {
        match action {
            Action::Answer(reply) => return Before::Answer(reply.clone()),
            Action::Reflect(mirror) => {
                if let Some(reply) = mirror.answer(head) {
                    return Before::Answer(reply);
                }
            }
            Action::Flood(flood) => return Before::Answer(Reply::status(flood.status)),
            Action::Reset => return Before::Close,
            Action::Stall => hangs.hang().await,
            Action::Delay(time) => tokio::time::sleep(*time).await,
            Action::Hold(gate) => gate.passed().await,
            Action::CutUpload { after } => {
                payload.skip(*after).await;
                return Before::Close;
            }
            Action::StallUpload { after } => {
                payload.skip(*after).await;
                return hangs.hang().await;
            }
            Action::IgnoreRange => {
                head.headers.remove(RANGE);
            }
            _ => {}
        }
    }
    Before::Proceed
}

/// Changes the answer. `None` where the connection closes instead.
pub fn after(actions: &[Action], mut reply: Reply) -> Option<Reply> {
    for action in actions {
        match action {
            Action::LoseAnswer => return None,
            Action::Corrupt { at } => {
                let mut bytes = BytesMut::from(&reply.body[..]);
                if let Some(byte) = bytes.get_mut(*at) {
                    *byte ^= 1;
                }
                reply.body = bytes.freeze();
            }
            Action::Resize { to } => {
                let mut bytes = BytesMut::from(&reply.body[..]);
                bytes.resize(*to, 0);
                reply.body = bytes.freeze();
            }
            Action::Header(name, value) => {
                let name = HeaderName::from_static(name);
                reply.headers.insert(name, HeaderValue::from_str(value).unwrap());
            }
            Action::WithoutHeader(name) => {
                reply.headers.remove(*name);
            }
            _ => {}
        }
    }
    Some(reply)
}

/// Makes the answer of the HTTP library, its body as the faults want it.
pub fn response(actions: &[Action], hangs: &Hangs, head: &Head, reply: Reply) -> http::Response<Body> {
    let Reply { status, headers, body } = reply;
    let has_length = status != http::StatusCode::NO_CONTENT;
    let flood = actions.iter().find_map(|action| match action {
        Action::Flood(flood) => Some(flood),
        _ => None,
    });
    let length = match flood {
        Some(flood) => flood.is_announced.then_some(flood.bytes),
        None => Some(body.len() as u64),
    };
    let body =
        if head.method == http::Method::HEAD { Body::empty() } else { stream_of(actions, hangs, body) };
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if let Some(length) = length.filter(|_| has_length) {
        response.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
    }
    response
}

fn stream_of(actions: &[Action], hangs: &Hangs, body: Bytes) -> Body {
    for action in actions {
        return match *action {
            Action::Flood(ref flood) => flood.body(),
            Action::CutBody { after } => {
                let cut = stream::once(async {
                    // One turn, so that the connection flushes what it has before it closes.
                    tokio::task::yield_now().await;
                    Err(io::Error::from(io::ErrorKind::ConnectionReset))
                });
                Body::from_stream(pieces(&body, after).chain(cut))
            }
            Action::StallBody { after } => {
                let hangs = hangs.clone();
                let rest = stream::once(async move { hangs.hang::<io::Result<Bytes>>().await });
                Body::from_stream(pieces(&body, after).chain(rest))
            }
            Action::SlowBody { bytes_per_second } => {
                Body::from_stream(pieces(&body, usize::MAX).then(move |piece| async move {
                    let bytes = piece.as_ref().map_or(0, Bytes::len) as u64;
                    tokio::time::sleep(Duration::from_micros(bytes * 1_000_000 / bytes_per_second)).await;
                    piece
                }))
            }
            Action::Drip { bytes, every } => {
                Body::from_stream(pieces_of(bytes, &body, usize::MAX).then(move |piece| async move {
                    tokio::time::sleep(every).await;
                    piece
                }))
            }
            _ => continue,
        };
    }
    if body.len() <= PIECE_BYTES { Body::from(body) } else { Body::from_stream(pieces(&body, usize::MAX)) }
}

/// The first `limit` bytes, in pieces that share the body's memory.
fn pieces(
    body: &Bytes,
    limit: usize,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send + 'static {
    pieces_of(PIECE_BYTES, body, limit)
}

fn pieces_of(
    bytes: usize,
    body: &Bytes,
    limit: usize,
) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send + 'static {
    let body = body.slice(..limit.min(body.len()));
    let starts = (0..body.len()).step_by(bytes);
    stream::iter(starts.map(move |start| Ok(body.slice(start..body.len().min(start + bytes)))))
}
