//! Logs as people read them.

use std::fmt;
use std::fmt::Debug;

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// Writes the message, and of the fields those that it leaves out: messages read alone, and fields are for machines.
///
/// Numbers are never added to a message. The one that people want is in it, with a unit.
pub(super) struct Prose;

/// What an event says.
#[derive(Default)]
struct Said {
    message: String,
    texts: Vec<(&'static str, String)>,
}

impl<'writer> FormatFields<'writer> for Prose {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut said = Said::default();
        fields.record(&mut said);
        writer.write_str(&said.message)?;
        for (name, text) in &said.texts {
            // Of several lines the message has the first.
            if !said.message.contains(text.lines().next().unwrap_or_default()) {
                write!(writer, " {name}={text}")?;
            }
        }
        Ok(())
    }
}

impl Visit for Said {
    fn record_f64(&mut self, _: &Field, _: f64) {}

    fn record_i64(&mut self, _: &Field, _: i64) {}

    fn record_u64(&mut self, _: &Field, _: u64) {}

    fn record_str(&mut self, field: &Field, text: &str) {
        self.record_debug(field, &format_args!("{text}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // What registries write is no command to the terminal.
        let is_command = |letter: char| letter.is_control() && letter != '\n';
        let text = format!("{value:?}").replace(is_command, "\u{fffd}");
        match field.name() {
            "message" => self.message = text,
            // Of the `log` crate: where in the source it is.
            name if name.starts_with("log.") => {}
            name => self.texts.push((name, text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Text(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Text {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_what_the_message_leaves_out_follows_it() {
        let text = Text::default();
        let writer = text.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .fmt_fields(Prose)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(mirror = "java/jdk", tag = %21, bytes = 1024, seconds = 0.1, "Copied java/jdk:21: 1.0 KiB");
            tracing::error!(error = "503\nhint: later", "Could not copy java/jdk:21: 503");
            tracing::warn!(error = %"denied", tag = %21, "The target refuses \u{1b}[31m");
        });
        let text = String::from_utf8(text.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(text, @"
         INFO Copied java/jdk:21: 1.0 KiB
        ERROR Could not copy java/jdk:21: 503
         WARN The target refuses �[31m error=denied tag=21
        ");
    }
}
