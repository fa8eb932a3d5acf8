//! Where the log goes when nobody listens.

use std::io::{self, Write};

/// Standard error, where what cannot be written is lost: tracing would report it there, and panic at a closed one.
#[derive(Debug)]
pub struct Log(io::Stderr);

impl Log {
    /// A writer for one event.
    #[must_use]
    pub fn writer() -> Self {
        Self(io::stderr())
    }
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
