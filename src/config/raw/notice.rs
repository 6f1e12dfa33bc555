//! What may be written under `notices`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::secret::Secret;

/// A destination of notices: exactly one of `webhook`, `slack`, `sns`, `eventbridge` and `heartbeat`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a mapping such as `slack: {url: \"${SLACK_WEBHOOK_URL}\"}`"
)]
pub(in crate::config) struct Notice {
    /// A JSON document is sent there by POST.
    pub(in crate::config) webhook: Option<Webhook>,
    /// An incoming webhook of Slack, or of what takes Slack's messages.
    pub(in crate::config) slack: Option<Slack>,
    /// An Amazon SNS topic.
    pub(in crate::config) sns: Option<Sns>,
    /// An Amazon EventBridge event bus.
    pub(in crate::config) eventbridge: Option<EventBridge>,
    /// A watch that expects signs of life: `URL/start`, `URL`, `URL/fail`, as healthchecks.io has them.
    pub(in crate::config) heartbeat: Option<Heartbeat>,
    /// Which kinds of notices are sent; a heartbeat has none. Default: `copied`, `failed` and `recovered`.
    #[schemars(with = "Option<Vec<NoticeKind>>", length(min = 1))]
    pub(in crate::config) on: Option<Vec<String>>,
    /// Send notices only of the mirrors of these names. Default: all.
    #[schemars(length(min = 1))]
    pub(in crate::config) mirrors: Option<Vec<String>>,
}

/// The kinds of notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// New tags are in the target.
    Copied,
    /// A pass failed, and the one before it did not, or not so.
    Failed,
    /// A pass succeeded, and the one before it did not, or it was told that the mirror is late.
    Recovered,
    /// A success was due and did not come.
    Late,
    /// A reload of a daemon found repositories that were not there before.
    Discovered,
    /// A new configuration of a daemon is faulty, and was not taken.
    ReloadRefused,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Copied, Self::Failed, Self::Recovered, Self::Late, Self::Discovered, Self::ReloadRefused];
    /// Those that are told where nothing else is said.
    pub const DEFAULT: [Self; 3] = [Self::Copied, Self::Failed, Self::Recovered];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Copied => "copied",
            Self::Failed => "failed",
            Self::Recovered => "recovered",
            Self::Late => "late",
            Self::Discovered => "discovered",
            Self::ReloadRefused => "reload_refused",
        }
    }
}

/// A receiver of JSON.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping with `url`")]
#[schemars(extend("required" = ["url"]))]
pub(in crate::config) struct Webhook {
    /// Where to send; best from a variable. It is never shown but for its scheme and host.
    #[schemars(example = "${NOTICE_URL}")]
    pub(in crate::config) url: Option<Secret>,
    /// Headers to send along; their values are never shown.
    pub(in crate::config) headers: BTreeMap<String, Secret>,
}

/// A receiver of Slack's messages.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping with `url`")]
#[schemars(extend("required" = ["url"]))]
pub(in crate::config) struct Slack {
    /// The address that Slack gave for the channel; best from a variable. It is never shown but for its scheme and host.
    #[schemars(example = "${SLACK_WEBHOOK_URL}")]
    pub(in crate::config) url: Option<Secret>,
}

/// A watch that expects signs of life.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping with `url`")]
#[schemars(extend("required" = ["url"]))]
pub(in crate::config) struct Heartbeat {
    /// The address of the check, without `/start` or `/fail`; best from a variable. It is never shown but for its scheme
    /// and host.
    #[schemars(example = "${HEARTBEAT_URL}")]
    pub(in crate::config) url: Option<Secret>,
}

/// An Amazon SNS topic.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping with `topic_arn`")]
#[schemars(extend("required" = ["topic_arn"]))]
pub(in crate::config) struct Sns {
    /// The topic, which says its region too.
    #[schemars(example = "arn:aws:sns:eu-central-1:123456789012:tagferry")]
    pub(in crate::config) topic_arn: Option<String>,
    /// The address of the AWS API for SNS, where it is not the public one.
    #[schemars(example = "http://127.0.0.1:4566")]
    pub(in crate::config) endpoint_url: Option<String>,
}

/// An Amazon EventBridge event bus.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, expecting = "a mapping such as `{region: eu-central-1}`")]
pub(in crate::config) struct EventBridge {
    /// The bus, by its name or its ARN. Default: `default`.
    #[schemars(example = "arn:aws:events:eu-central-1:123456789012:event-bus/images")]
    pub(in crate::config) bus: Option<String>,
    /// The AWS region. Default: as the ARN of the bus says; needed where `bus` is a name.
    #[schemars(example = "eu-central-1")]
    pub(in crate::config) region: Option<String>,
    /// The address of the AWS API for EventBridge, where it is not the public one.
    #[schemars(example = "http://127.0.0.1:4566")]
    pub(in crate::config) endpoint_url: Option<String>,
}
