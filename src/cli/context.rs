//! Which mirror and which tag a log is about, where it does not say so itself.

use serde_json::{Map, Value};
use tracing::Subscriber;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// What logs take over from the spans around them. The rest is for traces.
const NAMES: [&str; 2] = ["mirror", "tag"];

/// The mirror and the tag whose work is under way where an event happens; needs spans whose fields were formatted by
/// [`JsonFields`].
pub(super) fn context<S, N>(
    spans: &FmtContext<'_, S, N>,
) -> impl Iterator<Item = (&'static str, String)> + use<S, N>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> tracing_subscriber::fmt::FormatFields<'a> + 'static,
{
    let mut found: [Option<String>; 2] = [None, None];
    for span in spans.event_scope().into_iter().flatten() {
        let extensions = span.extensions();
        let fields = extensions.get::<FormattedFields<JsonFields>>();
        let fields = fields.and_then(|fields| serde_json::from_str::<Map<String, Value>>(fields).ok());
        for (name, found) in NAMES.iter().zip(&mut found) {
            // The innermost span knows best, and comes first.
            let text = fields.as_ref().and_then(|fields| fields.get(*name)?.as_str());
            *found = found.take().or_else(|| text.map(str::to_owned));
        }
    }
    NAMES.into_iter().zip(found).filter_map(|(name, text)| Some((name, text?)))
}
