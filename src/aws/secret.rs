//! A login kept in AWS Secrets Manager.

use std::fmt;

use aws_credential_types::provider::SharedCredentialsProvider;
use futures_util::future::BoxFuture;

#[cfg(feature = "secrets")]
use crate::aws::Error;
#[cfg(not(feature = "secrets"))]
use crate::aws::secret::manager::NotBuilt as Error;
use crate::login::{Credentials, CredentialsError, Expiring, Freshness, Login};
use crate::oci::Repository;

/// The login in a secret whose text is JSON with `username` and `password`.
///
/// The region is that of the secret's ARN, or else of the environment or a profile, or else the one that was given, or else
/// that of instance metadata.
/// In a build without the feature `secrets`, each login fails with an error that says so.
pub struct SecretCredentials {
    /// The ARN or the name of the secret.
    id: String,
    /// Where it is, where nothing else says it.
    #[cfg_attr(not(feature = "secrets"), expect(dead_code, reason = "nobody is called then"))]
    region: Option<String>,
    /// Who calls, where it is not for the default chain to find out.
    #[cfg_attr(not(feature = "secrets"), expect(dead_code, reason = "nobody is called then"))]
    caller: Option<SharedCredentialsProvider>,
    login: Expiring<Login, Error>,
    #[cfg(feature = "secrets")]
    client: tokio::sync::OnceCell<aws_sdk_secretsmanager::Client>,
}

impl fmt::Debug for SecretCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretCredentials").field("id", &self.id).finish_non_exhaustive()
    }
}

impl SecretCredentials {
    /// Reads the secret of this ARN or name, which is in this region unless something else says it. Contacts nobody before
    /// the first login.
    pub fn new(
        id: impl Into<String>,
        region: Option<String>,
        caller: Option<SharedCredentialsProvider>,
    ) -> Self {
        Self {
            id: id.into(),
            region,
            caller,
            login: Expiring::new(),
            #[cfg(feature = "secrets")]
            client: tokio::sync::OnceCell::new(),
        }
    }
}

impl Credentials for SecretCredentials {
    fn origin(&self) -> String {
        format!("the secret `{}`", self.id)
    }

    fn login(
        &self,
        _: &Repository,
        freshness: Freshness,
    ) -> BoxFuture<'_, Result<Option<Login>, CredentialsError>> {
        Box::pin(async move { Ok(Some(self.login.get(freshness, || self.fetch()).await?)) })
    }
}

#[cfg(feature = "secrets")]
mod manager {
    use std::time::Duration;

    use aws_sdk_secretsmanager::Client;
    use serde::Deserialize;

    use crate::aws::config::{config, named_region};
    use crate::aws::secret::SecretCredentials;
    use crate::aws::{Call, Error};
    use crate::login::{Fresh, Login};

    /// A rotated secret is taken up after half of this time, or when the registry refuses the old one.
    const LIFETIME: Duration = Duration::from_hours(1);

    #[derive(Deserialize)]
    struct Document {
        username: String,
        password: String,
    }

    impl SecretCredentials {
        pub(super) async fn fetch(&self) -> Result<Fresh<Login>, Error> {
            let call =
                Call { service: "secretsmanager", operation: "GetSecretValue", resource: self.id.clone() };
            let connect = async || {
                let region = self.region().await;
                Client::new(&config(region.as_deref(), None, self.caller.clone()).await)
            };
            let client = self.client.get_or_init(connect).await;
            let answer = call.clone().make(client.get_secret_value().secret_id(&self.id).send()).await?;
            // The parser's own words may quote the secret.
            match answer.secret_string().map(serde_json::from_str) {
                Some(Ok(Document { username, password })) => {
                    Ok(Fresh::lasting(Login { username, password: password.into() }, LIFETIME))
                }
                _ => Err(Error::answer(call, "the secret is not JSON with `username` and `password`")),
            }
        }

        /// To ask the machine for it takes a while where nobody answers.
        async fn region(&self) -> Option<String> {
            match (region(&self.id), &self.region) {
                (Some(region), _) => Some(region.to_owned()),
                (None, Some(region)) => Some(named_region().await.unwrap_or_else(|| region.clone())),
                (None, None) => None,
            }
        }
    }

    /// The region in `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME`.
    fn region(id: &str) -> Option<&str> {
        id.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
    }

    #[cfg(test)]
    mod tests {
        use aws_sdk_secretsmanager::config::Builder;
        use secrecy::ExposeSecret;
        use serde_json::{Value, json};

        use super::*;
        use crate::aws::testing::{self, FakeAws};
        use crate::login::{Credentials, Freshness};

        fn credentials(aws: &FakeAws) -> SecretCredentials {
            let config = Builder::from(&testing::config()).endpoint_url(aws.url.as_str()).build();
            let mut credentials = SecretCredentials::new("ocr", None, None);
            credentials.client = tokio::sync::OnceCell::new_with(Some(Client::from_conf(config)));
            credentials
        }

        #[tokio::test]
        async fn the_login_is_read_once() {
            let secret = r#"{"username": "me", "password": "word", "note": "for OCR"}"#;
            let aws = FakeAws::start(move |_, _, _| (200, json!({"SecretString": secret}))).await;
            let credentials = credentials(&aws);
            for _ in 0..2 {
                let login = credentials
                    .login(&"java/jdk".parse().unwrap(), Freshness::Cached)
                    .await
                    .unwrap()
                    .unwrap();
                assert_eq!((login.username.as_str(), login.password.expose_secret()), ("me", "word"));
            }
            assert_eq!(aws.calls(), [("GetSecretValue".to_owned(), json!({"SecretId": "ocr"}))]);
        }

        #[tokio::test]
        async fn a_secret_of_another_form_is_an_error_that_does_not_show_it() {
            let answer = |text: &str| json!({"SecretString": text});
            for answer in
                [answer("hunter2"), answer(r#"{"username": "me", "password": ["hunter2"]}"#), json!({})]
            {
                let aws = FakeAws::start(move |_, _, _| (200, answer.clone())).await;
                let error = credentials(&aws)
                    .login(&"java/jdk".parse().unwrap(), Freshness::Cached)
                    .await
                    .unwrap_err();
                let expected = "secretsmanager:GetSecretValue on ocr: cannot understand the answer: \
                                the secret is not JSON with `username` and `password`";
                assert_eq!(error.to_string(), expected);
                assert!(!format!("{error:?}").contains("hunter2"));
            }
        }

        #[tokio::test]
        async fn a_missing_secret_is_told_in_the_words_of_aws() {
            let answer: Value = json!({"__type": "ResourceNotFoundException", "message": "cannot find it"});
            let aws = FakeAws::start(move |_, _, _| (400, answer.clone())).await;
            let error =
                credentials(&aws).login(&"java/jdk".parse().unwrap(), Freshness::Cached).await.unwrap_err();
            assert!(error.to_string().contains("ResourceNotFoundException: cannot find it"), "{error}");
        }

        #[test]
        fn the_region_is_that_of_the_arn() {
            assert_eq!(
                region("arn:aws:secretsmanager:eu-west-1:123456789012:secret:ocr-AbCdEf"),
                Some("eu-west-1")
            );
            assert_eq!(region("ocr"), None);
        }
    }
}

#[cfg(not(feature = "secrets"))]
mod manager {
    use crate::aws::secret::SecretCredentials;
    use crate::login::{Fresh, Login};

    #[derive(Clone, Debug, thiserror::Error)]
    #[error("cannot read the secret `{0}`: this tagferry was built without the feature `secrets`")]
    pub(super) struct NotBuilt(String);

    impl SecretCredentials {
        #[expect(clippy::unused_async, reason = "the same signature as with the feature")]
        pub(super) async fn fetch(&self) -> Result<Fresh<Login>, NotBuilt> {
            Err(NotBuilt(self.id.clone()))
        }
    }
}
