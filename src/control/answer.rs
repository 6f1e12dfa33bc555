//! Answers that say what is wrong, as `{"error": "…"}`.

use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::UnknownMirror;
use crate::control::access::AccessDenied;
use crate::worker::TooManyTags;

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Mirror(#[from] UnknownMirror),
    #[error("run `{0}` is not known: the last thousand since the start are remembered")]
    Run(String),
    #[error(transparent)]
    Refused(#[from] AccessDenied),
    #[error("tagferry is stopping and takes no work")]
    Stopping,
    #[error("too many listeners already: close a page, or poll /api/v1/mirrors")]
    Listeners,
    #[error(transparent)]
    Tags(#[from] TooManyTags),
    #[error("{0}")]
    Query(String),
    #[error("name the mirrors of the tag: `?mirror=NAME&tag=TAG`")]
    NoMirror,
    #[error("there is nothing at `{0}`; /api/v1/openapi.json says what there is")]
    Route(String),
    #[error("`{0}` is not for {1}; /api/v1/openapi.json says what there is")]
    Method(String, Method),
    #[error("a request has one header `Host`")]
    Hosts,
    #[error(
        "this daemon listens on loopback and does not answer to the name `{0}`: use localhost, or set `public_url` in \
         its configuration to the address that people use"
    )]
    Host(String),
    #[error("too many requests with wrong tokens are being answered: come back later")]
    WrongTokens,
    #[error("the answer took too long")]
    Time,
    #[error("{0}")]
    Internal(String),
}

/// How to log in.
pub(super) const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"tagferry\"");

/// Why a request is not answered as asked, and what to do.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(super) struct ErrorBody {
    pub(super) error: String,
}

impl Error {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Mirror(_) | Self::NoMirror | Self::Run(_) | Self::Route(_) => StatusCode::NOT_FOUND,
            Self::Refused(denied) => denied.status(),
            Self::Stopping | Self::Listeners | Self::Tags(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Query(_) | Self::Hosts => StatusCode::BAD_REQUEST,
            Self::Host(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::WrongTokens => StatusCode::TOO_MANY_REQUESTS,
            Self::Method(..) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Time => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        let mut response = (status, Json(ErrorBody { error: self.to_string() })).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        response
    }
}

pub(super) async fn no_such_route(uri: Uri) -> Error {
    Error::Route(uri.path().to_owned())
}

pub(super) async fn no_such_method(method: Method, uri: Uri) -> Error {
    Error::Method(uri.path().to_owned(), method)
}
