//! Why AWS did not do what it was asked, told to a person who has to act.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::sync::Arc;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecr::config::http::HttpResponse;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::RequestId;

use crate::aws::call::Call;
use crate::aws::credentials::Late;
use crate::aws::http::redact;
use crate::text::{chain, cut, markup, quote};

/// Of AWS' own messages, this much is shown.
const MESSAGE_MAX_CHARS: usize = 600;

/// What to do where there are no credentials.
pub const NO_CREDENTIALS: &str = "no AWS credentials found: give the task, pod or instance a role, name a profile in \
     `AWS_PROFILE`, or set `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (none are in the environment, a profile, a web \
     identity, the container's endpoint and instance metadata)";

/// A failed call of the AWS API.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{call}: {kind}{}", id(request_id.as_deref()))]
pub struct Error {
    /// What was asked of whom.
    pub call: Call,
    /// What went wrong.
    pub kind: Kind,
    /// By this id, AWS finds the request in its logs.
    pub request_id: Option<String>,
    #[source]
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

fn id(request_id: Option<&str>) -> String {
    request_id.map(|id| format!(" (AWS request id {id})")).unwrap_or_default()
}

/// What went wrong, by what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Kind {
    /// No link of the default chain had credentials.
    #[error("{NO_CREDENTIALS}")]
    NoCredentials,
    /// Credentials were to be had, and could not be got: a role that may not be assumed, for example.
    #[error("the AWS credentials could not be obtained")]
    Credentials,
    /// AWS knows the caller, who may not do this; AWS' own words name the caller.
    #[error("access denied; allow this action on this resource in the IAM policy of the caller: {0}")]
    Denied(String),
    /// AWS does not accept the credentials themselves.
    #[error("AWS does not accept the credentials: {advice} ({code}: {message})")]
    Rejected {
        /// What to do.
        advice: &'static str,
        /// AWS' error code.
        code: String,
        /// AWS' own words.
        message: String,
    },
    /// Too many calls, also after retries.
    #[error("throttled, also after retries: lower `concurrency`, or ask AWS for a higher quota")]
    Throttled,
    /// There is no such repository.
    #[error(
        "the repository does not exist: create it (`aws ecr create-repository --repository-name NAME`), or set `ecr` → \
         `create_repositories: true` for its registry"
    )]
    RepositoryMissing,
    /// The key of the repository cannot be used.
    #[error("the KMS key cannot be used; the caller needs kms:CreateGrant and kms:DescribeKey on it: {0}")]
    Kms(String),
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The endpoint cannot be reached.
    #[error("the endpoint cannot be reached")]
    Unreachable,
    /// The request could not be made; the source says why.
    #[error("the request could not be made")]
    Unsent,
    /// The answer cannot be understood.
    #[error("cannot understand the answer: {0}")]
    Answer(String),
    /// Anything else that AWS says.
    #[error("{code}: {message}")]
    Other {
        /// AWS' error code, or the HTTP status where there is none.
        code: String,
        /// AWS' own words.
        message: String,
    },
}

impl Error {
    /// What went wrong, as a word: AWS' own code where there is one.
    pub fn code(&self) -> Cow<'static, str> {
        match &self.kind {
            Kind::NoCredentials => "no_credentials".into(),
            Kind::Credentials => "credentials".into(),
            Kind::Denied(_) => "AccessDenied".into(),
            Kind::Rejected { code, .. } | Kind::Other { code, .. } => code.clone().into(),
            Kind::Throttled => "throttled".into(),
            Kind::RepositoryMissing => "RepositoryNotFoundException".into(),
            Kind::Kms(_) => "KmsException".into(),
            Kind::Timeout => "timeout".into(),
            Kind::Unreachable => "no_answer".into(),
            Kind::Unsent => "unsent".into(),
            Kind::Answer(_) => "protocol".into(),
        }
    }

    /// Whether it is the repository that is missing.
    pub fn is_repository_missing(&self) -> bool {
        self.kind == Kind::RepositoryMissing
    }

    /// Whether access was refused, to all that the caller may ask alike.
    pub fn is_denied(&self) -> bool {
        matches!(
            self.kind,
            Kind::NoCredentials | Kind::Credentials | Kind::Denied { .. } | Kind::Rejected { .. }
        )
    }

    /// Whether it may pass by itself: no matter of permissions, names and settings.
    pub fn is_transient(&self) -> bool {
        match &self.kind {
            Kind::Throttled | Kind::Timeout | Kind::Unreachable => true,
            Kind::Other { code, .. } => is_of_server(code),
            Kind::Credentials => self.source.as_deref().is_some_and(|error| is_late(error)),
            _ => false,
        }
    }

    /// Whether the caller may not do this, or nobody may there: some stand-ins of AWS lack calls.
    pub(crate) fn is_call_missing(&self) -> bool {
        match &self.kind {
            Kind::Denied(_) => true,
            Kind::Other { code, .. } => code == "UnknownOperationException" || code == "InvalidAction",
            _ => false,
        }
    }

    /// A repository that has to exist and does not.
    pub(crate) fn repository_missing(call: Call) -> Self {
        Self { call, kind: Kind::RepositoryMissing, request_id: None, source: None }
    }

    /// An answer that cannot be understood. `what` must hold no part of a secret.
    pub(crate) fn answer(call: Call, what: impl Into<String>) -> Self {
        Self { call, kind: Kind::Answer(what.into()), request_id: None, source: None }
    }

    /// A request that could not be put together.
    pub(crate) fn unsent(call: Call, source: impl StdError + Send + Sync + 'static) -> Self {
        Self { call, kind: Kind::Unsent, request_id: None, source: Some(Arc::new(source)) }
    }

    /// Whether what was to be made is there already.
    pub(crate) fn is_repository_there(&self) -> bool {
        matches!(&self.kind, Kind::Other { code, .. } if code == "RepositoryAlreadyExistsException")
    }

    /// Judges an error of the SDK.
    pub fn sdk<E>(call: Call, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let request_id = error.request_id().map(shown);
        let kind = match &error {
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                let page = page(service.raw());
                kind_of_answer(service.err().code(), service.err().message().or(page.as_deref()), status)
            }
            SdkError::TimeoutError(_) => Kind::Timeout,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Kind::Timeout,
            SdkError::DispatchFailure(failure) if failure.is_io() => Kind::Unreachable,
            SdkError::ResponseError(response) => {
                Kind::Answer(page(response.raw()).unwrap_or_else(|| broken(&error)))
            }
            other => kind_of_failure(other),
        };
        // What AWS says is in the kind already, and `Display` does not repeat its source.
        let source = match error {
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => None,
            _ if kind == Kind::NoCredentials => None,
            error => error.into_source().ok().map(Arc::from),
        };
        Self { call, kind, request_id, source }
    }
}

/// A text of an answer, to be shown.
pub(super) fn shown(text: &str) -> String {
    quote(&redact(text))
}

/// What is wrong with an answer.
fn broken(error: &(dyn StdError + 'static)) -> String {
    let why = error.source().map(|cause| format!(": {}", shown(&chain(cause)))).unwrap_or_default();
    format!("the response is broken{why}")
}

/// What came where it was a web page: that it did, and its title.
fn page(answer: &HttpResponse) -> Option<String> {
    let page = markup(answer.body().bytes()?, redact)?;
    Some(format!("{page} came instead of an answer of AWS: a proxy or a login page may stand in between"))
}

/// For a request that did not leave: is it for want of credentials? An assumed role fails for
/// want of other credentials, so the deepest cause counts.
fn kind_of_failure(error: &(dyn StdError + 'static)) -> Kind {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    match causes.filter_map(|cause| cause.downcast_ref::<CredentialsError>()).last() {
        Some(CredentialsError::CredentialsNotLoaded(_)) => Kind::NoCredentials,
        Some(_) => Kind::Credentials,
        None => Kind::Unsent,
    }
}

/// Whether AWS says that the fault is its own.
fn is_of_server(code: &str) -> bool {
    let codes =
        ["ServerException", "ServiceUnavailableException", "ServiceUnavailable", "InternalServerError"];
    codes.contains(&code) || code.starts_with("Internal") || code.starts_with("HTTP status 5")
}

/// Whether whoever has the credentials did not answer in time.
fn is_late(error: &(dyn StdError + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |&cause| cause.source());
    causes.any(|cause| {
        cause.is::<Late>() || matches!(cause.downcast_ref(), Some(CredentialsError::ProviderTimedOut(_)))
    })
}

fn kind_of_answer(code: Option<&str>, message: Option<&str>, status: u16) -> Kind {
    let code = code.map_or_else(|| format!("HTTP status {status}"), quote);
    let message = cut(&quote(message.unwrap_or("no message")), MESSAGE_MAX_CHARS);
    let rejected = |advice| Kind::Rejected { advice, code: code.clone(), message: message.clone() };
    match code.as_str() {
        // The last two are SNS'.
        "AccessDeniedException"
        | "AccessDenied"
        | "UnauthorizedOperation"
        | "AuthorizationError"
        | "AuthorizationErrorException" => Kind::Denied(message),
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => {
            rejected("they have expired, log in again or renew them")
        }
        "UnrecognizedClientException" | "InvalidClientTokenId" => {
            rejected("the access key is unknown, disabled, or of another partition")
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" => {
            rejected("the secret key does not belong to the access key, or this machine's clock is wrong")
        }
        "MissingAuthenticationTokenException" | "IncompleteSignatureException" => {
            rejected("the request arrived without a whole signature, which proxies can cause")
        }
        "RepositoryNotFoundException" => Kind::RepositoryMissing,
        "KmsException" => Kind::Kms(message),
        code if code.starts_with("Throttl") => Kind::Throttled,
        "TooManyRequestsException" | "RequestLimitExceeded" | "SlowDown" => Kind::Throttled,
        _ if status == 429 => Kind::Throttled,
        _ => Kind::Other { code, message },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(code: &str, status: u16) -> String {
        let call = Call {
            service: "ecr",
            operation: "BatchGetImage",
            resource: "arn:aws:ecr:eu-central-1:123456789012:repository/java/jdk".to_owned(),
        };
        let kind = kind_of_answer(Some(code), Some("words of AWS"), status);
        Error { call, kind, request_id: Some("1-2".to_owned()), source: None }.to_string()
    }

    #[test]
    fn a_denial_names_action_and_resource() {
        insta::assert_snapshot!(judge("AccessDeniedException", 400), @"ecr:BatchGetImage on arn:aws:ecr:eu-central-1:123456789012:repository/java/jdk: access denied; allow this action on this resource in the IAM policy of the caller: words of AWS (AWS request id 1-2)");
    }

    #[test]
    fn a_denial_of_sns_has_a_code_of_its_own() {
        assert!(judge("AuthorizationError", 403).contains("allow this action"));
    }

    #[test]
    fn each_trouble_with_credentials_has_its_own_advice() {
        let advice = |code| judge(code, 400);
        assert!(advice("ExpiredTokenException").contains("they have expired"));
        assert!(advice("UnrecognizedClientException").contains("the access key is unknown"));
        assert!(advice("InvalidSignatureException").contains("this machine's clock is wrong"));
    }

    #[test]
    fn throttling_comes_under_many_names() {
        for (code, status) in
            [("ThrottlingException", 400), ("Throttling", 400), ("TooManyRequestsException", 429), ("x", 429)]
        {
            assert!(judge(code, status).contains("throttled"), "{code}");
        }
    }

    #[test]
    fn what_aws_says_of_itself_may_pass_and_what_it_says_of_the_caller_may_not() {
        let judge = |code: &str, status| {
            let call = Call { service: "ecr", operation: "BatchGetImage", resource: "*".to_owned() };
            let kind = kind_of_answer((!code.is_empty()).then_some(code), None, status);
            Error { call, kind, request_id: None, source: None }.is_transient()
        };
        for (code, status) in
            [("ThrottlingException", 400), ("ServerException", 500), ("", 503), ("InternalFailure", 500)]
        {
            assert!(judge(code, status), "{code} {status}");
        }
        for code in [
            "AccessDeniedException",
            "ExpiredTokenException",
            "RepositoryNotFoundException",
            "KmsException",
            "InvalidParameterException",
            "LimitExceededException",
        ] {
            assert!(!judge(code, 400), "{code}");
        }
    }

    #[test]
    fn the_rest_is_told_in_the_words_of_aws() {
        assert!(judge("ServerException", 500).contains("ServerException: words of AWS"));
    }
}
