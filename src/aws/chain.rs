//! Where credentials come from unless somebody brings them: the default chain of the AWS SDK, in which each source has a
//! time to answer in and a name to be told by.
//!
//! The SDK's own chain lets a source take any time, and does not say which one it was.

use std::pin::pin;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use tracing::info;

use crate::aws::config::behavior;
use crate::aws::credential_process;
use crate::aws::credentials::{Checked, Late};
use crate::aws::http::Http;
use crate::aws::profiles;
use crate::aws::variables::Named;
use crate::process::PATIENCE;

/// The metadata service has all of that time to answer in: some instances take more than the second that the SDK gives
/// them (awslabs/aws-sdk-rust#673), and who gets no answer is to be told why.
const IMDS_TIMEOUT: Duration = PATIENCE.saturating_mul(2);
const IMDS_ATTEMPTS_MAX: u32 = 2;

/// Who waits longer for a source is told for which one.
const QUIET: Duration = Duration::from_secs(2);

/// What to do where the metadata service says nothing: its answer to a container has one hop too many.
const HOP_LIMIT: &str = "for a container on EC2, its `http-put-response-hop-limit` has to be 2";

/// A source has credentials, and gave none.
#[derive(Debug, thiserror::Error)]
#[error("no AWS credentials from {origin}")]
struct Failed {
    origin: String,
    #[source]
    cause: CredentialsError,
}

/// The chain for calls that are made in this way, of what the environment names. Reads the profiles, and asks no source yet.
pub(super) async fn default_chain(calls: &SdkConfig, named: Named) -> SharedCredentialsProvider {
    let sts = match calls.region() {
        Some(region) => format!("sts.{region}.amazonaws.com"),
        None => "sts.amazonaws.com".to_owned(),
    };
    let config = ProviderConfig::without_region()
        .with_region(calls.region().cloned())
        .with_behavior_version(Some(behavior()))
        .with_http_client(Http::default());
    let client = imds::Client::builder().configure(&config);
    let client = client.read_timeout(IMDS_TIMEOUT).operation_attempt_timeout(IMDS_TIMEOUT);
    let client = client.max_attempts(IMDS_ATTEMPTS_MAX).build();
    let instance = ImdsCredentialsProvider::builder().configure(&config).imds_client(client).build();
    let container = EcsCredentialsProvider::builder().configure(&config).build();
    let web_identity = WebIdentityTokenCredentialsProvider::builder().configure(&config).build();

    let chain =
        CredentialsProviderChain::first_try("Environment", EnvironmentVariableCredentialsProvider::new());
    let chain = if let Some(process) = credential_process::of_profile(calls).await {
        chain.or_else("Profile", process)
    } else {
        let profile = ProfileFileCredentialsProvider::builder().configure(&config);
        let profile = match profiles::instead() {
            Some(name) => profile.profile_name(name),
            None => profile,
        };
        let inner = SharedCredentialsProvider::new(profile.build());
        let (origin, fault) = profiles::check().await;
        chain.or_else("Profile", Bounded::new(Checked { inner, fault }, origin))
    };
    let chain = if named.web_identity {
        let token = format!("the web identity token, for which {sts} is asked");
        chain.or_else("WebIdentityToken", Bounded::new(web_identity, token))
    } else {
        chain
    };
    let chain = if named.container {
        let origin = "the container's credentials endpoint".to_owned();
        chain.or_else("EcsContainer", Bounded::new(container, origin))
    } else {
        chain
    };
    let instance = Bounded::new(instance, format!("instance metadata ({HOP_LIMIT})"));
    SharedCredentialsProvider::new(chain.or_else("Ec2InstanceMetadata", instance))
}

/// Another provider that has to answer in time.
#[derive(Debug)]
pub(super) struct Bounded<P> {
    inner: P,
    origin: String,
}

impl<P> Bounded<P> {
    pub(super) fn new(inner: P, origin: String) -> Self {
        Self { inner, origin }
    }
}

impl<P: ProvideCredentials> ProvideCredentials for Bounded<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            use CredentialsError::{CredentialsNotLoaded, InvalidConfiguration};
            let origin = || self.origin.clone();
            let mut asked = pin!(self.inner.provide_credentials());
            let answer = if let Ok(answer) = tokio::time::timeout(QUIET, &mut asked).await {
                Ok(answer)
            } else {
                info!("Waiting for AWS credentials from {}", self.origin);
                tokio::time::timeout(PATIENCE.saturating_sub(QUIET), asked).await
            };
            match answer {
                // The next source may have some.
                Ok(Err(error @ (CredentialsNotLoaded(_) | InvalidConfiguration(_)))) => Err(error),
                Ok(Err(cause)) => Err(CredentialsError::provider_error(Failed { origin: origin(), cause })),
                Ok(credentials) => credentials,
                Err(_) => Err(CredentialsError::provider_error(Late(origin()))),
            }
        })
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.inner.fallback_on_interrupt()
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use tokio::time::Instant;

    use super::*;
    use crate::text::chain;

    /// Answers after this time.
    #[derive(Debug)]
    struct Slow(Duration);

    impl ProvideCredentials for Slow {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(async {
                tokio::time::sleep(self.0).await;
                Ok(Credentials::new("AKIA", "s", None, None, "test"))
            })
        }
    }

    /// Fails with this.
    #[derive(Debug)]
    struct Broken(fn(&'static str) -> CredentialsError);

    impl ProvideCredentials for Broken {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err((self.0)("a page came")))
        }
    }

    #[tokio::test]
    async fn a_source_that_fails_is_told_by_its_name_and_one_that_has_none_is_passed_over() {
        let ask = async |error| {
            let bounded = Bounded::new(Broken(error), "the test".to_owned());
            chain(&bounded.provide_credentials().await.unwrap_err())
        };
        let text = ask(CredentialsError::provider_error).await;
        assert!(text.contains("no AWS credentials from the test: "), "{text}");
        assert!(text.contains("a page came"), "{text}");
        let text = ask(CredentialsError::not_loaded).await;
        assert!(!text.contains("the test"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_hangs_is_told_by_its_name() {
        let bounded = |seconds| Bounded::new(Slow(Duration::from_secs(seconds)), "the test".to_owned());
        let start = Instant::now();
        assert!(bounded(6).provide_credentials().await.is_ok(), "STS takes its time at first");
        let error = bounded(1000).provide_credentials().await.unwrap_err();
        assert_eq!(start.elapsed(), Duration::from_secs(16));
        assert_eq!(error.source().unwrap().to_string(), "no AWS credentials within 10 seconds from the test");
    }
}
