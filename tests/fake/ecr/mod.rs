//! Amazon ECR in memory: its API and its data plane over one store, on one port.
//!
//! STS `AssumeRole` and Secrets Manager `GetSecretValue` answer on the same port, for roles and secrets.
//! Signatures are not verified; that there is one is.

mod access;
mod api;
mod images;
mod neighbours;
mod repositories;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tagferry::oci::Digest;
use tokio::net::TcpListener;

use super::images::Image;
use super::quirks::{Accept, DigestHeader, Flavour, LinkStyle, Location, Mount, Patch, Quirks};
use super::route::{Kind, Route};
use super::server::{Handler, Server};
use super::store::{Repository, Store};
use super::v2::V2;
use super::wire::{Head, Payload, Reply};

pub use access::api_error;
pub use settings::{Mutability, Settings};

/// The account of the registry.
pub const ACCOUNT: &str = "123456789012";
/// The region of the registry.
pub const REGION: &str = "eu-central-1";
/// An access key for tests; every key is accepted.
pub const ACCESS_KEY: &str = "AKIDEXAMPLE";

/// How ECR departs from the specification.
fn quirks() -> Quirks {
    Quirks {
        flavour: Flavour::Ecr,
        digest_header: DigestHeader::HeadOnly,
        accept: Accept::Converts,
        link: LinkStyle::Relative,
        page_default: 100,
        page_max: 1000,
        page_refused_above: Some(1000),
        location: Location::Absolute,
        patch: Patch::Stale,
        part_min: 5 * 1024 * 1024,
        single_post: false,
        mount: Mount::Never,
        create_on_push: false,
        catalogue: false,
        ..Quirks::default()
    }
}

/// An ECR before it starts.
pub struct Builder {
    quirks: Quirks,
    token_lifetime: Duration,
    listener: Option<TcpListener>,
}

impl Builder {
    /// Changes ECR's quirks, such as its refusals or its account setting for mounts.
    pub fn quirks(mut self, change: impl FnOnce(&mut Quirks)) -> Self {
        change(&mut self.quirks);
        self
    }

    /// What the API says of a token's life. Tokens end only through [`Ecr::expire_tokens`].
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Serves a listener of the caller.
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    pub async fn start(self) -> Ecr {
        let service = Arc::new(Service {
            v2: V2 { store: Arc::default(), quirks: self.quirks, storage: None },
            token_lifetime: self.token_lifetime,
            tokens: Mutex::default(),
            denied: Mutex::default(),
            secrets: Mutex::default(),
        });
        let server = match self.listener {
            Some(listener) => Server::on(listener, Arc::clone(&service)),
            None => Server::start(Arc::clone(&service)).await,
        };
        Ecr { service, server }
    }
}

/// A running ECR. It is also its [`Server`]: faults, requests, host.
pub struct Ecr {
    service: Arc<Service>,
    server: Server,
}

/// What answers the requests.
struct Service {
    v2: V2,
    token_lifetime: Duration,
    tokens: Mutex<access::Tokens>,
    denied: Mutex<BTreeSet<String>>,
    secrets: Mutex<BTreeMap<String, String>>,
}

impl Ecr {
    /// An ECR without repositories on a free loopback port.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    pub fn builder() -> Builder {
        Builder { quirks: quirks(), token_lifetime: Duration::from_hours(12), listener: None }
    }

    /// The address of the AWS APIs.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.server.host())
    }

    /// Makes a repository behind the API.
    pub fn create(&self, repository: &str, settings: Settings) {
        self.edit(repository, |repository| repository.settings = settings);
    }

    /// Tags an image behind the API, making the repository if there is none.
    pub fn push(&self, repository: &str, tag: &str, image: &Image) {
        self.store().push(repository, tag, image);
    }

    /// Changes a repository behind the API, making it if there is none.
    pub fn edit<T>(&self, repository: &str, change: impl FnOnce(&mut Repository) -> T) -> T {
        change(self.store().repositories.entry(repository.to_owned()).or_default())
    }

    /// Deletes a repository with all that it holds.
    pub fn delete(&self, repository: &str) {
        self.store().repositories.remove(repository);
    }

    /// The tags of a repository; none where there is no such repository.
    pub fn tags(&self, repository: &str) -> BTreeMap<String, Digest> {
        self.repository(repository).map(|repository| repository.tags).unwrap_or_default()
    }

    /// All that a repository holds, with its settings.
    pub fn repository(&self, repository: &str) -> Option<Repository> {
        self.store().repositories.get(repository).cloned()
    }

    /// All repositories with all that they hold.
    pub fn repositories(&self) -> BTreeMap<String, Repository> {
        self.store().repositories.clone()
    }

    /// Fails the test if a tag's graph is not complete and right.
    #[track_caller]
    pub fn assert_consistent(&self) {
        assert_eq!(self.store().faults(), Vec::<String>::new());
    }

    /// Makes all tokens so far expired.
    pub fn expire_tokens(&self) {
        self.service.tokens.lock().unwrap().expire();
    }

    /// How many tokens the API has given.
    pub fn tokens_made(&self) -> usize {
        self.service.tokens.lock().unwrap().made
    }

    /// Denies an IAM action, such as `ecr:PutImage`, on the API and on the data plane.
    pub fn deny(&self, action: &str) {
        self.service.denied.lock().unwrap().insert(action.to_owned());
    }

    /// Allows an IAM action again.
    pub fn allow(&self, action: &str) {
        self.service.denied.lock().unwrap().remove(action);
    }

    /// Sets the text of a secret in Secrets Manager.
    pub fn secret(&self, name: &str, text: &str) {
        self.service.secrets.lock().unwrap().insert(name.to_owned(), text.to_owned());
    }

    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        self.service.v2.store.lock().unwrap()
    }
}

impl Deref for Ecr {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Handler for Service {
    async fn answer(&self, head: &Head, payload: &mut Payload) -> Reply {
        let route = Route::of(head);
        if route.kind == Kind::Api {
            let Ok(body) = payload.collect(0).await else { return Reply::status(400) };
            return self.call(head, &route.reference, &body);
        }
        // A mount reads the other repository; who may not is asked to upload.
        let is_mount = route.kind == Kind::UploadStart && head.query("mount").is_some();
        if is_mount && self.is_denied("ecr:GetDownloadUrlForLayer") {
            let plain = Head { raw_query: String::new(), ..head.clone() };
            return self.guarded(&plain, &route, payload).await;
        }
        self.guarded(head, &route, payload).await
    }
}

impl Service {
    /// The data plane behind its access check.
    async fn guarded(&self, head: &Head, route: &Route, payload: &mut Payload) -> Reply {
        match self.check(head, route) {
            Ok(()) => self.v2.answer(head, route, payload).await,
            Err(refusal) => refusal,
        }
    }
}

/// The ARN of a repository.
fn arn(repository: &str) -> String {
    format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{repository}")
}
