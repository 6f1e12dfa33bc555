//! The composition root: turns configuration into clients, targets and passes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::config::{Config, Credentials, Ecr, Endpoint, Mirror, Registry};
use crate::copy::{Copier, Inflight, Shared};
use crate::ecr;
use crate::event::{Event, Observer, RunSummary};
use crate::oci;
use crate::oci::Host;
use crate::pass::{Mode, Pass, Stop};
use crate::registry;
use crate::registry::{Client, DockerConfig, DockerFiles, Exchange, Limits, Login, PasswordFile, Retry, Tap};
use crate::target::Target;

/// What is not in the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// How often requests are tried.
    pub retry: Retry,
}

/// Everything that the configuration says, ready to run.
pub struct App {
    config: Config,
    options: Options,
    observer: Arc<dyn Observer>,
    clients: BTreeMap<Host, Client>,
    /// A source and a target for each mirror, in the order of the configuration.
    sides: Vec<(registry::Repository, Target)>,
    requests: Arc<AtomicU64>,
}

/// The configuration is right, and still nothing can be built from it here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate file that cannot be read.
    #[error("cannot read `ca_file` {path} of {host}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// The registry.
        host: Host,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A client that cannot be made.
    #[error(transparent)]
    Client(#[from] registry::BuildError),
    /// A source of a kind that cannot be read.
    #[error("mirror `{0}`: an image layout cannot be a source")]
    Source(String),
}

/// A mirror that is not configured.
#[derive(Debug, thiserror::Error)]
#[error("no mirror is named `{name}`; there are: {}", known.join(", "))]
pub struct UnknownMirror {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: Vec<String>,
}

/// What was found on one side of a mirror.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The mirror.
    pub mirror: String,
    /// `source` or `target`.
    pub side: &'static str,
    /// The repository.
    pub place: String,
    /// What was seen, or why nothing was.
    pub result: Result<String, String>,
}

impl App {
    /// Makes every client. Reads files, contacts nobody.
    pub async fn new(config: Config, options: Options, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let (clients, sides, requests) = (BTreeMap::new(), Vec::new(), Arc::default());
        let mut app = Self { config, options, observer, clients, sides, requests };
        let mirrors: Vec<_> =
            app.config.mirrors.iter().map(|m| (m.name.clone(), m.source.clone(), m.target.clone())).collect();
        for (name, source, target) in mirrors {
            let Endpoint::Registry(source) = source else { return Err(Error::Source(name)) };
            let source = app.repository(&source).await?;
            let target = app.target(&target).await?;
            app.sides.push((source, target));
        }
        Ok(app)
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// One run over the mirrors of these names, over all where there are none.
    ///
    /// What goes wrong with mirrors and tags is in the summary.
    pub async fn run(&self, names: &[String], mode: Mode, stop: &Stop) -> Result<RunSummary, UnknownMirror> {
        let started_at = Timestamp::now();
        let before = self.requests.load(Relaxed);
        let concurrency = self.config.concurrency;
        let shared = Arc::new(Shared {
            inflight: Arc::new(Inflight::default()),
            blob_slots: Semaphore::new(concurrency.blobs.get()),
            retry: self.options.retry,
        });
        let passes = self.named(names)?.into_iter().map(|(mirror, (source, target))| {
            let copier = Copier {
                mirror: mirror.name.as_str().into(),
                source: source.clone(),
                target: target.clone(),
                observer: Arc::clone(&self.observer),
                shared: Arc::clone(&shared),
            };
            let pass = Pass { mirror, copier, tags_max: concurrency.tags };
            async move { pass.run(mode, stop).await }
        });
        let mirrors = stream::iter(passes).buffered(concurrency.mirrors.get()).collect().await;
        Ok(RunSummary::new(started_at, mirrors, self.requests.load(Relaxed) - before))
    }

    /// Looks at every side of every mirror: can it be reached, and what is there?
    pub async fn probe(&self) -> Vec<Probe> {
        let probes = self.config.mirrors.iter().zip(&self.sides).map(|(mirror, (source, target))| async move {
            let tags = source.tags().await.map(|tags| format!("{} tags", tags.len()));
            let found = target.probe().await;
            let probe = |side, place: &Endpoint, result| {
                Probe { mirror: mirror.name.clone(), side, place: place.to_string(), result }
            };
            [
                probe("source", &mirror.source, tags.map_err(|error| crate::pass::chain(&error))),
                probe("target", &mirror.target, found.map_err(|error| crate::pass::chain(&error))),
            ]
        });
        let probes: Vec<_> = stream::iter(probes).buffered(self.config.concurrency.mirrors.get()).collect().await;
        probes.into_iter().flatten().collect()
    }

    /// A repository of any registry, with what the configuration says of its host.
    pub async fn repository(&mut self, name: &oci::Name) -> Result<registry::Repository, Error> {
        let client = self.client(&name.host).await?;
        Ok(registry::Repository::new(client, name.repository.clone()))
    }

    fn named(&self, names: &[String]) -> Result<Vec<(&Mirror, &(registry::Repository, Target))>, UnknownMirror> {
        let mirrors = &self.config.mirrors;
        if let Some(name) = names.iter().find(|name| !mirrors.iter().any(|mirror| mirror.name == **name)) {
            let known = mirrors.iter().map(|mirror| mirror.name.clone()).collect();
            return Err(UnknownMirror { name: name.clone(), known });
        }
        let is_named = |mirror: &Mirror| names.is_empty() || names.contains(&mirror.name);
        Ok(mirrors.iter().zip(&self.sides).filter(|(mirror, _)| is_named(mirror)).collect())
    }

    async fn target(&mut self, endpoint: &Endpoint) -> Result<Target, Error> {
        let name = match endpoint {
            Endpoint::Registry(name) => name,
            Endpoint::Layout(_) => todo!(),
        };
        let data = self.repository(name).await?;
        let Some(settings) = self.config.registry(&name.host).ecr else { return Ok(Target::Registry(data)) };
        let api = self.api(&name.host, &settings).await;
        let create = settings.create_repositories.then_some(settings.repository);
        Ok(Target::Ecr(Box::new(ecr::Repository::new(api, data, create))))
    }

    /// One client for each host: its limits and logins are shared by all that asks there.
    async fn client(&mut self, host: &Host) -> Result<Client, Error> {
        if let Some(client) = self.clients.get(host) {
            return Ok(client.clone());
        }
        let Registry { credentials, limits, plain_http, ca_file, ecr } = self.config.registry(host);
        let ca_pem = match ca_file {
            None => None,
            Some(path) => match tokio::fs::read(&path).await {
                Ok(pem) => Some(pem),
                Err(cause) => return Err(Error::CaFile { path, host: host.clone(), cause }),
            },
        };
        let timeouts = self.config.timeouts;
        let options = registry::Options {
            plain_http,
            ca_pem,
            credentials: self.credentials(host, credentials, ecr.as_ref()).await,
            limits: Limits { concurrent: limits.concurrent, per_second: limits.per_second },
            connect_timeout: timeouts.connect,
            stall_timeout: timeouts.stall,
            retry: self.options.retry,
            tap: self.tap(),
        };
        let client = Client::new(host, options)?;
        self.clients.insert(host.clone(), client.clone());
        Ok(client)
    }

    async fn credentials(
        &self,
        host: &Host,
        credentials: Option<Credentials>,
        ecr: Option<&Ecr>,
    ) -> Arc<dyn registry::Credentials> {
        match (credentials, ecr) {
            (Some(Credentials::Password { username, password }), _) => Arc::new(Login { username, password }),
            (Some(Credentials::PasswordFile { username, path }), _) => Arc::new(PasswordFile { username, path }),
            (Some(Credentials::Secret { id }), _) => Arc::new(ecr::SecretCredentials::new(id)),
            (None, Some(ecr)) => Arc::new(ecr::EcrCredentials::new(self.api(host, ecr).await)),
            (None, None) => {
                let files = DockerFiles::from_environment(|name| std::env::var_os(name));
                Arc::new(DockerConfig::new(host.clone(), None, files))
            }
        }
    }

    async fn api(&self, host: &Host, ecr: &Ecr) -> ecr::Api {
        let known = ecr::EcrHost::parse(host);
        ecr::Api::load(ecr::ApiOptions {
            account: ecr.account.clone(),
            region: ecr.region.clone(),
            role_arn: ecr.role_arn.clone(),
            endpoint_url: ecr.endpoint_url.clone(),
            fips: known.as_ref().is_some_and(|host| host.fips),
            dual_stack: known.as_ref().is_some_and(|host| host.dual_stack),
            tap: self.tap(),
        })
        .await
    }

    /// Counts requests, and passes them on to whoever observes the run.
    fn tap(&self) -> Tap {
        let (requests, observer) = (Arc::clone(&self.requests), Arc::clone(&self.observer));
        Arc::new(move |exchange| match *exchange {
            Exchange::Requested { host, method, status } => {
                requests.fetch_add(1, Relaxed);
                observer.observe(&Event::Requested { host, method, status });
            }
            Exchange::Retried { host, reason } => observer.observe(&Event::Retried { host, reason }),
        })
    }
}
