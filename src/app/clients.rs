//! One client for each host: its limits and its login are shared by all that is asked there.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

use crate::app::{Error, Options};
use crate::aws::SecretCredentials;
use crate::config::{Config, Credentials, Ecr, Endpoint, Registry, Timeouts};
use crate::ecr;
use crate::layout::Layout;
use crate::login;
use crate::login::{DockerConfig, DockerFiles, Login, PasswordFile};
use crate::oci::{Host, LayoutName, Name};
use crate::registry;
use crate::registry::{Chunks, Client, Limits, Patience, Ranges, RequestObserver};
use crate::source::Source;
use crate::target::Target;

/// `PutImage` has the smallest of ECR's quotas: ten a second for an account and region. All shards together stay below.
const ECR_MANIFESTS_PER_SECOND: u64 = 8;

/// A caller of AWS and where it calls: the region, the role that it takes and the address, where they are given.
/// A token is used at one address only.
type Caller = (String, Option<String>, Option<Url>);

impl Options {
    /// This process's part of that quota. With more shards than the quota allows each has one a second; ECR throttles
    /// them, and they back off.
    fn manifests_per_second(&self) -> Option<NonZeroU32> {
        let part = ECR_MANIFESTS_PER_SECOND / self.shard.map_or(1, |shard| shard.count().get());
        NonZeroU32::new(u32::try_from(part.max(1)).unwrap_or(u32::MAX))
    }
}

/// The region in which all mirrors have their ECR.
fn only_region(config: &Config) -> Option<String> {
    let mirrors = config.mirrors.iter().chain(config.discoveries.iter().map(|discovery| &discovery.example));
    let sides = mirrors.flat_map(|mirror| mirror.sources().chain([&mirror.target]));
    let mut regions = sides.filter_map(|side| Some(config.registry(side.host()?).ecr?.region));
    let first = regions.next()?;
    regions.all(|region| region == first).then_some(first)
}

/// Makes clients on demand.
pub(super) struct Clients {
    options: Options,
    observer: RequestObserver,
    /// The region of all of the mirrors' ECR; none where there are several.
    region: Option<String>,
    /// One for all clients, as it bounds memory.
    ranges: Ranges,
    registries: BTreeMap<Host, Client>,
    apis: BTreeMap<Host, ecr::Api>,
    /// Mirrors into one repository share what is known of it.
    repositories: BTreeMap<Name, ecr::Repository>,
    /// Mirrors into one directory share what is known of it.
    layouts: BTreeMap<PathBuf, Layout>,
    /// An ECR token serves every registry that its caller may use in a region.
    tokens: BTreeMap<Caller, Arc<ecr::EcrCredentials>>,
}

impl Clients {
    pub(super) fn new(config: &Config, options: Options, observer: RequestObserver) -> Self {
        let ranges = Ranges::new(config.concurrency.ranges, options.slow);
        Self {
            options,
            observer,
            region: only_region(config),
            ranges,
            registries: BTreeMap::new(),
            apis: BTreeMap::new(),
            repositories: BTreeMap::new(),
            layouts: BTreeMap::new(),
            tokens: BTreeMap::new(),
        }
    }

    /// A repository of any registry, with what the configuration says of its host.
    async fn repository(&mut self, config: &Config, name: &Name) -> Result<registry::Repository, Error> {
        let client = self.client(config, &name.host).await?;
        Ok(registry::Repository::new(client, name.repository.clone()))
    }

    /// A repository to read from.
    pub(super) async fn source(&mut self, config: &Config, endpoint: &Endpoint) -> Result<Source, Error> {
        match endpoint {
            Endpoint::Registry(name) => Ok(Source::Registry(self.repository(config, name).await?)),
            Endpoint::Layout { dir, name } => Ok(Source::Layout(self.layout(dir, name.as_ref()))),
            Endpoint::Pattern { example, .. } => Box::pin(self.source(config, example)).await,
        }
    }

    /// A repository to copy to.
    pub(super) async fn target(&mut self, config: &Config, endpoint: &Endpoint) -> Result<Target, Error> {
        let name = match endpoint {
            Endpoint::Registry(name) => name,
            Endpoint::Layout { dir, name } => return Ok(Target::Layout(self.layout(dir, name.as_ref()))),
            Endpoint::Pattern { example, .. } => return Box::pin(self.target(config, example)).await,
        };
        let data = self.repository(config, name).await?;
        let Some(settings) = config.registry(&name.host).ecr else { return Ok(Target::Registry(data)) };
        let api = self.api(&name.host, &settings).await;
        let create = settings.create_repositories.then_some(settings.repository);
        let repository = self.repositories.entry(name.clone());
        let repository = repository.or_insert_with(|| ecr::Repository::new(api, data, create));
        Ok(Target::Ecr(Box::new(repository.clone())))
    }

    fn layout(&mut self, dir: &Path, name: Option<&LayoutName>) -> Layout {
        let layout = self.layouts.entry(dir.to_owned()).or_insert_with(|| Layout::new(dir.to_owned()));
        layout.repository(name)
    }

    pub(super) async fn client(&mut self, config: &Config, host: &Host) -> Result<Client, Error> {
        if let Some(client) = self.registries.get(host) {
            return Ok(client.clone());
        }
        let Registry { credentials, token_service, limits, plain_http, ca_file, private_redirects, ecr } =
            config.registry(host);
        let Timeouts { connect, stall, metadata, pace, .. } = config.timeouts;
        let ca_pem = match ca_file {
            None => None,
            Some(path) => match tokio::fs::read(&path).await {
                Ok(pem) => Some(pem),
                Err(cause) => return Err(Error::CaFile { path, host: host.clone(), cause }),
            },
        };
        let options = registry::Options {
            plain_http,
            ca_pem,
            private_redirects: registry::PrivateHosts::new(private_redirects),
            credentials: self.credentials(host, credentials, ecr.as_ref()).await?,
            token_service,
            limits: Limits { concurrent: limits.concurrent, per_second: limits.per_second },
            chunks: if ecr.is_some() { Chunks::Never } else { Chunks::WhereNeeded },
            manifests_per_second: ecr.as_ref().and(self.options.manifests_per_second()),
            connect_timeout: connect,
            patience: Patience { stall, metadata, pace },
            retry: self.options.retry,
            ranges: self.ranges.clone(),
            observer: Arc::clone(&self.observer),
        };
        let client = Client::new(host, options)?;
        self.registries.insert(host.clone(), client.clone());
        Ok(client)
    }

    async fn credentials(
        &mut self,
        host: &Host,
        credentials: Option<Credentials>,
        ecr: Option<&Ecr>,
    ) -> Result<Arc<dyn login::Credentials>, Error> {
        Ok(match (credentials, ecr) {
            (Some(Credentials::Password { username, password }), _) => Arc::new(Login { username, password }),
            (Some(Credentials::PasswordFile { username, path }), _) => {
                let file = PasswordFile { username, path };
                file.check().await.map_err(|cause| Error::PasswordFile { host: host.clone(), cause })?;
                Arc::new(file)
            }
            (Some(Credentials::Secret { id }), _) => {
                Arc::new(SecretCredentials::new(id, self.region.clone(), self.options.aws.clone()))
            }
            (None, Some(ecr)) => self.token(host, ecr).await,
            (None, None) => {
                let files = DockerFiles::from_environment(|name| std::env::var_os(name));
                Arc::new(DockerConfig::new(host.clone(), files))
            }
        })
    }

    async fn token(&mut self, host: &Host, ecr: &Ecr) -> Arc<ecr::EcrCredentials> {
        let api = self.api(host, ecr).await;
        let caller = (ecr.region.clone(), ecr.role_arn.clone(), ecr.endpoint_url.clone());
        Arc::clone(self.tokens.entry(caller).or_insert_with(|| Arc::new(ecr::EcrCredentials::new(api))))
    }

    pub(super) async fn api(&mut self, host: &Host, ecr: &Ecr) -> ecr::Api {
        if let Some(api) = self.apis.get(host) {
            return api.clone();
        }
        let known = ecr::EcrHost::parse(host);
        let options = ecr::ApiOptions {
            account: ecr.account.clone(),
            region: ecr.region.clone(),
            role_arn: ecr.role_arn.clone(),
            credentials: self.options.aws.clone(),
            endpoint_url: ecr.endpoint_url.clone(),
            fips: known.as_ref().is_some_and(|host| host.fips),
            dual_stack: known.as_ref().is_some_and(|host| host.dual_stack),
            observer: Arc::clone(&self.observer),
        };
        let api = ecr::Api::load(options).await;
        self.apis.insert(host.clone(), api.clone());
        api
    }
}
