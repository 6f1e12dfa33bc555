//! The whole configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use url::Url;

use crate::config::discovered::Found;
use crate::config::discovery::Discovery;
use crate::config::ecr::endpoint_url;
use crate::config::mirror::{Endpoint, Mirror};
use crate::config::mirrors::{Read, mirrors};
use crate::config::notice::{Heartbeat, Names, Notice, notices};
use crate::config::raw;
use crate::config::registry::normal;
use crate::config::registry::{Registry, registries, warn_unused};
use crate::config::schedule::Schedule;
use crate::config::written::Common;
use crate::oci::Host;
use crate::yaml::{Document, Faults, Path, Warning};

/// ECS and Kubernetes kill what still runs 30 seconds after the signal.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(25);

/// What tagferry is to do, every value valid.
#[derive(Clone, Debug)]
pub struct Config {
    /// The mirrors in the order of the text, those that were discovered after all others; their names are unique.
    pub mirrors: Vec<Mirror>,
    /// What is still to be discovered, and taken by [`Config::parse_found`].
    pub discoveries: Vec<Discovery>,
    /// Settings of the hosts that have some. [`Config::registry`] knows those of every host.
    pub registries: BTreeMap<Host, Registry>,
    /// Where notices are sent.
    pub notices: Vec<Notice>,
    /// Where people reach the page of a daemon.
    pub public_url: Option<Url>,
    /// Who is given signs of life.
    pub heartbeats: Vec<Heartbeat>,
    /// How much is done at a time.
    pub concurrency: Concurrency,
    /// How long to wait for a registry.
    pub timeouts: Timeouts,
    /// How long copies in flight may go on after a signal to stop.
    pub shutdown_grace: Duration,
    /// What is valid, and most likely not what was meant.
    pub warnings: Vec<Warning>,
}

/// How much is done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// Mirrors.
    pub mirrors: NonZeroUsize,
    /// Tags of one mirror.
    pub tags: NonZeroUsize,
    /// Layers, in all.
    pub blobs: NonZeroUsize,
    /// Parts of one layer, where the source is slow for each connection.
    pub ranges: NonZeroUsize,
}

/// How long to wait for a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the next byte of a transfer.
    pub stall: Duration,
    /// For a whole answer that is no blob.
    pub metadata: Duration,
    /// The least bytes a second of a blob; none where any will do.
    pub pace: Option<NonZeroU64>,
    /// For a whole pass; none where it may take any time.
    pub pass: Option<Duration>,
}

impl Config {
    /// Reads a configuration.
    ///
    /// `origin` is what messages call it, such as `tagferry.yaml`; `env` gives the values of environment variables.
    /// Fails with every fault of the text. Contacts nothing, reads no file and no clock.
    pub fn parse(origin: &str, text: &str, env: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, Faults> {
        Self::read(origin, text, env, None)
    }

    /// The same where it is known which repositories there are: each that is wanted is a mirror.
    pub fn parse_found(
        origin: &str,
        text: &str,
        env: &dyn Fn(&str) -> Option<OsString>,
        found: &Found,
    ) -> Result<Self, Faults> {
        Self::read(origin, text, env, Some(found))
    }

    fn read(
        origin: &str,
        text: &str,
        env: &dyn Fn(&str) -> Option<OsString>,
        found: Option<&Found>,
    ) -> Result<Self, Faults> {
        let mut document = Document::read(text, raw::schema());
        document.remove_keys("x-");
        document.replace_variables(env);
        let raw: raw::Config = document.deserialize();
        let config = Self::new(raw, found, &mut document);
        Ok(Self { warnings: document.finish(origin)?, ..config })
    }

    /// The settings of a host, be there an entry for it or not.
    pub fn registry(&self, host: &Host) -> Registry {
        self.registries.get(&normal(host.clone())).cloned().unwrap_or_else(|| Registry::of_host(host))
    }

    /// What is left of `raw` when everything faulty is left out.
    fn new(raw: raw::Config, found: Option<&Found>, document: &mut Document) -> Self {
        let root = Path::default();
        let default_schedule =
            raw.schedule.and_then(|raw| Schedule::new(raw, &root.key("schedule"), document));
        let defaults = Self::default();
        let shutdown_grace = document.duration(raw.shutdown_grace, &root.key("shutdown_grace"));
        let common = Common { defaults: &raw.defaults, schedule: default_schedule.as_ref() };
        let read = mirrors(raw.mirrors, &common, found, &root.key("mirrors"), document);
        let Read { mirrors, discoveries, is_whole, .. } = read;
        let all = mirrors.iter().chain(discoveries.iter().map(|discovery| &discovery.example));
        let sides = all.flat_map(|mirror| mirror.sources().chain([&mirror.target]));
        let used: BTreeSet<Host> = sides.filter_map(Endpoint::host).cloned().collect();
        // The names of mirrors with faults are not known.
        let names: Vec<&str> = mirrors.iter().map(|mirror| mirror.name.as_str()).collect();
        let names = match (found, discoveries.is_empty()) {
            _ if !is_whole => Names::Unknown,
            (_, true) => Names::All(&names),
            (None, false) => Names::Unknown,
            (Some(_), false) => Names::Today(&names),
        };
        let registries = registries(raw.registries, &used, &root.key("registries"), document);
        if is_whole {
            warn_unused(&registries, &used, &root.key("registries"), document);
        }
        let (notices, heartbeats) = notices(raw.notices, names, &root.key("notices"), document);
        let public_url =
            raw.public_url.and_then(|text| endpoint_url(&text, &root.key("public_url"), document));
        Self {
            notices,
            heartbeats,
            public_url,
            mirrors,
            discoveries: if found.is_none() { discoveries } else { Vec::new() },
            registries,
            concurrency: Concurrency::new(&raw.concurrency, &root.key("concurrency"), document),
            timeouts: Timeouts::new(raw.timeouts, &root.key("timeouts"), document),
            shutdown_grace: shutdown_grace.unwrap_or(defaults.shutdown_grace),
            warnings: Vec::new(),
        }
    }
}

/// Nothing to mirror, and the settings of a configuration that says nothing of them.
impl Default for Config {
    fn default() -> Self {
        Self {
            mirrors: Vec::new(),
            discoveries: Vec::new(),
            registries: BTreeMap::new(),
            notices: Vec::new(),
            public_url: None,
            heartbeats: Vec::new(),
            concurrency: Concurrency::default(),
            timeouts: Timeouts::default(),
            shutdown_grace: SHUTDOWN_GRACE,
            warnings: Vec::new(),
        }
    }
}

impl Concurrency {
    fn new(raw: &raw::Concurrency, path: &Path, document: &mut Document) -> Self {
        let defaults = Self::default();
        let ranges = document.bounded(raw.ranges, raw::RANGES_MAX, &path.key("ranges"));
        let mut count = |number, key| document.bounded(number, raw::AT_A_TIME_MAX, &path.key(key));
        Self {
            mirrors: count(raw.mirrors, "mirrors").unwrap_or(defaults.mirrors),
            tags: count(raw.tags, "tags").unwrap_or(defaults.tags),
            blobs: count(raw.blobs, "blobs").unwrap_or(defaults.blobs),
            ranges: ranges.unwrap_or(defaults.ranges),
        }
    }
}

impl Default for Concurrency {
    fn default() -> Self {
        const MIRRORS: NonZeroUsize = NonZeroUsize::new(2).unwrap();
        const TAGS: NonZeroUsize = NonZeroUsize::new(4).unwrap();
        const BLOBS: NonZeroUsize = NonZeroUsize::new(8).unwrap();
        const RANGES: NonZeroUsize = NonZeroUsize::new(4).unwrap();
        Self { mirrors: MIRRORS, tags: TAGS, blobs: BLOBS, ranges: RANGES }
    }
}

impl Timeouts {
    fn new(raw: raw::Timeouts, path: &Path, document: &mut Document) -> Self {
        let defaults = Self::default();
        let pace = document.rate(raw.pace, &path.key("pace"));
        let mut timeout = |text, key| document.timeout(text, &path.key(key));
        Self {
            connect: timeout(raw.connect, "connect").unwrap_or(defaults.connect),
            stall: timeout(raw.stall, "stall").unwrap_or(defaults.stall),
            metadata: timeout(raw.metadata, "metadata").unwrap_or(defaults.metadata),
            pace: pace.map_or(defaults.pace, NonZeroU64::new),
            pass: timeout(raw.pass, "pass"),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            metadata: Duration::from_mins(1),
            pace: NonZeroU64::new(1024),
            pass: None,
        }
    }
}
