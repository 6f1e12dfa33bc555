//! One request, one answer: limits, patience, counting. No logins, no redirects, no retries.

use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt};
use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;
use tracing::Instrument;
use url::Url;

use crate::oci::Host;
use crate::registry::error::{ERROR_BODY_MAX_BYTES, Error, Kind, Refusal};
use crate::registry::transport::limit::Limiter;
use crate::registry::transport::quota::Quota;
use crate::registry::transport::retry;
use crate::registry::transport::sent::Sent;
use crate::registry::transport::tap::{Exchange, Tap};
use crate::text::{address, quote};

/// So many bytes of an upload may wait in the buffers of the system when all are handed over.
const BUFFERED_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// They leave at least this fast; a slower link still has the time of a stall on top.
const LINK_BYTES_PER_SECOND: u64 = 256 * 1024;
/// A registry that has all bytes of a blob stores them at least this fast before it answers.
const COMMIT_BYTES_PER_SECOND: u64 = 16 * 1024 * 1024;

/// Where AWS, its storage and other registries say by which id they find a request in their logs.
const REQUEST_IDS: [&str; 3] = ["x-amzn-requestid", "x-amz-request-id", "x-request-id"];

/// The way to one host.
pub(in crate::registry) struct Wire {
    pub(in crate::registry) host: Host,
    pub(in crate::registry) http: reqwest::Client,
    pub(in crate::registry) limiter: Limiter,
    pub(in crate::registry) quota: Quota,
    /// The time for which nothing may move.
    pub(in crate::registry) stall: Duration,
    pub(in crate::registry) tap: Tap,
}

/// What is sent.
pub(in crate::registry) struct Parcel<'a> {
    pub(in crate::registry) method: &'a Method,
    pub(in crate::registry) url: &'a Url,
    pub(in crate::registry) headers: HeaderMap,
    pub(in crate::registry) body: Body<'a>,
    /// How often the same was sent before, and failed.
    pub(in crate::registry) retries: u32,
}

/// The body of a request.
pub(in crate::registry) enum Body<'a> {
    Empty,
    Bytes(Bytes),
    /// A stream of known length, and the clock that tells whether it moves.
    Stream(reqwest::Body, &'a Flow),
}

impl Wire {
    /// Sends and waits for the head of the answer, whatever its status.
    pub(in crate::registry) fn exchange(
        &self,
        parcel: Parcel<'_>,
    ) -> impl Future<Output = Result<Answer, Error>> {
        let sent = Sent::new(&parcel);
        let span = sent.span.clone();
        self.pass_on(parcel).instrument(span).inspect(move |result| sent.ended(result))
    }

    async fn pass_on(&self, parcel: Parcel<'_>) -> Result<Answer, Error> {
        let Parcel { method, url, headers, body, .. } = parcel;
        let fail = |kind| Error::new(method, url, kind);
        let request = self.http.request(method.clone(), url.clone()).headers(headers);
        let result = match body {
            Body::Stream(stream, flow) => {
                // Not counted by the limiter: it may wait for requests that are, at the same host.
                let sent = pin!(request.body(stream).send());
                tokio::select! {
                    result = sent => result,
                    () = flow.stopped(self.stall) => return Err(self.stalled(method, fail)),
                }
            }
            Body::Empty | Body::Bytes(_) => {
                let request = if let Body::Bytes(bytes) = body { request.body(bytes) } else { request };
                let turn = self.limiter.turn().await;
                let Ok(result) = tokio::time::timeout(self.stall, request.send()).await else {
                    return Err(self.stalled(method, fail));
                };
                match &result {
                    Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS => {
                        turn.throttled(retry_after(answer.headers()));
                    }
                    Ok(_) => turn.answered(),
                    Err(_) => {}
                }
                result
            }
        };
        let status = result.as_ref().ok().map(reqwest::Response::status);
        tracing::trace!(%method, address = address(url), status = status.map(|status| status.as_u16()), "Asked");
        self.count(method, status);
        let response = result.map_err(|error| fail(Kind::Transport(error.without_url())))?;
        self.quota.learn(&self.host, response.headers());
        Ok(Answer { method: method.clone(), url: url.clone(), stall: self.stall, response })
    }

    fn stalled(&self, method: &Method, fail: impl Fn(Kind) -> Error) -> Error {
        self.count(method, None);
        fail(Kind::Stalled(self.stall))
    }

    fn count(&self, method: &Method, status: Option<StatusCode>) {
        let status = status.map(|status| status.as_u16());
        (self.tap)(&Exchange::Requested { host: self.host.as_str(), method: method.as_str(), status });
    }
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub(in crate::registry) struct Answer {
    method: Method,
    url: Url,
    stall: Duration,
    response: reqwest::Response,
}

impl Answer {
    pub(in crate::registry) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(in crate::registry) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// A header as text.
    pub(in crate::registry) fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the body is, where its head says so.
    pub(in crate::registry) fn length(&self) -> Option<u64> {
        self.header("content-length").and_then(|length| length.parse().ok())
    }

    /// A failure of this answer.
    pub(in crate::registry) fn fail(&self, kind: Kind) -> Error {
        Error::new(&self.method, &self.url, kind)
    }

    /// The next bytes of the body, none at its end.
    pub(in crate::registry) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        match tokio::time::timeout(self.stall, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(self.fail(Kind::Transport(error.without_url()))),
            Err(_) => Err(self.fail(Kind::Stalled(self.stall))),
        }
    }

    /// The whole body, refused where it is larger than `limit`.
    pub(in crate::registry) async fn body(mut self, limit: usize) -> Result<Bytes, Error> {
        let (body, whole) = self.up_to(limit).await?;
        if whole {
            return Ok(body);
        }
        Err(self
            .fail(Kind::Protocol(format!("the answer is larger than the {limit} bytes that are accepted"))))
    }

    /// What an answer without success says.
    pub(in crate::registry) async fn refusal(&mut self) -> Refusal {
        let retry_after = retry_after(self.headers());
        let request_id = REQUEST_IDS.iter().find_map(|&name| self.header(name)).map(quote);
        // A body that cannot be read takes nothing away from the status.
        let body = self.up_to(ERROR_BODY_MAX_BYTES).await.map(|(body, _)| body).unwrap_or_default();
        Refusal { request_id, ..Refusal::parse(self.status(), retry_after, &body) }
    }

    /// The failure that an answer without success is.
    pub(in crate::registry) async fn refused(mut self) -> Error {
        let refusal = self.refusal().await;
        self.fail(Kind::Refused(refusal))
    }

    /// The body up to `limit` bytes, and whether that is all of it.
    async fn up_to(&mut self, limit: usize) -> Result<(Bytes, bool), Error> {
        let announced = self.response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(announced.unwrap_or_default().min(limit));
        while let Some(chunk) = self.chunk().await? {
            let room = limit - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return Ok((body.into(), false));
            }
        }
        Ok((body.into(), true))
    }
}

/// When a host wants to be asked again, if it says.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    retry::retry_after(value, jiff::Timestamp::now())
}

/// Tells whether an upload moves. It stands still by right while it waits for its source, and once
/// everything is sent and the registry stores it.
#[derive(Debug)]
pub(in crate::registry) struct Flow {
    size: u64,
    handed: AtomicU64,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Our own source is asked for more bytes; it has its own clock.
    WaitingForSource,
    /// Bytes were handed to the connection then.
    Handed(Instant),
    /// All bytes were handed over then.
    Finished(Instant),
}

impl Flow {
    /// For a body of so many bytes.
    pub(in crate::registry) fn new(size: u64) -> Self {
        Self { size, handed: AtomicU64::new(0), state: Mutex::new(State::Handed(Instant::now())) }
    }

    /// Passes the body on and keeps the clock.
    pub(in crate::registry) fn watch<S, E>(
        self: &Arc<Self>,
        body: S,
    ) -> impl Stream<Item = S::Item> + Send + use<S, E>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
    {
        futures_util::stream::unfold((Box::pin(body), Arc::clone(self)), |(mut body, flow)| async move {
            flow.set(State::WaitingForSource);
            let next = body.next().await?;
            flow.hand(next.as_ref().map_or(0, Bytes::len));
            Some((next, (body, flow)))
        })
    }

    fn hand(&self, bytes: usize) {
        let handed = self.handed.fetch_add(bytes as u64, Relaxed) + bytes as u64;
        let now = Instant::now();
        self.set(if handed >= self.size { State::Finished(now) } else { State::Handed(now) });
    }

    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Returns when nothing has moved for `stall`.
    async fn stopped(&self, stall: Duration) {
        loop {
            let state = *self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let deadline = match state {
                State::WaitingForSource => Instant::now() + stall,
                State::Handed(at) => at + stall,
                State::Finished(at) => at + stall + commit_max(self.size),
            };
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }
}

/// The time from handing over the last byte of an upload to its answer, silent by right.
fn commit_max(size: u64) -> Duration {
    let time = |bytes: u64, per_second: u64| Duration::from_millis(bytes.saturating_mul(1000) / per_second);
    time(size.min(BUFFERED_MAX_BYTES), LINK_BYTES_PER_SECOND) + time(size, COMMIT_BYTES_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn bytes_that_the_connection_does_not_take_are_a_stall() {
        let (flow, start) = (Flow::new(2), Instant::now());
        flow.hand(1);
        flow.stopped(STALL).await;
        assert_eq!(start.elapsed(), STALL);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_the_source_or_the_commit_is_not() {
        const SIZE: usize = 1024 * 1024 * 1024;
        let flow = Arc::new(Flow::new(SIZE as u64));
        let mut body = Box::pin(flow.watch(futures_util::stream::pending::<Result<Bytes, std::io::Error>>()));
        assert!(futures_util::poll!(body.next()).is_pending());
        assert!(tokio::time::timeout(20 * STALL, flow.stopped(STALL)).await.is_err());
        flow.hand(SIZE);
        assert!(tokio::time::timeout(3 * STALL, flow.stopped(STALL)).await.is_err());
        flow.stopped(STALL).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_commit_of_a_small_blob_has_little_time() {
        let (flow, start) = (Flow::new(64 * 1024), Instant::now());
        flow.hand(64 * 1024);
        flow.stopped(STALL).await;
        assert!(start.elapsed() < STALL + Duration::from_secs(2), "{:?}", start.elapsed());
    }
}
