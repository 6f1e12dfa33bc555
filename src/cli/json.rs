//! Logs as machines read them.

use std::fmt;

use serde_json::{Value, json};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::record::Record;

/// One flat object a line: time, level, message, the fields, and where in the program it is.
pub(super) struct JsonLines<T>(pub(super) T);

impl<S, N, T> FormatEvent<S, N> for JsonLines<T>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    T: FormatTime,
{
    fn format_event(
        &self,
        spans: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writeln!(writer, "{}", line(&self.0, &Record::new(event, spans))?)
    }
}

impl<T: FormatTime> JsonLines<T> {
    /// The line of an error that is told whatever the filter of the logs hides, and where there are no logs.
    pub(super) fn error(&self, target: &str, message: String) -> Result<String, fmt::Error> {
        let (fields, context) = (Vec::new(), Vec::new());
        line(&self.0, &Record { level: Level::ERROR, target: target.to_owned(), message, fields, context })
    }
}

fn line(clock: &impl FormatTime, record: &Record) -> Result<String, fmt::Error> {
    let mut time = String::new();
    clock.format_time(&mut Writer::new(&mut time))?;
    let Record { level, target, message, fields, context } = record;
    let first = [("timestamp", json!(time)), ("level", json!(level.as_str())), ("message", json!(message))];
    let more = fields.iter().chain(context).map(|(name, value)| (*name, value.clone()));
    let entries = first.into_iter().chain(more).chain([("target", json!(target))]);
    // Written here for its order: the map of `serde_json` sorts its keys.
    let entries = entries.map(|(name, value)| format!("{}:{value}", Value::from(name)));
    Ok(format!("{{{}}}", entries.collect::<Vec<_>>().join(",")))
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::fmt::format::JsonFields;

    use crate::cli::testing::Text;

    use super::*;

    #[test]
    fn a_log_is_one_flat_object_that_knows_its_mirror_and_tag() {
        let text = Text::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(text.writer())
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines(()))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(mirror = "a", tag = %"1", seconds = 0.5, bytes = 7, is_new = true, "Two\nlines \u{1b}");
            let _pass = tracing::info_span!("pass", mirror = "java/jdk", outcome = "unknown").entered();
            let tag = tracing::info_span!("tag", tag = %"21.0.7", bytes = tracing::field::Empty).entered();
            tag.record("bytes", 5);
            tracing::info!(attempt = 2, "Trying again");
            tracing::warn!(tag = %"22", "Another");
        });
        insta::assert_snapshot!(text, @r#"
        {"timestamp":"","level":"ERROR","message":"Two\nlines \u001b","mirror":"a","tag":"1","seconds":0.5,"bytes":7,"is_new":true,"target":"tagferry::cli::json::tests"}
        {"timestamp":"","level":"INFO","message":"Trying again","attempt":2,"mirror":"java/jdk","tag":"21.0.7","target":"tagferry::cli::json::tests"}
        {"timestamp":"","level":"WARN","message":"Another","tag":"22","mirror":"java/jdk","target":"tagferry::cli::json::tests"}
        "#);
    }
}
