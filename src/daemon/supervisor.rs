//! What runs by which configuration, and when.

use std::future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, Stream, StreamExt};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::app;
use crate::app::App;
use crate::config::Config;
use crate::control::Control;
use crate::daemon::discovered;
use crate::daemon::outlook;
use crate::daemon::schedule::{Agenda, Clock};
use crate::daemon::{Error, Reload};
use crate::event::{Observer, Observers};
use crate::ledger::Ledger;
use crate::notice;
use crate::notice::{Delivery, Notifier, Rhythm};
use crate::pass::Stop;
use crate::text::{chain, internal_error};

/// Notices that wait when everything else has ended are given this time: ECS and Kubernetes kill 30 seconds after the
/// signal, of which the copies in flight have 25.
const NOTICES_MAX: Duration = Duration::from_secs(3);

/// A worker that ended by a panic begins anew after this time.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// Fires triggers at their times, takes new configurations, and owns what runs by them.
pub(super) struct Supervisor {
    builder: Arc<AppBuilder>,
    control: Arc<Control>,
    clock: Clock,
    agenda: Agenda,
    apps: watch::Sender<Arc<App>>,
    /// Who tells of passes by the newest configuration, and of mirrors that got late.
    notifiers: watch::Sender<Arc<Notifier>>,
    /// The delivery of the newest configuration, before it is handed over.
    delivery: Option<Delivery>,
    /// The workers of mirrors.
    passes: JoinSet<()>,
    /// The deliveries of notices: that of the newest configuration, and those before that have not ended yet.
    notices: JoinSet<()>,
}

/// What a configuration was made into, or in words for people what is wrong with it.
type Built = Result<Parts, String>;

/// What passes need, who tells of them, and who delivers that.
type Parts = (App, Arc<Notifier>, Delivery);

/// Makes of a configuration what passes need.
pub(super) struct AppBuilder {
    reload: Reload,
    options: app::Options,
    ledger: Arc<Ledger>,
    /// Takes the events of all configurations, besides the ledger.
    observer: Arc<dyn Observer>,
}

impl AppBuilder {
    pub(super) fn new(
        reload: Reload,
        options: app::Options,
        ledger: Arc<Ledger>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self { reload, options, ledger, observer }
    }

    async fn build(&self, config: Config) -> Result<Parts, app::Error> {
        let aws = self.options.aws.clone();
        let (notifier, delivery) = notice::channel(&config, aws, Arc::clone(&self.ledger), Rhythm::Pass);
        let observers =
            vec![Arc::clone(&self.ledger) as _, Arc::clone(&self.observer), Arc::clone(&notifier) as _];
        // Making every kind of client is a large future, and so is asking AWS; they need not be in those around them.
        let app = Box::pin(App::new(config, self.options.clone(), Arc::new(Observers(observers)))).await?;
        Box::pin(app.check_credentials()).await?;
        Ok((app, notifier, delivery))
    }

    /// The same for the configuration as it is now, or in words for people what is wrong with it.
    ///
    /// It may wait for registries and for credentials of AWS, and nothing waits for it meanwhile.
    fn reload(self: Arc<Self>) -> LocalBoxFuture<'static, Built> {
        let built = async move {
            let config = (self.reload)().await?;
            self.build(config).await.map_err(|error| chain(&error))
        };
        async {
            AssertUnwindSafe(built).catch_unwind().await.unwrap_or_else(|panic| Err(internal_error(&*panic)))
        }
        .boxed_local()
    }
}

impl Supervisor {
    pub(super) async fn new(
        builder: AppBuilder,
        config: Config,
        control: Arc<Control>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let (app, notifier, delivery) = builder.build(config).await?;
        let apps = watch::Sender::new(Arc::new(app));
        Ok(Self {
            builder: Arc::new(builder),
            control,
            clock,
            agenda: Agenda::default(),
            apps,
            notifiers: watch::Sender::new(notifier),
            delivery: Some(delivery),
            passes: JoinSet::new(),
            notices: JoinSet::new(),
        })
    }

    /// What the configuration that counts was made into.
    pub(super) fn apps(&self) -> watch::Receiver<Arc<App>> {
        self.apps.subscribe()
    }

    /// Who tells of mirrors that got late.
    pub(super) fn notifiers(&self) -> watch::Receiver<Arc<Notifier>> {
        self.notifiers.subscribe()
    }

    pub(super) fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }

    /// Goes on until told to stop.
    pub(super) async fn supervise(
        &mut self,
        stop: &Stop,
        reloads: impl Stream<Item = ()>,
    ) -> Result<(), Error> {
        let mut reloads = pin!(reloads);
        // One that is asked for while another is under way comes after it.
        let mut reload: Option<LocalBoxFuture<'static, Built>> = None;
        loop {
            let changed = || self.control.ledger.changed();
            let is_reloading = reload.is_some();
            let built = async {
                match &mut reload {
                    Some(reload) => reload.await,
                    None => future::pending().await,
                }
            };
            tokio::select! {
                () = stop.soft.cancelled() => return Ok(()),
                error = self.clock.keep(&mut self.agenda, jitter, changed) => return Err(Error::Clock(error)),
                Some(ended) = self.passes.join_next() => ended.map_err(Error::Task)?,
                // A panic in a delivery was logged where it happened.
                Some(_) = self.notices.join_next() => {}
                Some(()) = reloads.next(), if !is_reloading => {
                    reload = Some(Arc::clone(&self.builder).reload());
                }
                built = built => {
                    reload = None;
                    self.take(built, stop);
                }
            }
        }
    }

    /// Waits for passes under way, and then for a while for the notices of them.
    pub(super) async fn finish(self) -> Result<(), Error> {
        let Self { builder, apps, notifiers, mut passes, mut notices, .. } = self;
        // Dropped with these are the last notifiers, once passes under way have ended, and the deliveries end.
        drop((builder, apps, notifiers));
        while let Some(ended) = passes.join_next().await {
            ended.map_err(Error::Task)?;
        }
        let delivered = async { while notices.join_next().await.is_some() {} };
        if tokio::time::timeout(NOTICES_MAX, delivered).await.is_err() {
            warn!("Not every notice was delivered before the end: what is left is dropped");
        }
        Ok(())
    }

    /// Takes what a configuration was made into. A faulty one changes nothing.
    ///
    /// Logged last: whoever reads the message finds the configuration in effect.
    fn take(&mut self, built: Built, stop: &Stop) {
        let error = match built {
            Ok((app, notifier, delivery)) => {
                self.control.hosts.set_public(app.config().public_url.as_ref());
                discovered::tell(self.apps.borrow().config(), app.config(), &notifier);
                let app = app.after(&self.apps.borrow());
                self.apps.send_replace(Arc::new(app));
                self.notifiers.send_replace(notifier);
                self.delivery = Some(delivery);
                self.start(stop);
                None
            }
            Err(error) => {
                self.notifiers.borrow().reload_refused(&error, Timestamp::now());
                Some(error)
            }
        };
        self.control.reloaded(error.clone(), Timestamp::now());
        match error {
            None => info!("Took the new configuration"),
            Some(error) => {
                error!(error, "Did not take the new configuration; the one before stays:\n{error}");
            }
        }
    }

    /// Takes the mirrors of the configuration that counts now: puts new ones to work, and makes a new agenda.
    ///
    /// One of which nothing is known yet runs now if it says `on_start`.
    pub(super) fn start(&mut self, stop: &Stop) {
        let app = Arc::clone(&self.apps.borrow());
        let mirrors = &app.config().mirrors;
        let Control { ledger, workers, .. } = &*self.control;
        let now = Timestamp::now();
        let configured = ledger.configure(mirrors, app.generation(), now);
        let new = workers.configure(&configured, app.config().shutdown_grace);
        let scheduled = || mirrors.iter().zip(workers.all());
        let due = scheduled().filter_map(|(mirror, worker)| Some((worker, mirror.schedule.clone()?)));
        self.agenda = Agenda::new(due, &self.agenda, now, jitter);
        outlook::tell(mirrors, self.agenda.first());
        for ((mirror, worker), configured) in scheduled().zip(&configured) {
            // What could not be discovered is known already, and told by a pass that fails at once.
            let is_due =
                configured.is_new && mirror.schedule.as_ref().is_some_and(|schedule| schedule.on_start);
            if is_due || mirror.undiscovered.is_some() {
                worker.trigger.fire();
            }
        }
        for worker in new {
            let (apps, stop) = (self.apps.subscribe(), stop.clone());
            let control = Arc::clone(&self.control);
            self.passes.spawn_local(async move {
                let changed = || control.ledger.changed();
                // A panic outside of any pass: it was logged where it happened, and the mirror goes on.
                while AssertUnwindSafe(worker.work(apps.clone(), &stop, changed))
                    .catch_unwind()
                    .await
                    .is_err()
                {
                    tokio::time::sleep(AFTER_PANIC).await;
                }
            });
        }
        if let Some(delivery) = self.delivery.take() {
            self.notices.spawn_local(delivery.run());
        }
    }
}

/// Any time of up to this.
fn jitter(max: Duration) -> Duration {
    max.mul_f64(fastrand::f64())
}
