//! Faults as data: which requests, and what happens to them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use tokio::sync::watch;

use super::flood::Flood;
use super::route::{Kind, Route};
use super::wire::{Head, Reply};

/// Which requests. An empty pattern is every request.
#[derive(Clone, Debug, Default)]
pub struct Match {
    method: Option<Method>,
    kind: Option<Kind>,
    operation: Option<String>,
    text: Option<String>,
}

impl Match {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests of one kind.
    pub fn kind(kind: Kind) -> Self {
        Self { kind: Some(kind), ..Self::default() }
    }

    /// Requests of one kind with one method.
    pub fn verb(method: Method, kind: Kind) -> Self {
        Self { method: Some(method), ..Self::kind(kind) }
    }

    pub fn tags() -> Self {
        Self::kind(Kind::Tags)
    }

    pub fn catalogue() -> Self {
        Self::kind(Kind::Catalogue)
    }

    pub fn manifest_get() -> Self {
        Self::verb(Method::GET, Kind::Manifest)
    }

    pub fn manifest_head() -> Self {
        Self::verb(Method::HEAD, Kind::Manifest)
    }

    pub fn manifest_put() -> Self {
        Self::verb(Method::PUT, Kind::Manifest)
    }

    pub fn blob_get() -> Self {
        Self::verb(Method::GET, Kind::Blob)
    }

    pub fn blob_head() -> Self {
        Self::verb(Method::HEAD, Kind::Blob)
    }

    /// The `POST` that starts an upload or mounts a blob.
    pub fn upload_start() -> Self {
        Self::kind(Kind::UploadStart)
    }

    /// The `PUT` that carries or completes an upload.
    pub fn upload_put() -> Self {
        Self::verb(Method::PUT, Kind::Upload)
    }

    /// Requests outside `/v2/`: the token realm, or a blob at another origin.
    pub fn token() -> Self {
        Self::verb(Method::GET, Kind::Other)
    }

    /// One operation of the AWS APIs, such as `BatchGetImage`.
    pub fn api(operation: &str) -> Self {
        Self { operation: Some(operation.to_owned()), ..Self::kind(Kind::Api) }
    }

    /// Only requests whose path and query contain this text.
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Whether a request is meant.
    pub fn matches(&self, head: &Head) -> bool {
        let route = Route::of(head);
        self.method.as_ref().is_none_or(|method| *method == head.method)
            && self.kind.is_none_or(|kind| kind == route.kind)
            && self.operation.as_ref().is_none_or(|operation| *operation == route.reference)
            && self.text.as_ref().is_none_or(|text| head.target().contains(text))
    }
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// This answer instead of the real one; the request has no effect.
    Answer(Reply),
    /// What somebody makes of the request that came, instead of the real answer; where that is nothing, the real one.
    Reflect(Mirror),
    /// This instead of the real answer.
    Flood(Flood),
    /// The connection closes before any answer; the request has no effect.
    Reset,
    /// The request takes effect, then the connection closes before the answer.
    LoseAnswer,
    /// No answer, ever.
    Stall,
    /// The answer comes this much later. For a link with latency, not for ordering events: use `Hold`.
    Delay(Duration),
    /// The request waits until the test opens the gate.
    Hold(Gate),
    /// The connection closes after this many bytes of the request's body.
    CutUpload { after: usize },
    /// No more than this many bytes of the request's body are ever read.
    StallUpload { after: usize },
    /// The connection closes after this many bytes of the answer's body. A shorter body passes whole and
    /// the fault is spent: name the blob with [`Match::containing`]. The same holds for `StallBody`.
    CutBody { after: usize },
    /// After this many bytes of the answer's body nothing more comes.
    StallBody { after: usize },
    /// The answer's body trickles.
    SlowBody { bytes_per_second: u64 },
    /// The answer's body comes in pieces of so many bytes, one each so much time.
    Drip { bytes: usize, every: Duration },
    /// One byte of the body is wrong.
    Corrupt { at: usize },
    /// The body has another length, cut or padded with zeros, and the headers agree with it.
    Resize { to: usize },
    /// The answer has this header, such as another `ETag`.
    Header(&'static str, String),
    /// The answer lacks this header.
    WithoutHeader(&'static str),
    /// The `Range` of the request is overlooked.
    IgnoreRange,
}

type Answer = dyn Fn(&Head) -> Option<Reply> + Send + Sync;

/// Makes an answer of a request, as debug pages and firewalls do.
#[derive(Clone)]
pub struct Mirror(Arc<Answer>);

impl Mirror {
    pub fn answer(&self, head: &Head) -> Option<Reply> {
        self.0(head)
    }
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mirror(..)")
    }
}

impl Action {
    /// An answer made of the request.
    pub fn reflect(answer: impl Fn(&Head) -> Option<Reply> + Send + Sync + 'static) -> Self {
        Self::Reflect(Mirror(Arc::new(answer)))
    }

    /// A bare status.
    pub fn status(status: u16) -> Self {
        Self::Answer(Reply::status(status))
    }

    /// A registry's error.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Answer(Reply::error(status, code, message))
    }

    /// The throttling of a registry, with the seconds of `Retry-After` where it is sent.
    pub fn throttle(retry_after: Option<u64>) -> Self {
        let reply = Reply::error(429, "TOOMANYREQUESTS", "toomanyrequests: Rate exceeded");
        Self::Answer(match retry_after {
            Some(seconds) => reply.header(http::header::RETRY_AFTER, seconds.to_string()),
            None => reply,
        })
    }

    /// The throttling of an AWS API, which comes as a 400.
    pub fn api_throttle() -> Self {
        Self::Answer(super::ecr::api_error(400, "ThrottlingException", "Rate exceeded"))
    }
}

/// Which requests a fault strikes, what it does, and how often.
#[derive(Clone, Debug)]
pub struct Fault {
    pattern: Match,
    action: Action,
    skip: usize,
    times: usize,
    seen: usize,
}

impl Fault {
    /// A fault that strikes each time.
    pub fn new(pattern: Match, action: Action) -> Self {
        Self { pattern, action, skip: 0, times: usize::MAX, seen: 0 }
    }

    /// Strikes at most this often.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Strikes only one request.
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Lets this many matching requests pass first.
    pub fn skip(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }

    fn strike(&mut self, head: &Head) -> Option<Action> {
        if !self.pattern.matches(head) {
            return None;
        }
        self.seen += 1;
        let strikes = self.seen > self.skip && self.seen - self.skip <= self.times;
        strikes.then(|| self.action.clone())
    }
}

/// The faults of one server.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    pub fn add(&self, fault: Fault) {
        self.0.lock().unwrap().push(fault);
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// The actions that strike this request, in the order in which they were added.
    pub fn strike(&self, head: &Head) -> Vec<Action> {
        self.0.lock().unwrap().iter_mut().filter_map(|fault| fault.strike(head)).collect()
    }
}

/// Holds requests back until a test opens it. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets all requests pass, those that wait and those to come.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until the gate is open.
    pub async fn passed(&self) {
        self.0.subscribe().wait_for(|open| *open).await.unwrap();
    }
}
