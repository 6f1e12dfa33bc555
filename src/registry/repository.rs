//! One repository of a registry; its verbs are in the files beside this one.

use http::Method;

use crate::oci;
use crate::registry::access::auth::{Access, Scope};
use crate::registry::client::Client;
use crate::registry::request::Request;

/// A repository and the client of its registry.
#[derive(Clone, Debug)]
pub struct Repository {
    pub(super) client: Client,
    pub(super) name: oci::Repository,
}

impl Repository {
    /// The repository of this name. Contacts nobody.
    pub fn new(client: Client, name: oci::Repository) -> Self {
        Self { client, name }
    }

    /// The path in its registry.
    pub fn path(&self) -> &oci::Repository {
        &self.name
    }

    /// The registry.
    pub fn host(&self) -> &oci::Host {
        self.client.host()
    }

    /// A request that only reads.
    pub(super) fn read(&self, method: Method, rest: &str) -> Request {
        Request::new(method, self.client.url(&self.name, rest), self.scope(Access::Pull))
    }

    /// A request that belongs to a push.
    pub(super) fn write(&self, method: Method, rest: &str) -> Request {
        Request::new(method, self.client.url(&self.name, rest), self.scope(Access::PullPush))
    }

    pub(super) fn scope(&self, access: Access) -> Scope {
        Scope { repository: self.name.clone(), access }
    }
}
