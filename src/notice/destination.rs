//! A destination, ready to be sent to.

use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use http::Method;

use crate::config::Destination;
use crate::notice::Notice;
#[cfg(feature = "aws-notices")]
use crate::notice::eventbridge::Bus;
use crate::notice::fit;
use crate::notice::slack;
#[cfg(feature = "aws-notices")]
use crate::notice::sns::Topic;
#[cfg(not(feature = "aws-notices"))]
use crate::notice::without_aws::{Bus, Topic};
use crate::sender::{SendError, Sender};
use crate::text::chain;

/// Receivers of webhooks commonly take a mebibyte.
const DOCUMENT_MAX_BYTES: usize = 1024 * 1024;
const JSON: &str = "application/json";

/// A destination, ready to be sent to.
pub(super) enum DestinationClient {
    Webhook(Sender),
    Slack(Sender),
    Sns(Box<Topic>),
    EventBridge(Box<Bus>),
}

impl DestinationClient {
    /// Makes the client. Contacts nobody. Fails where the machine has no certificate authorities.
    pub(super) async fn open(
        destination: &Destination,
        aws: Option<SharedCredentialsProvider>,
        answer: Duration,
    ) -> Result<Self, String> {
        let webhook = |url, headers| Sender::new(url, headers, answer).map_err(|error| chain(&error));
        Ok(match destination.clone() {
            Destination::Webhook { url, headers } => Self::Webhook(webhook(url, headers)?),
            Destination::Slack { url } => Self::Slack(webhook(url, http::HeaderMap::new())?),
            Destination::Sns { topic_arn, region, endpoint_url } => {
                Self::Sns(Box::new(Topic::open(topic_arn, &region, endpoint_url, aws).await))
            }
            Destination::EventBridge { bus, region, endpoint_url } => {
                Self::EventBridge(Box::new(Bus::open(bus, &region, endpoint_url, aws).await))
            }
        })
    }

    /// Sends once.
    pub(super) async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        match self {
            Self::Webhook(webhook) => {
                let document = fit::bytes(notice, DOCUMENT_MAX_BYTES, Notice::json);
                webhook.send(Method::POST, JSON, document).await
            }
            Self::Slack(webhook) => webhook.send(Method::POST, JSON, slack::message(notice)).await,
            Self::Sns(topic) => topic.send(notice).await,
            Self::EventBridge(bus) => bus.send(notice).await,
        }
    }
}
