//! What goes wrong between us and a registry, in terms of what a caller does about it.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use url::Url;

use crate::login::CredentialsError;
use crate::oci::{Digest, ManifestError};
use crate::registry::code;
use crate::registry::refusal::Refusal;
use crate::registry::transport::resolve;
use crate::text::{address, chain};

/// A request that failed: what was asked, and why it failed.
///
/// Cheap to clone: whoever waited for the same answer gets the same error.
#[derive(Clone, Debug)]
pub struct Error {
    inner: Arc<Inner>,
    /// What to do about it, where that is known.
    hint: Option<Arc<str>>,
}

#[derive(Debug)]
struct Inner {
    /// Method and address, without query: it may hold a presigned signature.
    request: String,
    /// Whether it is a write that may have been sent just once.
    is_write: bool,
    kind: Kind,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Kind {
    /// The connection could not be made or broke.
    #[error("no answer")]
    Transport(#[source] reqwest::Error),
    /// No data for this long.
    #[error("no data for {}", humantime::format_duration(*.0))]
    Stalled(Duration),
    /// The answer came, too slowly to be waited for.
    #[error(
        "the answer was not whole within {} (`timeouts.metadata`): {got} bytes came",
        humantime::format_duration(*time)
    )]
    Late {
        /// Bytes that came.
        got: u64,
        /// The time that it had.
        time: Duration,
    },
    /// The bytes of a blob moved, too slowly to be waited for.
    #[error(
        "only {bytes} bytes moved within {}, less than `timeouts.pace`",
        humantime::format_duration(*time)
    )]
    Slow {
        /// Bytes that moved.
        bytes: u64,
        /// In this time of waiting for them.
        time: Duration,
    },
    /// The answer ended before its end.
    #[error("the answer ended after {got} of {expected} bytes")]
    Truncated {
        /// Bytes that came.
        got: u64,
        /// Bytes that were to come.
        expected: u64,
    },
    /// The registry refused.
    #[error("{0}")]
    Refused(Refusal),
    /// The host that the registry redirected to refused.
    #[error("{0}, from the host that the registry redirected to")]
    RefusedElsewhere(Refusal),
    /// The token service refused to let us log in.
    #[error("{0}, from the token service")]
    NoToken(Refusal),
    /// A login could not be had from where it is kept.
    #[error("cannot get credentials")]
    Credentials(#[source] CredentialsError),
    /// The bytes are not those of the digest.
    #[error("wrong content: expected {expected}, got {got}")]
    Digest {
        /// What was asked for.
        expected: Digest,
        /// What came.
        got: Digest,
    },
    /// There are more or fewer bytes than announced.
    #[error("wrong size: expected {expected} bytes, got {got}")]
    Size {
        /// What was announced.
        expected: u64,
        /// What came, at least.
        got: u64,
    },
    /// A document that cannot be copied.
    #[error("unusable manifest")]
    Manifest(#[source] ManifestError),
    /// The answer breaks the protocol, or a rule that keeps us safe.
    #[error("{0}")]
    Protocol(String),
    /// A page for people, told by its title, came instead of a document.
    #[error("{0} came instead of what was asked for: a proxy or a login page may stand in between")]
    WebPage(String),
    /// The pull quota of the host is used up. It is not asked for this long.
    #[error(
        "the pull quota of this host is used up: it is asked again in {}; credentials may have a larger quota",
        humantime::format_duration(Duration::from_mins(.0.as_secs().div_ceil(60)))
    )]
    PullsUsedUp(Duration),
    /// The source cannot resume where a transfer broke: it has to start over.
    #[error("the source cannot resume: {0}")]
    StartOver(String),
}

/// All causes included.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { request, kind, .. } = &*self.inner;
        write!(f, "{request}: {}", chain(kind))
    }
}

impl std::error::Error for Error {}

impl Error {
    /// A failure of a request to an address of our own making.
    pub(super) fn new(method: &Method, url: &Url, kind: Kind) -> Self {
        Self::at(method, &address(url), kind)
    }

    /// A failure at an address as it is shown.
    pub(super) fn at(method: &Method, address: &str, kind: Kind) -> Self {
        Self::of(format!("{method} {address}"), [Method::PUT, Method::PATCH].contains(method), kind)
    }

    /// A failure to log in at the registry of this address.
    pub(super) fn login(root: &Url, kind: Kind) -> Self {
        Self::of(format!("cannot log in at {}", root.authority()), false, kind)
    }

    fn of(request: String, is_write: bool, kind: Kind) -> Self {
        Self { inner: Arc::new(Inner { request, is_write, kind }), hint: None }
    }

    pub(super) fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }

    /// Why.
    pub fn kind(&self) -> &Kind {
        &self.inner.kind
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref().or_else(|| match self.kind() {
            Kind::Manifest(cause) => cause.hint(),
            _ => None,
        })
    }

    /// What went wrong, as a word: the registry's own code, its status, or what broke.
    pub fn code(&self) -> Cow<'static, str> {
        match self.kind() {
            Kind::Transport(_) => "no_answer".into(),
            Kind::Stalled(_) => "stalled".into(),
            Kind::Late { .. } | Kind::Slow { .. } => "slow".into(),
            Kind::Truncated { .. } => "truncated".into(),
            Kind::Refused(refusal) | Kind::RefusedElsewhere(refusal) | Kind::NoToken(refusal) => {
                refusal.code()
            }
            Kind::Credentials(_) => "no_credentials".into(),
            Kind::Digest { .. } => "wrong_content".into(),
            Kind::Size { .. } => "wrong_size".into(),
            Kind::Manifest(_) => "unusable".into(),
            Kind::Protocol(_) | Kind::WebPage(_) => "protocol".into(),
            Kind::PullsUsedUp(_) => "pulls_used_up".into(),
            Kind::StartOver(_) => "cannot_resume".into(),
        }
    }

    /// The refusal, if the registry answered with one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.inner.kind {
            Kind::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// The refusal, whoever answered with one.
    pub(super) fn any_refusal(&self) -> Option<&Refusal> {
        match self.kind() {
            Kind::Refused(refusal) | Kind::RefusedElsewhere(refusal) | Kind::NoToken(refusal) => {
                Some(refusal)
            }
            _ => None,
        }
    }

    /// Whether the registry refused with this status.
    pub fn is_status(&self, status: StatusCode) -> bool {
        self.refusal().is_some_and(|refusal| refusal.status == status)
    }

    /// Whether the registry refused this very request for good. 403 is among that: not all say 404 of what is not there.
    pub fn is_refused_for_good(&self) -> bool {
        let is_own = |status: StatusCode| status.is_client_error() && status != StatusCode::UNAUTHORIZED;
        self.refusal().is_some_and(|refusal| is_own(refusal.status)) && self.transient().is_none()
    }

    /// Whether the registry refused for good, and not because of who asks.
    pub(super) fn is_final_refusal(&self) -> bool {
        self.is_refused_for_good() && !self.is_unauthorized()
    }

    /// By this id, the registry finds the refused request in its logs, if it gave one.
    pub fn request_id(&self) -> Option<&str> {
        self.any_refusal()?.request_id.as_deref()
    }

    /// Whether access was refused, or no login could be had to ask for it: a matter of logins, licences and
    /// policies, the same for all tags.
    pub fn is_denied(&self) -> bool {
        self.is_unauthorized() || matches!(self.kind(), Kind::Credentials(_))
    }

    /// Whether the registry itself refused access, or its token service did. That service has no images to miss:
    /// its 404 is a refusal like any other, seen at Oracle.
    pub(super) fn is_unauthorized(&self) -> bool {
        match self.kind() {
            Kind::NoToken(refusal) => refusal.transient().is_none(),
            _ => {
                self.is_status(StatusCode::UNAUTHORIZED)
                    || self.is_status(StatusCode::FORBIDDEN) && !self.is_over_quota()
            }
        }
    }

    /// Whether a quota is used up, which ECR also says with 403.
    pub(super) fn is_over_quota(&self) -> bool {
        self.refusal().is_some_and(|refusal| refusal.has_code(code::LIMIT_EXCEEDED))
    }

    /// The word for what may pass by itself, none for what will not.
    pub fn transient(&self) -> Option<&'static str> {
        match &self.inner.kind {
            Kind::Transport(error) => (!error.is_builder() && !is_final(error)).then_some("transport"),
            Kind::Stalled(_) => Some("stalled"),
            Kind::Late { .. } | Kind::Slow { .. } => Some("slow"),
            Kind::Truncated { .. } => Some("truncated"),
            // A presigned address dies soon; the registry gives a new one.
            Kind::RefusedElsewhere(refusal) if refusal.status == StatusCode::FORBIDDEN => Some("elsewhere"),
            Kind::Refused(refusal) | Kind::RefusedElsewhere(refusal) | Kind::NoToken(refusal) => {
                refusal.transient()
            }
            _ => None,
        }
    }

    /// Whether it may be otherwise in a while. More than what is tried again within a request: wrong bytes may be those of
    /// a cache in between, and a quota is renewed.
    pub fn may_pass(&self) -> bool {
        let kind = self.kind();
        self.transient().is_some()
            || matches!(
                kind,
                Kind::Digest { .. }
                    | Kind::Size { .. }
                    | Kind::WebPage(_)
                    | Kind::StartOver(_)
                    | Kind::PullsUsedUp(_)
            )
    }

    /// Whether a new upload of the same blob may succeed. Only the `PUT` of a body is sent just once; everything
    /// else was tried as often as it is worth.
    pub fn is_worth_new_upload(&self) -> bool {
        let is_gone = |refusal: &Refusal| {
            refusal.status == StatusCode::NOT_FOUND && !refusal.has_code(code::NAME_UNKNOWN)
                || refusal.has_code(code::BLOB_UPLOAD_UNKNOWN)
                || refusal.has_code(code::BLOB_UPLOAD_INVALID)
        };
        let is_logged_out = self.is_status(StatusCode::UNAUTHORIZED) || self.is_expired_login();
        self.inner.is_write
            && (self.transient().is_some() || is_logged_out || self.refusal().is_some_and(is_gone))
    }

    /// Whether our login was valid and is no longer. ECR says it with 403 (aws/aws-cli#6580).
    pub(super) fn is_expired_login(&self) -> bool {
        let expired = |refusal: &Refusal| refusal.status == StatusCode::FORBIDDEN && refusal.says("expired");
        self.refusal().is_some_and(expired)
    }

    /// How long the registry asks to wait, if it says.
    pub fn retry_after(&self) -> Option<Duration> {
        self.any_refusal()?.retry_after
    }
}

/// A certificate that is not trusted does not become so by trying again, nor does a server without TLS learn it, nor
/// an address that is refused become a good one.
fn is_final(error: &reqwest::Error) -> bool {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.any(|cause| {
        let text = cause.to_string();
        cause.is::<resolve::Refused>() || text.contains("certificate") || text.contains("InvalidContentType")
    })
}
