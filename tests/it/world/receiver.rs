//! A receiver of what the program sends: webhooks, heartbeats, metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::Response;
use axum::{Router, body};
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

/// Nothing that is meant to happen takes longer.
pub(crate) const SOON: Duration = Duration::from_mins(1);
/// The secret part of its address.
pub(crate) const PATH: &str = "/services/T0001/path-of-the-hook?token=query-of-the-hook";

/// What a receiver does with a request.
pub(crate) enum Answer {
    Status(u16),
    /// With a header or a body.
    With(u16, Option<(HeaderName, String)>, &'static str),
    /// The request as it came.
    Echo,
    Never,
}

/// A receiver of webhooks. Gives the answers one after the other, and 200 when there are none left.
pub(crate) struct Receiver {
    pub(crate) host: String,
    received: mpsc::UnboundedReceiver<Received>,
    _server: JoinSet<()>,
}

#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// The body, where it is that.
    pub(crate) json: Value,
}

type Shared = Arc<(Mutex<Vec<Answer>>, mpsc::UnboundedSender<Received>)>;

impl Receiver {
    pub(crate) async fn start(mut answers: Vec<Answer>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let (sender, received) = mpsc::unbounded_channel();
        answers.reverse();
        let router = Router::new().fallback(receive).with_state(Arc::new((Mutex::new(answers), sender)));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { host, received, _server: server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}{PATH}", self.host)
    }

    pub(crate) async fn next(&mut self) -> Received {
        tokio::time::timeout(SOON, self.received.recv()).await.unwrap().unwrap()
    }

    /// Fails the test if anything more came.
    pub(crate) fn assert_empty(&mut self) {
        let more = self.received.try_recv();
        assert!(more.is_err(), "{more:?}");
    }
}

async fn receive(State(shared): State<Shared>, request: Request) -> Response {
    let (answers, sender) = &*shared;
    let (head, body) = request.into_parts();
    let body = body::to_bytes(body, usize::MAX).await.unwrap();
    // SNS is asked with forms.
    let json = serde_json::from_slice(&body).unwrap_or_default();
    let path = head.uri.path_and_query().unwrap().as_str().to_owned();
    let echo = format!("{} {path} {:?}", head.method, head.headers);
    let body = String::from_utf8_lossy(&body).into_owned();
    sender.send(Received { method: head.method, path, headers: head.headers, body, json }).unwrap();
    let answer = answers.lock().await.pop().unwrap_or(Answer::Status(200));
    let (status, header, text) = match answer {
        Answer::Status(status) => (status, None, String::new()),
        Answer::With(status, header, text) => (status, header, text.to_owned()),
        Answer::Echo => (400, None, echo),
        Answer::Never => std::future::pending().await,
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().extend(header.map(|(name, value)| (name, value.parse().unwrap())));
    response
}
