//! Lines of results, out of what lies there: read with bounds, and checked.

use std::io::{BufRead, BufReader, Read};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wire::Line;

use crate::file::schema;

/// Longer lines are no results: a hundred detections take a hundredth of it.
pub(crate) const LONGEST: usize = 1 << 20;

/// Where the bytes of an identity come from: what makes two lines repeats of each other.
pub(crate) type Identity = [u8; 16];

/// The identity of a result.
pub(crate) fn identity(bucket: &[u8], key: &[u8], etag: Option<&[u8]>, model: &[u8]) -> Identity {
    let mut digest = Sha256::new();
    for part in [Some(bucket), Some(key), etag, Some(model)] {
        // The length goes ahead, so that no two tuples read alike; one more than any length stands for none.
        digest.update(part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
        digest.update(part.unwrap_or_default());
    }
    first(digest)
}

/// The first half of a digest.
fn first(digest: Sha256) -> Identity {
    let mut identity = Identity::default();
    identity.copy_from_slice(&digest.finalize()[..size_of::<Identity>()]);
    identity
}

/// What a line is.
#[derive(Debug)]
pub(crate) enum Found {
    /// A result.
    Result(Identity, Vec<u8>),
    /// None: its number, and why.
    Other(u64, String),
}

/// Reads the lines of a file of JSON lines, or the one object of a `.json`, and hands each on until `each` says no.
///
/// # Errors
/// The file breaks off.
pub(crate) fn read(from: impl Read, whole: bool, mut each: impl FnMut(Found) -> bool) -> Result<()> {
    let mut from = BufReader::with_capacity(64 << 10, from);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        number += 1;
        let more = if whole { take_all(&mut from, &mut line)? } else { take_line(&mut from, &mut line)? };
        let found = match more {
            Taken::End => return Ok(()),
            Taken::TooLong => Found::Other(number, "too long for a result".to_owned()),
            Taken::Line if line.iter().all(u8::is_ascii_whitespace) => continue,
            Taken::Line => match check(&line) {
                Ok((identity, text)) => Found::Result(identity, text),
                Err(error) => Found::Other(number, format!("{error:#}")),
            },
        };
        if !each(found) {
            return Ok(());
        }
    }
}

enum Taken {
    Line,
    TooLong,
    End,
}

fn take_line(from: &mut impl BufRead, line: &mut Vec<u8>) -> Result<Taken> {
    line.clear();
    let (mut any, mut long) = (false, false);
    loop {
        let held = from.fill_buf().context("the file broke off")?;
        if held.is_empty() {
            return Ok(if long {
                Taken::TooLong
            } else if any {
                Taken::Line
            } else {
                Taken::End
            });
        }
        any = true;
        let end = held.iter().position(|byte| *byte == b'\n');
        let part = &held[..end.unwrap_or(held.len())];
        long |= line.len() + part.len() > LONGEST;
        if !long {
            line.extend_from_slice(part);
        }
        let length = end.map_or(held.len(), |end| end + 1);
        from.consume(length);
        if end.is_some() {
            return Ok(if long { Taken::TooLong } else { Taken::Line });
        }
    }
}

fn take_all(from: &mut impl BufRead, text: &mut Vec<u8>) -> Result<Taken> {
    text.clear();
    let length = from.take(LONGEST as u64 + 1).read_to_end(text).context("the file broke off")?;
    if length > LONGEST {
        // The rest would come as the next object.
        std::io::copy(from, &mut std::io::sink()).context("the file broke off")?;
        return Ok(Taken::TooLong);
    }
    Ok(if length == 0 { Taken::End } else { Taken::Line })
}

/// A result's identity, and the line as it is kept.
fn check(line: &[u8]) -> Result<(Identity, Vec<u8>)> {
    let value: Value = serde_json::from_slice(line).map_err(|error| {
        // Whoever reads this knows the line already.
        anyhow!("{} at column {}", if error.is_eof() { "ends early" } else { "not JSON" }, error.column())
    })?;
    let typed = Line::deserialize(&value).map_err(|error| anyhow!("not a result: {error}"))?;
    let (bucket, key, etag, model) = typed.identity();
    let identity = identity(bucket.as_bytes(), key.as_bytes(), etag.map(str::as_bytes), model.as_bytes());
    schema()?.shape.check(&value).context("not a result")?;
    let mut text = if line.contains(&b'\n') { serde_json::to_vec(&value)? } else { line.to_vec() };
    text.push(b'\n');
    Ok((identity, text))
}
