//! The receiving ends of the queues, and the retries of sending.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tracing::{debug, error, warn};

use crate::config;
use crate::notice::Waiting;
use crate::notice::destination::DestinationClient;
use crate::notice::heartbeat::Pulse;
use crate::registry::Retry;
use crate::sender::Patience;

/// Six tries over about a minute at the most, and more where the destination asks for pauses.
const PATIENCE: Patience = Patience {
    retry: Retry { tries: 6, pause: Duration::from_secs(1), pause_max: Duration::from_secs(30) },
    answer: Duration::from_secs(15),
    total: Duration::from_mins(5),
};

/// Empties the queues.
pub struct Delivery {
    receivers: Vec<QueueReceiver>,
    pulses: Vec<Pulse>,
    aws: Option<SharedCredentialsProvider>,
    patience: Patience,
}

/// A destination and what waits for it.
pub(super) struct QueueReceiver {
    pub(super) destination: config::Destination,
    pub(super) queue: mpsc::Receiver<Waiting>,
}

impl Delivery {
    pub(super) fn new(
        receivers: Vec<QueueReceiver>,
        pulses: Vec<Pulse>,
        aws: Option<SharedCredentialsProvider>,
    ) -> Self {
        Self { receivers, pulses, aws, patience: PATIENCE }
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
        let Self { receivers, pulses, aws, patience } = self;
        let notices = join_all(receivers.into_iter().map(|receiver| drain(receiver, aws.clone(), patience)));
        let pulses = join_all(pulses.into_iter().map(|pulse| pulse.run(patience)));
        futures_util::future::join(notices, pulses).await;
    }

    #[cfg(test)]
    pub(super) fn into_pulses(self) -> Vec<Pulse> {
        self.pulses
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
        let (kind, mirror) = (notice.kind.as_str(), notice.about());
        let sent = AssertUnwindSafe(patience.send(&destination, async || client.send(&notice).await))
            .catch_unwind()
            .await;
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
