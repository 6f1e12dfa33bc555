//! The daemon: owns everything that runs, starts it, reloads, and stops in order.

mod aging;
mod discovered;
mod outlook;
mod schedule;
mod supervisor;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::{JoinError, JoinSet, LocalSet};
use tokio_cron_scheduler::JobSchedulerError;
use tokio_util::sync::CancellationToken;

use crate::app;
use crate::config::Config;
use crate::control;
use crate::control::{Access, Changes, Configuration, Control, Hosts, Latest, Pieces, WrongTokens};
use crate::daemon::schedule::Clock;
use crate::event::Observer;
use crate::ledger::Ledger;
use crate::pass::Stop;
use crate::worker::Workers;

use self::aging::age;
use self::supervisor::{AppBuilder, Supervisor};

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

/// Reads the configuration again, and may ask registries which repositories there are.
pub type Reload = Box<dyn Fn() -> LocalBoxFuture<'static, Result<Config, String>> + Send + Sync>;

/// Why the daemon could not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is right, and nothing can be built from it.
    #[error(transparent)]
    App(#[from] app::Error),
    /// The listener has no address.
    #[error("the control plane has no address")]
    Listener(#[source] std::io::Error),
    /// The control plane cannot accept connections.
    #[error("the control plane cannot accept connections")]
    Server(#[source] std::io::Error),
    /// The clock does not work.
    #[error("the clock of the schedules does not work: {0}")]
    Clock(JobSchedulerError),
    /// A task ended that never should: a bug.
    #[error("internal error: a part of the daemon ended by itself; please report this")]
    Task(#[source] JoinError),
}

/// A daemon, ready to run.
pub struct Daemon {
    supervisor: Supervisor,
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
            pieces: Pieces::default(),
            metrics: Latest::default(),
            hosts: Hosts::new(listen, config.public_url.as_ref()),
            access: Access::new(token, listen),
            wrong_tokens: WrongTokens::default(),
            stopping: CancellationToken::new(),
            configuration: Mutex::new(Configuration { loaded_at: now, error: None }),
        };
        let clock = Clock::start().await.map_err(Error::Clock)?;
        let builder = AppBuilder::new(reload, options, ledger, observer);
        let supervisor = Box::pin(Supervisor::new(builder, config, Arc::new(control), clock)).await?;
        Ok(Self { supervisor, listener })
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
        // One thread is enough for passes and notices: nearly all of the time they wait for sockets, which have tasks of their own.
        LocalSet::new().run_until(self.supervise(stop, reloads)).await
    }

    async fn supervise(self, stop: Stop, reloads: impl Stream<Item = ()>) -> Result<(), Error> {
        let Self { mut supervisor, listener } = self;
        // Before any request is taken, so that "sync now" for all mirrors means all.
        supervisor.start(&stop);
        let control = supervisor.control();
        let goodbye = CancellationToken::new();
        let mut server = JoinSet::new();
        server.spawn(control::serve(listener, Arc::clone(&control), goodbye.clone()));
        let aging = age(Arc::clone(&control.ledger), supervisor.notifiers());
        let ended = tokio::select! {
            ended = supervisor.supervise(&stop, reloads) => ended,
            Some(ended) = server.join_next() => ended.map_err(Error::Task)?.map_err(Error::Server),
            never = aging => match never {},
        };
        stop.soft.cancel();
        control.stopping.cancel();
        control.ledger.changed();
        let ended = ended.and(supervisor.finish().await);
        goodbye.cancel();
        // Requests that still wait for an answer are cut off.
        let _ = tokio::time::timeout(GOODBYE, server.join_next()).await;
        ended
    }
}
