//! SIGTERM and SIGINT: end early and in order.

use std::convert::Infallible;
use std::future;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_util::stream::poll_fn;
use futures_util::{Stream, StreamExt};
use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;

use crate::cli::exit::{ExitCode, ExitError};
use crate::pass::Stop;
use crate::report::Span;

/// The signals that ask the program to end, by name, as they come. From here on they end nothing by themselves.
fn signals() -> io::Result<impl Stream<Item = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(poll_fn(move |context| {
        if terminate.poll_recv(context).is_ready() {
            return Poll::Ready(Some("SIGTERM"));
        }
        interrupt.poll_recv(context).map(|_| Some("SIGINT"))
    }))
}

/// The signals that ask a command to end, and what tells its work so.
pub(super) struct Stopping {
    signals: Pin<Box<dyn Stream<Item = &'static str>>>,
    pub(super) stop: Stop,
}

impl Stopping {
    /// From here on, signals end nothing by themselves.
    pub(super) fn new() -> Result<Self, ExitError> {
        let signals = signals().map_err(|error| unheard(&error))?;
        Ok(Self { signals: Box::pin(signals), stop: Stop::default() })
    }

    /// Does a part of the work as [`heed`] does.
    pub(super) async fn heed<T>(
        &mut self,
        grace: impl FnOnce() -> Duration,
        work: impl Future<Output = T>,
    ) -> T {
        heed(&mut self.signals, &self.stop, grace, work).await
    }
}

/// The failure of a command that cannot listen for signals.
pub(super) fn unheard(error: &io::Error) -> ExitError {
    ExitError::new(ExitCode::NotStarted, format_args!("cannot listen for signals: {error}"))
}

/// The signal that asks to read the configuration again, by name, as it comes.
pub(super) fn reloads() -> io::Result<impl Stream<Item = &'static str>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(poll_fn(move |context| hangup.poll_recv(context).map(|_| Some("SIGHUP"))))
}

/// Does the work to its end. The first signal asks it to take nothing new; the second one, or the end of `grace`, to
/// drop what is in flight. `grace` is asked at the first signal and dropped then: what it knows does not outlive that.
async fn heed<T>(
    signals: impl Stream<Item = &'static str>,
    stop: &Stop,
    grace: impl FnOnce() -> Duration,
    work: impl Future<Output = T>,
) -> T {
    tokio::select! {
        biased;
        result = work => result,
        never = pass_on(signals, stop, grace) => match never {},
    }
}

async fn pass_on(
    signals: impl Stream<Item = &'static str>,
    stop: &Stop,
    grace: impl FnOnce() -> Duration,
) -> Infallible {
    let mut signals = pin!(signals);
    let mut left = Duration::ZERO;
    if let Some(name) = signals.next().await {
        left = grace();
        let grace = Span(left);
        warn!("{name}: taking no new work; copies in flight have {grace}, another signal drops them now");
        stop.soft.cancel();
    }
    tokio::select! {
        () = tokio::time::sleep(left) => {}
        Some(_) = signals.next() => {}
    }
    warn!("Dropping the copies in flight: their tags stay as they were");
    stop.hard.cancel();
    future::pending().await
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::time::Instant;

    use super::*;

    const GRACE: Duration = Duration::from_secs(25);

    /// Signals that come and then no more.
    fn come(signals: &[&'static str]) -> impl Stream<Item = &'static str> {
        stream::iter(signals.to_vec()).chain(stream::pending())
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_signal_the_work_ends_by_itself() {
        let stop = Stop::default();
        let work = async {
            tokio::time::sleep(10 * GRACE).await;
            stop.soft.is_cancelled() || stop.hard.is_cancelled()
        };
        assert!(!heed(come(&[]), &stop, || GRACE, work).await);
    }

    #[tokio::test(start_paused = true)]
    async fn copies_in_flight_have_the_grace_to_finish() {
        let (stop, start) = (Stop::default(), Instant::now());
        let work = async {
            stop.soft.cancelled().await;
            let asked = start.elapsed();
            stop.hard.cancelled().await;
            (asked, start.elapsed())
        };
        let (asked, dropped) = heed(come(&["SIGTERM"]), &stop, || GRACE, work).await;
        assert_eq!(asked, Duration::ZERO);
        assert!(dropped >= GRACE && dropped < GRACE + Duration::from_secs(1), "{dropped:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_ends_the_grace() {
        let (stop, start) = (Stop::default(), Instant::now());
        heed(come(&["SIGINT", "SIGINT"]), &stop, || GRACE, stop.hard.cancelled()).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
