//! The AWS JSON 1.1 front door: which operation, may it be done, and the form of the answer.

use std::time::SystemTime;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::fake::store::Repository;
use crate::fake::wire::{Head, Reply};

use super::access::{api_error, api_reply, denial};
use super::{ACCOUNT, REGION, Service};

/// An AWS error: its code and its message.
pub(super) struct Failure(pub &'static str, pub String);

/// What an operation gives.
pub(super) type Outcome = Result<Value, Failure>;

/// A failure whose message is put together.
pub(super) fn fail<T>(code: &'static str, message: impl Into<String>) -> Result<T, Failure> {
    Err(Failure(code, message.into()))
}

impl Service {
    /// Answers a call of an AWS API.
    pub(super) fn call(&self, head: &Head, operation: &str, body: &Bytes) -> Reply {
        if head.authorization("AWS4-HMAC-SHA256").is_none() {
            return api_error(403, "MissingAuthenticationTokenException", "Missing Authentication Token");
        }
        if operation == "AssumeRole" {
            return self.assume_role(body);
        }
        let target = head.header("x-amz-target").unwrap_or_default();
        let service = if target.starts_with("secretsmanager.") { "secretsmanager" } else { "ecr" };
        let Ok(input) = serde_json::from_slice::<Value>(body) else {
            return api_error(400, "SerializationException", "the body is not JSON");
        };
        let action = format!("{service}:{operation}");
        if self.is_denied(&action) {
            let repository = input["repositoryName"].as_str().unwrap_or_default();
            return api_error(403, "AccessDeniedException", &denial(&action, repository));
        }
        match self.operate(&action, &input) {
            Ok(output) => api_reply(200, &output),
            Err(Failure(code, message)) => api_error(400, code, &message),
        }
    }

    fn operate(&self, action: &str, input: &Value) -> Outcome {
        match action {
            "ecr:GetAuthorizationToken" => Ok(self.authorization_token()),
            "ecr:DescribeRepositories" => self.describe_repositories(input),
            "ecr:CreateRepository" => self.create_repository(input),
            "ecr:PutLifecyclePolicy" => self.put_lifecycle_policy(input),
            "ecr:SetRepositoryPolicy" => self.set_repository_policy(input),
            "ecr:PutImageTagMutability" => self.put_image_tag_mutability(input),
            "ecr:TagResource" => self.tag_resource(input),
            "ecr:DescribeImages" => self.describe_images(input),
            "ecr:BatchGetImage" => self.batch_get_image(input),
            "ecr:BatchCheckLayerAvailability" => self.batch_check_layer_availability(input),
            "secretsmanager:GetSecretValue" => self.secret_value(input),
            _ => fail("UnknownOperationException", format!("the fake does not know {action}")),
        }
    }

    fn authorization_token(&self) -> Value {
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let token = self.tokens.lock().unwrap().make();
        json!({"authorizationData": [{
            "authorizationToken": token,
            "expiresAt": (now + self.token_lifetime).as_secs_f64(),
            "proxyEndpoint": format!("https://{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"),
        }]})
    }

    /// Works on the repository that a call names.
    pub(super) fn in_repository<T>(
        &self,
        input: &Value,
        work: impl FnOnce(&str, &mut Repository) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let name = input["repositoryName"].as_str().unwrap_or_default();
        let mut store = self.v2.store.lock().unwrap();
        match store.repositories.get_mut(name) {
            Some(repository) => work(name, repository),
            None => fail("RepositoryNotFoundException", not_found(name)),
        }
    }
}

/// ECR's words for a repository that is not there.
pub(super) fn not_found(name: &str) -> String {
    format!("The repository with name '{name}' does not exist in the registry with id '{ACCOUNT}'")
}
