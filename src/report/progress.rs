//! Progress as bars, on a terminal.
//!
//! A line for each mirror, a bar for each tag in flight, and one bar for all bytes. Bars throttle their drawing
//! themselves; an event costs an atomic addition.

use std::collections::HashMap;
use std::io;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::{Event, EventKind, Observer, Pair};
use crate::report::transfers::Transfers;

/// How often the spinner of a waiting line turns.
const TICK: Duration = Duration::from_millis(200);

// Names are cut to what room there is, so that no line is wider than the terminal: one that wraps is never taken away.
const LISTING: &str = "{spinner} {wide_msg} reading the tags of the source";
const MIRROR: &str = "{spinner} {wide_msg} {pos} of {len} tags";
const PREPARING: &str = "  {spinner} {wide_msg} reading the manifest";
const TAG: &str = "  {spinner} {wide_msg} {bar:10} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const TOTAL: &str = "  {wide_msg} {bar:10} {bytes}/{total_bytes} {bytes_per_sec}";

/// Draws what happens.
#[derive(Debug)]
pub struct Progress {
    bars: MultiProgress,
    pairs: Mutex<HashMap<Pair, ProgressBar>>,
    tags: Transfers<ProgressBar>,
    total: ProgressBar,
}

/// Standard error beside the bars: what is written does not tear them.
#[derive(Clone, Debug)]
pub struct LogWriter(MultiProgress);

impl Progress {
    /// Bars on standard error. They hide themselves where that is no terminal.
    pub fn stderr() -> Self {
        Self::on(ProgressDrawTarget::stderr())
    }

    fn on(terminal: ProgressDrawTarget) -> Self {
        let bars = MultiProgress::with_draw_target(terminal);
        let total = bars.add(ProgressBar::no_length()).with_style(style(TOTAL)).with_message("all of it");
        Self { bars, pairs: Mutex::default(), tags: Transfers::default(), total }
    }

    /// What logs have to go through while there are bars.
    pub fn log_writer(&self) -> LogWriter {
        LogWriter(self.bars.clone())
    }

    /// Does something that may write to the terminal, while no bar is there.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        self.bars.suspend(work)
    }

    /// Takes all bars away.
    pub fn clear(&self) {
        self.total.finish_and_clear();
        let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        pairs.drain().for_each(|(_, bar)| bar.finish_and_clear());
        // A terminal that went away has no bars either.
        let _ = self.bars.clear();
    }

    /// A line above the bar of all bytes.
    fn line(&self, name: String, template: &str) -> ProgressBar {
        let bar = self.bars.insert_before(&self.total, ProgressBar::no_length());
        bar.set_style(style(template));
        bar.set_message(name);
        bar.enable_steady_tick(TICK);
        bar
    }

    fn with_pair(&self, pair: &Pair, act: impl FnOnce(&ProgressBar)) {
        let pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = pairs.get(pair) {
            act(bar);
        }
    }
}

impl Observer for Progress {
    fn observe(&self, event: &Event<'_>) {
        let Some(pair) = event.pass.map(|pass| &pass.pair) else { return };
        match event.kind {
            EventKind::PassStarted => {
                let bar = self.line(pair.mirror.clone(), LISTING);
                self.pairs.lock().unwrap_or_else(PoisonError::into_inner).insert(pair.clone(), bar);
            }
            EventKind::TagsSelected { selected, .. } => self.with_pair(pair, |bar| {
                bar.set_length(selected as u64);
                bar.set_style(style(MIRROR));
            }),
            EventKind::TagStarted { tag } => {
                self.tags.insert(pair, tag, self.line(format!("{}:{tag}", pair.mirror), PREPARING));
            }
            EventKind::TagSized { tag, bytes } => {
                grow(&self.total, bytes);
                if let Some(bar) = self.tags.get(pair, tag) {
                    grow(&bar, bytes);
                    bar.set_style(style(TAG));
                }
            }
            EventKind::BytesCopied { tag, bytes, .. } => {
                self.total.inc(bytes);
                if let Some(bar) = self.tags.get(pair, tag) {
                    bar.inc(bytes);
                }
            }
            EventKind::TagFinished { summary } => {
                if let Some(bar) = self.tags.remove(pair, &summary.tag) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
                self.with_pair(pair, |bar| bar.inc(1));
            }
            EventKind::PassFinished { .. } => {
                let mut pairs = self.pairs.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(bar) = pairs.remove(pair) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
            }
            EventKind::TagsPlanned { .. }
            | EventKind::BlobQueued { .. }
            | EventKind::BlobStarted { .. }
            | EventKind::BlobArrived { .. }
            | EventKind::Exchange(_) => {}
        }
    }
}

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Adds to a length that may not be known yet.
fn grow(bar: &ProgressBar, bytes: u64) {
    match bar.length() {
        None => bar.set_length(bytes),
        Some(_) => bar.inc_length(bytes),
    }
}

/// The templates are ours and right, as a test sees; a wrong one would cost its looks.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use indicatif::TermLike;

    use crate::report::samples;

    use super::*;
    use crate::oci::Digest;

    #[test]
    fn every_template_is_one() {
        for template in [LISTING, MIRROR, PREPARING, TAG, TOTAL] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }

    #[test]
    fn a_tag_in_flight_has_a_bar_until_it_is_done() {
        let screen = Screen::new(100);
        let progress = Progress::on(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        let (pass, tag) = (samples::pass("java/jdk"), &samples::tag("21.0.7"));
        let tell = |kind: EventKind<'_>| progress.observe(&samples::event(&pass, kind));
        tell(EventKind::PassStarted);
        tell(EventKind::TagsSelected { listed: 40, selected: 3, newest_first: &[] });
        tell(EventKind::TagStarted { tag });
        tell(EventKind::TagSized { tag, bytes: 1024 });
        tell(EventKind::TagSized { tag, bytes: 3072 });
        tell(EventKind::BytesCopied { tag, digest: Digest::of(b"blob"), bytes: 1024 });
        let bar = progress.tags.get(&pass.pair, tag).unwrap();
        assert_eq!((bar.position(), bar.length()), (1024, Some(4096)));
        assert_eq!((progress.total.position(), progress.total.length()), (1024, Some(4096)));
        tell(EventKind::TagFinished { summary: &samples::copied("21.0.7") });
        assert!(progress.tags.get(&pass.pair, tag).is_none() && bar.is_finished());
        progress.with_pair(&pass.pair, |bar| assert_eq!((bar.position(), bar.length()), (1, Some(3))));
        tell(EventKind::PassFinished { summary: &samples::mirror("java/jdk"), took: Duration::ZERO });
        progress.clear();
        let drawn = screen.drawn.lock().unwrap().clone();
        for (name, state) in
            [("java/jdk", "reading the tags of the source"), ("java/jdk:21.0.7", "reading the manifest")]
        {
            let is_line =
                |line: &String| line.contains(&format!(" {name} ")) && line.trim_end().ends_with(state);
            assert!(drawn.iter().any(is_line), "{drawn:?}");
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let screen = Screen::new(60);
        let progress = Progress::on(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        let pass = samples::pass("databases/of/the/accounting/department/database-enterprise");
        let tag = &samples::tag("23.26.3.0-lite-arm64-with-a-long-name-of-its-own");
        let tell = |kind: EventKind<'_>| progress.observe(&samples::event(&pass, kind));
        tell(EventKind::PassStarted);
        tell(EventKind::TagsSelected { listed: 40_000, selected: 30_000, newest_first: &[] });
        tell(EventKind::TagStarted { tag });
        tell(EventKind::TagSized { tag, bytes: 10_000_000_000 });
        tell(EventKind::BytesCopied { tag, digest: Digest::of(b"blob"), bytes: 1_234_567_890 });
        progress.clear();
        let drawn = screen.drawn.lock().unwrap().clone();
        assert!(drawn.iter().any(|line| line.contains("GiB")), "{drawn:?}");
        assert!(drawn.iter().all(|line| line.chars().count() <= 60), "{drawn:?}");
    }

    /// A terminal that remembers all that was drawn.
    #[derive(Clone, Debug)]
    struct Screen {
        width: u16,
        drawn: Arc<Mutex<Vec<String>>>,
    }

    impl Screen {
        fn new(width: u16) -> Self {
            Self { width, drawn: Arc::default() }
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            self.width
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.drawn.lock().unwrap().push(text.to_owned());
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }
}
