//! A notice as a message of an Amazon SNS topic.
//!
//! Subscribers of different kinds get different texts: people (`email`, `sms`) the sentence, programs (all others, such
//! as `sqs`, `lambda` and `https`) the JSON document. Filter policies may use the attributes `kind` and `mirror`.

use std::collections::HashMap;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sns::Client;
use aws_sdk_sns::config::Builder;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::json;
use url::Url;

use crate::aws;
use crate::notice::Notice;
use crate::notice::call::answer;
use crate::notice::fit;
use crate::sender::SendError;
use crate::text::{chain, cut};

/// The bound of SNS' API on a message is 256 KiB; the subject and the attributes count too.
const MESSAGE_MAX_BYTES: usize = 250 * 1024;
/// The bound of SNS' API.
const SUBJECT_MAX_CHARS: usize = 100;
/// SNS cuts a longer one into several.
const SMS_MAX_CHARS: usize = 140;

/// A topic, ready to be sent to.
pub(super) struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    pub(super) async fn open(
        arn: String,
        region: &str,
        endpoint_url: Option<Url>,
        aws: Option<SharedCredentialsProvider>,
    ) -> Self {
        let mut builder = Builder::from(&aws::config(Some(region), None, aws).await);
        if let Some(url) = endpoint_url {
            builder = builder.endpoint_url(url);
        }
        Self { client: Client::from_conf(builder.build()), arn }
    }

    pub(super) async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        let call = aws::Call { service: "sns", operation: "Publish", resource: self.arn.clone() };
        let attributes = attributes(notice).map_err(|error| SendError::Final(chain(&error)))?;
        let request = self
            .client
            .publish()
            .topic_arn(&self.arn)
            .subject(subject(notice))
            .message_structure("json")
            .message(fit::bytes(notice, MESSAGE_MAX_BYTES, message))
            .set_message_attributes(Some(attributes));
        answer(&call, request.send()).await.map(drop)
    }
}

/// What filter policies may use.
fn attributes(notice: &Notice) -> Result<HashMap<String, MessageAttributeValue>, BuildError> {
    let attribute = |(name, value): (&str, &str)| {
        let value = MessageAttributeValue::builder().data_type("String").string_value(value).build()?;
        Ok((name.to_owned(), value))
    };
    let mirror = notice.mirror.as_deref().map(|mirror| ("mirror", mirror));
    [("kind", notice.kind.as_str())].into_iter().chain(mirror).map(attribute).collect()
}

/// A line of ASCII, as SNS demands.
fn subject(notice: &Notice) -> String {
    let text = format!("tagferry: {} {}", notice.about(), notice.kind.as_str());
    let is_fit = |c: char| c.is_ascii_graphic() || c == ' ';
    text.chars().map(|c| if is_fit(c) { c } else { '?' }).take(SUBJECT_MAX_CHARS).collect()
}

/// A text for each kind of subscriber; `default` is for those that are not named.
fn message(notice: &Notice) -> String {
    let sms = cut(&notice.text, SMS_MAX_CHARS);
    json!({"default": notice.json(), "email": notice.told(), "sms": sms}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::document::tests::{failed, many};

    #[test]
    fn the_subject_is_a_short_line_of_ascii() {
        assert_eq!(subject(&many(1)), "tagferry: java/jdk copied");
        let mut notice = many(1);
        notice.mirror = Some(format!("ünï\n{}", "x".repeat(200)));
        let subject = subject(&notice);
        assert!(subject.starts_with("tagferry: ?n??xxx") && subject.len() == 100, "{subject}");
    }

    #[test]
    fn people_get_the_sentence_and_programs_the_document() {
        let notice = failed(&"x".repeat(1000));
        let message: serde_json::Value = serde_json::from_str(&message(&notice)).unwrap();
        assert_eq!(message["email"], notice.told());
        assert_eq!(message["default"], notice.json());
        assert_eq!(message["sms"].as_str().unwrap().chars().count(), SMS_MAX_CHARS);
    }
}
