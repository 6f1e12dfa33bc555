//! A source, a target and a configuration between them, run by the real program in this process.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aws_sdk_ecr::config::{Credentials, SharedCredentialsProvider};
use tagferry::app::{App, Options, discover};
use tagferry::config::Config;
use tagferry::event::{
    Event, EventKind, MirrorSummary, Observer, RunOutcome, RunSummary, TagOutcome, TagSummary,
};
use tagferry::pass::{Mode, Stop};
use tagferry::registry::Retry;

use crate::fake::{ACCESS_KEY, ACCOUNT, Ecr, Face, PASSWORD, REGION, Registry, USER, image};

/// Faults are retried as often as in real life, and sooner.
pub(crate) const RETRY: Retry =
    Retry { tries: 5, pause: Duration::from_millis(2), pause_max: Duration::from_millis(10) };

/// Runs a configuration once.
pub(crate) async fn sync(config: &str) -> RunSummary {
    run(config, Mode::Sync).await
}

/// Plans and writes nothing.
pub(crate) async fn plan(config: &str) -> RunSummary {
    run(config, Mode::Plan).await
}

async fn run(config: &str, mode: Mode) -> RunSummary {
    // Boxed, so that the futures of tests stay small.
    let app = Box::pin(app(config, silent())).await;
    Box::pin(app.run(mode, &Stop::default())).await
}

/// Nobody is told.
pub(crate) fn silent() -> Arc<dyn Observer> {
    Arc::new(Blind)
}

/// The program, ready to run.
pub(crate) async fn app(config: &str, observer: Arc<dyn Observer>) -> App {
    let aws = SharedCredentialsProvider::new(Credentials::new(ACCESS_KEY, "secret", None, None, "test"));
    let options = Options { retry: RETRY, aws: Some(aws), ..Options::default() };
    let config = configured(config, options.clone()).await.unwrap_or_else(|error| panic!("{error}"));
    App::new(config, options, observer).await.unwrap()
}

/// A configuration with what there is to discover, or what stands in the way.
pub(crate) async fn configured(text: &str, options: Options) -> Result<Config, String> {
    let config = Config::parse("test.yaml", text, &|_| None).map_err(|faults| faults.to_string())?;
    let found = discover::repositories(&config, options, &Stop::default()).await;
    Config::parse_found("test.yaml", text, &|_| None, &found).map_err(|faults| faults.to_string())
}

/// The paths of the repositories that a configuration mirrors, or what stands in the way of any of them.
pub(crate) async fn paths(text: &str) -> Result<Vec<String>, String> {
    let config = configured(text, Options { retry: RETRY, ..Options::default() }).await?;
    match config.mirrors.iter().find_map(|mirror| mirror.undiscovered.clone()) {
        Some(why) => Err(why),
        None => Ok(config.mirrors.iter().map(|mirror| mirror.source.path()).collect()),
    }
}

/// All tags of `app`, to a repository of the same name.
pub(crate) const APP: &str = "  - {source: SOURCE/app, target: TARGET/app, tags: [{match: .}]}\n";

/// Runs the mirror of `app` once.
pub(crate) async fn copy(source: impl Into<Side>, target: impl Into<Side>) -> RunSummary {
    sync(&mirror(source, target, APP)).await
}

/// A source with three tags of `app`.
pub(crate) async fn three_tags(face: Face) -> Registry {
    let source = Registry::start(face).await;
    push_three(&source);
    source
}

pub(crate) fn push_three(source: &Registry) {
    for tag in ["1.0", "1.1", "latest"] {
        source.push("app", tag, &image(&["base", tag]));
    }
}

/// Copies `app` to an empty registry, and fails the test unless all of it arrives.
pub(crate) async fn copies(source: &Registry) {
    let target = Registry::start(Face::Open).await;
    assert_succeeded(&copy(source, &target).await);
    assert_eq!(target.tags("app"), source.tags("app"));
    target.assert_consistent();
}

/// A configuration with these mirrors and the settings of their two hosts.
pub(crate) fn mirror(source: impl Into<Side>, target: impl Into<Side>, mirror: &str) -> String {
    let (source, target) = (source.into(), target.into());
    let mirror = mirror.replace("SOURCE", &source.host).replace("TARGET", &target.host);
    let hosts = [source, target].map(|side| format!("  {}: {}\n", side.host, side.settings));
    format!("mirrors:\n{mirror}\nregistries:\n{}{TIMEOUTS}", hosts.concat())
}

/// Whoever works is never given up for being slow; [`outlast`](crate::world::clock::outlast) needs no time for those
/// who hang.
pub(crate) const TIMEOUTS: &str = "timeouts: {connect: 1m, stall: 10m, metadata: 1h, pace: 0}\n";

/// A host and what the configuration says of it.
pub(crate) struct Side {
    pub(crate) host: String,
    pub(crate) settings: String,
}

impl Side {
    /// A registry without TLS, with these settings.
    pub(crate) fn plain(registry: &Registry, settings: &str) -> Self {
        Self { host: registry.host(), settings: format!("{{plain_http: true, {settings}}}") }
    }

    /// A registry that is reached with this password.
    pub(crate) fn login(registry: &Registry, password: &str) -> Self {
        Self::plain(registry, &format!("credentials: {{username: {USER}, password: {password}}}"))
    }

    /// An ECR with these settings.
    pub(crate) fn ecr(ecr: &Ecr, settings: &str) -> Self {
        let endpoint = ecr.endpoint_url();
        let settings = format!(
            "{{plain_http: true, ecr: {{account: \"{ACCOUNT}\", region: {REGION}, endpoint_url: {endpoint}, \
             {settings}}}}}"
        );
        Self { host: ecr.host(), settings }
    }
}

impl From<&Registry> for Side {
    fn from(registry: &Registry) -> Self {
        Self::login(registry, PASSWORD)
    }
}

impl From<&Ecr> for Side {
    fn from(ecr: &Ecr) -> Self {
        Self::ecr(ecr, "create_repositories: true")
    }
}

/// The only mirror of a run.
#[track_caller]
pub(crate) fn only(summary: &RunSummary) -> &MirrorSummary {
    assert_eq!(summary.mirrors.len(), 1);
    &summary.mirrors[0]
}

/// A tag of the only mirror.
#[track_caller]
pub(crate) fn tag<'a>(summary: &'a RunSummary, tag: &str) -> &'a TagSummary {
    let found = only(summary).tags.iter().find(|found| found.tag.to_string() == tag);
    found.unwrap_or_else(|| panic!("no tag {tag} in {:#?}", only(summary)))
}

/// Fails the test unless all arrived.
#[track_caller]
pub(crate) fn assert_succeeded(summary: &RunSummary) {
    assert_eq!(summary.outcome, RunOutcome::Succeeded, "{summary:#?}");
}

/// Why a tag of the only mirror failed.
#[track_caller]
pub(crate) fn tag_error(summary: &RunSummary, name: &str) -> String {
    let found = tag(summary, name);
    assert!(matches!(found.outcome, Some(TagOutcome::Failed | TagOutcome::NotStarted)), "{found:#?}");
    found.error.as_ref().unwrap().to_string()
}

/// Why the only mirror failed as a whole.
#[track_caller]
pub(crate) fn mirror_error(summary: &RunSummary) -> String {
    let found = only(summary);
    assert_eq!(found.outcome, RunOutcome::Failed, "{found:#?}");
    found.error.as_ref().unwrap_or_else(|| panic!("no error in {found:#?}")).to_string()
}

/// Fails the test unless a text contains all of these.
#[track_caller]
pub(crate) fn assert_says(text: impl AsRef<str>, words: &[&str]) {
    let text = text.as_ref();
    for word in words {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
}

pub(crate) struct Blind;

impl Observer for Blind {
    fn observe(&self, _: &Event<'_>) {}
}

/// What the tests remember of events: bytes announced, bytes sent.
#[derive(Default)]
pub(crate) struct Bytes {
    pub(crate) sized: AtomicU64,
    pub(crate) copied: AtomicU64,
}

impl Observer for Bytes {
    fn observe(&self, event: &Event<'_>) {
        match event.kind {
            EventKind::TagSized { bytes, .. } => self.sized.fetch_add(bytes, Relaxed),
            EventKind::BytesCopied { bytes, .. } => self.copied.fetch_add(bytes, Relaxed),
            _ => 0,
        };
    }
}
