//! A row of an inventory, whatever the format of its file.

use crate::bulk::Stored;

/// An object or a version of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) bucket: Option<String>,
    pub(crate) object: Stored,
    /// False for what has been replaced.
    pub(crate) is_latest: bool,
    /// Whether it says that the object was deleted.
    pub(crate) is_delete_marker: bool,
}

impl Default for Row {
    fn default() -> Self {
        Self { bucket: None, object: Stored::default(), is_latest: true, is_delete_marker: false }
    }
}

/// The columns of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Bucket,
    Key,
    VersionId,
    IsLatest,
    IsDeleteMarker,
    Size,
    LastModified,
    ETag,
}

impl Column {
    /// By its name in a manifest's `fileSchema`, or in a Parquet file.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let plain: String = name.chars().filter(|c| *c != '_').collect::<String>().to_ascii_lowercase();
        Some(match plain.trim() {
            "bucket" => Self::Bucket,
            "key" => Self::Key,
            "versionid" => Self::VersionId,
            "islatest" => Self::IsLatest,
            "isdeletemarker" => Self::IsDeleteMarker,
            "size" => Self::Size,
            "lastmodifieddate" => Self::LastModified,
            "etag" => Self::ETag,
            _ => return None,
        })
    }
}

/// An entity tag without quotes, where there is one.
pub(crate) fn etag(text: &str) -> Option<String> {
    Some(text.trim_matches('"').to_owned()).filter(|text| !text.is_empty())
}
