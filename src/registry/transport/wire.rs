//! One request, one answer: limits, patience, counting. No logins, no redirects, no retries.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;
use url::{Position, Url};

use crate::oci::Host;
use crate::proxy::Proxies;
use crate::redact::{Recent, Redactor, Secrets};
use crate::registry::error::{Error, Kind};
use crate::registry::refusal::{ERROR_BODY_MAX_BYTES, Refusal};
use crate::registry::transport::limit::Limiter;
use crate::registry::transport::observer::{Exchange, RequestObserver};
use crate::registry::transport::origin::PrivateHosts;
use crate::registry::transport::patience::{Patience, Progress};
use crate::registry::transport::quota::Quota;
use crate::registry::transport::retry;
use crate::registry::transport::sent::Sent;
use crate::registry::transport::upload_clock::UploadClock;
use crate::text::{address, excerpt, markup, of_bytes, quote};

/// Where AWS, its storage and other registries say by which id they find a request in their logs.
const REQUEST_IDS: [&str; 3] = ["x-amzn-requestid", "x-amz-request-id", "x-request-id"];

/// Shorter waits for a limit are not told.
const HELD_MIN: Duration = Duration::from_secs(1);

/// How compressed bytes begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The way to one host.
pub(in crate::registry) struct Wire {
    pub(in crate::registry) host: Host,
    pub(in crate::registry) http: reqwest::Client,
    /// The way that the client takes, to say where it ends.
    pub(in crate::registry) proxies: &'static Proxies,
    pub(in crate::registry) private_redirects: PrivateHosts,
    pub(in crate::registry) limiter: Limiter,
    pub(in crate::registry) quota: Quota,
    /// What was sent: no answer is shown with it.
    pub(in crate::registry) sent: Arc<Recent>,
    pub(in crate::registry) patience: Patience,
    pub(in crate::registry) observer: RequestObserver,
}

/// What is sent.
pub(in crate::registry) struct WireRequest<'a> {
    pub(in crate::registry) method: &'a Method,
    pub(in crate::registry) url: &'a Url,
    pub(in crate::registry) author: Author,
    pub(in crate::registry) headers: HeaderMap,
    pub(in crate::registry) body: Body<'a>,
    /// Whether the answer is a blob, which may take any time.
    pub(in crate::registry) is_blob: bool,
    /// How often the same was sent before, and failed.
    pub(in crate::registry) retries: u32,
}

/// Who made an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::registry) enum Author {
    /// We did.
    Us,
    /// A challenge named it, and the query is ours.
    Challenge,
    /// A registry sent us there, mostly with a secret in the query.
    Location,
}

/// The body of a request.
pub(in crate::registry) enum Body<'a> {
    Empty,
    Bytes(Bytes),
    /// A stream of known length, and the clock that tells whether it moves.
    Stream(reqwest::Body, &'a UploadClock),
}

impl Wire {
    /// Sends and waits for the head of the answer, whatever its status.
    pub(in crate::registry) fn exchange(
        &self,
        request: WireRequest<'_>,
    ) -> impl Future<Output = Result<Answer, Error>> {
        let redactor = self.sent.sends(request.secrets());
        let mut shown = address(request.url);
        if request.author != Author::Us {
            shown = redactor.redact(&shown);
        }
        let sent = Sent::new(&request, &shown);
        let span = sent.span.clone();
        self.pass_on(request, redactor, shown).instrument(span).inspect(move |result| sent.ended(result))
    }

    async fn pass_on(
        &self,
        request: WireRequest<'_>,
        redactor: Redactor,
        address: String,
    ) -> Result<Answer, Error> {
        let WireRequest { method, url, headers, body, is_blob, .. } = request;
        let fail = |kind| Error::at(method, &address, kind);
        let request = self.http.request(method.clone(), url.clone()).headers(headers);
        // From when on the answer has its time.
        let (result, since) = match body {
            Body::Stream(stream, clock) => {
                // Not counted by the limiter: it may wait for requests that are, at the same host.
                let sent = pin!(request.body(stream).send());
                let result = tokio::select! {
                    result = sent => result,
                    kind = clock.stopped(self.patience.stall) => return Err(self.unanswered(method, fail(kind))),
                };
                (result, Instant::now())
            }
            Body::Empty | Body::Bytes(_) => {
                let request = if let Body::Bytes(bytes) = body { request.body(bytes) } else { request };
                let pause = self.limiter.pause();
                if pause >= HELD_MIN {
                    let host = self.host.as_str();
                    (self.observer)(&Exchange::Held { host, reason: "limited", pause });
                }
                let turn = self.limiter.turn().await;
                let since = Instant::now();
                let Patience { stall, metadata, .. } = self.patience;
                let (most, kind) = if is_blob || stall <= metadata {
                    (stall, Kind::Stalled(stall))
                } else {
                    (metadata, Kind::Late { got: 0, time: metadata })
                };
                let Ok(result) = timeout(most, request.send()).await else {
                    return Err(self.unanswered(method, fail(kind)));
                };
                match &result {
                    Ok(answer) if answer.status() == StatusCode::TOO_MANY_REQUESTS => {
                        turn.throttled(retry_after(answer.headers()));
                    }
                    Ok(_) => turn.answered(),
                    Err(_) => {}
                }
                (result, since)
            }
        };
        let status = result.as_ref().ok().map(reqwest::Response::status);
        tracing::trace!(
            %method,
            address,
            status = status.map(|status| status.as_u16()),
            "{method} {address}: {}",
            status.map_or_else(|| "no answer".to_owned(), |status| status.to_string())
        );
        self.count(method, status);
        let response = result.map_err(|error| {
            let by_proxy = self.proxies.explain(url, &error);
            fail(Kind::Transport(error.without_url())).with_hint(by_proxy)
        })?;
        let progress = Progress::new(self.patience.pace);
        let (method, patience) = (method.clone(), self.patience);
        Ok(Answer { method, address, redactor, patience, since, progress, response })
    }

    /// Takes out of a text what was sent of late.
    pub(in crate::registry) fn redact(&self, text: &str) -> String {
        self.sent.redact(text)
    }

    fn unanswered(&self, method: &Method, error: Error) -> Error {
        self.count(method, None);
        error
    }

    fn count(&self, method: &Method, status: Option<StatusCode>) {
        let status = status.map(|status| status.as_u16());
        (self.observer)(&Exchange::Requested { host: self.host.as_str(), method: method.as_str(), status });
    }
}

impl WireRequest<'_> {
    fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        secrets.add_headers(&self.headers);
        if self.author == Author::Location {
            secrets.add_query(self.url);
        }
        secrets
    }
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub(in crate::registry) struct Answer {
    method: Method,
    /// Where it came from, as it is shown.
    address: String,
    redactor: Redactor,
    patience: Patience,
    since: Instant,
    progress: Progress,
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

    /// Takes out of a text of this answer what was sent.
    pub(in crate::registry) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The host that it came from, as a configuration would name it.
    pub(in crate::registry) fn host(&self) -> String {
        self.redactor.redact(&self.response.url()[Position::BeforeHost..Position::AfterPort])
    }

    /// A header to be shown.
    pub(in crate::registry) fn shown(&self, name: &str) -> Option<String> {
        Some(self.redactor.redact(&of_bytes(self.headers().get(name)?.as_bytes())))
    }

    /// A failure of this answer, whose words may hold some of it.
    pub(in crate::registry) fn fail(&self, kind: Kind) -> Error {
        let kind = match kind {
            Kind::Protocol(why) => Kind::Protocol(self.redactor.redact(&why)),
            kind => kind,
        };
        Error::at(&self.method, &self.address, kind)
    }

    /// The next bytes of a blob, none at its end. They have to keep the pace.
    pub(in crate::registry) async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let (stall, paced) = (self.patience.stall, self.progress.patience());
        let waits_from = Instant::now();
        let Ok(came) = timeout(stall.min(paced), self.response.chunk()).await else {
            let kind = if paced < stall { self.progress.too_slow() } else { Kind::Stalled(stall) };
            return Err(self.fail(kind));
        };
        let chunk = came.map_err(|error| self.fail(Kind::Transport(error.without_url())))?;
        self.progress.add(chunk.as_ref().map_or(0, Bytes::len), waits_from.elapsed());
        Ok(chunk)
    }

    /// The whole body, a JSON document. Refused where it is larger than `limit`, or plainly something else.
    pub(in crate::registry) async fn document(mut self, limit: usize) -> Result<Bytes, Error> {
        let (body, whole) = self.up_to(limit).await?;
        Err(self.fail(if !whole {
            Kind::Protocol(format!("the answer is larger than the {limit} bytes that are accepted"))
        } else if body.starts_with(&GZIP) {
            let why =
                "the answer is compressed (gzip), which was not asked for: a proxy in between may do that";
            Kind::Protocol(why.to_owned())
        } else if let Some(page) = markup(&body, |text| self.redactor.redact(text)) {
            Kind::WebPage(page)
        } else {
            return Ok(body);
        }))
    }

    /// What an answer without success says.
    pub(in crate::registry) async fn refusal(&mut self) -> Refusal {
        let retry_after = self.retry_after();
        let request_id = REQUEST_IDS.iter().find_map(|&name| self.shown(name)).map(|id| quote(&id));
        // A body that cannot be read takes nothing away from the status.
        let body = self.up_to(ERROR_BODY_MAX_BYTES).await.map(|(body, _)| body).unwrap_or_default();
        let server = self.shown("server").map(|server| excerpt(&server));
        let leads_to = self.leads_to().map(|url| excerpt(&self.redactor.redact(&address(&url))));
        let redact = |text: &str| self.redactor.redact(text);
        let mut refusal = Refusal::parse(self.status(), retry_after, &body, redact);
        (refusal.request_id, refusal.server, refusal.leads_to) = (request_id, server, leads_to);
        refusal
    }

    /// Where a redirect leads.
    fn leads_to(&self) -> Option<Url> {
        let location = self.header(LOCATION.as_str()).filter(|_| self.status().is_redirection())?;
        self.response.url().join(location).ok()
    }

    /// When the host wants to be asked again, if it says.
    fn retry_after(&self) -> Option<Duration> {
        let asked = retry_after(self.headers());
        if let Some(value) = self.shown(RETRY_AFTER.as_str()).filter(|_| asked.is_none()) {
            tracing::debug!("Cannot read `Retry-After: {}`", excerpt(&value));
        }
        asked
    }

    /// The failure that an answer without success is.
    pub(in crate::registry) async fn refused(mut self) -> Error {
        let refusal = self.refusal().await;
        self.fail(Kind::Refused(refusal))
    }

    /// The body up to `limit` bytes, and whether that is all of it. It has a time for all of it.
    async fn up_to(&mut self, limit: usize) -> Result<(Bytes, bool), Error> {
        let announced = self.response.content_length().and_then(|length| usize::try_from(length).ok());
        let mut body = Vec::with_capacity(announced.unwrap_or_default().min(limit));
        let Patience { stall, metadata, .. } = self.patience;
        let deadline = self.since + metadata;
        loop {
            let stalled = Instant::now() + stall;
            let Ok(came) = timeout_at(deadline.min(stalled), self.response.chunk()).await else {
                let late = Kind::Late { got: body.len() as u64, time: metadata };
                return Err(self.fail(if deadline <= stalled { late } else { Kind::Stalled(stall) }));
            };
            let came = came.map_err(|error| self.fail(Kind::Transport(error.without_url())))?;
            let Some(chunk) = came else { return Ok((body.into(), true)) };
            let room = limit - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return Ok((body.into(), false));
            }
        }
    }
}

/// When a host may be asked again, if it says.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = String::from_utf8_lossy(headers.get(RETRY_AFTER)?.as_bytes());
    retry::retry_after(&value, jiff::Timestamp::now())
}
