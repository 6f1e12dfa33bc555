//! ministack: Amazon ECR's API and its registry, with shared state, on one port; SNS, SQS and EventBridge too, and what
//! stacks are made of.

use std::path::Path;
use std::process::Command;

use aws_sdk_ecr::config::{BehaviorVersion, Credentials, Region};

use crate::fixtures::push::Pusher;
use crate::fixtures::server::Server;

pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const REGION: &str = "us-east-1";
/// Access key and secret. A key of twelve digits would be taken for an account.
pub(crate) const KEY: &str = "test";

/// A running ministack.
pub(crate) struct Ministack(Server);

impl Ministack {
    pub(crate) async fn start() -> Self {
        Self::with("ecr,sts,sns,sqs,events").await
    }

    /// With everything that the stack of `deploy/ecs` is made of.
    pub(crate) async fn with_stacks() -> Self {
        Self::with(
            "cloudformation,ecr,ecs,ec2,elasticloadbalancing,iam,logs,monitoring,scheduler,secretsmanager,servicediscovery,\
             sns,sqs,ssm,sts",
        )
        .await
    }

    async fn with(services: &str) -> Self {
        let ready = |port| format!("Running on http://127.0.0.1:{port}");
        Self(Server::start("ministack", |home, port| command(home, port, services), ready).await)
    }

    /// `HOST:PORT`, as it is written before a repository.
    pub(crate) fn address(&self) -> String {
        self.0.address()
    }

    /// The address of the API.
    pub(crate) fn endpoint_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// A client of the API.
    pub(crate) fn ecr(&self) -> aws_sdk_ecr::Client {
        let config = aws_sdk_ecr::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(KEY, KEY, None, None, "tests"))
            .endpoint_url(self.endpoint_url());
        aws_sdk_ecr::Client::from_conf(config.build())
    }

    /// Fills the registry.
    pub(crate) fn pusher(&self) -> Pusher {
        Pusher::new(&self.address(), None)
    }
}

fn command(home: &Path, port: u16, services: &str) -> Command {
    // `scripts/peers` installs it here, and never for the whole machine.
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers/bin/ministack");
    let mut command = Command::new(installed);
    command
        .current_dir(home)
        .env("TMPDIR", home) // for its file with the process id
        .env("PYTHONUNBUFFERED", "1")
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        .env("MINISTACK_ACCOUNT_ID", ACCOUNT)
        .env("MINISTACK_REGION", REGION)
        .env("SERVICES", services)
        .env("IOT_MTLS_ENABLED", "0") // both would listen on every address
        .env("SFTP_ENABLED", "0");
    command
}
