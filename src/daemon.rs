//! The daemon: owns every task, starts them, reloads, and stops in order.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, Stream, StreamExt};
use jiff::Timestamp;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_cron_scheduler::JobSchedulerError;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::app;
use crate::app::App;
use crate::config::Config;
use crate::control;
use crate::control::{Access, Changes, Configuration, Control};
use crate::event::{Observer, Observers};
use crate::metrics::Metrics;
use crate::pass::Stop;
use crate::schedule::{Agenda, Clock};
use crate::worker::Workers;

/// Requests to the control plane that are under way when everything else has ended are given this time.
const GOODBYE: Duration = Duration::from_secs(2);

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
    options: app::Options,
    observer: Arc<dyn Observer>,
    reload: Reload,
    control: Arc<Control>,
    apps: watch::Sender<Arc<App>>,
    listener: TcpListener,
    clock: Clock,
}

impl Daemon {
    /// Makes everything that the configuration needs. `observer` is told what passes do, besides those that the daemon
    /// has for itself. Starts no pass yet.
    pub async fn new(config: Config, options: Options, observer: Arc<dyn Observer>) -> Result<Self, Error> {
        let Options { app: options, listener, token, reload } = options;
        let listen = listener.local_addr().map_err(Error::Listener)?;
        let (workers, metrics) = (Arc::new(Workers::default()), Arc::new(Metrics::new(Timestamp::now)));
        let observers = vec![Arc::clone(&workers) as Arc<dyn Observer>, Arc::clone(&metrics) as _, observer];
        let observer: Arc<dyn Observer> = Arc::new(Observers(observers));
        let app = app(config, &options, &observer).await?;
        let now = Timestamp::now();
        let control = Arc::new(Control {
            workers,
            metrics,
            changes: Changes::new(now),
            access: Access::new(token, listen),
            stopping: CancellationToken::new(),
            started_at: now,
            configuration: Mutex::new(Configuration { loaded_at: now, error: None }),
        });
        let clock = Clock::start().await.map_err(Error::Clock)?;
        Ok(Self {
            options,
            observer,
            reload,
            control,
            apps: watch::Sender::new(Arc::new(app)),
            listener,
            clock,
        })
    }

    /// Where the control plane listens.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.listener.local_addr().map_err(Error::Listener)
    }

    /// How long copies in flight may go on after a signal to stop, by the configuration that counts now.
    pub fn grace(&self) -> impl Fn() -> Duration + use<> {
        let apps = self.apps.subscribe();
        move || apps.borrow().config().shutdown_grace
    }

    /// Runs until `stop`; reads the configuration again whenever `reloads` says so.
    ///
    /// Ends when every task has: passes under way finish unless `stop.hard` drops what they copy.
    pub async fn run(self, stop: Stop, reloads: impl Stream<Item = ()>) -> Result<(), Error> {
        let Self { options, observer, reload, control, apps, listener, clock } = self;
        let goodbye = CancellationToken::new();
        let mut crew = Crew { at_work: FuturesUnordered::new(), apps: apps.subscribe(), stop: stop.clone() };
        let mut agenda = Agenda::default();
        crew.configure(&control, &mut agenda);
        // After the mirrors are known: "sync now" for all of them means all.
        let mut server = JoinSet::new();
        server.spawn(control::serve(listener, Arc::clone(&control), goodbye.clone()));
        let mut reloads = std::pin::pin!(reloads);
        let ended = loop {
            tokio::select! {
                () = stop.soft.cancelled() => break Ok(()),
                error = clock.keep(&mut agenda, jitter, || control.workers.changed()) => break Err(Error::Clock(error)),
                Some(()) = crew.at_work.next() => {}
                Some(Err(error)) = server.join_next() => break Err(Error::Task(error)),
                Some(()) = reloads.next() => {
                    let loaded_at = control.configuration().loaded_at;
                    match take(&reload, &options, &observer).await {
                        Ok(app) => {
                            info!("Took the new configuration");
                            apps.send_replace(Arc::new(app));
                            control.set_configuration(Configuration { loaded_at: Timestamp::now(), error: None });
                            crew.configure(&control, &mut agenda);
                        }
                        Err(error) => {
                            error!(error, "Did not take the new configuration; the one before stays:\n{error}");
                            control.set_configuration(Configuration { loaded_at, error: Some(error) });
                        }
                    }
                }
            }
        };
        stop.soft.cancel();
        control.stopping.cancel();
        control.workers.changed();
        while crew.at_work.next().await.is_some() {}
        goodbye.cancel();
        // Whoever still waits for an answer now is cut off.
        let _ = tokio::time::timeout(GOODBYE, server.join_next()).await;
        ended
    }
}

/// The workers at work: futures of the daemon's own, as those of the copies are futures of theirs. They wait for sockets
/// nearly all of the time, and the sockets have tasks.
struct Crew {
    at_work: FuturesUnordered<LocalBoxFuture<'static, ()>>,
    apps: watch::Receiver<Arc<App>>,
    stop: Stop,
}

impl Crew {
    /// Takes the mirrors of the configuration: puts new ones to work, and makes a new agenda.
    ///
    /// A mirror with `on_start` runs now if it is new.
    fn configure(&mut self, control: &Control, agenda: &mut Agenda) {
        let app = Arc::clone(&self.apps.borrow());
        let mirrors = &app.config().mirrors;
        control.metrics.set_mirrors(mirrors.iter().map(|mirror| mirror.name.as_str()));
        let new = control.workers.configure(mirrors);
        let scheduled = || mirrors.iter().zip(control.workers.all());
        let due = scheduled().filter_map(|(mirror, worker)| Some((worker, mirror.schedule.clone()?)));
        *agenda = Agenda::new(due, agenda, Timestamp::now(), jitter);
        for (mirror, worker) in scheduled() {
            let is_new = new.iter().any(|new| Arc::ptr_eq(new, &worker));
            if is_new && mirror.schedule.as_ref().is_some_and(|schedule| schedule.on_start) {
                worker.trigger.fire();
            }
        }
        for worker in new {
            let (apps, stop) = (self.apps.clone(), self.stop.clone());
            self.at_work.push(async move { worker.work(apps, &stop).await }.boxed_local());
        }
        control.workers.changed();
    }
}

fn app<'a>(
    config: Config,
    options: &'a app::Options,
    observer: &'a Arc<dyn Observer>,
) -> impl Future<Output = Result<App, app::Error>> + 'a {
    // Making every kind of client is a large future; it need not be in those around it.
    Box::pin(async move {
        let app = App::new(config, options.clone(), Arc::clone(observer)).await?;
        app.check_credentials().await?;
        Ok(app)
    })
}

/// Reads the configuration again and makes everything that it needs.
async fn take(reload: &Reload, options: &app::Options, observer: &Arc<dyn Observer>) -> Result<App, String> {
    let config = reload()?;
    app(config, options, observer).await.map_err(|error| crate::registry::chain(&error))
}

/// Any time of up to this.
fn jitter(max: Duration) -> Duration {
    max.mul_f64(fastrand::f64())
}
