//! Who is told of new tags, of failures and of recoveries: webhooks, Slack, Amazon SNS, Amazon EventBridge.
//!
//! The way of a notice: a pass ends, and [`Notifier`], an observer, compares what came of it with what came of the
//! one before (`history`). What is worth telling becomes a [`Notice`] and goes into the queue of every destination
//! that wants it. [`Delivery`] empties the queues. A pass never waits for a destination, nor one destination for
//! another: a queue that is full drops what comes next, and says so.
//!
//! What is remembered of mirrors is remembered by this process alone, so a recovery is told only by one that saw the
//! error. Nothing here spawns: whoever calls [`channel`] awaits the delivery.

#[cfg(feature = "aws-notices")]
mod call;
mod delivery;
mod destination;
mod document;
mod error;
#[cfg(feature = "aws-notices")]
mod eventbridge;
mod fit;
mod history;
mod notifier;
mod slack;
#[cfg(feature = "aws-notices")]
mod sns;
mod webhook;
#[cfg(not(feature = "aws-notices"))]
mod without_aws;

use std::sync::Arc;

use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::notice::delivery::QueueReceiver;
use crate::notice::notifier::QueueSender;

pub use delivery::{Delivery, Patience};
pub use document::{Notice, TagNotice};
pub use notifier::Notifier;

/// So many notices wait for one destination. A pass makes three at the most.
const QUEUE_MAX: usize = 256;

/// The two ends of the queues to all destinations that the configuration names; without any, nothing is ever sent.
///
/// `aws` are credentials in place of the AWS default chain. `before` is the notifier of the configuration before: it
/// passes on which mirrors failed, so that their recovery is told. Contacts nobody.
pub fn channel(
    config: &Config,
    aws: Option<SharedCredentialsProvider>,
    before: Option<&Notifier>,
) -> (Arc<Notifier>, Delivery) {
    let mut senders = Vec::with_capacity(config.notices.len());
    let mut receivers = Vec::with_capacity(config.notices.len());
    for notice in &config.notices {
        let (sender, receiver) = mpsc::channel(QUEUE_MAX);
        senders.push(QueueSender::new(notice.clone(), sender));
        receivers.push(QueueReceiver { destination: notice.destination.clone(), queue: receiver });
    }
    (Arc::new(Notifier::after(before, senders)), Delivery::new(receivers, aws))
}
