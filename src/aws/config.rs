//! What all calls of AWS share: credentials, time limits, retries, our name.

use std::error::Error;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::meta::region::RegionProviderChain;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecr::config::SharedCredentialsProvider;

use crate::aws::chain::{Bounded, default_chain};
use crate::aws::credentials::{Checked, Late, Unfit};
use crate::aws::http;
use crate::aws::http::Http;
use crate::aws::profiles;
use crate::aws::variables;

/// Our name in AWS' logs, as user agent and as the name of the session in an assumed role.
pub(super) const APP_NAME: &str = "tagferry";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For one attempt. The largest answers are a hundred manifests, a few megabytes.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// The first attempt included.
const ATTEMPTS_MAX: u32 = 5;
/// Each source of credentials is bounded and tells its name; this bounds a role that is taken with them, as a whole.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(25);

/// The settings for calls in this region, else in that of the default chain, in this role, else as who we are:
/// the default chain says it where `credentials` does not.
///
/// Reads files and environment variables. Credentials are fetched with the first call, not here; what cannot be used of
/// the variables fails that call.
pub async fn config(
    region: Option<&str>,
    role_arn: Option<&str>,
    credentials: Option<SharedCredentialsProvider>,
) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(behavior())
        .timeout_config(timeouts)
        .http_client(Http::default())
        .identity_cache(IdentityCache::lazy().load_timeout(CREDENTIALS_TIMEOUT).build())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX));
    if let Ok(name) = AppName::new(APP_NAME) {
        loader = loader.app_name(name);
    }
    let variables = variables::check(std::env::vars_os());
    match (region, &variables) {
        (Some(region), _) => loader = loader.region(Region::new(region.to_owned())),
        (None, Ok(variables::Region::Named(region))) => loader = loader.region(Region::new(region.clone())),
        (None, Ok(variables::Region::Empty)) => {
            loader = loader.region(RegionProviderChain::first_try(profiles::region()));
        }
        (None, _) => {}
    }
    if let Some(name) = profiles::instead() {
        loader = loader.profile_name(name);
    }
    let config = loader.no_credentials().load().await;
    let (inner, fault) = if let Some(credentials) = credentials {
        (credentials, None)
    } else {
        let named = variables::named(|name| std::env::var_os(name));
        let chain = Box::pin(default_chain(&config, named.clone().unwrap_or_default())).await;
        (chain, named.err())
    };
    let bundle = || http::bundle().err().map(Unfit::Bundle);
    let checked = Checked { inner, fault: variables.err().or(fault).or_else(bundle) };
    let config = config.into_builder().credentials_provider(SharedCredentialsProvider::new(checked)).build();
    let Some(role_arn) = role_arn else { return config };
    let role = AssumeRoleProvider::builder(role_arn).session_name(APP_NAME).configure(&config).build().await;
    let role = Bounded::new(role, format!("STS, which is asked for the role {role_arn}"));
    config.into_builder().credentials_provider(SharedCredentialsProvider::new(role)).build()
}

/// The region that the environment or a profile names. Asks no machine.
#[cfg(feature = "secrets")]
pub(super) async fn named_region() -> Option<String> {
    use aws_config::meta::region::ProvideRegion;

    match variables::check(std::env::vars_os()) {
        Ok(variables::Region::Named(region)) => Some(region),
        _ => profiles::region().region().await.map(|region| region.to_string()),
    }
}

/// Fails where there are no credentials to be had at all for calls in this region, in the default chain where `caller` is
/// none, or such that cannot be sent.
///
/// Asks every link of the chain, the metadata service of the machine among them. Credentials that are there and
/// do not work show with the first call.
pub async fn check_credentials(
    region: &str,
    caller: Option<SharedCredentialsProvider>,
) -> Result<(), CredentialsError> {
    let config = config(Some(region), None, caller).await;
    let Some(chain) = config.credentials_provider() else { return Ok(()) };
    match chain.provide_credentials().await {
        Err(error) if cannot_work(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Whether there are no credentials, or such that cannot be sent, or none in time. A role is taken with other ones, so the
/// deepest cause counts.
fn cannot_work(error: &CredentialsError) -> bool {
    use CredentialsError::{CredentialsNotLoaded, InvalidConfiguration};
    let causes = || std::iter::successors(Some(error as &dyn Error), |&cause| cause.source());
    let deepest = causes().filter_map(<dyn Error>::downcast_ref).last();
    matches!(deepest, Some(CredentialsNotLoaded(_) | InvalidConfiguration(_)))
        || error.source().is_some_and(<dyn Error>::is::<Late>)
}

/// Pinned, so that an update of the SDK changes no defaults.
pub(super) fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}
