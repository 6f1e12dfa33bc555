//! Notices that tell of nothing: one of each kind, to see whether they arrive and what they look like.

use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use futures_util::future::join_all;
use jiff::Timestamp;

use crate::config;
use crate::config::{Config, NoticeKind};
use crate::notice::Notice;
use crate::notice::destination::DestinationClient;

/// Somebody waits, and can ask again.
const ANSWER: Duration = Duration::from_secs(15);

/// What came of one.
#[derive(Debug)]
pub struct Tested {
    /// Where it was sent.
    pub destination: String,
    /// What it told.
    pub kind: NoticeKind,
    /// Why it was not taken.
    pub result: Result<(), String>,
}

/// Sends each destination one notice of each kind that it wants, marked as a test. Each is sent once.
pub async fn test(config: &Config, aws: Option<SharedCredentialsProvider>) -> Vec<Tested> {
    let sent = join_all(config.notices.iter().map(|notice| one_of_each(config, notice, aws.clone()))).await;
    sent.into_iter().flatten().collect()
}

async fn one_of_each(
    config: &Config,
    wanted: &config::Notice,
    aws: Option<SharedCredentialsProvider>,
) -> Vec<Tested> {
    let config::Notice { destination, on, mirrors } = wanted;
    let is_wanted = |name: &String| mirrors.as_ref().is_none_or(|mirrors| mirrors.contains(name));
    let mirror = config.mirrors.iter().find(|mirror| is_wanted(&mirror.name));
    let client = DestinationClient::open(destination, aws, ANSWER).await;
    let mut tested = Vec::new();
    for &kind in on {
        let notice = Notice::test(kind, mirror, Timestamp::now()).linked(config.public_url.as_ref());
        let result = match &client {
            Ok(client) => client.send(&notice).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.clone()),
        };
        tested.push(Tested { destination: destination.to_string(), kind, result });
    }
    tested
}
