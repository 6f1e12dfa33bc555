//! Who is told of new tags, of failures, of recoveries and of reloads that were refused: webhooks, Slack, Amazon SNS, Amazon EventBridge; and who is
//! given signs of life.
//!
//! The way of a notice: a pass ends, and [`Notifier`], an observer, asks the ledger what that changed. What is worth
//! telling becomes a [`Notice`] and goes into the queue of every destination that wants it. [`Delivery`] empties the
//! queues. A pass never waits for a destination, nor one destination for another: a queue that is full drops what comes
//! next, and says so.
//!
//! The ledger remembers what this process saw, so a recovery is told only by one that saw the failure. Nothing here
//! spawns: whoever calls [`channel`] awaits the delivery.

#[cfg(feature = "aws-notices")]
mod call;
mod delivery;
mod destination;
mod document;
#[cfg(feature = "aws-notices")]
mod eventbridge;
mod fit;
mod heartbeat;
mod notifier;
mod slack;
#[cfg(feature = "aws-notices")]
mod sns;
mod test;
#[cfg(not(feature = "aws-notices"))]
mod without_aws;

use std::sync::Arc;

use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::config::Config;
use crate::ledger::Ledger;
use crate::notice::delivery::QueueReceiver;
use crate::notice::notifier::QueueSender;

pub use crate::sender::Patience;
pub use delivery::Delivery;
pub use document::{Notice, Severity, TagNotice};
pub use notifier::Notifier;
pub use test::{Tested, test};

/// The most notices that wait for one destination. A pass makes three at most.
const QUEUE_MAX: usize = 256;
/// The bytes of all of them together.
const QUEUE_MAX_KIB: usize = 8 * 1024;
/// The most that a notice has: no destination takes more. Tags beyond that are counted.
const NOTICE_MAX_BYTES: usize = 1024 * 1024;

/// A notice that waits, with the room that it takes up.
type Waiting = (Notice, OwnedSemaphorePermit);

/// When signs of life are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// At the start and at the end of the one run, see [`Notifier::run_started`].
    Run,
    /// At the start and at the end of each pass.
    Pass,
}

/// The two ends of the queues to all destinations that the configuration names; without any, nothing is ever sent.
///
/// `aws` are credentials in place of the AWS default chain. The ledger has to observe the same passes, before the
/// notifier does. Contacts nobody.
pub fn channel(
    config: &Config,
    aws: Option<SharedCredentialsProvider>,
    ledger: Arc<Ledger>,
    rhythm: Rhythm,
) -> (Arc<Notifier>, Delivery) {
    let mut senders = Vec::with_capacity(config.notices.len());
    let mut receivers = Vec::with_capacity(config.notices.len());
    for notice in &config.notices {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        senders.push(QueueSender::new(notice.clone(), sender, Semaphore::new(QUEUE_MAX_KIB)));
        receivers.push(QueueReceiver { destination: notice.destination.clone(), queue: receiver });
    }
    let (hearts, pulses) = config.heartbeats.iter().cloned().map(heartbeat::pair).unzip();
    let page = config.public_url.clone();
    (Arc::new(Notifier::new(ledger, page, senders, hearts, rhythm)), Delivery::new(receivers, pulses, aws))
}
