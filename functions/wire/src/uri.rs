//! `s3://bucket/prefix`.

use std::str::FromStr;

/// A place in S3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Uri {
    /// The bucket.
    pub bucket: String,
    /// What keys there begin with; may be empty.
    pub prefix: String,
}

impl FromStr for S3Uri {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.trim().strip_prefix("s3://").ok_or("expected s3://bucket/prefix")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err("no bucket name; expected s3://bucket/prefix");
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl std::fmt::Display for S3Uri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.prefix)
    }
}

impl S3Uri {
    /// The prefix as a folder: empty, or with a slash at its end.
    #[must_use]
    pub fn folder(&self) -> String {
        match self.prefix.trim_end_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        }
    }

    /// The key of `name` in this folder.
    #[must_use]
    pub fn join(&self, name: &str) -> String {
        self.folder() + name
    }

    /// Whether an object lies in this folder.
    #[must_use]
    pub fn holds(&self, bucket: &str, key: &str) -> bool {
        self.bucket == bucket && key.starts_with(&self.folder())
    }

    /// Whether what is written into this folder may be noticed by a notification on `input`, whose prefix S3 compares
    /// as plain text, or the other way round.
    #[must_use]
    pub fn meets(&self, input: &Self) -> bool {
        let folder = self.folder();
        self.bucket == input.bucket && (folder.starts_with(&input.prefix) || input.prefix.starts_with(&folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> S3Uri {
        text.parse().unwrap()
    }

    #[test]
    fn folders_have_one_slash() {
        assert_eq!(uri("s3://out").join("a.json"), "a.json");
        assert_eq!(uri("s3://out/").join("a.json"), "a.json");
        assert_eq!(uri("s3://out/x/y").join("a.json"), "x/y/a.json");
        assert_eq!(uri("s3://out/x/y/").join("a.json"), "x/y/a.json");
        for wrong in ["out", "s3://", "s3:///x", "https://out/x", ""] {
            assert!(wrong.parse::<S3Uri>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_objects_below_are_held() {
        let results = uri("s3://b/results");
        assert!(results.holds("b", "results/part-1.jsonl"));
        assert!(!results.holds("b", "results-old/cat.jpg") && !results.holds("c", "results/cat.jpg"));
        assert!(uri("s3://b").holds("b", "anything"));
    }

    #[test]
    fn results_that_a_notification_would_see_are_found() {
        for (results, input, meets) in [
            ("s3://b/results", "s3://b/photos/", false),
            ("s3://b/results", "s3://c", false),
            ("s3://b/results", "s3://b", true),
            ("s3://b", "s3://b/photos/", true),
            ("s3://b/photos/results", "s3://b/photos/", true),
            ("s3://b/photos-results", "s3://b/photos", true),
            ("s3://b/photos", "s3://b/photos-in", false),
            ("s3://b/photos", "s3://b/photos/in", true),
        ] {
            assert_eq!(uri(results).meets(&uri(input)), meets, "{results} and {input}");
        }
    }
}
