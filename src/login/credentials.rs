//! Logins at a registry. Where they come from is known to those who implement [`Credentials`].

use std::fmt;

use futures_util::future::BoxFuture;
use secrecy::SecretString;
use tokio::time::Instant;

use crate::oci::Repository;

/// A user name and password.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user.
    pub username: String,
    /// The password or token.
    pub password: SecretString,
}

/// Why a login could not be had, in the words of its origin.
pub type CredentialsError = Box<dyn std::error::Error + Send + Sync>;

/// Gives the login for one registry.
///
/// It is asked before each use; an implementation whose login is costly caches it.
pub trait Credentials: Send + Sync + fmt::Debug {
    /// The login for a repository, none for an anonymous visitor. Most logins are for all of a registry.
    fn login(
        &self,
        repository: &Repository,
        freshness: Freshness,
    ) -> BoxFuture<'_, Result<Option<Login>, CredentialsError>>;

    /// Where the login comes from, for people: what to look at when it is refused.
    fn origin(&self) -> String;

    /// When the login is sent.
    fn manner(&self) -> Manner {
        Manner::Challenged
    }
}

/// Whether what was given before is still good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// A cached login will do.
    Cached,
    /// The registry refused the one that was in hand then: only a later one will do.
    After(Instant),
}

/// When a login is sent to the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As answer to a challenge, in the way that the challenge asks for.
    Challenged,
    /// With every request, as `Basic`: ECR takes its token this way and gives no token service.
    Unasked,
}

/// A login that never changes.
impl Credentials for Login {
    fn login(&self, _: &Repository, _: Freshness) -> BoxFuture<'_, Result<Option<Login>, CredentialsError>> {
        Box::pin(std::future::ready(Ok(Some(self.clone()))))
    }

    fn origin(&self) -> String {
        "`credentials` in the configuration".to_owned()
    }
}
