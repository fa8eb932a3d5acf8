//! Where results go. Nothing is acknowledged before it is stored here.
//!
//! Results lie in a folder for each day (UTC), where tables over them look for partitions. Annotated photos do not: whoever
//! reads such a folder takes everything inside for results.

use std::time::SystemTime;

use bytes::Bytes;
use wire::{ModelRef, partition};

use crate::outcome::Pictures;
use crate::settings::Layout;
use crate::store::Store;
use wire::S3Uri;

/// The media type of a part (JSON Lines).
const PART_TYPE: &str = "application/x-ndjson";
const OBJECT_TYPE: &str = "application/json";
const PICTURE_TYPE: &str = "image/jpeg";

/// The results' place and shape.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) store: Store,
    pub(crate) at: S3Uri,
    pub(crate) layout: Layout,
    pub(crate) model: ModelRef,
}

impl Results {
    /// Stores the lines of an invocation as one part; no lines need none.
    ///
    /// # Errors
    /// What S3 said after all tries.
    pub(crate) async fn part(&self, request_id: &str, lines: Vec<u8>) -> Result<(), String> {
        if lines.is_empty() {
            return Ok(());
        }
        self.put(&dated(&format!("part-{request_id}.jsonl")), PART_TYPE, lines).await
    }

    /// Stores a photo's own objects: its line where every photo has an object, and its pictures.
    ///
    /// # Errors
    /// What S3 said after all tries.
    pub(crate) async fn photo(&self, key: &str, line: Option<&[u8]>, pictures: Pictures) -> Result<(), String> {
        for (kind, picture) in [("annotated", pictures.annotated), ("redacted", pictures.redacted)] {
            if let Some(picture) = picture {
                self.put(&format!("{key}.{kind}.jpg"), PICTURE_TYPE, picture).await?;
            }
        }
        match line {
            Some(line) if self.layout == Layout::Object => {
                self.put(&dated(&format!("{key}.json")), OBJECT_TYPE, line.to_vec()).await
            }
            _ => Ok(()),
        }
    }

    async fn put(&self, name: &str, content_type: &str, body: Vec<u8>) -> Result<(), String> {
        self.store.put(&self.at.bucket, &self.at.join(name), content_type, Bytes::from(body), &self.model).await
    }
}

/// A name in today's folder.
fn dated(name: &str) -> String {
    partition::folder_of(&partition::date_of(SystemTime::now())) + name
}
