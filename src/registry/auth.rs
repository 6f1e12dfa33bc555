//! Logging in: from challenges to the `Authorization` header of the next request.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use crate::login::{Credentials, Freshness, Login, Manner};
use crate::login::{Expiring, Fresh};
use crate::oci::Repository;
use crate::registry::challenge::{self, Challenge};
use crate::registry::error::{Error, Kind};
use crate::registry::transport::origin;
use crate::registry::transport::origin::PrivateHosts;
use crate::registry::transport::wire::{Body, Wire, WireRequest};

/// A token answer larger than this is refused.
const TOKEN_ANSWER_MAX_BYTES: usize = 1024 * 1024;
/// The life of a token that does not say, and the least that counts (distribution token specification).
const TOKEN_LIFE_MIN: Duration = Duration::from_mins(1);
/// So many scopes of one registry are remembered; beyond that all is forgotten and learned again.
const SCOPES_MAX: usize = 10_000;

/// What a request needs to be allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) repository: Repository,
    pub(super) access: Access,
}

/// Reading, or reading and writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Access {
    Pull,
    PullPush,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = match self.access {
            Access::Pull => "pull",
            Access::PullPush => "pull,push",
        };
        write!(f, "repository:{}:{actions}", self.repository)
    }
}

/// The state of being logged in at one registry.
pub(super) struct Auth {
    credentials: Arc<dyn Credentials>,
    /// What was learned from challenges. Held for look-ups only.
    learned: Mutex<Learned>,
}

#[derive(Default)]
struct Learned {
    scheme: Option<Scheme>,
    /// The registry's own word for a scope, where it is not the usual one: public.ecr.aws says `aws`.
    words: HashMap<Scope, String>,
    tokens: HashMap<String, Arc<TokenCache>>,
}

type TokenCache = Expiring<SecretString, Error>;

#[derive(Clone)]
enum Scheme {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

impl Auth {
    pub(super) fn new(credentials: Arc<dyn Credentials>) -> Self {
        Self { credentials, learned: Mutex::default() }
    }

    /// The header for a request of this scope, as far as is known how to make one. `asked` is the scope in the
    /// registry's own words, where a challenge has just named it.
    pub(super) async fn authorize(
        &self,
        wire: &Wire,
        root: &Url,
        scope: &Scope,
        asked: Option<&str>,
        freshness: Freshness,
    ) -> Result<Option<HeaderValue>, Error> {
        let scheme = self.lock().scheme.clone();
        let unasked = self.is_unasked();
        if scheme.is_none() && !unasked {
            return Ok(None);
        }
        let login = self.login(root, scope, freshness).await?;
        let header = match scheme {
            Some(Scheme::Bearer { realm, service }) if !unasked => {
                let (word, cache) = self.cache(scope, asked);
                let fetch = || fetch_token(wire, root, &realm, service.as_deref(), &word, login.as_ref());
                let token = cache.get(freshness, fetch).await?;
                Some(header_value(&format!("Bearer {}", token.expose_secret())))
            }
            _ => login.as_ref().map(basic),
        };
        header.transpose().map_err(|why| fail(root, why))
    }

    /// Takes in the challenges of a 401, and gives the scope that the registry asks for. None where no challenge
    /// can be answered.
    pub(super) fn learn(
        &self,
        root: &Url,
        private_redirects: &PrivateHosts,
        scope: &Scope,
        headers: &HeaderMap,
    ) -> Result<Option<String>, Error> {
        let challenges: Vec<Challenge> = headers
            .get_all(http::header::WWW_AUTHENTICATE)
            .iter()
            .flat_map(|value| challenge::parse(&String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let mut bearers = challenges.iter().filter(|challenge| challenge.scheme == "bearer");
        if let Some((challenge, realm)) = bearers.find_map(|bearer| Some((bearer, bearer.param("realm")?))) {
            let realm =
                root.join(realm).map_err(|_| fail(root, "its challenge names a faulty realm".to_owned()))?;
            origin::check(root, &realm, private_redirects).map_err(|why| fail(root, why))?;
            let service = challenge.param("service").map(str::to_owned);
            let usual = scope.to_string();
            let word = challenge.param("scope").map_or_else(|| usual.clone(), str::to_owned);
            let mut learned = self.lock();
            if learned.words.len() >= SCOPES_MAX || learned.tokens.len() >= SCOPES_MAX {
                *learned = Learned::default();
            }
            learned.scheme = Some(Scheme::Bearer { realm, service });
            if word == usual {
                learned.words.remove(scope);
            } else {
                learned.words.insert(scope.clone(), word.clone());
            }
            return Ok(Some(word));
        }
        if challenges.iter().any(|challenge| challenge.scheme == "basic") {
            self.lock().scheme = Some(Scheme::Basic);
            return Ok(Some(scope.to_string()));
        }
        Ok(None)
    }

    /// Whether the login is sent with every request.
    pub(super) fn is_unasked(&self) -> bool {
        self.credentials.manner() == Manner::Unasked
    }

    /// Where the login comes from, if we come with one at all.
    pub(super) async fn origin(&self, scope: &Scope) -> Option<String> {
        let login = self.credentials.login(&scope.repository, Freshness::Cached).await;
        matches!(login, Ok(Some(_))).then(|| self.credentials.origin())
    }

    async fn login(&self, root: &Url, scope: &Scope, freshness: Freshness) -> Result<Option<Login>, Error> {
        let failed = |cause| Error::login(root, Kind::Credentials(cause));
        self.credentials.login(&scope.repository, freshness).await.map_err(failed)
    }

    fn cache(&self, scope: &Scope, asked: Option<&str>) -> (String, Arc<TokenCache>) {
        let mut learned = self.lock();
        let known = asked.or_else(|| learned.words.get(scope).map(String::as_str));
        let word = known.map_or_else(|| scope.to_string(), str::to_owned);
        let cache = Arc::clone(learned.tokens.entry(word.clone()).or_default());
        (word, cache)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("credentials", &self.credentials).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<SecretString>,
    access_token: Option<SecretString>,
    expires_in: Option<u64>,
}

/// Asks the token service. `issued_at` is not read: clocks differ, and some services send year 1.
async fn fetch_token(
    wire: &Wire,
    root: &Url,
    realm: &Url,
    service: Option<&str>,
    scope: &str,
    login: Option<&Login>,
) -> Result<Fresh<SecretString>, Error> {
    let mut url = realm.clone();
    let kept: Vec<(String, String)> = realm.query_pairs().into_owned().collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .extend_pairs(service.map(|service| ("service", service)))
        // Several scopes stand in one challenge, and apart in the question: a mount needs two repositories.
        .extend_pairs(scope.split(' ').map(|scope| ("scope", scope)));
    // `+` for a space is form encoding; as a query, `%20` is what every service understands.
    let query = url.query().map(|query| query.replace('+', "%20"));
    url.set_query(query.as_deref());

    let mut headers = HeaderMap::new();
    if let Some(login) = login {
        headers.insert(AUTHORIZATION, basic(login).map_err(|why| fail(root, why))?);
    }
    let asked_at = Instant::now();
    let request = WireRequest { method: &Method::GET, url: &url, headers, body: Body::Empty, retries: 0 };
    let mut answer = wire.exchange(request).await?;
    if !answer.status().is_success() {
        let refusal = answer.refusal().await;
        return Err(answer.fail(Kind::NoToken(refusal)));
    }
    let unusable = answer.fail(Kind::Protocol("the token service's answer holds no token".to_owned()));
    let body = answer.body(TOKEN_ANSWER_MAX_BYTES).await?;
    let Ok(TokenAnswer { token, access_token, expires_in }) = serde_json::from_slice(&body) else {
        return Err(unusable);
    };
    let filled = |token: &SecretString| !token.expose_secret().is_empty();
    let value = token.filter(filled).or(access_token.filter(filled)).ok_or(unusable)?;
    let life = expires_in
        .map_or(TOKEN_LIFE_MIN, Duration::from_secs)
        .clamp(TOKEN_LIFE_MIN, Duration::from_hours(24));
    // Early enough that a token does not die between two requests, late enough to be worth having.
    let margin = (life / 4).min(Duration::from_mins(1));
    Ok(Fresh { value, refresh_at: asked_at + life - margin, expires_at: asked_at + life })
}

fn basic(login: &Login) -> Result<HeaderValue, String> {
    let pair = format!("{}:{}", login.username, login.password.expose_secret());
    header_value(&format!("Basic {}", STANDARD.encode(pair)))
}

/// A header value that does not show in debug output.
fn header_value(text: &str) -> Result<HeaderValue, String> {
    let mut value =
        HeaderValue::from_str(text).map_err(|_| "its token is not fit for a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

fn fail(root: &Url, why: String) -> Error {
    Error::login(root, Kind::Protocol(why))
}
