//! The daemon: owns everything that runs, starts it, reloads, and stops in order.
//!
//! Passes and notices are futures of the daemon's own, as copies are futures of theirs: they wait for sockets nearly all
//! of the time, and the sockets have tasks. The control plane is a task, so that it answers whatever a pass computes.

mod supervisor;
mod tasks;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::{Either, join, select};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet};
use tokio_cron_scheduler::JobSchedulerError;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::app;
use crate::config::Config;
use crate::control;
use crate::control::{Access, Changes, Configuration, Control};
use crate::event::Observer;
use crate::ledger::Ledger;
use crate::pass::Stop;
use crate::schedule::Clock;
use crate::worker::Workers;

use self::supervisor::{AppBuilder, Supervisor};
use self::tasks::run_all;

/// Notices that wait when everything else has ended are given this time: ECS and Kubernetes kill 30 seconds after the
/// signal, of which the copies in flight have 25.
const NOTICES_MAX: Duration = Duration::from_secs(3);
/// Requests to the control plane that are under way when everything else has ended are given this time.
const GOODBYE: Duration = Duration::from_secs(1);

/// What is not in the configuration.
pub struct Options {
    /// What there is for a program that embeds this one.
    pub app: app::Options,
    /// Where the control plane listens.
    pub listener: TcpListener,
    /// Who may start a run; see [`Access`].
    pub token: Option<SecretString>,
    /// Reads the configuration again, and says in words for people what is wrong with it.
    pub reload: Reload,
}

/// Reads the configuration again.
pub type Reload = Box<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// Why the daemon could not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is right, and nothing can be built from it.
    #[error(transparent)]
    App(#[from] app::Error),
    /// The listener has no address.
    #[error("the control plane has no address")]
    Listener(#[source] std::io::Error),
    /// The clock does not work.
    #[error("cannot wait for times: {0}")]
    Clock(JobSchedulerError),
    /// A task ended that never should: a mistake of ours.
    #[error("a part of the daemon ended by itself")]
    Task(#[source] JoinError),
}

/// A daemon, ready to run.
pub struct Daemon {
    supervisor: Supervisor,
    tasks: tasks::Ends,
    listener: TcpListener,
}

impl Daemon {
    /// Makes everything that the configuration needs. `observer` is told what passes do, besides those that the daemon
    /// has for itself. Starts no pass yet.
    pub async fn new(config: Config, options: Options, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let Options { app: options, listener, token, reload } = options;
        let listen = listener.local_addr().map_err(Error::Listener)?;
        let shard = options.shard;
        let now = Timestamp::now();
        let ledger = Arc::new(Ledger::new(now));
        let control = Control {
            ledger: Arc::clone(&ledger),
            workers: Workers::new(Arc::clone(&ledger)),
            shard,
            changes: Changes::new(now),
            access: Access::new(token, listen),
            stopping: CancellationToken::new(),
            configuration: Mutex::new(Configuration { loaded_at: now, error: None }),
        };
        let clock = Clock::start().await.map_err(Error::Clock)?;
        let builder = AppBuilder::new(reload, options, ledger, observer);
        let (starts, tasks) = tasks::channels();
        let supervisor = Supervisor::new(builder, config, Arc::new(control), clock, starts).await?;
        Ok(Self { supervisor, tasks, listener })
    }

    /// Where the control plane listens.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.listener.local_addr().map_err(Error::Listener)
    }

    /// How long copies in flight may go on after a signal to stop, by the configuration that counts when it is asked.
    ///
    /// As long as it is held, so is what was made of that configuration, and its notices do not end.
    pub fn grace(&self) -> impl FnOnce() -> Duration + use<> {
        let apps = self.supervisor.apps();
        move || apps.borrow().config().shutdown_grace
    }

    /// Runs until `stop`; reads the configuration again whenever `reloads` says so.
    ///
    /// Ends when everything has: passes under way finish unless `stop.hard` drops what they copy.
    pub async fn run(self, stop: Stop, reloads: impl Stream<Item = ()>) -> Result<(), Error> {
        let Self { mut supervisor, tasks: ends, listener } = self;
        // Before anybody can ask: "sync now" for all mirrors means all.
        supervisor.start(&stop);
        let control = supervisor.control();
        let goodbye = CancellationToken::new();
        let mut server = JoinSet::new();
        server.spawn(control::serve(listener, Arc::clone(&control), goodbye.clone()));
        let supervise = async move {
            let ended = tokio::select! {
                ended = supervisor.supervise(&stop, reloads) => ended,
                Some(Err(error)) = server.join_next() => Err(Error::Task(error)),
            };
            stop.soft.cancel();
            control.stopping.cancel();
            control.ledger.changed();
            (ended, server)
        };
        let passes = pin!(join(supervise, run_all(ends.passes)));
        let notices = pin!(run_all(ends.notices));
        let (ended, mut server) = match select(passes, notices).await {
            Either::Left(((ended, ()), notices)) => {
                if tokio::time::timeout(NOTICES_MAX, notices).await.is_err() {
                    warn!("Not every notice was delivered before the end: what is left is dropped");
                }
                ended
            }
            // Everything ends passes first, and so no notice can come any more.
            Either::Right(((), passes)) => passes.await.0,
        };
        goodbye.cancel();
        // Whoever still waits for an answer now is cut off.
        let _ = tokio::time::timeout(GOODBYE, server.join_next()).await;
        ended
    }
}
