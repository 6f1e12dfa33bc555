//! ECR's token: the login for every registry that the caller may use in a region.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::types::AuthorizationData;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures_util::future::BoxFuture;

use crate::aws::{Call, Error};
use crate::ecr::client::Api;
use crate::login::{Credentials, CredentialsError, Expiring, Fresh, Freshness, Login, Manner};
use crate::oci::Repository;
use crate::registry;

/// A token that seems to be dead on arrival is used for this long: the clock here may be wrong, and
/// one stand-in of ECR always answers with a day of 2015. Asking again at once would be endless.
const LIFETIME_MIN: Duration = Duration::from_mins(1);
/// What AWS documents; a longer life is not believed.
const LIFETIME_MAX: Duration = Duration::from_hours(12);

/// The login from `GetAuthorizationToken`, refreshed at half of its life.
///
/// A token stands for the caller and not for a registry, so one of these serves all registries that are
/// reached in the same region and role.
#[derive(Debug)]
pub struct EcrCredentials {
    api: Api,
    token: Expiring<Login, Error>,
}

impl EcrCredentials {
    /// Takes tokens from this API.
    pub fn new(api: Api) -> Self {
        Self { api, token: Expiring::new() }
    }

    async fn fetch(&self) -> Result<Fresh<Login>, Error> {
        // The action belongs to no resource: a policy has to allow it on `*`.
        let call = Call { service: "ecr", operation: "GetAuthorizationToken", resource: "*".to_owned() };
        let answer = call.clone().make(self.api.client.get_authorization_token().send()).await?;
        let data = answer.authorization_data().first();
        match data.and_then(|data| Some((login(data)?, lifetime(data, SystemTime::now())))) {
            Some((login, lifetime)) => Ok(Fresh::lasting(login, lifetime)),
            None => Err(Error::answer(call, "it holds no token that can be read")),
        }
    }
}

impl Credentials for EcrCredentials {
    fn origin(&self) -> String {
        "ecr:GetAuthorizationToken".to_owned()
    }

    fn login(
        &self,
        _: &Repository,
        freshness: Freshness,
    ) -> BoxFuture<'_, Result<Option<Login>, CredentialsError>> {
        Box::pin(async move { Ok(Some(self.token.get(freshness, || self.fetch()).await?)) })
    }

    fn manner(&self) -> Manner {
        Manner::Unasked
    }
}

/// The token is base64 of `AWS:<password>`.
fn login(data: &AuthorizationData) -> Option<Login> {
    let text = String::from_utf8(BASE64.decode(data.authorization_token()?).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    Some(Login { username: username.to_owned(), password: password.into() })
}

fn lifetime(data: &AuthorizationData, now: SystemTime) -> Duration {
    let expires_at = data.expires_at().and_then(|&time| SystemTime::try_from(time).ok());
    let remaining = expires_at.and_then(|time| time.duration_since(now).ok());
    remaining.unwrap_or_default().clamp(LIFETIME_MIN, LIFETIME_MAX)
}

/// By this id, the registry finds the failed request in its own logs; AWS does, where it was AWS that did not give the
/// login for the registry.
pub fn request_id(error: &registry::Error) -> Option<&str> {
    let registry::Kind::Credentials(_) = error.kind() else { return error.request_id() };
    of_aws(error)?.request_id.as_deref()
}

/// Whether the failure may pass by itself, be it AWS' that did not give the login.
pub fn is_transient(error: &registry::Error) -> bool {
    error.may_pass() || of_aws(error).is_some_and(Error::is_transient)
}

/// The failure of AWS for which there was no login, if that is what it was.
fn of_aws(error: &registry::Error) -> Option<&Error> {
    let registry::Kind::Credentials(cause) = error.kind() else { return None };
    let first: &(dyn std::error::Error + 'static) = cause.as_ref();
    let mut causes = std::iter::successors(Some(first), |&cause| cause.source());
    causes.find_map(|cause| cause.downcast_ref::<Error>())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::testing::FakeAws;

    fn token(password: &str) -> Value {
        let token = BASE64.encode(format!("AWS:{password}"));
        json!({"authorizationData": [{"authorizationToken": token, "expiresAt": 1_420_070_400}]})
    }

    #[tokio::test]
    async fn one_token_serves_all_even_if_it_seems_to_have_expired() {
        let aws = FakeAws::start(|_, _, count| (200, token(&format!("word:{count}")))).await;
        let credentials = EcrCredentials::new(aws.api());
        for _ in 0..3 {
            let login =
                credentials.login(&"java/jdk".parse().unwrap(), Freshness::Cached).await.unwrap().unwrap();
            assert_eq!((login.username.as_str(), login.password.expose_secret()), ("AWS", "word:1"));
        }
        assert_eq!(aws.calls(), [("GetAuthorizationToken".to_owned(), json!({}))]);
    }

    #[tokio::test]
    async fn a_malformed_token_is_an_error_that_does_not_show_it() {
        for answer in [
            json!({}),
            json!({"authorizationData": [{}]}),
            json!({"authorizationData": [{"authorizationToken": "hunter2"}]}),
            json!({"authorizationData": [{"authorizationToken": BASE64.encode("hunter2")}]}),
        ] {
            let aws = FakeAws::start(move |_, _, _| (200, answer.clone())).await;
            let error = EcrCredentials::new(aws.api())
                .login(&"java/jdk".parse().unwrap(), Freshness::Cached)
                .await
                .unwrap_err();
            let expected =
                "ecr:GetAuthorizationToken: cannot understand the answer: it holds no token that can be read";
            assert_eq!(error.to_string(), expected);
            assert!(!format!("{error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_life_is_between_a_minute_and_twelve_hours() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(1000);
        let life = |expires_at: Option<Duration>| {
            let time = expires_at.map(|after| (SystemTime::UNIX_EPOCH + after).into());
            lifetime(&AuthorizationData::builder().set_expires_at(time).build(), now)
        };
        assert_eq!(life(None), LIFETIME_MIN);
        assert_eq!(life(Some(Duration::from_hours(999))), LIFETIME_MIN);
        assert_eq!(life(Some(Duration::from_hours(1006))), Duration::from_hours(6));
        assert_eq!(life(Some(Duration::from_hours(2000))), LIFETIME_MAX);
    }
}
