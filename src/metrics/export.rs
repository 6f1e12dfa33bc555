//! Metrics of a run that nobody can scrape: written into its log, pushed, or left in a file.

use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method};
use jiff::Timestamp;
use tracing::info;

use crate::config::{SecretUrl, Shard};
use crate::event::{Event, Observer, RunSummary};
use crate::ledger::Ledger;
use crate::metrics::emf::Emf;
use crate::metrics::{encode, plain};
use crate::registry::Retry;
use crate::sender::{OpenError, Patience, SendError, Sender};

const NAMESPACE: &str = "tagferry";
/// CloudWatch's bound on a namespace.
const NAMESPACE_MAX_CHARS: usize = 255;

/// Whoever runs `sync` waits for it.
const PATIENCE: Patience = Patience {
    retry: Retry { tries: 3, pause: Duration::from_secs(1), pause_max: Duration::from_secs(2) },
    answer: Duration::from_secs(5),
    total: Duration::from_secs(6),
};

/// Where the metrics of a run go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Into the log, for CloudWatch.
    Emf {
        /// The namespace of the metrics there.
        namespace: String,
    },
    /// To a Pushgateway of this address.
    Push(SecretUrl),
    /// Into this file, for the textfile collector of a node exporter.
    File(PathBuf),
}

/// How much of the configuration a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that the process is for.
    Whole,
    /// Some mirrors: that they succeed says nothing of the rest.
    Part,
}

/// Tells a destination of a run.
pub struct Exporter {
    kind: Kind,
    scope: Scope,
    ledger: Arc<Ledger>,
    shard: Option<Shard>,
}

enum Kind {
    Emf(Emf),
    Push(SecretUrl),
    File(PathBuf),
}

/// Why the metrics of a run are not where they should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("cannot write the metrics to {}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Nothing can be sent from here.
    #[error("cannot push the metrics")]
    Open(#[from] OpenError),
    /// The other side does not take them.
    #[error("cannot push the metrics to {place}")]
    Push {
        /// Scheme, host and port.
        place: String,
        /// Why.
        #[source]
        cause: SendError,
    },
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, value) = text.split_once('=').map_or((text, None), |(kind, value)| (kind, Some(value)));
        match (kind, value) {
            ("emf", None) => Ok(Self::Emf { namespace: NAMESPACE.to_owned() }),
            ("emf", Some(namespace)) if is_namespace(namespace) => {
                Ok(Self::Emf { namespace: namespace.to_owned() })
            }
            ("emf", Some(_)) => Err(format!(
                "a namespace of CloudWatch has up to {NAMESPACE_MAX_CHARS} letters, digits and `.-_/#`, and does not begin \
                 with `AWS/`"
            )),
            ("push", Some(url)) => SecretUrl::parse(url).map(Self::Push).ok_or_else(|| {
                "expected the address of a Pushgateway, such as `push=http://pushgateway:9091`".to_owned()
            }),
            ("file", Some(path)) if Path::new(path).file_name().is_some() => Ok(Self::File(path.into())),
            _ => Err("expected `emf`, `emf=NAMESPACE`, `push=URL` or `file=PATH`".to_owned()),
        }
    }
}

fn is_namespace(text: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b".-_/#".contains(&b);
    (1..=NAMESPACE_MAX_CHARS).contains(&text.len())
        && text.bytes().all(is_letter)
        && !text.starts_with("AWS/")
}

impl Exporter {
    /// `out` is where lines for CloudWatch go. The ledger has to observe the same passes, before this does.
    pub fn new(
        destination: Destination,
        scope: Scope,
        ledger: Arc<Ledger>,
        shard: Option<Shard>,
        out: Box<dyn Write + Send>,
    ) -> Self {
        let kind = match destination {
            Destination::Emf { namespace } => {
                Kind::Emf(Emf { namespace, ledger: Arc::clone(&ledger), shard, out: Mutex::new(out) })
            }
            Destination::Push(url) => Kind::Push(url),
            Destination::File(path) => Kind::File(path),
        };
        Self { kind, scope, ledger, shard }
    }

    /// Tells of the run as a whole, now that it ended. A part takes the place of nothing that is known of the rest.
    pub async fn finish(&self, summary: &RunSummary) -> Result<(), Error> {
        if self.scope == Scope::Part {
            if !matches!(self.kind, Kind::Emf(_)) {
                info!("No metrics of this run are handed on: it is over some of the mirrors alone");
            }
            return Ok(());
        }
        let text = || plain::plain(&encode(&self.ledger, self.shard, None, Timestamp::now()));
        match &self.kind {
            Kind::Emf(emf) => emf.run(summary),
            Kind::Push(url) => push(url, self.shard, text()).await?,
            Kind::File(path) => {
                let file = |cause| Error::File { path: path.clone(), cause };
                write(path, text()).await.map_err(file)?;
            }
        }
        Ok(())
    }
}

impl Observer for Exporter {
    fn observe(&self, event: &Event<'_>) {
        if let Kind::Emf(emf) = &self.kind {
            emf.observe(event);
        }
    }
}

/// Puts the metrics in the place of those that this shard pushed before.
async fn push(url: &SecretUrl, shard: Option<Shard>, text: String) -> Result<(), Error> {
    let shard = shard.map_or(0, Shard::index).to_string();
    let group = url.below(&["metrics", "job", NAMESPACE, "shard", &shard]);
    let sender = Sender::new(group, HeaderMap::new(), PATIENCE.answer)?;
    let place = format!("the Pushgateway at {}", url.origin());
    let sent = async || sender.send(Method::PUT, plain::CONTENT_TYPE, text.clone()).await;
    PATIENCE.send(&place, sent).await.map_err(|cause| Error::Push { place, cause })
}

/// Whoever reads the file meanwhile finds the one before or this one, whole.
async fn write(path: &Path, text: String) -> io::Result<()> {
    // The collector reads what ends in `.prom`.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", process::id()));
    let written = async {
        tokio::fs::write(&temporary, text).await?;
        tokio::fs::rename(&temporary, path).await
    };
    let result = written.await;
    if result.is_err() {
        // What cannot be written may not be there either.
        let _ = tokio::fs::remove_file(&temporary).await;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_one_of_three() {
        let read = |text: &str| text.parse::<Destination>();
        let emf = |namespace: &str| Ok(Destination::Emf { namespace: namespace.to_owned() });
        assert_eq!(read("emf"), emf("tagferry"));
        assert_eq!(read("emf=images/prod"), emf("images/prod"));
        assert_eq!(read("file=a/tagferry.prom"), Ok(Destination::File("a/tagferry.prom".into())));
        let push = read("push=https://user:hunter2@push.test/a?b=hunter2").unwrap();
        assert_eq!(format!("{push:?}"), "Push(SecretUrl(https://push.test/…))");
        for text in
            ["", "emf=", "emf=AWS/ECS", "emf=a b", "push", "push=push.test", "file=", "file=/", "EMF", "x=y"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
