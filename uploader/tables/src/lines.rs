//! JSON lines in, a Parquet file out: for whoever writes lines anyway.

use std::io::{self, Write};

use anyhow::Result;

use crate::file::Writer;

/// Takes result lines and writes them as a Parquet file. Flushing completes the file; nothing may come after it.
#[derive(Debug)]
pub struct Lines<W: Write + Send> {
    file: Writer<W>,
    rest: Vec<u8>,
    done: bool,
}

impl<W: Write + Send> Lines<W> {
    /// A file without rows yet.
    ///
    /// # Errors
    /// Nothing can be written.
    pub fn new(to: W) -> Result<Self> {
        Ok(Self { file: Writer::new(to)?, rest: Vec::new(), done: false })
    }

    fn take(&mut self, lines: &[u8]) -> Result<()> {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(line);
            if line.ends_with(b"\n") {
                let row = serde_json::from_slice(&self.rest)?;
                self.rest.clear();
                self.file.push(&row)?;
            }
        }
        Ok(())
    }
}

impl<W: Write + Send> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.done {
            return Err(io::Error::other("the file is complete"));
        }
        self.take(bytes).map_err(told)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.done {
            return Ok(());
        }
        self.file.finish().map_err(told)?;
        self.done = true;
        Ok(())
    }
}

/// An error of the file below stays what it is: a broken pipe is no reason to complain.
fn told(error: anyhow::Error) -> io::Error {
    let kind =
        error.chain().find_map(|cause| cause.downcast_ref::<io::Error>()).map_or(io::ErrorKind::Other, io::Error::kind);
    io::Error::new(kind, format!("{error:#}"))
}
