//! An in-memory registry, with the faces that registries in the field have.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use tagferry::oci::Digest;
use tokio::net::TcpListener;

use super::auth::{Auth, Bearer, Gatekeeper, Licence, Scope};
use super::images::Image;
use super::quirks::{LinkStyle, Quirks};
use super::route::Route;
use super::server::{Handler, Server};
use super::storage::Storage;
use super::store::{Repository, Store};
use super::v2::V2;
use super::wire::{Head, Payload, Reply};

/// The user that every face knows.
pub const USER: &str = "user@example.com";
/// That user's password.
pub const PASSWORD: &str = "correct horse";

/// Ways in which registries present themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// No authentication at all, as MCR.
    Open,
    /// User and password.
    Basic,
    /// An ordinary token realm that also serves the anonymous.
    Token,
    /// Oracle Container Registry: realm `/auth`, a service name with a space, `expires_in` unsaid.
    Oracle,
    /// ECR Public: the scope is the word `aws`.
    EcrPublic,
    /// Quay: realm `/v2/auth`, and pages by an opaque cursor.
    Quay,
}

impl Face {
    fn auth(self) -> Auth {
        let bearer = Bearer::default();
        Auth::Bearer(match self {
            Self::Open => return Auth::Open,
            Self::Basic => return Auth::Basic,
            Self::Token => bearer,
            Self::Oracle => Bearer {
                realm: "/auth".to_owned(),
                service: "Oracle Registry".to_owned(),
                expires_in: None,
                ..bearer
            },
            Self::EcrPublic => Bearer {
                realm: "/token/".to_owned(),
                service: "public.ecr.aws".to_owned(),
                scope: Scope::Fixed("aws"),
                ..bearer
            },
            Self::Quay => Bearer {
                realm: "/v2/auth".to_owned(),
                service: "quay.io".to_owned(),
                expires_in: None,
                ..bearer
            },
        })
    }

    fn quirks(self) -> Quirks {
        let link = if self == Self::Quay { LinkStyle::Cursor } else { LinkStyle::Relative };
        Quirks { link, ..Quirks::default() }
    }
}

/// A registry before it starts.
pub struct Builder {
    auth: Auth,
    quirks: Quirks,
    password: String,
    has_storage: bool,
    listener: Option<TcpListener>,
}

impl Builder {
    /// Replaces what the face asks for.
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Asks for tokens of a realm.
    pub fn bearer(self, bearer: Bearer) -> Self {
        self.auth(Auth::Bearer(bearer))
    }

    /// Gives the user another password.
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// Changes the quirks of the face.
    pub fn quirks(mut self, change: impl FnOnce(&mut Quirks)) -> Self {
        change(&mut self.quirks);
        self
    }

    /// Redirects reads of blobs to another origin with presigned addresses.
    pub fn blobs_elsewhere(mut self) -> Self {
        self.has_storage = true;
        self
    }

    /// Serves a listener of the caller.
    pub fn listener(mut self, listener: TcpListener) -> Self {
        self.listener = Some(listener);
        self
    }

    pub async fn start(self) -> Registry {
        let store = Arc::new(Mutex::new(Store::default()));
        let storage = if self.has_storage {
            let storage = Arc::new(Storage::new(Arc::clone(&store)));
            let server = Server::start(Arc::clone(&storage)).await;
            storage.is_at(server.host());
            Some((storage, server))
        } else {
            None
        };
        let users = vec![(USER.to_owned(), self.password)];
        let service = Arc::new(Service {
            gate: Gatekeeper::new(self.auth, users),
            v2: V2 {
                store,
                quirks: self.quirks,
                storage: storage.as_ref().map(|(storage, _)| Arc::clone(storage)),
            },
        });
        let server = match self.listener {
            Some(listener) => Server::on(listener, Arc::clone(&service)),
            None => Server::start(Arc::clone(&service)).await,
        };
        Registry { service, server, storage }
    }
}

/// A running registry. It is also its [`Server`]: faults, requests, host.
pub struct Registry {
    service: Arc<Service>,
    server: Server,
    storage: Option<(Arc<Storage>, Server)>,
}

struct Service {
    gate: Gatekeeper,
    v2: V2,
}

impl Registry {
    /// A registry with this face on a free loopback port.
    pub async fn start(face: Face) -> Self {
        Self::builder(face).start().await
    }

    pub fn builder(face: Face) -> Builder {
        Builder {
            auth: face.auth(),
            quirks: face.quirks(),
            password: PASSWORD.to_owned(),
            has_storage: false,
            listener: None,
        }
    }

    /// Tags an image, replacing what had the tag.
    pub fn push(&self, repository: &str, tag: &str, image: &Image) {
        self.service.v2.store.lock().unwrap().push(repository, tag, image);
    }

    /// Adds an image without a tag: an upstream's referrer, or a part of what is to come.
    pub fn push_untagged(&self, repository: &str, image: &Image) {
        self.edit(repository, |repository| repository.add(image));
    }

    /// Changes a repository behind the API, making it if there is none.
    pub fn edit<T>(&self, repository: &str, change: impl FnOnce(&mut Repository) -> T) -> T {
        let mut store = self.service.v2.store.lock().unwrap();
        change(store.repositories.entry(repository.to_owned()).or_default())
    }

    /// The tags of a repository; none where there is no such repository.
    pub fn tags(&self, repository: &str) -> BTreeMap<String, Digest> {
        self.repository(repository).map(|repository| repository.tags).unwrap_or_default()
    }

    /// All that a repository holds.
    pub fn repository(&self, repository: &str) -> Option<Repository> {
        self.service.v2.store.lock().unwrap().repositories.get(repository).cloned()
    }

    /// All repositories with all that they hold.
    pub fn repositories(&self) -> BTreeMap<String, Repository> {
        self.service.v2.store.lock().unwrap().repositories.clone()
    }

    /// Deletes a repository with all that it holds.
    pub fn remove(&self, repository: &str) {
        self.service.v2.store.lock().unwrap().repositories.remove(repository);
    }

    /// Fails the test if a tag's graph is not complete and right.
    #[track_caller]
    pub fn assert_consistent(&self) {
        assert_eq!(self.service.v2.store.lock().unwrap().faults(), Vec::<String>::new());
    }

    pub fn require_licence(&self, repository: &str, licence: Licence) {
        self.service.gate.require_licence(repository, licence);
    }

    pub fn accept_licence(&self, repository: &str) {
        self.service.gate.accept_licence(repository);
    }

    pub fn revoke_tokens(&self) {
        self.service.gate.revoke_tokens();
    }

    pub fn tokens_made(&self) -> usize {
        self.service.gate.tokens_made()
    }

    /// The other origin, where blobs are read there.
    pub fn storage(&self) -> &Server {
        &self.storage.as_ref().unwrap().1
    }

    /// Makes the presigned addresses so far invalid.
    pub fn expire_links(&self) {
        self.storage.as_ref().unwrap().0.expire_links();
    }
}

impl Deref for Registry {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Handler for Service {
    async fn answer(&self, head: &Head, payload: &mut Payload) -> Reply {
        if self.gate.is_realm(head) {
            return self.gate.token(head);
        }
        if let Some(moved) = self.v2.moved(head) {
            return moved;
        }
        let route = Route::of(head);
        match self.gate.check(head, &route) {
            Ok(()) => self.v2.answer(head, &route, payload).await,
            Err(refusal) => refusal,
        }
    }
}
