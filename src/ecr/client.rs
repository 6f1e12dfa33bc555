//! The client of the ECR API for one registry.

use std::fmt;
use std::sync::{Arc, Once};

use aws_config::SdkConfig;
use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::endpoint::Endpoint;
use aws_sdk_ecr::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_ecr::config::{Builder, ConfigBag, Intercept, RuntimeComponents, SharedCredentialsProvider};
use aws_sdk_ecr::error::BoxError;
use tracing::{info, warn};
use url::Url;

use crate::aws;
use crate::aws::{Call, Error};
use crate::oci::Repository;
use crate::registry::{Exchange, RequestObserver};

/// Of every request: the API is of AWS' JSON kind.
const METHOD: &str = "POST";

/// Which registry is meant, and how its API is reached.
#[derive(Clone)]
pub struct Options {
    /// The twelve digits of the account that owns the registry.
    pub account: String,
    /// Its region.
    pub region: String,
    /// A role to assume, for a registry of another account.
    pub role_arn: Option<String>,
    /// Who calls, where it is not for the default chain to find out.
    pub credentials: Option<SharedCredentialsProvider>,
    /// The address of the API, where it is not the public one. It replaces the choice of FIPS and dual stack.
    pub endpoint_url: Option<Url>,
    /// Whether to use the FIPS endpoint.
    pub fips: bool,
    /// Whether to use the dual-stack (IPv4 and IPv6) endpoint.
    pub dual_stack: bool,
    /// Who is told of each request.
    pub observer: RequestObserver,
}

/// The ECR API of one registry. A clone is the same client.
#[derive(Clone)]
pub struct Api {
    pub(super) client: Client,
    pub(super) account: String,
    region: String,
    /// Whether it was told that tags have to be asked for one by one.
    warned: Arc<Once>,
}

impl Api {
    /// Makes the client with the credentials of the AWS default chain. Contacts nobody:
    /// that there are no credentials shows at the first call.
    pub async fn load(options: Options) -> Self {
        let role_arn = options.role_arn.as_deref();
        // Reading AWS' files is a large future; it need not be in those around it.
        let config = Box::pin(aws::config(Some(&options.region), role_arn, options.credentials.clone()));
        let config = config.await;
        Self::new(options, &config)
    }

    /// Makes the client with settings at hand.
    pub(super) fn new(options: Options, config: &SdkConfig) -> Self {
        let mut builder = Builder::from(config).interceptor(Counter(options.observer));
        if let Some(url) = options.endpoint_url {
            builder = builder.endpoint_url(url);
        } else {
            // Only to turn on: what the environment asks for (`AWS_USE_FIPS_ENDPOINT`) remains.
            builder.set_use_fips(options.fips.then_some(true).or(config.use_fips()));
            builder.set_use_dual_stack(options.dual_stack.then_some(true).or(config.use_dual_stack()));
        }
        Self {
            client: Client::from_conf(builder.build()),
            account: options.account,
            region: options.region,
            warned: Arc::new(Once::new()),
        }
    }

    /// Says once why there is no look at all images of a repository.
    pub(super) fn warn_of_questions(&self, error: &Error) {
        self.warned.call_once(|| {
            warn!(
                error = %error,
                "Asking ECR for tags a hundred at a time, which may count as pulls and tells no push times: {error}"
            );
        });
    }

    /// Names a call on a repository, for errors.
    pub(super) fn call(&self, operation: &'static str, repository: &Repository) -> Call {
        self.call_on(operation, repository.as_str())
    }

    /// Names a call on all repositories.
    pub(super) fn call_on_all(&self, operation: &'static str) -> Call {
        self.call_on(operation, "*")
    }

    fn call_on(&self, operation: &'static str, repositories: &str) -> Call {
        let (region, account) = (&self.region, &self.account);
        let partition = partition(region);
        let resource = format!("arn:{partition}:ecr:{region}:{account}:repository/{repositories}");
        Call { service: "ecr", operation, resource }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("account", &self.account)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// The partition that a region belongs to; ARNs begin with it.
fn partition(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// Tells of each attempt, retries included.
struct Counter(RequestObserver);

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counter(..)")
    }
}

impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "Counter"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // The SDK numbers its attempts: `attempt=2; max=5`. Why it tries again, it does not say.
        let headers = context.request().headers();
        if let Some(host) = host(bag)
            && let Some((attempt, attempts_max)) = headers.get("amz-sdk-request").and_then(turn)
            && attempt > 1
        {
            let operation = headers.get("x-amz-target").and_then(|target| target.split('.').next_back());
            let operation = operation.unwrap_or_default();
            let turn = format!("try {attempt} of {attempts_max}");
            info!(reason = "aws", attempt, attempts_max, "Trying again (aws, {turn}): {operation} at {host}");
            (self.0)(&Exchange::Retried { host: &host, reason: "aws" });
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // An attempt that finds no credentials ends before it has an endpoint, and sends nothing.
        if let Some(host) = host(bag) {
            let status = context.response().map(|response| response.status().as_u16());
            (self.0)(&Exchange::Requested { host: &host, method: METHOD, status });
        }
        Ok(())
    }
}

/// The number of an attempt and how many there may be, of `attempt=2; max=5`.
fn turn(header: &str) -> Option<(u32, u32)> {
    let (attempt, max) = header.strip_prefix("attempt=")?.split_once("; max=")?;
    Some((attempt.parse().ok()?, max.parse().ok()?))
}

/// The host of the endpoint, in the form that registries have: with a port where one is given.
fn host(bag: &ConfigBag) -> Option<String> {
    let url = Url::parse(bag.load::<Endpoint>()?.url()).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
    use serde_json::json;

    use super::*;
    use crate::aws::testing::{self, FakeAws};
    use crate::text::chain;

    #[tokio::test]
    async fn every_attempt_is_counted() {
        let aws = FakeAws::start(|_, _, count| match count {
            1 => (400, json!({"__type": "ThrottlingException", "message": "slower"})),
            _ => (200, json!({"authorizationData": []})),
        })
        .await;
        let told = Arc::new(Mutex::new(Vec::new()));
        let observer: RequestObserver = {
            let told = Arc::clone(&told);
            Arc::new(move |exchange: &Exchange<'_>| told.lock().unwrap().push(format!("{exchange:?}")))
        };
        let options = Options { observer, ..aws.options() };
        let answer = Api::new(options, &testing::config()).client.get_authorization_token().send().await;
        assert!(answer.is_ok());
        let host = aws.url.authority().to_owned();
        let expected = [
            format!("Requested {{ host: \"{host}\", method: \"POST\", status: Some(400) }}"),
            format!("Retried {{ host: \"{host}\", reason: \"aws\" }}"),
            format!("Requested {{ host: \"{host}\", method: \"POST\", status: Some(200) }}"),
        ];
        assert_eq!(*told.lock().unwrap(), expected);
    }

    /// Describes a repository with these settings, which must fail.
    async fn failure(api: Api) -> String {
        let error = api.describe(&"java/jdk".parse().unwrap()).await.unwrap_err();
        chain(&error)
    }

    #[tokio::test]
    async fn missing_credentials_are_told_as_such_and_send_nothing() {
        let aws = FakeAws::start(|_, _, _| (200, json!({}))).await;
        let observer: RequestObserver = Arc::new(|exchange: &Exchange<'_>| panic!("{exchange:?}"));
        let provider = SharedCredentialsProvider::new(NoProvider);
        let config = testing::config().into_builder().credentials_provider(provider).build();
        let text = failure(Api::new(Options { observer, ..aws.options() }, &config)).await;
        assert!(text.contains("no AWS credentials found: give the task"), "{text}");
        assert!(aws.calls().is_empty());
    }

    #[derive(Debug)]
    struct NoProvider;

    impl ProvideCredentials for NoProvider {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no provider in the chain")))
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_nobody_serves_is_unreachable() {
        let aws = FakeAws::start(|_, _, _| (200, json!({}))).await;
        let options = aws.options();
        drop(aws);
        let text = failure(Api::new(options, &testing::config())).await;
        assert!(text.contains("the endpoint cannot be reached"), "{text}");
    }

    #[tokio::test]
    async fn the_request_id_is_shown() {
        let answer = json!({"__type": "com.amazonaws.ecr#ServerException", "message": "broken"});
        let aws = FakeAws::start(move |_, _, _| (400, answer.clone())).await;
        let text = failure(aws.api()).await;
        let arn = "arn:aws:ecr:eu-central-1:123456789012:repository/java/jdk";
        let expected =
            format!("ecr:DescribeRepositories on {arn}: ServerException: broken (AWS request id fake-1)");
        assert_eq!(text, expected);
    }

    #[test]
    fn arns_name_the_partition() {
        for (region, expected) in [
            ("eu-central-1", "aws"),
            ("us-gov-west-1", "aws-us-gov"),
            ("cn-north-1", "aws-cn"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eusc-de-east-1", "aws-eusc"),
        ] {
            assert_eq!(partition(region), expected, "{region}");
        }
    }
}
