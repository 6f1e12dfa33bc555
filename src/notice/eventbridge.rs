//! A notice as an event of Amazon EventBridge: source `tagferry`, the JSON document as detail.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::Builder;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use url::Url;

use crate::aws;
use crate::config::NoticeKind;
use crate::notice::Notice;
use crate::notice::call::answer;
use crate::notice::fit;
use crate::sender::SendError;
use crate::text::excerpt;

/// The bound of EventBridge's API on an entry is 256 KiB; its other fields count too.
const DETAIL_MAX_BYTES: usize = 250 * 1024;
const SOURCE: &str = "tagferry";

/// A bus, ready to be sent to.
pub(super) struct Bus {
    client: Client,
    name: String,
}

impl Bus {
    pub(super) async fn open(
        name: String,
        region: &str,
        endpoint_url: Option<Url>,
        aws: Option<SharedCredentialsProvider>,
    ) -> Self {
        let mut builder = Builder::from(&aws::config(Some(region), None, aws).await);
        if let Some(url) = endpoint_url {
            builder = builder.endpoint_url(url);
        }
        Self { client: Client::from_conf(builder.build()), name }
    }

    pub(super) async fn send(&self, notice: &Notice) -> Result<(), SendError> {
        let name = &self.name;
        let resource = if name.starts_with("arn:") { name.clone() } else { format!("event-bus/{name}") };
        let call = aws::Call { service: "events", operation: "PutEvents", resource };
        let entry = PutEventsRequestEntry::builder()
            .source(SOURCE)
            .detail_type(detail_type(notice))
            .detail(fit::bytes(notice, DETAIL_MAX_BYTES, Notice::json))
            .event_bus_name(&self.name)
            .time(DateTime::from_secs(notice.at.as_second()))
            .build();
        let request = self.client.put_events().entries(entry);
        let answer = answer(&call, request.send()).await?;
        // The call succeeds also where its only entry does not.
        if answer.failed_entry_count() == 0 {
            return Ok(());
        }
        Err(refused(&call, answer.entries().first()))
    }
}

/// The SDK does not try again what is refused inside an answer that succeeds.
fn refused(call: &aws::Call, entry: Option<&PutEventsResultEntry>) -> SendError {
    let code = entry.and_then(PutEventsResultEntry::error_code).unwrap_or("no code");
    let message = entry.and_then(PutEventsResultEntry::error_message).unwrap_or("no message");
    let text = aws::redact(&format!("{code}: {message}"));
    let text = format!("{call}: the event is refused: {}", excerpt(&text));
    match code {
        "InternalFailure" | "InternalException" | "ThrottlingException" => {
            SendError::Transient { text, asked: None }
        }
        _ => SendError::Final(text),
    }
}

fn detail_type(notice: &Notice) -> &'static str {
    match notice.kind {
        NoticeKind::Copied => "tagferry Tag Copied",
        NoticeKind::Failed => "tagferry Mirror Failed",
        NoticeKind::Recovered => "tagferry Mirror Recovered",
        NoticeKind::Late => "tagferry Mirror Late",
        NoticeKind::Discovered => "tagferry Repositories Discovered",
        NoticeKind::ReloadRefused => "tagferry Reload Refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str) -> SendError {
        let call = aws::Call { service: "events", operation: "PutEvents", resource: "*".to_owned() };
        let entry = PutEventsResultEntry::builder().error_code(code).error_message("words of AWS").build();
        refused(&call, Some(&entry))
    }

    #[test]
    fn an_entry_that_is_refused_says_why() {
        let text = "events:PutEvents: the event is refused: MalformedDetail: words of AWS";
        assert_eq!(refusal("MalformedDetail"), SendError::Final(text.to_owned()));
    }

    #[test]
    fn an_entry_that_met_a_passing_trouble_is_sent_again() {
        for code in ["InternalFailure", "ThrottlingException"] {
            assert!(matches!(refusal(code), SendError::Transient { .. }), "{code}");
        }
    }
}
