//! Objects read in parts, and replaced where nobody else has replaced them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::Store;
use crate::bulk::s3_error::S3Error;
use crate::photo::item_error;

/// Larger files are sent in parts; a part is what memory holds of them.
const PART: u64 = 32 << 20;
/// S3 takes 10,000 parts.
const MOST_PARTS: u64 = 9_900;
const MEDIA_TYPE: &str = "application/vnd.apache.parquet";

impl Store {
    /// A part of an object, in the version with this entity tag; `None` where that is not there any more.
    pub(crate) async fn range(
        &self,
        bucket: &str,
        key: &str,
        etag: &str,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, S3Error> {
        if range.is_empty() {
            return Ok(Some(Bytes::new()));
        }
        let request = self.client.get_object().bucket(bucket).key(key).if_match(quoted(etag));
        let request = request.range(format!("bytes={}-{}", range.start, range.end - 1));
        match Box::pin(request.send()).await {
            Ok(object) => {
                let cut_off = |error| format!("s3://{bucket}/{key} was cut off: {error}");
                let body = object.body.collect().await;
                let body = body.map_err(|error| S3Error::Photo(item_error("connection", cut_off(error))))?;
                Ok(Some(body.into_bytes()))
            }
            Err(error) => match S3Error::of(&error, "s3:GetObject", bucket, key) {
                S3Error::NotThere | S3Error::Taken => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Puts a file in the place of the version with this entity tag, or where nothing is. [`S3Error::Taken`] where
    /// somebody else was faster.
    pub(crate) async fn replace(
        &self,
        bucket: &str,
        key: &str,
        etag: Option<&str>,
        file: &File,
    ) -> Result<(), S3Error> {
        let mut parts = Parts::of(file).map_err(|error| unread(bucket, key, &error))?;
        let first = parts.next().map_err(|error| unread(bucket, key, &error))?;
        let replaced = if parts.is_over() {
            self.replace_at_once(bucket, key, etag, first.unwrap_or_default()).await
        } else {
            self.replace_in_parts(bucket, key, etag, first, parts).await
        };
        match replaced {
            // The version that was to be replaced.
            Err(S3Error::NotThere) => Err(S3Error::Taken),
            replaced => replaced,
        }
    }

    async fn replace_at_once(&self, bucket: &str, key: &str, etag: Option<&str>, whole: Bytes) -> Result<(), S3Error> {
        let request = self.client.put_object().bucket(bucket).key(key).content_type(MEDIA_TYPE);
        let request = request.set_if_match(etag.map(quoted)).set_if_none_match(free(etag));
        match Box::pin(request.body(ByteStream::from(whole)).send()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(S3Error::of(&error, "s3:PutObject", bucket, key)),
        }
    }

    async fn replace_in_parts(
        &self,
        bucket: &str,
        key: &str,
        etag: Option<&str>,
        first: Option<Bytes>,
        rest: Parts<'_>,
    ) -> Result<(), S3Error> {
        let begun = self.client.create_multipart_upload().bucket(bucket).key(key).content_type(MEDIA_TYPE);
        let begun = Box::pin(begun.send()).await.map_err(|error| S3Error::of(&error, "s3:PutObject", bucket, key))?;
        let id = begun.upload_id.unwrap_or_default();
        let sent = self.send_parts(bucket, key, etag, &id, first, rest).await;
        if sent.is_err() {
            // Where this fails as well, a bucket's lifecycle rule has it.
            let _ = Box::pin(self.client.abort_multipart_upload().bucket(bucket).key(key).upload_id(&id).send()).await;
        }
        sent
    }

    async fn send_parts(
        &self,
        bucket: &str,
        key: &str,
        etag: Option<&str>,
        id: &str,
        first: Option<Bytes>,
        mut rest: Parts<'_>,
    ) -> Result<(), S3Error> {
        let (mut parts, mut next) = (Vec::new(), first);
        while let Some(bytes) = next {
            let number = i32::try_from(parts.len() + 1).unwrap_or(i32::MAX);
            let request = self.client.upload_part().bucket(bucket).key(key).upload_id(id).part_number(number);
            let sent = Box::pin(request.body(ByteStream::from(bytes)).send()).await;
            let sent = sent.map_err(|error| S3Error::of(&error, "s3:PutObject", bucket, key))?;
            parts.push(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build());
            next = rest.next().map_err(|error| unread(bucket, key, &error))?;
        }
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let request = self.client.complete_multipart_upload().bucket(bucket).key(key).upload_id(id);
        let request = request.set_if_match(etag.map(quoted)).set_if_none_match(free(etag)).multipart_upload(parts);
        match Box::pin(request.send()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(S3Error::of(&error, "s3:PutObject", bucket, key)),
        }
    }
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// The condition that nothing is there, where nothing was.
fn free(etag: Option<&str>) -> Option<String> {
    etag.is_none().then(|| "*".to_owned())
}

fn unread(bucket: &str, key: &str, error: &io::Error) -> S3Error {
    let message = format!("cannot read the temporary file for s3://{bucket}/{key}: {error}");
    S3Error::Photo(item_error("unreadable", message))
}

/// A file, part by part.
struct Parts<'a> {
    file: &'a File,
    left: u64,
    part: u64,
}

impl<'a> Parts<'a> {
    fn of(mut file: &'a File) -> io::Result<Self> {
        let left = file.metadata()?.len();
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { file, left, part: PART.max(left / MOST_PARTS) })
    }

    fn is_over(&self) -> bool {
        self.left == 0
    }

    fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.is_over() {
            return Ok(None);
        }
        let length = self.left.min(self.part);
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.file.read_exact(&mut bytes)?;
        self.left -= length;
        Ok(Some(bytes.into()))
    }
}
