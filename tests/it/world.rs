//! A source, a target and a configuration between them, run by the real program in this process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_ecr::config::{Credentials, SharedCredentialsProvider};
use tagferry::app::{App, Options};
use tagferry::config::Config;
use tagferry::event::{Event, MirrorSummary, Observer, RunSummary, TagSummary};
use tagferry::pass::{Mode, Stop};
use tagferry::registry::Retry;

use crate::fake::{ACCESS_KEY, ACCOUNT, Ecr, PASSWORD, REGION, Registry, USER};

/// Faults are retried as often as in real life, and sooner.
const RETRY: Retry =
    Retry { tries: 5, pause: Duration::from_millis(2), pause_max: Duration::from_millis(10) };

/// Runs a configuration once.
pub async fn sync(config: &str) -> RunSummary {
    run(config, Mode::Sync).await
}

/// Plans and writes nothing.
pub async fn plan(config: &str) -> RunSummary {
    run(config, Mode::Plan).await
}

async fn run(config: &str, mode: Mode) -> RunSummary {
    app(config, Arc::new(Blind)).await.run(&[], mode, &Stop::default()).await.unwrap()
}

/// The program, ready to run.
pub async fn app(config: &str, observer: Arc<dyn Observer>) -> App {
    let config = Config::parse("test.yaml", config, &|_| None).unwrap_or_else(|faults| panic!("{faults}"));
    let aws = SharedCredentialsProvider::new(Credentials::new(ACCESS_KEY, "secret", None, None, "test"));
    App::new(config, Options { retry: RETRY, aws: Some(aws) }, observer).await.unwrap()
}

/// A configuration with one mirror and the settings of its two hosts.
pub fn mirror(source: impl Into<Side>, target: impl Into<Side>, mirror: &str) -> String {
    let (source, target) = (source.into(), target.into());
    let mirror = mirror.replace("SOURCE", &source.host).replace("TARGET", &target.host);
    let hosts = [source, target].map(|side| format!("  {}: {}\n", side.host, side.settings));
    format!("mirrors:\n{mirror}\nregistries:\n{}{QUICK}", hosts.concat())
}

/// Nothing that a test waits for takes longer.
pub const QUICK: &str = "timeouts: {connect: 5s, stall: 2s}\n";

/// A host and what the configuration says of it.
pub struct Side {
    pub host: String,
    pub settings: String,
}

impl From<&Registry> for Side {
    fn from(registry: &Registry) -> Self {
        let settings =
            format!("{{plain_http: true, credentials: {{username: {USER}, password: {PASSWORD}}}}}");
        Self { host: registry.host(), settings }
    }
}

impl From<&Ecr> for Side {
    fn from(ecr: &Ecr) -> Self {
        let endpoint = ecr.endpoint_url();
        let settings = format!(
            "{{plain_http: true, ecr: {{account: \"{ACCOUNT}\", region: {REGION}, endpoint_url: {endpoint}, \
             create_repositories: true}}}}"
        );
        Self { host: ecr.host(), settings }
    }
}

/// The only mirror of a run.
#[track_caller]
pub fn only(summary: &RunSummary) -> &MirrorSummary {
    assert_eq!(summary.mirrors.len(), 1);
    &summary.mirrors[0]
}

/// A tag of the only mirror.
#[track_caller]
pub fn tag<'a>(summary: &'a RunSummary, tag: &str) -> &'a TagSummary {
    let found = only(summary).tags.iter().find(|found| found.tag.as_str() == tag);
    found.unwrap_or_else(|| panic!("no tag {tag} in {:#?}", only(summary)))
}

struct Blind;

impl Observer for Blind {
    fn observe(&self, _: &Event<'_>) {}
}

/// Remembers events as text.
#[derive(Default)]
pub struct Recorder(pub Mutex<Vec<String>>);

impl Observer for Recorder {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
}
