//! The one path to the wire: every request to a registry goes through [`Client::send`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;
use url::Url;

use crate::authorities;
use crate::login::Freshness;
use crate::oci::{Host, Repository};
use crate::proxy::Proxies;
use crate::redact::Recent;
use crate::registry::access::auth::{Auth, Scope};
use crate::registry::access::root::Root;
use crate::registry::blobs::capacity::Capacity;
use crate::registry::blobs::ranges::Ranges;
use crate::registry::error::{Error, Kind};
use crate::registry::hint;
use crate::registry::hint::{LoginUse, Trust};
use crate::registry::options::{BuildError, Options};
use crate::registry::refusal::Refusal;
use crate::registry::request::Request;
use crate::registry::transport::limit::{Limiter, Limits, Turn};
use crate::registry::transport::observer::Exchange;
use crate::registry::transport::origin;
use crate::registry::transport::patience::Progress;
use crate::registry::transport::quota::Quota;
use crate::registry::transport::resolve::Resolver;
use crate::registry::transport::retry::{Budget, Retry};
use crate::registry::transport::upload_clock::UploadClock;
use crate::registry::transport::wire::{Answer, Author, Body, Wire, WireRequest};

/// The most redirects in a row that are followed.
const REDIRECTS_MAX: usize = 5;
/// Connections that were not used for this long are closed.
const IDLE_MAX: Duration = Duration::from_mins(1);
/// The name that Docker Hub's API goes by.
const DOCKER_HUB_API: &str = "registry-1.docker.io";

/// A client of one registry, cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    root: Url,
    trust: Trust,
    wire: Wire,
    auth: Auth,
    at_root: Root,
    retry: Retry,
    ranges: Ranges,
    /// The pace of writing manifests.
    manifests: Limiter,
    capacity: Capacity,
}

/// How a refused request is sent again.
struct LoginRetry {
    /// The scope that the registry asked for.
    asked: Option<String>,
    freshness: Freshness,
}

/// A request that was refused, and may be sent once more.
struct Refused {
    retry: LoginRetry,
    error: Error,
    /// The login with which it was sent, after all redirects.
    login: Option<HeaderValue>,
}

impl Client {
    /// Makes a client for `host`. Contacts nobody.
    pub fn new(host: &Host, options: Options) -> Result<Self, BuildError> {
        let scheme = if options.plain_http { "http" } else { "https" };
        let address = if host.as_str() == Host::DOCKER_HUB { DOCKER_HUB_API } else { host.as_str() };
        let root =
            Url::parse(&format!("{scheme}://{address}/")).map_err(|_| BuildError::Address(host.clone()))?;
        // HTTP/1.1 alone: large streams on one HTTP/2 connection share its window and starve each other.
        let proxies = Proxies::of_process()?;
        let builder = || {
            let http = reqwest::Client::builder()
                .http1_only()
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(options.connect_timeout)
                .pool_idle_timeout(IDLE_MAX)
                .dns_resolver(Resolver::new(&root, options.private_redirects.clone(), proxies))
                .user_agent(concat!("tagferry/", env!("CARGO_PKG_VERSION")));
            proxies.apply(http)
        };
        let faulty = |what| BuildError::Authorities { host: host.clone(), what };
        let own = options.ca_pem.as_deref().map_or_else(|| Ok(Vec::new()), authorities::read);
        let own = own.map_err(faulty)?;
        let (http, lack) = authorities::client(builder, &own).map_err(|error| match error {
            authorities::Error::Client(cause) => BuildError::Tls { host: host.clone(), cause },
            broken @ authorities::Error::Broken(_) => faulty(broken.to_string()),
        })?;
        let trust = match lack {
            Some(lack) => Trust::Nobody(lack),
            None if own.is_empty() => Trust::Machine,
            None => Trust::Own,
        };
        let wire = Wire {
            host: host.clone(),
            http,
            proxies,
            private_redirects: options.private_redirects,
            limiter: Limiter::new(options.limits),
            quota: Quota::default(),
            sent: Arc::new(Recent::new(proxies.secrets())),
            patience: options.patience,
            observer: options.observer,
        };
        let manifests = Limits { per_second: options.manifests_per_second, ..options.limits };
        Ok(Self(Arc::new(Inner {
            root,
            trust,
            wire,
            auth: Auth::new(options.credentials, options.token_service),
            at_root: Root::default(),
            retry: options.retry,
            ranges: options.ranges,
            manifests: Limiter::new(manifests),
            capacity: Capacity::new(options.chunks),
        })))
    }

    /// The host as it is configured.
    pub fn host(&self) -> &Host {
        &self.0.wire.host
    }

    pub(super) fn ranges(&self) -> &Ranges {
        &self.0.ranges
    }

    pub(super) fn capacity(&self) -> &Capacity {
        &self.0.capacity
    }

    pub(super) fn retry(&self) -> Retry {
        self.0.retry
    }

    /// A clock for an upload of `size` bytes.
    pub(super) fn upload_clock(&self, size: u64) -> Arc<UploadClock> {
        Arc::new(UploadClock::new(size, Progress::new(self.0.wire.patience.pace)))
    }

    /// The address of `/v2/<repository>/<rest>`.
    pub(super) fn url(&self, repository: &Repository, rest: &str) -> Url {
        let mut url = self.0.root.clone();
        url.set_path(&format!("v2/{repository}/{rest}"));
        url
    }

    /// The address of the list of all repositories.
    pub(super) fn catalogue_url(&self) -> Url {
        let mut url = self.0.root.clone();
        url.set_path("v2/_catalog");
        url
    }

    /// Waits for a turn to write a manifest.
    pub(super) async fn manifest_turn(&self) -> Turn<'_> {
        self.0.manifests.turn().await
    }

    /// An address that the registry names as it is used, if it may be used.
    pub(super) fn permitted(&self, url: Url) -> Result<Url, String> {
        origin::permitted(&self.0.root, url, &self.0.wire.private_redirects)
    }

    /// Takes out of a text of an answer what was sent of late.
    pub(super) fn redact(&self, text: &str) -> String {
        self.0.wire.redact(text)
    }

    /// Sends a request until it succeeds, fails for good or the tries are used up.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        self.retried(|retries| self.attempt(request, retries)).await
    }

    /// The same with the body, a document of up to `limit` bytes. One that breaks off is asked for again.
    pub(super) async fn document(
        &self,
        request: &Request,
        limit: usize,
    ) -> Result<(HeaderMap, Bytes), Error> {
        let attempt = async |retries| {
            let answer = self.attempt(request, retries).await?;
            Ok((answer.headers().clone(), answer.document(limit).await?))
        };
        self.retried(attempt).await
    }

    async fn retried<T>(&self, attempt: impl AsyncFn(u32) -> Result<T, Error>) -> Result<T, Error> {
        let mut budget = self.0.retry.budget();
        loop {
            let error = match attempt(budget.retries()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(reason) = error.transient() else { return Err(error) };
            let Some(pause) = budget.spend(error.retry_after()) else { return Err(error) };
            self.pause(&error, reason, pause, &budget).await;
        }
    }

    /// Waits before another try, and lets it be counted.
    pub(super) async fn pause(&self, error: &Error, reason: &'static str, pause: Duration, budget: &Budget) {
        budget.tell(reason, pause, error);
        let host = self.host().as_str();
        (self.0.wire.observer)(&Exchange::Retried { host, reason });
        (self.0.wire.observer)(&Exchange::Held { host, reason, pause });
        tokio::time::sleep(pause).await;
    }

    /// Sends once, logging in where the registry asks for it. `retries` is how often that was done before.
    pub(super) async fn attempt(&self, request: &Request, retries: u32) -> Result<Answer, Error> {
        let Inner { root, wire, auth, at_root, .. } = &*self.0;
        if let Some(left) = wire.quota.used_up().filter(|_| request.is_pull()) {
            return Err(Error::new(&request.method, &request.url, Kind::PullsUsedUp(left)));
        }
        let scope = &request.scope;
        at_root.ask_first(wire, root, auth, scope).await;
        let mut refused: Option<Refused> = None;
        loop {
            let retry = refused.as_ref().map(|refused| &refused.retry);
            let asked = retry.and_then(|retry| retry.asked.as_deref());
            let freshness = retry.map_or(Freshness::Cached, |retry| retry.freshness);
            let header = match auth.authorize(wire, root, scope, asked, freshness).await {
                Ok(header) => header,
                Err(error) => return Err(self.explain(error, scope, true).await),
            };
            let has_login = header.is_some();
            // The same would be refused once more, and count as one more wrong password.
            if let Some(Refused { error, .. }) = refused.take_if(|refused| refused.login == header) {
                return Err(self.explain(error, scope, has_login).await);
            }
            let asked_at = Instant::now();
            let (mut answer, is_own, login) = match self.exchange(request, header, retries).await {
                Ok(exchanged) => exchanged,
                Err(error) => return Err(self.explain(error, scope, has_login).await),
            };
            let sent_at = login.is_some().then_some(asked_at);
            if answer.status().is_success() {
                return Ok(answer);
            }
            let refusal = answer.refusal().await;
            if !is_own {
                // A host that we were redirected to gets no login, and its challenge is not answered.
                let hint = hint::elsewhere(self.host(), &answer);
                return Err(answer.fail(Kind::RefusedElsewhere(refusal)).with_hint(hint));
            }
            let retry = match refused {
                None => self.second_try(request, &answer, &refusal, sent_at).await?,
                Some(_) => None,
            };
            let error = answer.fail(Kind::Refused(refusal));
            let Some(retry) = retry else {
                return Err(self.explain(error, scope, sent_at.is_some()).await);
            };
            refused = Some(Refused { retry, error, login });
        }
    }

    /// Whether a refused request may succeed with another login, and with which.
    async fn second_try(
        &self,
        request: &Request,
        answer: &Answer,
        refusal: &Refusal,
        sent_at: Option<Instant>,
    ) -> Result<Option<LoginRetry>, Error> {
        let Inner { root, wire, auth, at_root, .. } = &*self.0;
        let scope = &request.scope;
        let newer = |sent_at| LoginRetry { asked: None, freshness: Freshness::After(sent_at) };
        match (refusal.status, sent_at) {
            // Sent unasked, the login needs no challenge to be renewed.
            (StatusCode::UNAUTHORIZED, Some(sent_at)) if auth.is_unasked() => Ok(Some(newer(sent_at))),
            // `container-registry` has its challenge at `/v2/` alone.
            (StatusCode::UNAUTHORIZED, None) if answer.header(WWW_AUTHENTICATE.as_str()).is_none() => {
                at_root.ask(wire, root, auth, scope).await?;
                let cached = || LoginRetry { asked: None, freshness: Freshness::Cached };
                Ok(auth.knows_challenge().then(cached))
            }
            // Google refuses so who comes without a login (regclient/regclient#149).
            (StatusCode::UNAUTHORIZED, _) | (StatusCode::FORBIDDEN, None) => {
                let asked = auth.learn(wire, root, scope, answer)?;
                let freshness = sent_at.map_or(Freshness::Cached, Freshness::After);
                Ok(asked.map(|asked| LoginRetry { asked: Some(asked), freshness }))
            }
            (StatusCode::FORBIDDEN, Some(sent_at)) => {
                // The answer to a `HEAD` has no words: any 403 may be that of an expired ECR token.
                let is_silent = request.method == Method::HEAD && auth.is_unasked();
                Ok((refusal.says("expired") || is_silent).then(|| newer(sent_at)))
            }
            _ => Ok(None),
        }
    }

    /// Sends a body that cannot be sent again: one try, with the login at hand.
    ///
    /// The start of the upload, which came before it, made sure that this login is valid.
    pub(super) async fn send_stream(
        &self,
        request: &Request,
        body: reqwest::Body,
        clock: &UploadClock,
    ) -> Result<Answer, Error> {
        let Inner { root, wire, auth, .. } = &*self.0;
        let mut headers = request.headers.clone();
        if origin::is_own(root, &request.url) {
            let header = auth.authorize(wire, root, &request.scope, None, Freshness::Cached).await?;
            headers.extend(header.map(|value| (AUTHORIZATION, value)));
        }
        let body = Body::Stream(body, clock);
        let Request { method, url, author, .. } = request;
        let once = WireRequest { method, url, author: *author, headers, body, is_blob: false, retries: 0 };
        let answer = wire.exchange(once).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(answer.refused().await)
    }

    /// One exchange and the redirects behind it. Tells whether the answer is the registry's own, and the login for which it came.
    async fn exchange(
        &self,
        request: &Request,
        login: Option<HeaderValue>,
        retries: u32,
    ) -> Result<(Answer, bool, Option<HeaderValue>), Error> {
        let Inner { root, wire, .. } = &*self.0;
        let (mut url, mut author) = (request.url.clone(), request.author);
        let mut login = login.filter(|_| origin::is_own(root, &url));
        for _ in 0..=REDIRECTS_MAX {
            let mut headers = request.headers.clone();
            headers.extend(login.clone().map(|value| (AUTHORIZATION, value)));
            let body = request.body.clone().map_or(Body::Empty, Body::Bytes);
            let (method, is_blob) = (&request.method, request.is_blob());
            let once = WireRequest { method, url: &url, author, headers, body, is_blob, retries };
            let answer = wire.exchange(once).await?;
            let is_own = origin::is_own(root, &url);
            if is_own {
                wire.quota.learn(&wire.host, &request.method, answer.headers());
            }
            let next = match answer.header(LOCATION.as_str()) {
                Some(location) if answer.status().is_redirection() && request.is_read() => url.join(location),
                _ => return Ok((answer, is_own, login)),
            };
            let fail = |why| answer.fail(Kind::Protocol(why));
            let next =
                next.map_err(|_| fail("the `Location` of the redirect is not a valid address".to_owned()))?;
            url = origin::permitted(root, next, &wire.private_redirects).map_err(fail)?;
            author = Author::Location;
            if !origin::is_own(root, &url) {
                // Gone for good: a redirect back does not bring the login back.
                login = None;
            }
        }
        let why = format!("more than {REDIRECTS_MAX} redirects in a row");
        Err(Error::new(&request.method, &request.url, Kind::Protocol(why)))
    }

    /// Whether it has logins turned into tokens.
    pub(super) fn takes_tokens(&self) -> bool {
        self.0.auth.takes_tokens()
    }

    /// Adds what to do where a registry does not list its repositories.
    pub(super) async fn explain_catalogue(&self, error: Error, scope: &Scope) -> Error {
        if !error.is_unauthorized() && !error.is_final_refusal() {
            return error;
        }
        let auth = &self.0.auth;
        let login = self.login_use(scope, auth.is_unasked() || auth.knows_challenge()).await;
        error.with_hint(Some(hint::no_catalogue(self.host(), &login)))
    }

    /// What became of the login, where that of the last try was sent, or was not.
    async fn login_use(&self, scope: &Scope, is_sent: bool) -> LoginUse {
        match self.0.auth.origin(scope).await {
            None => LoginUse::Missing,
            Some(origin) if is_sent => LoginUse::Sent(origin),
            Some(origin) => LoginUse::Unsent(origin),
        }
    }

    /// Adds what to do about an error, where that is known. `is_sent` says whether a login was sent, if there is one.
    async fn explain(&self, error: Error, scope: &Scope, is_sent: bool) -> Error {
        if let Kind::Transport(cause) = error.kind() {
            return match hint::connection(self.host(), &self.0.trust, cause) {
                Some(hint) => error.with_hint(Some(hint)),
                None => error,
            };
        }
        if error.is_over_quota() {
            return error.with_hint(Some(hint::over_quota(self.host(), &scope.repository)));
        }
        if !error.is_unauthorized() {
            return error;
        }
        let login = self.login_use(scope, is_sent).await;
        error.with_hint(Some(hint::denied(self.host(), &scope.repository, &login)))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("root", &self.0.root.as_str()).finish_non_exhaustive()
    }
}
