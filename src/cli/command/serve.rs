//! `tagferry serve`.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use futures_util::{FutureExt, StreamExt};
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::cli::config;
use crate::cli::config::Loaded;
use crate::cli::exit::{ExitCode, ExitError};
use crate::cli::global::Global;
use crate::cli::listen;
use crate::cli::listen::Listen;
use crate::cli::shard::Sharding;
use crate::cli::signals;
use crate::cli::signals::Stopping;
use crate::cli::terminal::Terminal;
use crate::config::{Config, Found};
use crate::daemon::{Daemon, Options, Reload};
use crate::pass::Stop;

const EXAMPLES: &str = "\
Examples:
  $ tagferry serve
  $ TAGFERRY_API_TOKEN=$(openssl rand -hex 32) tagferry --log-format json serve --listen 0.0.0.0:8080

What it answers:
  GET  /                         every mirror at a glance, for a browser
  GET  /healthz, /readyz         200 while it serves; 200 while it takes work
  GET  /metrics                  for Prometheus
  GET  /api/v1/mirrors           every mirror, for scripts
  GET  /api/v1/events            the same as server-sent events, whenever it changes
  POST /api/v1/sync?mirror=NAME  a pass over the named mirrors, or over all
  POST /api/v1/cancel?mirror=NAME  the end of the passes over the named mirrors
  GET  /api/v1/runs/ID           how far that is
  GET  /api/v1/openapi.json      all of this, for machines";

/// Run every mirror on its schedule, until told to stop
///
/// Also answers over HTTP: how fresh every mirror is, metrics, and "sync now". A mirror never overlaps itself: what
/// triggers it during a pass means one more pass. Without a schedule a mirror runs when it is asked to.
///
/// SIGHUP reads the configuration again, and finds out anew which repositories there are; a faulty one is reported, and the
/// one before stays. SIGTERM and SIGINT take no new work and give the copies in flight `shutdown_grace` (25 s) to finish; a
/// second signal drops them at once.
///
/// Whoever can connect may look. Starting a run needs the token in the environment variable `TAGFERRY_API_TOKEN`, of 16
/// characters or more. Without a token, only local requests to a loopback listener may start a run, and none through a
/// proxy. A daemon on loopback answers only to its own names, and to the host of `public_url`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct Serve {
    /// Where to listen; `:PORT` is all addresses, port 0 any free one
    #[arg(long, value_name = "ADDR", env = "TAGFERRY_LISTEN", default_value = listen::DEFAULT)]
    listen: Listen,
    #[command(flatten)]
    sharding: Sharding,
}

impl Serve {
    pub(in crate::cli) async fn run(
        self,
        global: &Global,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, ExitError> {
        let Self { listen, sharding } = self;
        let token = config::own_api_token()?;
        let app = sharding.options()?;
        let path = global.config.clone();
        let cannot_listen = |error: io::Error| {
            ExitError::new(ExitCode::NotStarted, format_args!("cannot listen on {listen}: {error}"))
        };
        let written = config::load(path.as_deref())?;
        let listener = TcpListener::bind(&listen.addresses[..]).await.map_err(cannot_listen)?;
        let mut stopping = Stopping::new()?;
        let reloads = signals::reloads().map_err(|error| signals::unheard(&error))?;
        let (stop, grace, known) = (stopping.stop.clone(), written.config.shutdown_grace, Known::default());
        let reload = reload(path, sharding.clone(), known.clone());
        let refused = |error: &dyn std::error::Error| ExitError::of(ExitCode::NotStarted, error);
        let made = async {
            let config = known.discover(written, &sharding, &stop).await?;
            let options = Options { app, listener, token, reload };
            let daemon = Box::pin(Daemon::new(config, options, terminal.observer()));
            daemon.await.map_err(|error| refused(&error))
        };
        let made = async {
            tokio::select! {
                // First: a discovery that is stopped ends at once as well.
                biased;
                () = stop.soft.cancelled() => None,
                made = made => Some(made),
            }
        };
        let made = stopping.heed(|| grace, Box::pin(made)).await;
        let Some(daemon) = made else {
            // Nothing was begun, so there is nothing to finish.
            info!("Stopped");
            return Ok(ExitCode::Success);
        };
        let daemon = daemon?;
        let address = daemon.address().map_err(|error| refused(&error))?;
        info!(%address, "Serving on http://{address}");
        let grace = daemon.grace();
        let reloads = reloads.map(|name| info!("{name}: reading the configuration again"));
        let work = Box::pin(daemon.run(stop.clone(), reloads));
        stopping.heed(grace, work).await.map_err(|error| refused(&error))?;
        info!("Stopped");
        Ok(ExitCode::Success)
    }
}

/// What reads the configuration again, and asks what it says to discover.
fn reload(path: Option<PathBuf>, sharding: Sharding, known: Known) -> Reload {
    let is_stdin = path.as_deref().is_some_and(config::is_stdin);
    Box::new(move || {
        let (path, sharding, known) = (path.clone(), sharding.clone(), known.clone());
        let loaded = async move {
            // To read it again would find nothing, or wait for somebody to type, and everything with it.
            if is_stdin {
                return Err(
                    "standard input cannot be read again: name a file with `--config PATH`".to_owned()
                );
            }
            let written = config::load(path.as_deref()).map_err(|failure| failure.to_string())?;
            let discovered = known.discover(written, &sharding, &Stop::default()).await;
            discovered.map_err(|failure| failure.to_string())
        };
        loaded.boxed_local()
    })
}

/// What registries listed when they were asked last.
#[derive(Clone, Default)]
struct Known(Arc<Mutex<Found>>);

impl Known {
    /// The configuration with what there is to discover, and without the mirrors of other shards.
    async fn discover(&self, written: Loaded, sharding: &Sharding, stop: &Stop) -> Result<Config, ExitError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut config = written.discovered(sharding.options()?, &mut known, stop).await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
        // Its pass says so too, but may be hours away.
        for why in config.mirrors.iter().filter_map(|mirror| mirror.undiscovered.as_ref()) {
            warn!("{why}");
        }
        sharding.keep(&mut config)?;
        Ok(config)
    }
}
