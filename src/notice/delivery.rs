//! The receiving ends of the queues, and the retries of sending.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use crate::config;
use crate::notice::destination::DestinationClient;
use crate::notice::error::SendError;
use crate::notice::{Notice, Waiting};
use crate::registry::Retry;

/// How often and how long a notice is tried.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How often, and with which pauses. The AWS SDK tries by itself, five times.
    pub retry: Retry,
    /// The time for one answer of a webhook.
    pub answer: Duration,
    /// No new try begins later than this after the first.
    pub total: Duration,
}

impl Default for Patience {
    /// Six tries over about a minute at the most, and more where the destination asks for pauses.
    fn default() -> Self {
        Self {
            retry: Retry { tries: 6, pause: Duration::from_secs(1), pause_max: Duration::from_secs(30) },
            answer: Duration::from_secs(15),
            total: Duration::from_mins(5),
        }
    }
}

/// Empties the queues.
pub struct Delivery {
    receivers: Vec<QueueReceiver>,
    aws: Option<SharedCredentialsProvider>,
    patience: Patience,
}

/// A destination and what waits for it.
pub(super) struct QueueReceiver {
    pub(super) destination: config::Destination,
    pub(super) queue: mpsc::Receiver<Waiting>,
}

impl Delivery {
    pub(super) fn new(receivers: Vec<QueueReceiver>, aws: Option<SharedCredentialsProvider>) -> Self {
        Self { receivers, aws, patience: Patience::default() }
    }

    /// The same delivery with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Sends every notice to its destination, all destinations at once, each in the order of events.
    ///
    /// Ends when the [`Notifier`](super::Notifier) was dropped and all queues are empty; at once where there is no
    /// destination. What cannot be delivered is logged, once for a notice. Dropping this future drops what waits.
    pub async fn run(self) {
        let Self { receivers, aws, patience } = self;
        join_all(receivers.into_iter().map(|receiver| drain(receiver, aws.clone(), patience))).await;
    }

    #[cfg(test)]
    pub(super) fn into_receivers(self) -> Vec<QueueReceiver> {
        self.receivers
    }
}

async fn drain(receiver: QueueReceiver, aws: Option<SharedCredentialsProvider>, patience: Patience) {
    let QueueReceiver { destination, mut queue } = receiver;
    let client = match DestinationClient::open(&destination, aws, patience.answer).await {
        Ok(client) => client,
        Err(cause) => {
            error!("No notice is sent to {destination}: {cause}");
            return;
        }
    };
    while let Some((notice, _room)) = queue.recv().await {
        let (kind, mirror) = (notice.kind.as_str(), &notice.mirror);
        let sent = AssertUnwindSafe(send(&client, &notice, &destination, patience)).catch_unwind().await;
        // A panic was logged where it happened, and holds up no other notice.
        let Ok(sent) = sent else { continue };
        match sent {
            Ok(()) => debug!(mirror, kind, "Sent the notice of `{mirror}` ({kind}) to {destination}"),
            Err(error) => {
                warn!(
                    mirror,
                    kind, "Could not send the notice of `{mirror}` ({kind}) to {destination}: {error}"
                );
            }
        }
    }
}

/// Sends one notice, and tries again what may pass.
async fn send(
    client: &DestinationClient,
    notice: &Notice,
    destination: &config::Destination,
    patience: Patience,
) -> Result<(), SendError> {
    let deadline = Instant::now() + patience.total;
    let mut budget = patience.retry.budget();
    loop {
        let Err(error) = client.send(notice).await else { return Ok(()) };
        let SendError::Transient { asked, .. } = error else { return Err(error) };
        let pause = budget.spend(asked).filter(|pause| Instant::now() + *pause <= deadline);
        let Some(pause) = pause else { return Err(error) };
        let seconds = pause.as_secs_f64();
        info!("Trying {destination} again in {seconds:.1} s: {error}");
        tokio::time::sleep(pause).await;
    }
}
