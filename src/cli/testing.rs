//! What is logged, kept for a look.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};

/// Takes what is written to any of its clones.
#[derive(Clone, Default)]
pub(super) struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    /// Makes writers, as subscribers want them.
    pub(super) fn writer(&self) -> impl Fn() -> Self + Send + Sync + 'static + use<> {
        let text = self.clone();
        move || text.clone()
    }
}

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0.lock().unwrap()))
    }
}
