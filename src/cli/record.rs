//! What a log says, in whichever format it is written.

use std::fmt::Debug;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::{FmtContext, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// What logs take over from the spans around them, where they do not say it themselves. The rest is for traces.
const OF_SPANS: [&str; 2] = ["mirror", "tag"];

/// One log.
pub(super) struct Record {
    pub(super) level: Level,
    pub(super) target: String,
    pub(super) message: String,
    pub(super) fields: Vec<(&'static str, Value)>,
    /// The mirror and the tag whose work it is part of, where the fields do not say so.
    pub(super) context: Vec<(&'static str, Value)>,
}

impl Record {
    /// Needs spans whose fields were formatted by [`JsonFields`]: there they can be looked up by name.
    pub(super) fn new<S, N>(event: &Event<'_>, spans: &FmtContext<'_, S, N>) -> Self
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        N: for<'a> FormatFields<'a> + 'static,
    {
        let mut record = Self {
            level: *event.metadata().level(),
            target: event.metadata().target().to_owned(),
            message: String::new(),
            fields: Vec::new(),
            context: Vec::new(),
        };
        event.record(&mut record);
        let missing = OF_SPANS.into_iter().filter(|name| record.fields.iter().all(|(own, _)| own != name));
        record.context = missing.filter_map(|name| Some((name, around(spans, name)?))).collect();
        record
    }

    fn set(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            // Of a log that came by way of the `log` crate.
            ("log.target", Value::String(text)) => self.target = text,
            (name, _) if name.starts_with("log.") => {}
            (name, value) => self.fields.push((name, value)),
        }
    }
}

/// A field of the innermost span that has it: that one knows best.
fn around<S, N>(spans: &FmtContext<'_, S, N>, name: &str) -> Option<Value>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    spans.event_scope()?.find_map(|span| {
        let extensions = span.extensions();
        let fields = extensions.get::<FormattedFields<JsonFields>>()?;
        serde_json::from_str::<Map<String, Value>>(fields).ok()?.remove(name).filter(Value::is_string)
    })
}

impl Visit for Record {
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
