//! S3, as the uploader uses it: objects listed, looked up, sent and fetched.

#[cfg(feature = "tables")]
mod ranges;

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::{Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, StalledStreamProtectionConfig};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, EncodingType};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::content::Content;
use super::s3_error::S3Error;
use super::stored::{Page, Stored};
use crate::args::StoreArgs;
use crate::cloud::Account;
use crate::link::CONNECT_WITHIN;
use crate::photo::item_error;

/// Tries of a request, the first one included. The SDK waits for a random share of each pause, half of it on average, so
/// these are a little more than a minute.
const TRIES: u32 = 11;
/// Longest wait for the head of an answer.
const ANSWER: Duration = Duration::from_secs(60);
/// A link on which a photo's upload may take longer than [`ANSWER`]: in bytes per second.
const SLOW_LINK: u64 = 16 << 10;

/// An object as S3 knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Object {
    /// Its key.
    pub(crate) key: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Its entity tag, without quotes, where the listing tells it.
    pub(crate) etag: Option<String>,
    /// When it was stored, in seconds since 1970 by S3's clock.
    pub(crate) stored: Option<f64>,
}

/// What S3 says of one object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub(crate) size: u64,
    pub(crate) etag: String,
    /// SHA-256 of its content in base64, where it was sent with one.
    pub(crate) sha256: Option<String>,
}

/// Objects of S3. The SDK's futures are deep and large, so each is boxed.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    client: Client,
    config: SdkConfig,
    means: Vec<(&'static str, String)>,
}

impl Store {
    /// S3 with the credentials that all AWS tools find.
    pub(crate) async fn open(args: &StoreArgs) -> Result<Self> {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let account = Account::open(args.profile.as_deref()).await?;
        if let Some(url) =
            args.endpoint_url.as_ref().filter(|url| !url.starts_with("http://") && !url.starts_with("https://"))
        {
            bail!("--endpoint-url {url}: expected a URL such as http://127.0.0.1:9000");
        }
        let elsewhere = args.endpoint_url.is_some() || set("AWS_ENDPOINT_URL_S3") || set("AWS_ENDPOINT_URL");
        let mut region = RegionProviderChain::first_try(args.region.clone().map(Region::new))
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(account.region_of_profile());
        if elsewhere {
            region = region.or_else(Region::from_static("us-east-1"));
        } else {
            region = region.or_else(account.region_of_instance());
        }
        let Some(region) = region.region().await else {
            bail!("no AWS region: use --region, or set AWS_REGION");
        };
        let mut loader = account.loader(Some(region));
        if let Some(url) = &args.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = Box::pin(loader.load()).await;
        // Without them every request would fail, each after a search of its own.
        let (_, credentials) = account.credentials(&config).await?;
        let mut means = vec![("credentials", account.source(&credentials))];
        means.append(&mut account.means());
        let elsewhere = elsewhere || config.endpoint_url().is_some();
        let client = Client::from_conf(patient(Builder::from(&config)).force_path_style(elsewhere).build());
        Ok(Self { client, config, means })
    }

    /// With what S3 is reached, for the summary.
    pub(crate) fn means(&self) -> &[(&'static str, String)] {
        &self.means
    }

    /// How services of the same account are reached.
    pub(crate) fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Up to `most` objects whose keys begin with `prefix` and follow `after`.
    pub(crate) async fn page(&self, bucket: &str, prefix: &str, after: &str, most: i32) -> Result<Page, S3Error> {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let request = self.client.list_objects_v2().bucket(bucket).max_keys(most);
        let request = request.set_prefix(given(prefix)).set_start_after(given(after));
        let mut page = Box::pin(request.clone().send()).await;
        let mut is_encoded = false;
        // Keys may hold what no XML can. Not every S3 encodes keys where it says so, so that this is no first choice.
        if page.as_ref().err().and_then(|error| error.raw_response()).is_some_and(|raw| raw.status().is_success()) {
            page = Box::pin(request.encoding_type(EncodingType::Url).send()).await;
            is_encoded = true;
        }
        let page = page.map_err(|error| S3Error::of(&error, "s3:ListBucket", bucket, prefix))?;
        is_encoded &= page.encoding_type == Some(EncodingType::Url);
        let stored = |object: aws_sdk_s3::types::Object| {
            let key = object.key?;
            Some(Stored {
                key: if is_encoded { form_decoded(&key) } else { key },
                size: object.size.and_then(|size| u64::try_from(size).ok()),
                etag: object.e_tag.map(|etag| bare(&etag)),
                version_id: None,
                modified: object.last_modified.map(|time| time.as_secs_f64()),
            })
        };
        let objects = page.contents.unwrap_or_default().into_iter().filter_map(stored).collect();
        Ok(Page { objects, more: page.is_truncated == Some(true) })
    }

    /// Hands every object whose key begins with `prefix` to `each`.
    pub(crate) async fn list(&self, bucket: &str, prefix: &str, mut each: impl FnMut(Object)) -> Result<(), S3Error> {
        let request = self.client.list_objects_v2().bucket(bucket);
        let request = if prefix.is_empty() { request } else { request.prefix(prefix) };
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| S3Error::of(&error, "s3:ListBucket", bucket, prefix))?;
            for object in page.contents.unwrap_or_default() {
                let Some(key) = object.key else { continue };
                each(Object {
                    key,
                    size: object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
                    etag: object.e_tag.map(|etag| bare(&etag)),
                    stored: object.last_modified.map(|time| time.as_secs_f64()),
                });
            }
        }
        Ok(())
    }

    /// What S3 knows of an object; `None` where there is none.
    pub(crate) async fn head(&self, bucket: &str, key: &str) -> Result<Option<Head>, S3Error> {
        let request = self.client.head_object().bucket(bucket).key(key).checksum_mode(ChecksumMode::Enabled);
        match Box::pin(request.send()).await {
            Ok(head) => Ok(Some(Head {
                size: head.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or(0),
                etag: bare(head.e_tag().unwrap_or_default()),
                sha256: head.checksum_sha256().map(str::to_owned),
            })),
            Err(error) => match S3Error::of(&error, "s3:GetObject", bucket, key) {
                S3Error::NotThere => Ok(None),
                error => Err(error),
            },
        }
    }

    /// Sends a photo's file, and tells the entity tag it got. With `only_new`, S3 refuses where the key is taken.
    pub(crate) async fn put(
        &self,
        bucket: &str,
        key: &str,
        photo: &Path,
        content: &Content,
        only_new: bool,
    ) -> Result<String, S3Error> {
        let body = ByteStream::from_path(photo).await;
        let body =
            body.map_err(|error| S3Error::Photo(item_error("unreadable", format!("Cannot read the file: {error}."))))?;
        let request = self
            .client
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type(content.format.media_type())
            .checksum_sha256(STANDARD.encode(content.sha256))
            .set_if_none_match(only_new.then(|| "*".to_owned()))
            .body(body);
        // The time until the head of the answer includes that of sending the photo. In whole minutes: the SDK keeps
        // connections apart by their time-outs.
        let sending = Duration::from_secs((content.size / SLOW_LINK).next_multiple_of(60));
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_WITHIN).read_timeout(ANSWER + sending).build();
        let request = request.customize().config_override(aws_sdk_s3::Config::builder().timeout_config(timeouts));
        let stored =
            Box::pin(request.send()).await.map_err(|error| S3Error::of(&error, "s3:PutObject", bucket, key))?;
        match stored.e_tag() {
            Some(etag) => Ok(bare(etag)),
            // Not AWS's S3, then.
            None => self.head(bucket, key).await?.map(|head| head.etag).ok_or(S3Error::NotThere),
        }
    }

    /// An object's body, not read yet; `None` where there is no such object.
    pub(crate) async fn get(&self, bucket: &str, key: &str) -> Result<Option<ByteStream>, S3Error> {
        match Box::pin(self.client.get_object().bucket(bucket).key(key).send()).await {
            Ok(object) => Ok(Some(object.body)),
            Err(error) => match S3Error::of(&error, "s3:GetObject", bucket, key) {
                S3Error::NotThere => Ok(None),
                error => Err(error),
            },
        }
    }
}

/// Throttled and broken requests are tried again for about a minute. The SDK would allow a client only a few retries in
/// total; a dataset's uploads may all be told to slow down, and the back-off does just that.
fn patient(config: Builder) -> Builder {
    let retries = RetryConfig::standard()
        .with_max_attempts(TRIES)
        .with_initial_backoff(Duration::from_millis(300))
        .with_max_backoff(Duration::from_secs(20));
    let partition = RetryPartition::custom("dataset").token_bucket(TokenBucket::unlimited()).build();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_WITHIN).read_timeout(ANSWER).build();
    // A photo that S3 does not read on with for a while is not lost; its time-out grows with its size.
    let stalls = StalledStreamProtectionConfig::enabled().upload_enabled(false).build();
    config.retry_config(retries).retry_partition(partition).timeout_config(timeouts).stalled_stream_protection(stalls)
}

/// A key of a listing, which S3 has form-encoded.
fn form_decoded(key: &str) -> String {
    percent_encoding::percent_decode(key.replace('+', " ").as_bytes()).decode_utf8_lossy().into_owned()
}

/// An entity tag without its quotes.
fn bare(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}
