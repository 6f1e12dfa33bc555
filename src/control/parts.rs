//! Answers in parts, each of which is made when the client has taken the one before. One that reads nothing costs one part.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::stream::unfold;
use tokio::time::Instant;

use crate::control::Control;
use crate::control::pieces::{Form, Pieces, groups};
use crate::worker::Worker;

/// Smaller pieces are sent together; larger ones as they are, so that all to whom they are sent share them.
const SHARED_MIN_BYTES: usize = 8 * 1024;
/// At most about this much is sent together.
const TOGETHER_BYTES: usize = 64 * 1024;

/// What is still to be sent.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// What is not made yet.
    parts: VecDeque<Part>,
    /// What is.
    ready: VecDeque<Bytes>,
}

#[derive(Debug)]
enum Part {
    Text(Bytes),
    Mirrors { workers: Vec<Arc<Worker>>, form: Form, asked: Instant, around: (&'static str, &'static str) },
}

impl Parts {
    /// Adds a text.
    pub(super) fn text(&mut self, text: impl Into<Bytes>) {
        self.parts.push_back(Part::Text(text.into()));
    }

    /// Adds mirrors as they are now or will be then, each with what comes before and after it.
    pub(super) fn mirrors(
        &mut self,
        workers: &[Arc<Worker>],
        form: Form,
        around: (&'static str, &'static str),
    ) {
        let asked = Instant::now();
        let parts = groups(workers).into_iter().map(|workers| Part::Mirrors { workers, form, asked, around });
        self.parts.extend(parts);
    }

    /// Adds an event, whose data is JSON and so has no line break.
    pub(super) fn event(&mut self, name: &str, data: &str) {
        self.text(format!("event: {name}\ndata: {data}\n\n"));
    }

    /// What is to be sent next; none at the end.
    pub(super) async fn next(&mut self, pieces: &Pieces) -> Option<Bytes> {
        let mut together = BytesMut::new();
        while together.len() < TOGETHER_BYTES {
            match self.ready.pop_front() {
                Some(bytes) if bytes.len() < SHARED_MIN_BYTES => together.extend_from_slice(&bytes),
                Some(bytes) if together.is_empty() => return Some(bytes),
                Some(bytes) => {
                    self.ready.push_front(bytes);
                    break;
                }
                None => match self.parts.pop_front() {
                    Some(part) => part.make(pieces, &mut self.ready).await,
                    None => break,
                },
            }
        }
        (!together.is_empty()).then(|| together.freeze())
    }

    /// The body of an answer.
    pub(super) fn body(self, control: Arc<Control>) -> Body {
        let next = |(mut parts, control): (Self, Arc<Control>)| async move {
            let bytes = parts.next(&control.pieces).await?;
            Some((Ok::<_, Infallible>(bytes), (parts, control)))
        };
        Body::from_stream(unfold((self, control), next))
    }
}

impl Part {
    async fn make(self, pieces: &Pieces, ready: &mut VecDeque<Bytes>) {
        match self {
            Self::Text(text) => ready.push_back(text),
            Self::Mirrors { workers, form, asked, around: (before, after) } => {
                for piece in pieces.of(&workers, form, asked).await {
                    ready.extend([
                        Bytes::from_static(before.as_bytes()),
                        piece,
                        Bytes::from_static(after.as_bytes()),
                    ]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::samples;
    use crate::worker;

    #[tokio::test]
    async fn small_pieces_go_together_and_large_ones_are_shared() {
        let workers = worker::sample(&samples::mirrors(&["a", "b"]));
        let (pieces, large) = (Pieces::default(), Bytes::from(vec![b'x'; SHARED_MIN_BYTES]));
        let mut parts = Parts::default();
        parts.text("[");
        parts.mirrors(&workers.all(), Form::Json, ("<", ">"));
        parts.text(large.clone());
        parts.event("end", "{}");
        let first = parts.next(&pieces).await.unwrap();
        let first = std::str::from_utf8(&first).unwrap();
        assert!(first.starts_with("[<{\"name\":\"a\"") && first.contains("><{\"name\":\"b\""), "{first}");
        assert_eq!(parts.next(&pieces).await.unwrap().as_ptr(), large.as_ptr());
        assert_eq!(parts.next(&pieces).await.unwrap(), "event: end\ndata: {}\n\n");
        assert_eq!(parts.next(&pieces).await, None);
    }
}
