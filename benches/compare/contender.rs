//! Who is compared, and how each is told to do the same job.

use std::ffi::OsString;
use std::fmt;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use crate::child;
use crate::child::Took;
use crate::floor::Orders;

/// The blobs that tagferry copies at once by default.
const AT_ONCE: usize = 8;

/// A program that copies images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contender {
    Tagferry,
    Floor,
    Skopeo,
    Regsync,
    Crane,
}

/// What all of them are to do: these tags of `source/NAME` to `target/mirror/NAME`, for each name. Names start with
/// `java/`: skopeo only keeps their last part.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// `HOST:PORT`
    pub(crate) source: String,
    pub(crate) target: String,
    pub(crate) repositories: Vec<(String, Vec<String>)>,
    /// The folder of the authority that both ends are to be trusted by, `None` without TLS.
    pub(crate) authority: Option<PathBuf>,
    /// More configuration of tagferry.
    pub(crate) settings: String,
    /// More settings of the source and the target there.
    pub(crate) source_settings: String,
    pub(crate) target_settings: String,
    /// More settings of every rule there.
    pub(crate) rule: String,
    /// For the floor, which reads no manifests.
    pub(crate) blobs: Vec<(String, u64)>,
}

impl Job {
    pub(crate) fn new(source: &str, target: &str, repository: &str, tags: &[&str]) -> Self {
        let tags = tags.iter().map(ToString::to_string).collect();
        Self {
            source: source.to_owned(),
            target: target.to_owned(),
            repositories: vec![(repository.to_owned(), tags)],
            authority: None,
            settings: String::new(),
            source_settings: String::new(),
            target_settings: String::new(),
            rule: String::new(),
            blobs: Vec::new(),
        }
    }

    fn ca_file(&self) -> Option<PathBuf> {
        self.authority.as_ref().map(|folder| folder.join("authority.crt"))
    }

    /// Every tag with its repository.
    fn images(&self) -> impl Iterator<Item = (&str, &str)> {
        self.repositories.iter().flat_map(|(name, tags)| tags.iter().map(move |tag| (&**name, &**tag)))
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tagferry => "tagferry",
            Self::Floor => "floor",
            Self::Skopeo => "skopeo",
            Self::Regsync => "regsync",
            Self::Crane => "crane",
        })
    }
}

impl Contender {
    pub(crate) const PEERS: [Self; 3] = [Self::Skopeo, Self::Regsync, Self::Crane];

    /// The peers that are here.
    pub(crate) fn peers() -> Vec<Self> {
        Self::PEERS.into_iter().filter(|peer| peer.is_here()).collect()
    }

    pub(crate) fn is_here(self) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(self.to_string()).is_file())
    }

    /// Does the job once.
    pub(crate) async fn run(self, job: &Job) -> Result<Took, String> {
        let home = TempDir::with_prefix("tagferry-bench-").map_err(|error| error.to_string())?;
        let arguments = self.arguments(job, home.path()).map_err(|error| error.to_string())?;
        child::run(&arguments, home.path()).await
    }

    /// The command line; what it refers to is written to the home folder.
    fn arguments(self, job: &Job, home: &Path) -> std::io::Result<Vec<OsString>> {
        let file = home.join("job.yaml");
        let arguments: Vec<OsString> = match self {
            Self::Tagferry => {
                fs::write(&file, tagferry(job))?;
                vec![tagferry_binary().into(), "-c".into(), file.into(), "sync".into(), "-q".into()]
            }
            Self::Floor => {
                fs::write(&file, floor(job))?;
                vec![std::env::current_exe()?.into(), "floor".into(), file.into()]
            }
            Self::Skopeo => {
                fs::write(&file, skopeo(job))?;
                let (file, target) = (file.display(), &job.target);
                let trust = match &job.authority {
                    Some(folder) => format!("--dest-cert-dir {}", folder.display()),
                    None => "--dest-tls-verify=false".to_owned(),
                };
                words(&format!(
                    "skopeo --insecure-policy sync --all --preserve-digests --src yaml --dest docker {trust} \
                     {file} {target}/mirror/java"
                ))
            }
            Self::Regsync => {
                fs::write(&file, regsync(job))?;
                words(&format!("regsync once -c {}", file.display()))
            }
            Self::Crane => ["sh", "-e", "-c", &crane(job)].map(OsString::from).into(),
        };
        Ok(arguments)
    }
}

/// The release binary, where `scripts/bench` put it.
pub(crate) fn tagferry_binary() -> PathBuf {
    let named = std::env::var_os("TAGFERRY_BIN").map(PathBuf::from);
    named.unwrap_or_else(|| env!("CARGO_BIN_EXE_tagferry").into())
}

fn words(line: &str) -> Vec<OsString> {
    line.split(' ').map(OsString::from).collect()
}

/// The configuration for the job.
pub(crate) fn tagferry(job: &Job) -> String {
    let Job { source, target, settings, source_settings, target_settings, rule, .. } = job;
    let mut text = "mirrors:\n".to_owned();
    for (name, tags) in &job.repositories {
        let pattern = tags.join("|").replace('.', "\\.");
        let _ = writeln!(
            text,
            "  - {{source: {source}/{name}, target: {target}/mirror/{name}, tags: [{{match: '^({pattern})$'{rule}}}]}}"
        );
    }
    let reached = match job.ca_file() {
        Some(file) => format!("ca_file: {}", file.display()),
        None => "plain_http: true".to_owned(),
    };
    let _ = writeln!(
        text,
        "registries:\n  {source}: {{{reached}{source_settings}}}\n  {target}: {{{reached}{target_settings}}}\n{settings}"
    );
    text
}

fn floor(job: &Job) -> String {
    let scheme = if job.authority.is_some() { "https" } else { "http" };
    let name = &job.repositories[0].0;
    let orders = Orders {
        source: format!("{scheme}://{}/v2/{name}", job.source),
        target: format!("{scheme}://{}/v2/mirror/{name}", job.target),
        ca_file: job.ca_file(),
        at_once: AT_ONCE,
        blobs: job.blobs.clone(),
    };
    json!(orders).to_string()
}

fn skopeo(job: &Job) -> String {
    let reached = match &job.authority {
        Some(folder) => json!({"cert-dir": folder}),
        None => json!({"tls-verify": false}),
    };
    let mut settings = reached;
    settings["images"] = job.repositories.iter().map(|(name, tags)| (name.clone(), json!(tags))).collect();
    json!({&job.source: settings}).to_string()
}

fn regsync(job: &Job) -> String {
    let pem = job.ca_file().and_then(|file| fs::read_to_string(file).ok());
    let host = |host: &str| match &pem {
        Some(pem) => json!({"registry": host, "tls": "enabled", "regcert": pem}),
        None => json!({"registry": host, "tls": "disabled"}),
    };
    let sync = |(name, tags): &(String, Vec<String>)| {
        let (source, target) = (format!("{}/{name}", job.source), format!("{}/mirror/{name}", job.target));
        json!({"source": source, "target": target, "type": "repository", "tags": {"allow": tags}})
    };
    let sync: Vec<_> = job.repositories.iter().map(sync).collect();
    json!({
        "version": 1,
        "creds": [host(&job.source), host(&job.target)],
        "defaults": {"parallel": 2, "skipDockerConfig": true},
        "sync": sync,
    })
    .to_string()
}

fn crane(job: &Job) -> String {
    let reached = match job.ca_file() {
        Some(file) => format!("export SSL_CERT_FILE={}; crane copy", file.display()),
        None => "crane copy --insecure".to_owned(),
    };
    let copies = job.images().map(|(name, tag)| {
        let reached = reached.clone();
        format!("{reached} {}/{name}:{tag} {}/mirror/{name}:{tag}", job.source, job.target)
    });
    copies.collect::<Vec<_>>().join("; ")
}
