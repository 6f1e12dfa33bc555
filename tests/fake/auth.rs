//! How a registry wants to be asked: nothing, Basic, or a Bearer token from a realm. Faces are data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use super::route::{Kind, Route};
use super::wire::{Head, Reply};

/// What a registry asks for.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Nothing, and it sends no challenge.
    Open,
    /// User and password with every request.
    Basic,
    /// A token of a realm.
    Bearer(Bearer),
}

/// How the Bearer challenge and its realm look.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// A path of this server, or a whole address somewhere else.
    pub realm: String,
    pub service: String,
    pub scope: Scope,
    /// Whether the realm gives tokens without credentials.
    pub anonymous: bool,
    /// The member that holds the token: `token` or `access_token`.
    pub member: &'static str,
    /// Seconds, where the realm says it.
    pub expires_in: Option<u64>,
    /// A token is good for this many requests.
    pub uses: Option<usize>,
    /// Challenges of other schemes that come first.
    pub others: Vec<&'static str>,
    pub layout: Layout,
    /// The realm's answer with a token, where it is not the usual one.
    pub document: Option<fn(&str) -> Value>,
}

impl Default for Bearer {
    fn default() -> Self {
        Self {
            realm: "/token".to_owned(),
            service: "registry.test".to_owned(),
            scope: Scope::Repository,
            anonymous: true,
            member: "token",
            expires_in: Some(300),
            uses: None,
            others: Vec::new(),
            layout: Layout::Headers,
            document: None,
        }
    }
}

/// What the challenge says of the scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `repository:NAME:pull`, with `,push` for a write.
    Repository,
    /// A fixed word, as `aws` at ECR Public.
    Fixed(&'static str),
    /// Nothing.
    Absent,
}

/// How several challenges travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One header each.
    Headers,
    /// All in one header, separated by commas.
    OneHeader,
}

/// Where a repository whose licence was not accepted is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Licence {
    /// The realm gives no token.
    AtRealm,
    /// There is a token, and the registry refuses it.
    AtManifest,
}

/// Enforces an [`Auth`].
#[derive(Debug)]
pub struct Gatekeeper {
    auth: Auth,
    users: Vec<(String, String)>,
    licences: Mutex<BTreeMap<String, Licence>>,
    tokens: Mutex<Tokens>,
}

#[derive(Debug, Default)]
struct Tokens {
    made: usize,
    granted: BTreeMap<String, Grant>,
}

#[derive(Debug)]
struct Grant {
    scopes: BTreeSet<String>,
    uses: Option<usize>,
}

impl Gatekeeper {
    pub fn new(auth: Auth, users: Vec<(String, String)>) -> Self {
        Self { auth, users, licences: Mutex::default(), tokens: Mutex::default() }
    }

    /// Asks for a licence from now on.
    pub fn require_licence(&self, repository: &str, licence: Licence) {
        self.licences.lock().unwrap().insert(repository.to_owned(), licence);
    }

    /// Accepts the licence.
    pub fn accept_licence(&self, repository: &str) {
        self.licences.lock().unwrap().remove(repository);
    }

    /// Makes all tokens so far invalid.
    pub fn revoke_tokens(&self) {
        self.tokens.lock().unwrap().granted.clear();
    }

    /// How many tokens the realm has given.
    pub fn tokens_made(&self) -> usize {
        self.tokens.lock().unwrap().made
    }

    /// Whether a request is for the realm.
    pub fn is_realm(&self, head: &Head) -> bool {
        matches!(&self.auth, Auth::Bearer(bearer) if head.path == bearer.realm)
    }

    /// Lets a request for the registry pass, or gives the refusal.
    pub fn check(&self, head: &Head, route: &Route) -> Result<(), Reply> {
        match &self.auth {
            Auth::Open => {}
            Auth::Basic if self.knows(head) => {}
            Auth::Basic => {
                return Err(unauthorized("authentication required").challenge(r#"Basic realm="registry""#));
            }
            Auth::Bearer(bearer) => self.check_token(bearer, head, route)?,
        }
        let refused = self.licences.lock().unwrap().get(&route.name) == Some(&Licence::AtManifest);
        if refused && route.kind != Kind::Tags {
            return Err(Reply::error(403, "DENIED", "requested access to the resource is denied"));
        }
        Ok(())
    }

    fn check_token(&self, bearer: &Bearer, head: &Head, route: &Route) -> Result<(), Reply> {
        let wanted = wanted_scope(bearer, head, route);
        let mut tokens = self.tokens.lock().unwrap();
        let Some(token) = head.authorization("Bearer") else {
            return Err(challenge(bearer, head, wanted.as_deref(), None));
        };
        let Some(grant) = tokens.granted.get_mut(token).filter(|grant| grant.uses != Some(0)) else {
            return Err(challenge(bearer, head, wanted.as_deref(), Some("invalid_token")));
        };
        let covers = |wanted: &str| match wanted.rsplit_once(':') {
            Some((repository, actions)) => grant.scopes.iter().any(|scope| {
                let given: Vec<&str> = match scope.rsplit_once(':') {
                    Some((name, given)) if name == repository => given.split(',').collect(),
                    _ => return false,
                };
                actions.split(',').all(|action| given.contains(&action) || given.contains(&"*"))
            }),
            None => grant.scopes.contains(wanted),
        };
        if !wanted.as_deref().is_none_or(covers) {
            return Err(challenge(bearer, head, wanted.as_deref(), Some("insufficient_scope")));
        }
        if let Some(uses) = &mut grant.uses {
            *uses -= 1;
        }
        Ok(())
    }

    /// Answers a request for the realm.
    pub fn token(&self, head: &Head) -> Reply {
        let Auth::Bearer(bearer) = &self.auth else { return Reply::status(404) };
        if head.method != Method::GET {
            return Reply::status(405);
        }
        if head.query("service").is_some_and(|service| service != bearer.service) {
            return Reply::status(404).body("Not found");
        }
        let has_credentials = head.authorization("Basic").is_some();
        if has_credentials && !self.knows(head) || !has_credentials && !bearer.anonymous {
            return unauthorized("Auth failed.");
        }
        let scopes: BTreeSet<String> =
            head.queries("scope").iter().flat_map(|s| s.split(' ')).map(str::to_owned).collect();
        let licences = self.licences.lock().unwrap();
        let denied = scopes.iter().any(|scope| {
            scope.split(':').nth(1).and_then(|name| licences.get(name)) == Some(&Licence::AtRealm)
        });
        if denied {
            return unauthorized("Auth failed.");
        }
        let mut tokens = self.tokens.lock().unwrap();
        tokens.made += 1;
        let token = format!("token-{}", tokens.made);
        tokens.granted.insert(token.clone(), Grant { scopes, uses: bearer.uses });
        if let Some(document) = bearer.document {
            return Reply::json(200, &document(&token));
        }
        let mut document = json!({bearer.member: token});
        if let Some(seconds) = bearer.expires_in {
            document["expires_in"] = json!(seconds);
        }
        Reply::json(200, &document)
    }

    /// Whether the request's Basic credentials are those of a user.
    fn knows(&self, head: &Head) -> bool {
        let decoded = head.authorization("Basic").and_then(|text| STANDARD.decode(text).ok());
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        self.users.iter().any(|(user, password)| text == format!("{user}:{password}"))
    }
}

fn unauthorized(message: &str) -> Reply {
    Reply::error(401, "UNAUTHORIZED", message)
}

fn wanted_scope(bearer: &Bearer, head: &Head, route: &Route) -> Option<String> {
    let is_write = ![Method::GET, Method::HEAD].contains(&head.method);
    match bearer.scope {
        Scope::Repository if route.kind == Kind::Catalogue => Some("registry:catalog:*".to_owned()),
        Scope::Repository if route.name.is_empty() => None,
        Scope::Repository if is_write => Some(format!("repository:{}:pull,push", route.name)),
        Scope::Repository => Some(format!("repository:{}:pull", route.name)),
        Scope::Fixed(word) => Some(word.to_owned()),
        Scope::Absent => None,
    }
}

fn challenge(bearer: &Bearer, head: &Head, scope: Option<&str>, error: Option<&str>) -> Reply {
    let is_here = bearer.realm.starts_with('/');
    let origin = if is_here { format!("http://{}", head.host()) } else { String::new() };
    let realm = format!("{origin}{}", bearer.realm);
    let member =
        |key: &str, value: Option<&str>| value.map_or_else(String::new, |v| format!(r#",{key}="{v}""#));
    let text = format!(
        r#"Bearer realm="{realm}",service="{}"{}{}"#,
        bearer.service,
        member("scope", scope),
        member("error", error)
    );
    let all: Vec<&str> = bearer.others.iter().copied().chain([text.as_str()]).collect();
    let reply = unauthorized("authentication required");
    match bearer.layout {
        Layout::Headers => all.into_iter().fold(reply, Reply::challenge),
        Layout::OneHeader => reply.challenge(&all.join(", ")),
    }
}
