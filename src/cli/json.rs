//! Logs as machines read them.

use std::fmt;
use std::fmt::Debug;

use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::context::context;

/// One flat object a line: time, level, message, the fields, and where in the program it is.
pub(super) struct JsonLines<T>(pub(super) T);

/// The fields of an event, the message first where there is one.
#[derive(Default)]
struct Fields {
    fields: Vec<(&'static str, Value)>,
    /// Of a log that came by way of the `log` crate.
    target: Option<String>,
}

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
        let mut time = String::new();
        self.0.format_time(&mut Writer::new(&mut time))?;
        let Fields { mut fields, target } = {
            let mut fields = Fields::default();
            event.record(&mut fields);
            fields
        };
        let mut around: Vec<_> = context(spans).map(|(name, text)| (name, Value::from(text))).collect();
        around.retain(|(name, _)| fields.iter().all(|(own, _)| own != name));
        fields.extend(around);
        let target = target.as_deref().unwrap_or(event.metadata().target());
        writeln!(writer, "{}", line(&time, event.metadata().level().as_str(), &fields, target)?)
    }
}

fn line(time: &str, level: &str, fields: &[(&str, Value)], target: &str) -> Result<String, fmt::Error> {
    let write = || {
        let mut line = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut line);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timestamp", time)?;
        map.serialize_entry("level", level)?;
        for (name, value) in fields {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("target", target)?;
        map.end()?;
        Ok::<_, serde_json::Error>(line)
    };
    String::from_utf8(write().map_err(|_| fmt::Error)?).map_err(|_| fmt::Error)
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        match field.name() {
            "log.target" => self.target = value.as_str().map(str::to_owned),
            name if name.starts_with("log.") => {}
            "message" => self.fields.insert(0, ("message", value)),
            name => self.fields.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format!("{value:?}").into());
    }
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
