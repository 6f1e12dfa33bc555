//! Repositories: is it there, may its tags move, and if need be, make it.

use aws_sdk_ecr::error::BuildError;
use aws_sdk_ecr::operation::create_repository::builders::CreateRepositoryFluentBuilder;
use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability,
    ImageTagMutabilityExclusionFilter, ImageTagMutabilityExclusionFilterType, Repository as Description,
    Tag as ResourceTag,
};

use crate::aws::Error;
use crate::ecr::client::Api;
use crate::ecr::settings::{Encryption, RepositorySettings, TagMutability};
use crate::oci::Repository;

/// ECR gives no more in one call.
const PAGE_REPOSITORIES: i32 = 1000;
/// The most repositories of a registry that are accepted, as of any catalogue; ECR's quota is as many, and can be raised.
const REPOSITORIES_MAX: usize = 100_000;
/// The most answers that are read: they may hold few repositories, or none.
const PAGES_MAX: usize = 1000;

impl Api {
    /// All repositories of the registry.
    pub async fn repositories(&self) -> Result<Vec<Repository>, Error> {
        let call = || self.call_on_all("DescribeRepositories");
        let (mut all, mut next) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let request = self
                .client
                .describe_repositories()
                .registry_id(&self.account)
                .max_results(PAGE_REPOSITORIES)
                .set_next_token(next.clone());
            let answer = call().make(request.send()).await?;
            let names = answer.repositories().iter().filter_map(Description::repository_name);
            all.extend(names.filter_map(|name| name.parse::<Repository>().ok()));
            let before = std::mem::replace(&mut next, answer.next_token.filter(|token| !token.is_empty()));
            if next.is_none() {
                return Ok(all);
            }
            if next == before {
                return Err(Error::answer(call(), "it gives the same `nextToken` twice"));
            }
            if all.len() > REPOSITORIES_MAX {
                let why = format!("it describes more than {REPOSITORIES_MAX} repositories");
                return Err(Error::answer(call(), why));
            }
        }
        Err(Error::answer(call(), format!("its list does not end: {PAGES_MAX} pages were read")))
    }

    /// Whether the repository's tags may move; none if there is no such repository.
    pub async fn describe(&self, repository: &Repository) -> Result<Option<TagMutability>, Error> {
        let request = self
            .client
            .describe_repositories()
            .registry_id(&self.account)
            .repository_names(repository.as_str());
        let call = || self.call("DescribeRepositories", repository);
        let answer = match call().make(request.send()).await {
            Ok(answer) => answer,
            Err(error) if error.is_repository_missing() => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut descriptions = answer.repositories().iter();
        let description = descriptions.find(|found| found.repository_name() == Some(repository.as_str()));
        description
            .map(|description| Some(mutability(description)))
            .ok_or_else(|| Error::answer(call(), "it describes another repository"))
    }

    /// Makes the repository. One that came into being meanwhile is success, and left as it is.
    ///
    /// Each policy is a further call. Where one fails, the repository is there without it, and the error is the only time
    /// that this is told.
    pub async fn create(&self, repository: &Repository, settings: &RepositorySettings) -> Result<(), Error> {
        let call = || self.call("CreateRepository", repository);
        let request =
            self.client.create_repository().registry_id(&self.account).repository_name(repository.as_str());
        let request = with_settings(request, settings).map_err(|error| Error::unsent(call(), error))?;
        match call().make(request.send()).await {
            Ok(_) => {}
            Err(error) if error.is_repository_there() => return Ok(()),
            Err(error) => return Err(error),
        }
        if let Some(policy) = &settings.policy {
            let request = self
                .client
                .set_repository_policy()
                .registry_id(&self.account)
                .repository_name(repository.as_str())
                .policy_text(policy);
            self.call("SetRepositoryPolicy", repository).make(request.send()).await?;
        }
        if let Some(policy) = &settings.lifecycle_policy {
            let request = self
                .client
                .put_lifecycle_policy()
                .registry_id(&self.account)
                .repository_name(repository.as_str())
                .lifecycle_policy_text(policy);
            self.call("PutLifecyclePolicy", repository).make(request.send()).await?;
        }
        Ok(())
    }
}

fn with_settings(
    request: CreateRepositoryFluentBuilder,
    settings: &RepositorySettings,
) -> Result<CreateRepositoryFluentBuilder, BuildError> {
    let (mutability, exclusions) = match &settings.tag_mutability {
        TagMutability::Mutable => (ImageTagMutability::Mutable, None),
        TagMutability::Immutable => (ImageTagMutability::Immutable, None),
        TagMutability::ImmutableWithExclusion(exclusions) => {
            (ImageTagMutability::ImmutableWithExclusion, Some(exclusions))
        }
        TagMutability::MutableWithExclusion(exclusions) => {
            (ImageTagMutability::MutableWithExclusion, Some(exclusions))
        }
    };
    let mut request = request.image_tag_mutability(mutability);
    for exclusion in exclusions.into_iter().flatten() {
        let filter = ImageTagMutabilityExclusionFilter::builder()
            .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
            .filter(exclusion);
        request = request.image_tag_mutability_exclusion_filters(filter.build()?);
    }
    for (key, value) in &settings.tags {
        request = request.tags(ResourceTag::builder().key(key).value(value).build()?);
    }
    if settings.scan_on_push {
        let scanning = ImageScanningConfiguration::builder().scan_on_push(true).build();
        request = request.image_scanning_configuration(scanning);
    }
    if let Encryption::Kms(key) = &settings.encryption {
        let encryption = EncryptionConfiguration::builder().encryption_type(EncryptionType::Kms).kms_key(key);
        request = request.encryption_configuration(encryption.build()?);
    }
    Ok(request)
}

/// A mode that we do not know forbids nothing here: the registry refuses what it has to.
fn mutability(description: &Description) -> TagMutability {
    let filters = description.image_tag_mutability_exclusion_filters();
    let exclusions = || filters.iter().map(|filter| filter.filter().to_owned()).collect();
    match description.image_tag_mutability() {
        Some(ImageTagMutability::Immutable) => TagMutability::Immutable,
        Some(ImageTagMutability::ImmutableWithExclusion) => {
            TagMutability::ImmutableWithExclusion(exclusions())
        }
        Some(ImageTagMutability::MutableWithExclusion) => TagMutability::MutableWithExclusion(exclusions()),
        _ => TagMutability::Mutable,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::FakeAws;

    fn jdk() -> Repository {
        "java/jdk".parse().unwrap()
    }

    async fn describe(status: u16, answer: Value) -> Result<Option<TagMutability>, Error> {
        let aws = FakeAws::start(move |_, _, _| (status, answer.clone())).await;
        aws.api().describe(&jdk()).await
    }

    #[tokio::test]
    async fn mutability_is_read_with_its_exclusions() {
        let described = |mode: &str| {
            let filters = json!([{"filterType": "WILDCARD", "filter": "latest"}]);
            json!({"repositories": [{"repositoryName": "java/jdk", "imageTagMutability": mode,
                "imageTagMutabilityExclusionFilters": filters}]})
        };
        let exclusions = || vec!["latest".to_owned()];
        for (mode, expected) in [
            ("MUTABLE", TagMutability::Mutable),
            ("IMMUTABLE", TagMutability::Immutable),
            ("IMMUTABLE_WITH_EXCLUSION", TagMutability::ImmutableWithExclusion(exclusions())),
            ("MUTABLE_WITH_EXCLUSION", TagMutability::MutableWithExclusion(exclusions())),
            ("A_MODE_OF_NEXT_YEAR", TagMutability::Mutable),
        ] {
            assert_eq!(describe(200, described(mode)).await.unwrap(), Some(expected));
        }
    }

    #[tokio::test]
    async fn a_missing_repository_is_no_error_and_a_denial_is_no_absence() {
        let fault = |code: &str| json!({"__type": code, "message": "words"});
        assert_eq!(describe(400, fault("RepositoryNotFoundException")).await.unwrap(), None);
        assert!(describe(400, fault("AccessDeniedException")).await.is_err());
        assert!(describe(200, json!({"repositories": []})).await.is_err());
    }

    #[tokio::test]
    async fn a_list_of_repositories_has_an_end() {
        let page = |token: String| json!({"repositories": [{"repositoryName": "a"}], "nextToken": token});
        let aws = FakeAws::start(move |_, _, _| (200, page("again".to_owned()))).await;
        let error = aws.api().repositories().await.unwrap_err();
        assert!(error.to_string().contains("the same `nextToken` twice"), "{error}");
        assert_eq!(aws.calls().len(), 2);
        let aws = FakeAws::start(move |_, _, number| (200, page(number.to_string()))).await;
        let error = aws.api().repositories().await.unwrap_err();
        assert!(error.to_string().contains("1000 pages were read"), "{error}");
    }

    fn settings() -> RepositorySettings {
        RepositorySettings {
            tag_mutability: TagMutability::ImmutableWithExclusion(vec![
                "latest".to_owned(),
                "21*".to_owned(),
            ]),
            encryption: Encryption::Kms("alias/images".to_owned()),
            tags: BTreeMap::from([("team".to_owned(), "platform".to_owned())]),
            lifecycle_policy: Some("{}".to_owned()),
            policy: Some(r#"{"Statement":[]}"#.to_owned()),
            scan_on_push: true,
        }
    }

    #[tokio::test]
    async fn a_repository_is_made_with_all_its_settings() {
        let aws = FakeAws::start(|_, _, _| (200, json!({}))).await;
        aws.api().create(&jdk(), &settings()).await.unwrap();
        let create = json!({
            "registryId": "123456789012",
            "repositoryName": "java/jdk",
            "imageScanningConfiguration": {"scanOnPush": true},
            "tags": [{"Key": "team", "Value": "platform"}],
            "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
            "imageTagMutabilityExclusionFilters": [
                {"filterType": "WILDCARD", "filter": "latest"},
                {"filterType": "WILDCARD", "filter": "21*"},
            ],
            "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": "alias/images"},
        });
        let with = |key: &str, text: &str| json!({"registryId": "123456789012", "repositoryName": "java/jdk", key: text});
        let expected = [
            ("CreateRepository".to_owned(), create),
            ("SetRepositoryPolicy".to_owned(), with("policyText", r#"{"Statement":[]}"#)),
            ("PutLifecyclePolicy".to_owned(), with("lifecyclePolicyText", "{}")),
        ];
        assert_eq!(aws.calls(), expected);
    }

    #[tokio::test]
    async fn without_settings_little_is_said() {
        let aws = FakeAws::start(|_, _, _| (200, json!({}))).await;
        aws.api().create(&jdk(), &RepositorySettings::default()).await.unwrap();
        let create = json!({
            "registryId": "123456789012",
            "repositoryName": "java/jdk",
            "imageTagMutability": "MUTABLE",
        });
        assert_eq!(aws.calls(), [("CreateRepository".to_owned(), create)]);
    }

    #[tokio::test]
    async fn one_that_another_pass_has_made_is_left_as_it_is() {
        let answer = json!({"__type": "RepositoryAlreadyExistsException", "message": "words"});
        let aws = FakeAws::start(move |_, _, _| (400, answer.clone())).await;
        aws.api().create(&jdk(), &settings()).await.unwrap();
        assert_eq!(aws.calls().len(), 1);
    }

    #[tokio::test]
    async fn a_refused_lifecycle_policy_is_an_error() {
        let aws = FakeAws::start(|operation, _, _| match operation {
            "PutLifecyclePolicy" => (400, json!({"__type": "InvalidParameterException", "message": "words"})),
            _ => (200, json!({})),
        })
        .await;
        let error = aws.api().create(&jdk(), &settings()).await.unwrap_err();
        assert!(error.to_string().starts_with("ecr:PutLifecyclePolicy on "), "{error}");
    }
}
