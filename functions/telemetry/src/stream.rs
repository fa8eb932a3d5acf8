//! Where lines go.

use std::io::{self, Write};

/// Standard output or standard error. What cannot be written is lost: tracing would report it on standard error, and panic
/// where that is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, as Lambda reads it.
    Output,
    /// Standard error, where standard output is for something else.
    Error,
}

impl Write for Stream {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let _ = match self {
            Self::Output => io::stdout().write_all(text),
            Self::Error => io::stderr().write_all(text),
        };
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = match self {
            Self::Output => io::stdout().flush(),
            Self::Error => io::stderr().flush(),
        };
        Ok(())
    }
}
