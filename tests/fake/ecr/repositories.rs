//! The operations on repositories themselves.

use serde_json::{Value, json};
use tagferry::oci;

use crate::fake::store::Repository;

use super::api::{Outcome, fail, not_found};
use super::settings::Settings;
use super::{ACCOUNT, REGION, Service, arn};

impl Service {
    pub(super) fn describe_repositories(&self, input: &Value) -> Outcome {
        let store = self.v2.store.lock().unwrap();
        let Some(names) = input["repositoryNames"].as_array() else {
            // 100 where nothing is said. The token is the last name of the page before.
            let size = input["maxResults"].as_u64().unwrap_or(100);
            if !(1..=1000).contains(&size) {
                return fail(
                    "InvalidParameterException",
                    format!("Invalid parameter at 'maxResults': {size}"),
                );
            }
            let last = input["nextToken"].as_str();
            let mut rest =
                store.repositories.iter().filter(|(name, _)| last.is_none_or(|last| *name.as_str() > *last));
            let page: Vec<_> = rest.by_ref().take(usize::try_from(size).unwrap()).collect();
            let next = page.last().map(|(name, _)| (*name).clone()).filter(|_| rest.next().is_some());
            let page: Vec<_> =
                page.into_iter().map(|(name, repository)| describe(name, repository)).collect();
            return Ok(json!({"repositories": page, "nextToken": next}));
        };
        if names.len() > 100 {
            return fail("InvalidParameterException", "at most 100 repository names");
        }
        let mut found = Vec::new();
        for name in names.iter().filter_map(Value::as_str) {
            match store.repositories.get(name) {
                Some(repository) => found.push(describe(name, repository)),
                None => return fail("RepositoryNotFoundException", not_found(name)),
            }
        }
        Ok(json!({ "repositories": found }))
    }

    pub(super) fn create_repository(&self, input: &Value) -> Outcome {
        let name = input["repositoryName"].as_str().unwrap_or_default();
        if !(2..=256).contains(&name.len()) || name.parse::<oci::Repository>().is_err() {
            return fail(
                "InvalidParameterException",
                format!("Invalid parameter at 'repositoryName': {name}"),
            );
        }
        if input["tags"].as_array().is_some_and(|tags| !tags.is_empty()) && self.is_denied("ecr:TagResource")
        {
            return fail("AccessDeniedException", super::access::denial("ecr:TagResource", name));
        }
        let settings = match Settings::read(input) {
            Ok(settings) => settings,
            Err(message) => return fail("InvalidParameterException", message),
        };
        let mut store = self.v2.store.lock().unwrap();
        if store.repositories.contains_key(name) {
            let message = format!(
                "The repository with name '{name}' already exists in the registry with id '{ACCOUNT}'"
            );
            return fail("RepositoryAlreadyExistsException", message);
        }
        let repository = store.repositories.entry(name.to_owned()).or_default();
        repository.settings = settings;
        Ok(json!({"repository": describe(name, repository)}))
    }

    pub(super) fn put_lifecycle_policy(&self, input: &Value) -> Outcome {
        let text = input["lifecyclePolicyText"].as_str().unwrap_or_default();
        if !(100..=30_720).contains(&text.len()) || serde_json::from_str::<Value>(text).is_err() {
            return fail("InvalidParameterException", "Invalid parameter at 'LifecyclePolicyText'");
        }
        self.in_repository(input, |name, repository| {
            repository.settings.lifecycle_policy = Some(text.to_owned());
            Ok(json!({"registryId": ACCOUNT, "repositoryName": name, "lifecyclePolicyText": text}))
        })
    }

    pub(super) fn set_repository_policy(&self, input: &Value) -> Outcome {
        let text = input["policyText"].as_str().unwrap_or_default();
        if text.len() > 10_240 || serde_json::from_str::<Value>(text).is_err() {
            return fail("InvalidParameterException", "Invalid parameter at 'PolicyText'");
        }
        self.in_repository(input, |name, repository| {
            repository.settings.policy = Some(text.to_owned());
            Ok(json!({"registryId": ACCOUNT, "repositoryName": name, "policyText": text}))
        })
    }

    pub(super) fn put_image_tag_mutability(&self, input: &Value) -> Outcome {
        self.in_repository(input, |name, repository| {
            let mut settings = repository.settings.clone();
            if let Err(message) = settings.read_mutability(input) {
                return fail("InvalidParameterException", message);
            }
            repository.settings = settings;
            Ok(describe(name, repository))
        })
    }

    pub(super) fn tag_resource(&self, input: &Value) -> Outcome {
        let arn = input["resourceArn"].as_str().unwrap_or_default();
        let name = arn.split_once(":repository/").map_or("", |(_, name)| name);
        self.in_repository(&json!({"repositoryName": name}), |_, repository| {
            repository.settings.read_tags(input);
            Ok(json!({}))
        })
    }
}

fn describe(name: &str, repository: &Repository) -> Value {
    let mut description = json!({
        "repositoryArn": arn(name),
        "registryId": ACCOUNT,
        "repositoryName": name,
        "repositoryUri": format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name}"),
        "createdAt": 1_700_000_000.0,
    });
    repository.settings.write(&mut description);
    description
}
