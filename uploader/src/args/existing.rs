//! Photos that are in a bucket already.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use wire::S3Uri;

use super::number::{positive, whole};

/// Which they are, and how they get to the function.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Photos in S3")]
pub(crate) struct ExistingArgs {
    /// Process the photos that are in this bucket already: put them on detect-bulk's queue, upload nothing.
    #[arg(
        long,
        value_name = "s3://BUCKET/PREFIX",
        requires = "queue",
        conflicts_with_all = ["paths", "from_file", "bucket"]
    )]
    pub(crate) existing: Option<S3Uri>,

    /// URL of detect-bulk's queue: the stack's output QueueUrl.
    #[arg(long, value_name = "URL", requires = "existing")]
    pub(crate) queue: Option<String>,

    /// Instead of listing the bucket, read the manifest.json of an S3 Inventory (CSV or Parquet): s3://… or a file.
    #[arg(long, value_name = "MANIFEST", requires = "existing")]
    pub(crate) inventory: Option<String>,

    /// Only keys that end with this, without regard to case (repeatable); '*' for all [default: those of photos, such as
    /// .jpg, .png, .webp, .heic, .tif].
    #[arg(long, value_name = "SUFFIX", requires = "existing")]
    pub(crate) suffix: Vec<String>,

    /// Only objects of at least this size: bytes, or such as 10kB, 2MiB.
    #[arg(long, value_name = "SIZE", requires = "existing", value_parser = bytes)]
    pub(crate) min_size: Option<u64>,

    /// Only objects of at most this size.
    #[arg(long, value_name = "SIZE", requires = "existing", value_parser = bytes)]
    pub(crate) max_size: Option<u64>,

    /// Only objects stored since then: a date (2026-11-01, 2026-11-01T12:00:00Z), or how long ago (7d, 12h).
    #[arg(long, value_name = "WHEN", requires = "existing", value_parser = since)]
    pub(crate) newer_than: Option<f64>,

    /// Only N of the photos, drawn at random: for a trial.
    #[arg(long, value_name = "N", requires = "existing", value_parser = whole(1_usize, 1_000_000))]
    pub(crate) sample: Option<usize>,

    /// Seed of --sample: the same photos for the same seed [default: the journal's, or a new one, which is printed].
    #[arg(long, value_name = "SEED", requires = "sample")]
    pub(crate) seed: Option<u64>,

    /// Photos per message of the queue. An invocation of detect-bulk gets as many times the stack's BulkBatchSize.
    #[arg(long, value_name = "N", requires = "existing", default_value_t = 10, value_parser = whole(1_u16, 1000))]
    pub(crate) per_message: u16,

    /// For the estimate of --dry-run: how many invocations run at once, the stack's BulkMaxConcurrency.
    #[arg(long, value_name = "N", requires = "existing", default_value_t = 10, value_parser = whole(1_u16, 10_000))]
    pub(crate) function_concurrency: u16,

    /// For the estimate of --dry-run: milliseconds per photo that the function bills, as a trial's summary has it.
    #[arg(long, value_name = "MS", requires = "existing", default_value_t = 38.0, value_parser = positive)]
    pub(crate) ms_per_photo: f64,
}

/// A number of bytes, with a unit or without.
fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 8] = [
        ("", 1),
        ("b", 1),
        ("kb", 1000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
    ];
    let invalid = || "expected bytes, or a size such as 10kB, 1.5MB or 2MiB".to_owned();
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let unit = text[end..].trim().to_ascii_lowercase();
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor).ok_or_else(invalid)?;
    let number: f64 = text[..end].parse().map_err(|_| invalid())?;
    Ok((number * factor as f64) as u64)
}

/// A time in seconds since 1970.
fn since(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let date = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    if let Ok(time) = humantime::parse_rfc3339_weak(&date) {
        return Ok(seconds(time));
    }
    let ago = humantime::parse_duration(text).ok().and_then(|ago| SystemTime::now().checked_sub(ago));
    ago.map(seconds)
        .ok_or_else(|| "expected a date such as 2026-11-01 (UTC), or a duration such as 7d or 12h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, size) in
            [("0", 0), ("1500", 1500), ("10kB", 10_000), ("1.5 MB", 1_500_000), ("2MiB", 2 << 20), ("3b", 3)]
        {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "kB", "-1", "10 apples", "1.2.3"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_dates_or_durations() {
        assert_eq!(since("2023-11-14"), Ok(1_699_920_000.0));
        assert_eq!(since("2023-11-14T22:13:20Z"), Ok(1_700_000_000.0));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((now - 7.0 * 86_400.0 - since("7d").unwrap()).abs() < 10.0);
        assert!((now - 5400.0 - since("1h 30m").unwrap()).abs() < 10.0);
        for text in ["", "yesterday", "2023-13-01", "7"] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
