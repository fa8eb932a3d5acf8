//! One photo by standard input.

use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::item_error;
use super::list::{Found, Source};
use super::payload::PayloadOptions;

/// What the photo is called in the output.
pub(crate) const NAME: &str = "stdin";

/// Reads it. What is too large, or empty, is that photo's error. Blocks.
pub(crate) fn read(payload_options: &PayloadOptions) -> Result<Found> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        bail!("--stdin-photo: standard input is a terminal; use `uploader detect --stdin-photo < cat.jpg`");
    }
    let most = payload_options.most_bytes();
    let mut bytes = Vec::new();
    stdin.lock().take(most + 1).read_to_end(&mut bytes).context("--stdin-photo: cannot read standard input")?;
    let source = if bytes.is_empty() {
        let message = "Standard input is empty.";
        Source::Fault { error: item_error("unsupported_image", message), is_folder: false }
    } else if bytes.len() as u64 > most {
        Source::Fault { error: payload_options.too_many_bytes(bytes.len() as u64), is_folder: false }
    } else {
        Source::Held(bytes.into())
    };
    Ok(Found { source, ..Found::file(PathBuf::from(NAME)) })
}
