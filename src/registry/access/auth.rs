//! Logging in: from challenges to the `Authorization` header of the next request.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::login::{Credentials, Expiring, Freshness, Login, Manner};
use crate::oci::{Host, Repository};
use crate::registry::access::token;
use crate::registry::challenge::{self, Challenge};
use crate::registry::error::{Error, Kind};
use crate::registry::transport::origin;
use crate::registry::transport::wire::{Answer, Wire};
use crate::remembered::Remembered;
use crate::text::address;

/// What is remembered of the tokens of one registry: thousands of them. Where there is more, those that were not needed
/// for the longest time are fetched again.
const TOKENS_MAX_BYTES: usize = 8 * 1024 * 1024;
/// The same for its own words for scopes.
const WORDS_MAX_BYTES: usize = 1024 * 1024;
/// A longer word for a scope is not taken over: the usual one is asked for.
const WORD_MAX_BYTES: usize = 4096;

/// What a request needs to be allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::registry) struct Scope {
    pub(in crate::registry) repository: Repository,
    pub(in crate::registry) access: Access,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::registry) enum Access {
    /// Reading.
    Pull,
    /// Reading and writing.
    PullPush,
    /// The list of all repositories. The repository says for which part of the registry the login is.
    Catalogue,
    /// The same by the login itself, whatever challenges say.
    CatalogueByPassword,
}

impl Scope {
    /// What it holds on the heap.
    fn bytes(&self) -> usize {
        self.repository.as_str().len()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = match self.access {
            Access::Pull => "pull",
            Access::PullPush => "pull,push",
            Access::Catalogue | Access::CatalogueByPassword => return f.write_str("registry:catalog:*"),
        };
        write!(f, "repository:{}:{actions}", self.repository)
    }
}

/// The state of being logged in at one registry.
pub(in crate::registry) struct Auth {
    credentials: Arc<dyn Credentials>,
    /// Where alone logins may go for a token, where that is said.
    token_service: Option<Host>,
    /// What was learned from challenges. Held for look-ups only.
    learned: Mutex<Learned>,
}

struct Learned {
    scheme: Option<Scheme>,
    /// The registry's own word for a scope, where it is not the usual one: public.ecr.aws says `aws`.
    words: Remembered<Scope, String>,
    tokens: Remembered<String, Arc<TokenCache>>,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            scheme: None,
            words: Remembered::new(WORDS_MAX_BYTES),
            tokens: Remembered::new(TOKENS_MAX_BYTES),
        }
    }
}

impl Learned {
    /// The place of the token for a scope in the registry's words.
    fn cache(&mut self, word: &str) -> Arc<TokenCache> {
        if let Some(cache) = self.tokens.get(word) {
            return Arc::clone(cache);
        }
        let cache = Arc::<TokenCache>::default();
        self.tokens.insert(word.to_owned(), Arc::clone(&cache), 2 * word.len() + size_of::<TokenCache>());
        cache
    }

    /// Counts the token that is there now.
    fn got(&mut self, word: &str, token: &SecretString) {
        let bytes = 2 * word.len() + size_of::<TokenCache>() + token.expose_secret().len();
        self.tokens.weigh(word, bytes);
    }
}

type TokenCache = Expiring<SecretString, Error>;

#[derive(Clone)]
enum Scheme {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

impl Auth {
    pub(in crate::registry) fn new(credentials: Arc<dyn Credentials>, token_service: Option<Host>) -> Self {
        Self { credentials, token_service, learned: Mutex::default() }
    }

    /// The header for a request of this scope, as far as is known how to make one. `asked` is the scope in the
    /// registry's own words, where a challenge has just named it.
    pub(in crate::registry) async fn authorize(
        &self,
        wire: &Wire,
        root: &Url,
        scope: &Scope,
        asked: Option<&str>,
        freshness: Freshness,
    ) -> Result<Option<HeaderValue>, Error> {
        let scheme = self.lock().scheme.clone();
        let by_password = scope.access == Access::CatalogueByPassword;
        if by_password && self.token_service.is_some() {
            // The login may go there alone.
            return Ok(None);
        }
        let unasked = self.is_unasked() || by_password;
        if scheme.is_none() && !unasked {
            return Ok(None);
        }
        let login = self.login(root, scope, freshness).await?;
        let header = match scheme {
            Some(Scheme::Bearer { realm, service }) if !unasked => {
                if login.is_some() {
                    self.check_pin(&realm).map_err(|why| fail(root, wire.redact(&why)))?;
                }
                let (word, cache) = self.cache(scope, asked);
                let fetch = || token::fetch(wire, root, &realm, service.as_deref(), &word, login.as_ref());
                let token = cache.get(freshness, fetch).await?;
                self.lock().got(&word, &token);
                Some(header_value(&format!("Bearer {}", token.expose_secret())))
            }
            _ => login.as_ref().map(basic),
        };
        header.transpose().map_err(|why| fail(root, why))
    }

    /// Takes in the challenges of a 401, and gives the scope that the registry asks for. None where no challenge
    /// can be answered.
    pub(in crate::registry) fn learn(
        &self,
        wire: &Wire,
        root: &Url,
        scope: &Scope,
        answer: &Answer,
    ) -> Result<Option<String>, Error> {
        let challenges: Vec<Challenge> = answer
            .headers()
            .get_all(http::header::WWW_AUTHENTICATE)
            .iter()
            .flat_map(|value| challenge::parse(&String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let mut bearers = challenges.iter().filter(|challenge| challenge.scheme == "bearer");
        if let Some((challenge, realm)) = bearers.find_map(|bearer| Some((bearer, bearer.param("realm")?))) {
            let fail = |why: String| fail(root, answer.redactor().redact(&why));
            let realm = self::realm(root, realm).map_err(fail)?;
            let realm = origin::permitted(root, realm, &wire.private_redirects).map_err(fail)?;
            let service = challenge.param("service").map(str::to_owned);
            let usual = scope.to_string();
            let asked = challenge.param("scope").filter(|asked| asked.len() <= WORD_MAX_BYTES);
            let asked = asked.filter(|asked| concerns(asked, scope));
            let word = asked.map_or_else(|| usual.clone(), str::to_owned);
            let mut learned = self.lock();
            learned.scheme = Some(Scheme::Bearer { realm, service });
            if word == usual {
                learned.words.forget(scope);
            } else {
                learned.words.insert(scope.clone(), word.clone(), 2 * scope.bytes() + word.len());
            }
            return Ok(Some(word));
        }
        if challenges.iter().any(|challenge| challenge.scheme == "basic") {
            let mut learned = self.lock();
            // Harbor asks for this where a token has expired (goharbor/harbor#18856): that is renewed.
            if !matches!(learned.scheme, Some(Scheme::Bearer { .. })) {
                learned.scheme = Some(Scheme::Basic);
            }
            let word = learned.words.get(scope).cloned();
            return Ok(Some(word.unwrap_or_else(|| scope.to_string())));
        }
        Ok(None)
    }

    /// Whether it has logins turned into tokens.
    pub(in crate::registry) fn takes_tokens(&self) -> bool {
        matches!(self.lock().scheme, Some(Scheme::Bearer { .. })) && !self.is_unasked()
    }

    /// Whether there is a login, as far as is known: one that cannot be had is one.
    pub(in crate::registry) async fn has_login(&self, scope: &Scope) -> bool {
        !matches!(self.credentials.login(&scope.repository, Freshness::Cached).await, Ok(None))
    }

    /// Whether the registry has said how it wants to be asked.
    pub(in crate::registry) fn knows_challenge(&self) -> bool {
        self.lock().scheme.is_some()
    }

    /// Whether a login may go to this realm.
    fn check_pin(&self, realm: &Url) -> Result<(), String> {
        let Some(service) = &self.token_service else { return Ok(()) };
        let pinned = Url::parse(&format!("{}://{service}", realm.scheme()));
        if pinned.is_ok_and(|pinned| origin::is_own(&pinned, realm)) {
            return Ok(());
        }
        let asked = realm.authority();
        Err(format!(
            "it wants the login to go to {}, and `token_service` allows `{service}` alone; if that is meant, write \
             `token_service: \"{asked}\"` under the registry",
            address(realm)
        ))
    }

    /// Whether the login is sent with every request.
    pub(in crate::registry) fn is_unasked(&self) -> bool {
        self.credentials.manner() == Manner::Unasked
    }

    /// Where the login comes from, if there is one.
    pub(in crate::registry) async fn origin(&self, scope: &Scope) -> Option<String> {
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
        let cache = learned.cache(&word);
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

/// Where a token is to be had. A realm may be a path of the registry.
fn realm(root: &Url, text: &str) -> Result<Url, String> {
    let has_host = text.split_once("://").is_none_or(|(_, rest)| !rest.starts_with(['/', '\\']));
    match root.join(text) {
        Ok(realm) if !realm.username().is_empty() || realm.password().is_some() => {
            Err(format!("the realm of its challenge, {}, has a login in it", address(&realm)))
        }
        Ok(realm) if has_host => Ok(realm),
        _ => Err("the realm of its challenge is not a valid address".to_owned()),
    }
}

/// Whether a challenge asks for what is needed. Some name a repository of their documentation
/// (cloudflare/serverless-registry#149), some the right to pull for a push (helm/helm#32156), some a word of their own, as
/// public.ecr.aws.
fn concerns(asked: &str, scope: &Scope) -> bool {
    let needed = if scope.access == Access::PullPush { "push" } else { "pull" };
    let is_enough = |actions: &str| actions.split(',').any(|action| [needed, "*"].contains(&action));
    let is_own = |asked: &str| match asked.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':'))
    {
        Some((repository, actions)) => repository == scope.repository.as_str() && is_enough(actions),
        // Of the registry itself, as at its root.
        None => scope.access == Access::Catalogue || !(asked.is_empty() || asked.starts_with("registry:")),
    };
    asked.split(' ').any(is_own)
}

pub(in crate::registry) fn basic(login: &Login) -> Result<HeaderValue, String> {
    let pair = format!("{}:{}", login.username, login.password.expose_secret());
    header_value(&format!("Basic {}", STANDARD.encode(pair)))
}

/// A header value that does not show in debug output.
fn header_value(text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| "the token that was given for it holds characters that no header can hold".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

pub(in crate::registry) fn fail(root: &Url, why: String) -> Error {
    Error::login(root, Kind::Protocol(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_made_up_scopes_are_bounded_in_bytes() {
        let mut learned = Learned::default();
        let token = SecretString::from("t".repeat(4096));
        let own = learned.cache("repository:a/b:pull");
        for number in 0..20_000 {
            let word = format!("repository:a/b:pull,made-up-{number}");
            learned.cache(&word);
            learned.got(&word, &token);
            assert!(learned.tokens.bytes() <= TOKENS_MAX_BYTES);
            // What is needed again and again stays.
            assert!(Arc::ptr_eq(&own, &learned.cache("repository:a/b:pull")));
        }
        let scope = |number: usize| Scope {
            repository: format!("a/{number}").parse().unwrap(),
            access: Access::Pull,
        };
        for number in 0..20_000 {
            learned.words.insert(scope(number), "w".repeat(WORD_MAX_BYTES), WORD_MAX_BYTES);
            assert!(learned.words.bytes() <= WORDS_MAX_BYTES);
        }
    }
}
