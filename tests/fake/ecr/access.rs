//! Who may do what: ECR's tokens on the data plane, IAM on both planes, and AWS' form of an error.

use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::json;

use crate::fake::route::{Kind, Route};
use crate::fake::wire::{Head, Reply};

use super::{ACCOUNT, Service, arn};

/// The tokens that were given.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub made: usize,
    /// Tokens up to this number have expired.
    expired: usize,
}

impl Tokens {
    /// A new token in the form of the API.
    pub fn make(&mut self) -> String {
        self.made += 1;
        STANDARD.encode(format!("AWS:{PASSWORD}{}", self.made))
    }

    pub fn expire(&mut self) {
        self.expired = self.made;
    }

    /// The number of a token that was given.
    fn number(&self, token: &str) -> Option<usize> {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        let number = text.strip_prefix("AWS:")?.strip_prefix(PASSWORD)?.parse().ok()?;
        (1..=self.made).contains(&number).then_some(number)
    }
}

/// How the password of a token begins.
const PASSWORD: &str = "ecr-password-";

impl Service {
    /// Lets a request for the data plane pass, or gives the refusal.
    pub(super) fn check(&self, head: &Head, route: &Route) -> Result<(), Reply> {
        let Some(token) = head.authorization("Basic") else {
            let challenge = format!(r#"Basic realm="https://{}/",service="ecr.amazonaws.com""#, head.host());
            return Err(Reply::status(401).challenge(&challenge).body("no basic auth credentials"));
        };
        let tokens = self.tokens.lock().unwrap();
        match tokens.number(token) {
            None => return Err(Reply::status(401).body("Not Authorized")),
            Some(number) if number <= tokens.expired => {
                let message = "Your authorization token has expired. Reauthenticate and try again.";
                return Err(Reply::error(403, "DENIED", message));
            }
            Some(_) => {}
        }
        let denied = actions(head, route).into_iter().find(|action| self.is_denied(action));
        match denied {
            Some(action) => Err(Reply::error(403, "DENIED", &denial(action, &route.name))),
            None => Ok(()),
        }
    }

    /// Whether a test denied this action.
    pub(super) fn is_denied(&self, action: &str) -> bool {
        self.denied.lock().unwrap().contains(action)
    }
}

/// The IAM actions that a request of the data plane needs.
fn actions(head: &Head, route: &Route) -> Vec<&'static str> {
    match (route.kind, head.method.clone()) {
        (Kind::Tags, _) => vec!["ecr:ListImages"],
        (Kind::Manifest, Method::PUT) => vec!["ecr:PutImage"],
        (Kind::Manifest | Kind::Referrers, _) => vec!["ecr:BatchGetImage"],
        (Kind::Blob, Method::HEAD) => vec!["ecr:BatchCheckLayerAvailability"],
        (Kind::Blob, _) => vec!["ecr:GetDownloadUrlForLayer"],
        (Kind::UploadStart, _) => vec!["ecr:InitiateLayerUpload"],
        (Kind::Upload, Method::PUT) => vec!["ecr:UploadLayerPart", "ecr:CompleteLayerUpload"],
        (Kind::Upload, _) => vec!["ecr:UploadLayerPart"],
        (Kind::Ping | Kind::Catalogue | Kind::Api | Kind::Other, _) => vec![],
    }
}

/// IAM's words for a denial; on everything where there is no repository.
pub(super) fn denial(action: &str, repository: &str) -> String {
    let resource = if repository.is_empty() { "*".to_owned() } else { arn(repository) };
    format!(
        "User: arn:aws:iam::{ACCOUNT}:user/mirror is not authorized to perform: {action} on resource: \
         {resource} because no identity-based policy allows the {action} action"
    )
}

/// An error of an AWS JSON API.
pub fn api_error(status: u16, code: &str, message: &str) -> Reply {
    api_reply(status, &json!({"__type": code, "message": message})).named("x-amzn-errortype", code)
}

/// An answer of an AWS JSON API.
pub(super) fn api_reply(status: u16, document: &serde_json::Value) -> Reply {
    static REQUESTS: AtomicUsize = AtomicUsize::new(0);
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    Reply::json(status, document)
        .header(CONTENT_TYPE, "application/x-amz-json-1.1")
        .named("x-amzn-requestid", format!("00000000-0000-4000-8000-{number:012}"))
}
