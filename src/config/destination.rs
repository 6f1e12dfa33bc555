//! Where notices go.

use std::collections::BTreeMap;
use std::fmt;

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use url::Url;

use crate::config::ecr::{endpoint_url, is_region};
use crate::config::raw;
use crate::config::secret::Secret;
use crate::yaml::{Document, Path};

/// Headers that the client itself sets.
const OWN_HEADERS: [HeaderName; 5] = [HOST, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING];
/// The bound of EventBridge's API on the name of a bus.
const BUS_MAX_CHARS: usize = 256;

/// Where it is told.
#[derive(Clone, Debug)]
pub enum Destination {
    /// A receiver of our JSON document.
    Webhook {
        /// Where it listens.
        url: SecretUrl,
        /// What is sent along; all values are marked as sensitive.
        headers: HeaderMap,
    },
    /// A receiver of Slack's messages.
    Slack {
        /// Where it listens.
        url: SecretUrl,
    },
    /// An Amazon SNS topic.
    Sns {
        /// Its ARN.
        topic_arn: String,
        /// Its region.
        region: String,
        /// The address of the AWS API for SNS. None: the public one of the region.
        endpoint_url: Option<Url>,
    },
    /// An Amazon EventBridge event bus.
    EventBridge {
        /// Its name or ARN.
        bus: String,
        /// Its region.
        region: String,
        /// The address of the AWS API for EventBridge. None: the public one of the region.
        endpoint_url: Option<Url>,
    },
}

/// An address that lets whoever knows it send messages. Shows its origin alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(Url);

impl SecretUrl {
    /// Reads an address of a host; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text.trim()).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(Self(url))
    }

    /// The address below this one: its path has these parts more, its query stays.
    #[must_use]
    pub fn below(&self, parts: &[&str]) -> Self {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        Self(url)
    }

    /// The whole address, to send to and not to show.
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// Scheme, host and port, to show.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({}/…)", self.origin())
    }
}

/// Where it is, without a secret: `Slack at https://hooks.slack.com`.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook { url, .. } => write!(f, "the webhook at {}", url.origin()),
            Self::Slack { url } => write!(f, "Slack at {}", url.origin()),
            Self::Sns { topic_arn, .. } => write!(f, "the SNS topic {topic_arn}"),
            Self::EventBridge { bus, region, .. } => write!(f, "the EventBridge bus {bus} in {region}"),
        }
    }
}

/// What an entry names.
pub(super) enum Place {
    /// Who is told of what happens.
    Notices(Destination),
    /// Who is given signs of life.
    Heartbeat(SecretUrl),
}

/// The kinds of destination as they were written.
pub(super) struct Given {
    pub(super) heartbeat: Option<raw::Heartbeat>,
    pub(super) webhook: Option<raw::Webhook>,
    pub(super) slack: Option<raw::Slack>,
    pub(super) sns: Option<raw::Sns>,
    pub(super) eventbridge: Option<raw::EventBridge>,
}

impl Given {
    /// Exactly one has to be written.
    pub(super) fn destination(self, path: &Path, document: &mut Document) -> Option<Place> {
        let Self { heartbeat, webhook, slack, sns, eventbridge } = self;
        let [heartbeat_path, webhook_path, slack_path, sns_path, eventbridge_path] =
            ["heartbeat", "webhook", "slack", "sns", "eventbridge"].map(|key| path.key(key));
        let kinds = [
            (heartbeat.is_some(), &heartbeat_path),
            (webhook.is_some(), &webhook_path),
            (slack.is_some(), &slack_path),
            (sns.is_some(), &sns_path),
            (eventbridge.is_some(), &eventbridge_path),
        ];
        let mut given = kinds.iter().filter(|(is_given, path)| *is_given || document.is_removed(path));
        let (first, second) = (given.next(), given.next());
        if let Some((_, path)) = second {
            document.report_key(path, "one too many: write another item for it");
            return None;
        }
        if first.is_none() {
            document.report(
                path,
                "incomplete: write one of `webhook`, `slack`, `sns`, `eventbridge` and `heartbeat`",
            );
            return None;
        }
        if let Some(raw) = heartbeat {
            return Some(Place::Heartbeat(secret_url(raw.url, &heartbeat_path.key("url"), document)?));
        }
        if let Some(raw) = webhook {
            let headers = headers(raw.headers, &webhook_path.key("headers"), document);
            let url = secret_url(raw.url, &webhook_path.key("url"), document)?;
            return Some(Place::Notices(Destination::Webhook { url, headers }));
        }
        if let Some(raw) = slack {
            let url = secret_url(raw.url, &slack_path.key("url"), document)?;
            return Some(Place::Notices(Destination::Slack { url }));
        }
        if let Some(raw) = sns {
            return self::sns(raw, &sns_path, document).map(Place::Notices);
        }
        self::eventbridge(eventbridge?, &eventbridge_path, document).map(Place::Notices)
    }
}

/// An address of which no part is repeated, be it right or wrong.
fn secret_url(raw: Option<Secret>, path: &Path, document: &mut Document) -> Option<SecretUrl> {
    let hint = "write where to send, best as a variable such as `url: \"${NOTICE_URL}\"`";
    let Secret(text) = document.required(raw, path, hint)?;
    let text = text.expose_secret().trim();
    if text.is_empty() {
        document.report_empty(path);
        return None;
    }
    let Some(SecretUrl(url)) = SecretUrl::parse(text) else {
        document.report_shown(
            path,
            "expected an address such as `https://HOST/PATH` (it is not shown, as it is a secret)",
        );
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        document.report_shown(
            path,
            "holds a user or password before the host: send them in a header, such as \
             `headers: {Authorization: \"Basic ${CREDENTIALS}\"}`",
        );
        return None;
    }
    Some(SecretUrl(url))
}

fn headers(raw: BTreeMap<String, Secret>, path: &Path, document: &mut Document) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (key, Secret(value)) in raw {
        let path = path.key(&key);
        let Ok(name) = key.parse::<HeaderName>() else {
            document.report_key(
                &path,
                "not the name of a header: write it as in `Authorization: \"Bearer ${TOKEN}\"`",
            );
            continue;
        };
        if OWN_HEADERS.contains(&name) {
            document.report_key(&path, format!("`{name}` is set by tagferry: leave it out"));
            continue;
        }
        // A secret that was made of a file ends in a line break, which is no part of it.
        let text = value.expose_secret().trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            document.report_empty(&path);
            continue;
        }
        match HeaderValue::from_str(text) {
            Ok(mut value) => {
                value.set_sensitive(true);
                if headers.insert(name, value).is_some() {
                    document.report_key(&path, "the same header as another key here: write it once");
                }
            }
            Err(_) => document.report_shown(&path, "cannot be a header: it holds a control character"),
        }
    }
    headers
}

fn sns(raw: raw::Sns, path: &Path, document: &mut Document) -> Option<Destination> {
    needs_aws(path, document);
    let endpoint_url =
        raw.endpoint_url.and_then(|text| endpoint_url(&text, &path.key("endpoint_url"), document));
    let arn_path = path.key("topic_arn");
    let hint = "write the topic, such as `topic_arn: arn:aws:sns:eu-central-1:123456789012:tagferry`";
    let topic_arn = document.required(raw.topic_arn, &arn_path, hint)?;
    let Some((region, name)) = arn(&topic_arn, "sns") else {
        let what = "expected the ARN of a topic, such as `arn:aws:sns:eu-central-1:123456789012:tagferry`";
        document.report(&arn_path, what);
        return None;
    };
    if name.strip_suffix(".fifo").is_some() {
        document.report(&arn_path, "a FIFO topic: notices need a standard one");
    }
    let region = region.to_owned();
    Some(Destination::Sns { topic_arn, region, endpoint_url })
}

fn eventbridge(raw: raw::EventBridge, path: &Path, document: &mut Document) -> Option<Destination> {
    needs_aws(path, document);
    let endpoint_url =
        raw.endpoint_url.and_then(|text| endpoint_url(&text, &path.key("endpoint_url"), document));
    let (bus_path, region_path) = (path.key("bus"), path.key("region"));
    let bus = raw.bus.unwrap_or_else(|| "default".to_owned());
    let of_arn =
        arn(&bus, "events").and_then(|(region, bus)| bus.starts_with("event-bus/").then_some(region));
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
    let is_name = !bus.is_empty() && bus.len() <= BUS_MAX_CHARS && bus.bytes().all(is_letter);
    if of_arn.is_none() && !is_name {
        let what = "expected the name of an event bus, or its ARN, such as \
                    `arn:aws:events:eu-central-1:123456789012:event-bus/images`";
        document.report(&bus_path, what);
        return None;
    }
    if let (Some(of_arn), Some(region)) = (of_arn, &raw.region)
        && of_arn != region
    {
        document.report(&region_path, format!("the ARN of the bus says `{of_arn}`: leave this out"));
    }
    let hint = "the name of the bus does not say it: write the region, such as `eu-central-1`";
    let region = document.required(of_arn.map(str::to_owned).or(raw.region), &region_path, hint)?;
    is_region(&region, &region_path, document).then_some(Destination::EventBridge {
        bus,
        region,
        endpoint_url,
    })
}

/// The region and the resource of an ARN of this service: `arn:aws:sns:REGION:ACCOUNT:RESOURCE`.
fn arn<'a>(text: &'a str, service: &str) -> Option<(&'a str, &'a str)> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    let is_region =
        |text: &str| text.contains('-') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match parts[..] {
        ["arn", partition, of, region, account, resource]
            if partition.starts_with("aws")
                && of == service
                && is_region(region)
                && is_account(account)
                && !resource.is_empty()
                && !resource.contains(':') =>
        {
            Some((region, resource))
        }
        _ => None,
    }
}

fn needs_aws(path: &Path, document: &mut Document) {
    if !cfg!(feature = "aws-notices") {
        document.report_key(path, "this tagferry was built without the feature `aws-notices`");
    }
}
