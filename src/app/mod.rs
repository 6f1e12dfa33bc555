//! The composition root: turns configuration into clients, targets and passes.

mod clients;
pub mod discover;
mod order;
mod passes;
mod shared;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use jiff::Timestamp;

use crate::aws;
use crate::config;
use crate::config::{Config, Credentials, Ecr, Endpoint, Mirror, Registry, Shard};
use crate::copy::Progress;
use crate::event;
use crate::event::{MirrorSummary, Observer, RunSummary, Warning};
use crate::login::{PasswordFile, PasswordFileError};
use crate::oci::{Host, Tag};
use crate::pass::{Deadline, Memory, Mode, Names, Stop};
use crate::registry;
use crate::registry::{Exchange, RequestObserver, Retry, Slow};
use crate::slots::{Slot, Slots};
use crate::source::{Source, Sources};

use self::clients::Clients;
use self::order::{Waiting, in_order};
use self::passes::Sides;
use self::shared::SharedState;

/// What is not in the configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How often requests are tried.
    pub retry: Retry,
    /// When a source counts as slow, so that parts of a blob are fetched beside one another.
    pub slow: Slow,
    /// Which part of the mirrors this process has: the others share the quotas of the targets. None for all of them.
    pub shard: Option<Shard>,
    /// When all passes have to end; none where each has its own time.
    pub deadline: Option<Deadline>,
    /// AWS credentials of the program that embeds this one, in place of the default chain.
    pub aws: Option<SharedCredentialsProvider>,
}

/// Everything that the configuration says, ready to run.
pub struct App {
    config: Config,
    options: Options,
    observer: Arc<dyn Observer>,
    /// Which configuration of the process this is, counted from 1.
    generation: u64,
    clients: Clients,
    /// What each mirror is made between, in the order of the configuration.
    sides: Vec<Sides>,
    /// How many mirrors of a daemon at once.
    slots: Arc<Slots>,
    shared: SharedState,
    requests: Arc<AtomicU64>,
    /// How many runs there were.
    runs: AtomicU64,
}

/// The configuration is valid, and cannot be used on this machine.
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
    /// A password file that cannot be read.
    #[error("no login for {host}")]
    PasswordFile {
        /// The registry.
        host: Host,
        /// Why.
        #[source]
        cause: PasswordFileError,
    },
    /// A client that cannot be made.
    #[error(transparent)]
    Client(#[from] registry::BuildError),
    /// A target in AWS, and no credentials for it.
    #[error("{}", aws::NO_CREDENTIALS)]
    NoCredentials(#[source] CredentialsError),
    /// A target in AWS, and credentials that cannot be used.
    #[error("the AWS credentials cannot be used")]
    Credentials(#[source] CredentialsError),
    /// The same, as whoever has them does not say so.
    #[error("the AWS credentials could not be obtained")]
    Late(#[source] CredentialsError),
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
    /// The tags, of a source.
    pub tags: Vec<Tag>,
    /// What looks wrong with them, of a source.
    pub warning: Option<String>,
}

impl App {
    /// Makes every client. Reads files, contacts nobody.
    pub async fn new(config: Config, options: Options, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let requests = Arc::<AtomicU64>::default();
        let mut clients = Clients::new(&config, options.clone(), request_observer(&requests, &observer));
        let mut sides = Vec::with_capacity(config.mirrors.len());
        let mut progress: HashMap<&str, Arc<Progress>> = HashMap::new();
        for Mirror { name, first_target, .. } in &config.mirrors {
            if first_target.is_some() {
                progress.entry(name).or_default();
            }
        }
        let mut sharing: HashMap<&Endpoint, Vec<usize>> = HashMap::new();
        for (index, Mirror { target, .. }) in config.mirrors.iter().enumerate() {
            sharing.entry(target).or_default().push(index);
        }
        sharing.retain(|_, mirrors| mirrors.len() > 1);
        let names: HashMap<&Endpoint, (Arc<Names>, Arc<[usize]>)> =
            sharing.into_iter().map(|(target, mirrors)| (target, (Arc::default(), mirrors.into()))).collect();
        for mirror in &config.mirrors {
            let first = clients.source(&config, &mirror.source).await?;
            let mut others = Vec::with_capacity(mirror.other_sources.len());
            for source in &mirror.other_sources {
                others.push(clients.source(&config, source).await?);
            }
            let relay = match &mirror.first_target {
                Some(first) => Some(clients.source(&config, first).await?),
                None => None,
            };
            sides.push(Sides {
                sources: Sources::new(first, others).after(relay),
                target: clients.target(&config, &mirror.target).await?,
                memory: Memory::default(),
                progress: progress.get(&*mirror.name).cloned(),
                names: names.get(&mirror.target).cloned(),
            });
        }
        let slots = Arc::new(Slots::new(config.concurrency.mirrors));
        let shared = SharedState::new(config.concurrency.blobs);
        Ok(Self {
            config,
            options,
            observer,
            generation: 1,
            clients,
            sides,
            slots,
            shared,
            requests,
            runs: AtomicU64::default(),
        })
    }

    /// The same app in the place of another one, whose passes under way count among those that may run at once, and the layers
    /// that they move too where `concurrency.blobs` stays. The limits of a registry are for the requests by one configuration.
    #[must_use]
    pub fn after(self, before: &Self) -> Self {
        let slots = Arc::clone(&before.slots);
        slots.resize(self.config.concurrency.mirrors);
        let shared = SharedState::after(&before.shared, self.config.concurrency.blobs);
        Self { slots, shared, generation: before.generation + 1, ..self }
    }

    /// The password files that cannot be read here. Contacts nobody.
    pub async fn faulty_password_files(config: &Config) -> Vec<Error> {
        let mut faulty = Vec::new();
        for (host, Registry { credentials, .. }) in &config.registries {
            if let Some(Credentials::PasswordFile { username, path }) = credentials.clone()
                && let Err(cause) = (PasswordFile { username, path }).check().await
            {
                faulty.push(Error::PasswordFile { host: host.clone(), cause });
            }
        }
        faulty
    }

    /// Fails where every mirror needs AWS and there are no credentials for it: nothing could be done then. Where some need
    /// none, these run, and the others tell what they lack.
    pub async fn check_credentials(&self) -> Result<(), Error> {
        let of = |endpoint: &Endpoint| Some(self.config.registry(endpoint.host()?));
        let needed = |mirror: &Mirror| {
            let source = || of(&mirror.source).filter(|registry| registry.credentials.is_none())?.ecr;
            of(&mirror.target).and_then(|registry| registry.ecr).or_else(source)
        };
        let needed: Option<Vec<Ecr>> = self.config.mirrors.iter().map(needed).collect();
        // Who they are is the same in every region.
        let Some(Ecr { region, .. }) = needed.as_ref().and_then(|needed| needed.first()) else {
            return Ok(());
        };
        let checked = aws::check_credentials(region, self.options.aws.clone()).await;
        checked.map_err(|error| match error {
            CredentialsError::InvalidConfiguration(_) => Error::Credentials(error),
            CredentialsError::CredentialsNotLoaded(_) => Error::NoCredentials(error),
            _ => Error::Late(error),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// One run over all mirrors. What goes wrong with mirrors and tags is in the summary.
    pub async fn run(&self, mode: Mode, stop: &Stop) -> RunSummary {
        let mut mirrors = Vec::new();
        let summary = self.run_each(mode, stop, |mirror| mirrors.push(mirror)).await;
        RunSummary { mirrors, ..summary }
    }

    /// The same, which gives each mirror away when it and those before it have ended, and keeps none of them.
    pub async fn run_each(&self, mode: Mode, stop: &Stop, mut take: impl FnMut(MirrorSummary)) -> RunSummary {
        let mut summary = RunSummary::begin();
        let before = self.requests.load(Relaxed);
        let number = self.runs.fetch_add(1, Relaxed) + 1;
        // Held for the whole run, also between its passes.
        let shared = self.shared();
        let passes = self.config.mirrors.iter().zip(&self.sides).map(|(mirror, sides)| {
            let pass = self.pass_of(mirror, sides, (number, 0), Arc::clone(&shared));
            let stop = stop.of_pass();
            async move { pass.run(mode, &stop).await }
        });
        let waiting = match mode {
            // All tags of its source come with a mirror: not too many may wait for a slow one before them.
            Mode::Plan => Waiting::AsManyAsRun,
            Mode::Sync => Waiting::All,
        };
        in_order(passes, self.config.concurrency.mirrors, waiting, |mirror| {
            summary.add(&mirror);
            take(mirror);
        })
        .await;
        summary.finished_at = Timestamp::now();
        summary.totals.requests = self.requests.load(Relaxed) - before;
        summary.warnings.extend(self.config.warnings.iter().map(|config::Warning { code, fault }| Warning {
            code,
            rule: None,
            message: format!("{}: {}", fault.path, fault.what),
        }));
        summary
    }

    /// Waits for one of the `concurrency.mirrors` slots. Cancel safe.
    pub async fn slot(&self) -> Slot<'_> {
        self.slots.acquire().await
    }

    /// Which configuration of the process this is, counted from 1.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Looks at every side of every mirror: can it be reached, and what is there?
    pub async fn probe(&self) -> Vec<Probe> {
        let probes = self.config.mirrors.iter().zip(&self.sides).map(
            |(mirror, Sides { sources, target, .. })| async move {
                let probe = |side, place: &Endpoint, result| Probe {
                    mirror: mirror.name.clone(),
                    side,
                    place: place.to_string(),
                    result,
                    tags: Vec::new(),
                    warning: None,
                };
                if let Some(why) = &mirror.undiscovered {
                    return vec![probe("source", &mirror.source, Err(why.clone()))];
                }
                let found = target.probe().await.map_err(|error| error.told());
                let mut probes = Vec::new();
                // The sources of a mirror with several targets are those of the first.
                let asked = mirror.sources().zip(sources.all()).filter(|_| mirror.first_target.is_none());
                for (place, source) in asked {
                    let tags = source.tags().await.map_err(|error| error.told());
                    let seen = tags.as_ref().map(|tags| format!("{} tags", tags.len())).map_err(Clone::clone);
                    let warning = if tags.is_ok() { source.left_out().await.ok().flatten() } else { None };
                    let tags = tags.unwrap_or_default();
                    probes.push(Probe { tags, warning, ..probe("source", place, seen) });
                }
                probes.push(probe("target", &mirror.target, found));
                probes
            },
        );
        let mut all = Vec::new();
        in_order(probes, self.config.concurrency.mirrors, Waiting::All, |probes| all.extend(probes)).await;
        all
    }

    /// A repository to read from, with what the configuration says of its host.
    pub async fn source(&mut self, endpoint: &Endpoint) -> Result<Source, Error> {
        self.clients.source(&self.config, endpoint).await
    }
}

/// Counts requests, and passes them on to whoever observes the run.
fn request_observer(requests: &Arc<AtomicU64>, observer: &Arc<dyn Observer>) -> RequestObserver {
    let (requests, observer) = (Arc::clone(requests), Arc::clone(observer));
    Arc::new(move |exchange| {
        if matches!(exchange, Exchange::Requested { .. }) {
            requests.fetch_add(1, Relaxed);
        }
        event::emit_request(&*observer, *exchange);
    })
}
