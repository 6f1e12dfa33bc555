//! Logs as people read them.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::cli::record::Record;
use crate::text::visible_lines;

/// Writes time, level and message, and of the fields those that the message leaves out: messages read alone, and fields are
/// for machines.
///
/// Numbers are never added to a message. The one that people want is in it, with a unit.
pub(super) struct TextLines<T>(pub(super) T);

impl<S, N, T> FormatEvent<S, N> for TextLines<T>
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
        let Record { level, message, fields, context, .. } = Record::new(event, spans);
        let message = visible_lines(&message);
        let [dim, colour, plain] = match (writer.has_ansi_escapes(), level) {
            (false, _) => [""; 3],
            (true, Level::ERROR) => ["\x1b[2m", "\x1b[31m", "\x1b[0m"],
            (true, Level::WARN) => ["\x1b[2m", "\x1b[33m", "\x1b[0m"],
            (true, Level::INFO) => ["\x1b[2m", "\x1b[32m", "\x1b[0m"],
            (true, _) => ["\x1b[2m", "\x1b[34m", "\x1b[0m"],
        };
        write!(writer, "{dim}")?;
        self.0.format_time(&mut writer)?;
        write!(writer, "{plain} {colour}{level:>5}{plain} {message}")?;
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_number()) {
            let text = value.as_str().map_or_else(|| value.to_string(), visible_lines);
            let mut lines = text.lines();
            if !message.contains(lines.next().unwrap_or_default()) {
                write!(writer, " {name}={text}")?;
            } else if !message.contains(&text) {
                // Of several lines the message has the first. The others are hints.
                for line in lines {
                    write!(writer, " ({line})")?;
                }
            }
        }
        for (name, value) in &context {
            write!(writer, " {name}={}", value.as_str().map(visible_lines).unwrap_or_default())?;
        }
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::fmt::format::JsonFields;

    use crate::cli::testing::Text;

    use super::*;

    #[test]
    fn only_what_the_message_leaves_out_follows_it() {
        let text = Text::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(text.writer())
            .with_ansi(false)
            .fmt_fields(JsonFields::new())
            .event_format(TextLines(()))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(mirror = "java/jdk", tag = %21, bytes = 1024, seconds = 0.1, "Copied java/jdk:21: 1.0 KiB");
            tracing::error!(error = "503\nhint: later", "Could not copy java/jdk:21: 503");
            tracing::error!(error = " a\n b", "Did not take it:\n a\n b");
            tracing::warn!(error = %"denied", tag = %21, "The target refuses \u{1b}[31m");
            let _pass = tracing::info_span!("pass", mirror = "java/jdk", outcome = "unknown").entered();
            let _tag = tracing::info_span!("tag", tag = %"21.0.7", digest = "sha256:1").entered();
            tracing::info!(reason = "server", "Trying again: server trouble");
            tracing::info!(mirror = "other", "Copied 21.0.7");
        });
        insta::assert_snapshot!(text, @r"
         INFO Copied java/jdk:21: 1.0 KiB
        ERROR Could not copy java/jdk:21: 503 (hint: later)
        ERROR Did not take it:
        a
        b
         WARN The target refuses \u{1b}[31m error=denied tag=21
         INFO Trying again: server trouble mirror=java/jdk tag=21.0.7
         INFO Copied 21.0.7 mirror=other tag=21.0.7
        ");
    }
}
