//! A registry that is never the bottleneck: as a source it makes layers up from a block of memory, as a target it
//! forgets the bytes that it is sent and remembers only that they came. It counts every request.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tagferry::oci::Digest;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::corpus::{Blob, Image};

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// A running registry. It and all its connections end when this is dropped.
pub(crate) struct Registry {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct State {
    repositories: HashMap<String, Repository>,
    manifests: HashMap<Digest, (String, Bytes)>,
    /// What can be read; a target only knows that it has blobs.
    contents: HashMap<Digest, Blob>,
    log: Vec<Seen>,
    uploads: u64,
}

#[derive(Default)]
struct Repository {
    tags: BTreeMap<String, Digest>,
    blobs: HashSet<Digest>,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) at: Instant,
    /// The status of the answer.
    pub(crate) status: StatusCode,
}

impl Seen {
    /// Whether bytes of a blob were asked for, and of which.
    pub(crate) fn blob(&self) -> Option<&str> {
        let is_read = self.method == Method::GET;
        self.path.split_once("/blobs/").filter(|_| is_read).map(|(_, digest)| digest)
    }
}

impl Registry {
    /// Listens on a free loopback port, with TLS if there is something to do it with.
    pub(crate) async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::<Mutex<State>>::default();
        let mut task = JoinSet::new();
        task.spawn(accept(listener, tls, Arc::clone(&state)));
        Self { address, state, _task: task }
    }

    /// Adds an image and gives it a tag.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &Image) {
        let mut state = self.state();
        for part in [image].into_iter().chain(&image.children) {
            state.manifests.insert(part.digest(), (part.media_type.to_owned(), part.manifest.clone()));
        }
        for blob in image.all_blobs() {
            state.contents.insert(blob.digest, blob.clone());
        }
        let repository = state.repositories.entry(repository.to_owned()).or_default();
        repository.blobs.extend(image.all_blobs().map(|blob| blob.digest));
        repository.tags.insert(tag.to_owned(), image.digest());
    }

    /// Forgets all images and requests.
    pub(crate) fn clear(&self) {
        *self.state() = State::default();
    }

    /// The requests since the last call.
    pub(crate) fn take_log(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state().log)
    }

    /// What a tag points at.
    pub(crate) fn tag(&self, repository: &str, tag: &str) -> Option<Digest> {
        self.state().repositories.get(repository)?.tags.get(tag).copied()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Owns the connections: they end with it.
async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).unwrap();
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        connections.spawn(async move {
            match tls {
                None => serve(stream, &state).await,
                // A client that leaves in the middle of its handshake has its reasons.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, &state).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, state: &Mutex<State>) {
    let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request, state).await) });
    // Clients end connections as they like.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, state: &Mutex<State>) -> Answer {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    // A layer is forgotten as it comes; a manifest is kept.
    let body = if path.contains("/manifests/") { body.collect().await.ok() } else { drain(body).await };
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut state = state.lock().unwrap();
    let answer = state.answer(&head.method, &path, head.uri.query(), &head.headers, body);
    let answer = answer.unwrap_or_else(|| empty(StatusCode::NOT_FOUND));
    state.log.push(Seen { method: head.method, path, at, status: answer.status() });
    answer
}

async fn drain<T>(mut body: Incoming) -> Option<T> {
    while let Some(Ok(_)) = body.frame().await {}
    None
}

impl State {
    /// None where there is nothing at the path.
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        query: Option<&str>,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Option<Answer> {
        let rest = path.strip_prefix("/v2/")?;
        if rest.is_empty() {
            return Some(empty(StatusCode::OK));
        }
        if let Some(name) = rest.strip_suffix("/tags/list") {
            let tags: Vec<_> = self.repositories.get(name)?.tags.keys().collect();
            return Some(full("application/json", json!({"name": name, "tags": tags}).to_string().into()));
        }
        if let Some((name, upload)) = rest.split_once("/blobs/uploads/") {
            return Some(self.upload(method, name, upload, query.unwrap_or_default()));
        }
        if let Some((name, reference)) = rest.split_once("/manifests/") {
            return self.manifest(method, name, reference, headers, body);
        }
        let (name, digest) = rest.split_once("/blobs/")?;
        let digest: Digest = digest.parse().ok()?;
        self.repositories.get(name)?.blobs.get(&digest)?;
        self.contents.get(&digest).map_or_else(
            || Some(empty(StatusCode::OK)),
            |blob| Some(if method == Method::HEAD { sized(blob.size) } else { content(blob, headers) }),
        )
    }

    fn manifest(
        &mut self,
        method: &Method,
        name: &str,
        reference: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Option<Answer> {
        if method == Method::PUT {
            let digest = Digest::of(&body);
            let media_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
            self.manifests.insert(digest, (media_type.to_owned(), body));
            let repository = self.repositories.entry(name.to_owned()).or_default();
            if !reference.contains(':') {
                repository.tags.insert(reference.to_owned(), digest);
            }
            return Some(with(empty(StatusCode::CREATED), "docker-content-digest", &digest.to_string()));
        }
        let repository = self.repositories.get(name)?;
        let digest = repository.tags.get(reference).copied().or_else(|| reference.parse().ok())?;
        let (media_type, bytes) = self.manifests.get(&digest)?;
        let answer = if method == Method::HEAD {
            with(sized(bytes.len() as u64), CONTENT_TYPE.as_str(), media_type)
        } else {
            full(media_type, bytes.clone())
        };
        Some(with(answer, "docker-content-digest", &digest.to_string()))
    }

    fn upload(&mut self, method: &Method, name: &str, upload: &str, query: &str) -> Answer {
        let value = |key: &str| {
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find_map(|(name, value)| (name == key).then(|| value.into_owned()))
        };
        let digest = |key| value(key).and_then(|digest| digest.parse::<Digest>().ok());
        if let (Some(from), Some(digest)) = (value("from"), digest("mount"))
            && self.repositories.get(&from).is_some_and(|holder| holder.blobs.contains(&digest))
        {
            self.repositories.entry(name.to_owned()).or_default().blobs.insert(digest);
            return empty(StatusCode::CREATED);
        }
        if let (&Method::PUT, Some(digest)) = (method, digest("digest")) {
            self.repositories.entry(name.to_owned()).or_default().blobs.insert(digest);
            return with(empty(StatusCode::CREATED), "docker-content-digest", &digest.to_string());
        }
        let id = if method == Method::POST {
            self.uploads += 1;
            self.uploads.to_string()
        } else {
            upload.to_owned()
        };
        with(empty(StatusCode::ACCEPTED), LOCATION.as_str(), &format!("/v2/{name}/blobs/uploads/{id}"))
    }
}

/// The bytes of a blob, or what a range asks for to its end.
fn content(blob: &Blob, headers: &HeaderMap) -> Answer {
    let range = headers.get(RANGE).and_then(|range| range.to_str().ok()?.strip_prefix("bytes="));
    let bounds = range.and_then(|range| range.split_once('-'));
    let start: u64 = bounds.and_then(|(start, _)| start.parse().ok()).unwrap_or_default();
    let end: u64 = bounds.and_then(|(_, end)| end.parse().ok()).map_or(blob.size, |last: u64| last + 1);
    let mut left = end - start;
    let pieces = blob.pieces(start).map_while(move |piece| {
        let length = left.min(piece.len() as u64);
        left -= length;
        (length > 0).then(|| piece.slice(..usize::try_from(length).unwrap()))
    });
    let frames = stream::iter(pieces.map(|piece| Ok(Frame::data(piece))));
    let mut answer = Response::new(BoxBody::new(StreamBody::new(frames)));
    if range.is_some() {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        answer = with(answer, CONTENT_RANGE.as_str(), &format!("bytes {start}-{}/{}", end - 1, blob.size));
    }
    with(with(answer, CONTENT_LENGTH.as_str(), &(end - start).to_string()), ACCEPT_RANGES.as_str(), "bytes")
}

fn full(media_type: &str, body: Bytes) -> Answer {
    with(Response::new(BoxBody::new(Full::new(body))), CONTENT_TYPE.as_str(), media_type)
}

/// The answer to a `HEAD` for something of this size.
fn sized(bytes: u64) -> Answer {
    with(empty(StatusCode::OK), CONTENT_LENGTH.as_str(), &bytes.to_string())
}

fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(BoxBody::new(Full::default()));
    *answer.status_mut() = status;
    answer
}

fn with(mut answer: Answer, name: &str, value: &str) -> Answer {
    answer.headers_mut().insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    answer
}
