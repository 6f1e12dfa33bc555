//! What a client of a registry is made with.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::login::Credentials;
use crate::oci::Host;
use crate::proxy::ProxyError;
use crate::registry::blobs::capacity::Chunks;
use crate::registry::blobs::ranges::Ranges;
use crate::registry::transport::limit::Limits;
use crate::registry::transport::observer::RequestObserver;
use crate::registry::transport::origin::PrivateHosts;
use crate::registry::transport::patience::Patience;
use crate::registry::transport::retry::Retry;

/// How a registry is reached.
#[derive(Clone)]
pub struct Options {
    /// Plain http instead of TLS.
    pub plain_http: bool,
    /// More certificate authorities to trust, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// Hosts inside that it may lead to although it is outside.
    pub private_redirects: PrivateHosts,
    /// Where its logins come from.
    pub credentials: Arc<dyn Credentials>,
    /// The token service to which alone a login may go; none for whichever the registry names.
    pub token_service: Option<Host>,
    /// Limits on the requests to it.
    pub limits: Limits,
    /// Manifests written a second, none for no limit of their own: ECR allows ten.
    pub manifests_per_second: Option<NonZeroU32>,
    /// The time to make a connection in.
    pub connect_timeout: Duration,
    /// How long its answers are waited for.
    pub patience: Patience,
    /// Whether blobs that are too large for one request are sent in chunks.
    pub chunks: Chunks,
    /// How often requests are tried.
    pub retry: Retry,
    /// How blobs are read where this source is slow.
    pub ranges: Ranges,
    /// Who counts them.
    pub observer: RequestObserver,
}

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// TLS cannot be set up.
    #[error("cannot set up TLS for {host}")]
    Tls {
        /// The registry.
        host: Host,
        /// Why.
        #[source]
        cause: reqwest::Error,
    },
    /// `ca_file` holds no certificates that can be used.
    #[error("`ca_file` of {host} {what}")]
    Authorities {
        /// The registry.
        host: Host,
        /// What the file is instead.
        what: String,
    },
    /// The host is not valid in an address.
    #[error("`{0}` cannot be part of an address")]
    Address(Host),
    /// A proxy variable cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}
