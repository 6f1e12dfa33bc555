//! The repositories of a registry.

use http::Method;

use crate::oci::Repository;
use crate::registry::access::auth::{Access, Scope};
use crate::registry::client::Client;
use crate::registry::error::Error;
use crate::registry::lists::List;
use crate::registry::request::Request;

const CATALOGUE: List =
    List { what: "catalogue", member: "repositories", page: 1000, max: 100_000, is_strict: true };

impl Client {
    /// All repositories that the registry lists, each once, in its order. Names that are none are left out.
    ///
    /// `asker` is any repository that is looked for: where logins are kept for parts of a registry, the one for it is used.
    pub async fn catalogue(&self, asker: &Repository) -> Result<Vec<Repository>, Error> {
        let scope = |access| Scope { repository: asker.clone(), access };
        let mut read = self.catalogue_as(scope(Access::Catalogue)).await;
        // Quay's token service knows no scope but those of repositories (xelalexv/dregsy#57), Harbor takes no token for
        // its catalogue (goharbor/harbor#13573).
        for access in [Access::Pull, Access::CatalogueByPassword] {
            match &read {
                Err(error) if error.is_unauthorized() && self.takes_tokens() => {
                    read = self.catalogue_as(scope(access)).await;
                }
                _ => {}
            }
        }
        match read {
            Err(error) => Err(self.explain_catalogue(error, &scope(Access::Catalogue)).await),
            read => read,
        }
    }

    async fn catalogue_as(&self, scope: Scope) -> Result<Vec<Repository>, Error> {
        CATALOGUE.read(self, Request::new(Method::GET, self.catalogue_url(), scope)).await
    }
}
