//! A model out of S3: its file, bounded and checked, and the card beside it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use detector::catalog::{self, ModelFile};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::time::timeout;
use wire::S3Uri;

use crate::error::{Error, mismatch};
use crate::fault::{self, Fault};
use crate::{cache, s3};

/// The largest card, in bytes.
const LARGEST_CARD: u64 = 1 << 20;
/// Tries of a body that broke off; the SDK makes as many of a request.
const TRIES: u32 = 3;
/// After this time the log says what the function is waiting for. Lambda ends an initialisation after 10 s, and nothing can be
/// said any more.
const NOTICE: Duration = Duration::from_secs(6);

/// What fetching a model may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The largest file, in bytes.
    pub bytes: u64,
    /// The time for all of it.
    pub time: Duration,
    /// The time without any data.
    pub stall: Duration,
}

impl Default for Bounds {
    /// What fits into Lambda's `/tmp` as it comes, within a minute.
    fn default() -> Self {
        Self { bytes: 500_000_000, time: Duration::from_secs(60), stall: Duration::from_secs(5) }
    }
}

/// Fetches `s3://bucket/key.onnx` and its card. A file from last time is taken where `wanted` is its digest.
///
/// # Errors
/// What cannot be had, why, and what to do.
pub(crate) fn fetch(uri: &str, wanted: Option<&str>, bounds: Bounds) -> Result<ModelFile, Error> {
    let uri = uri.trim();
    let failed = |reason: String| Error::Source(format!("MODEL={uri}: {reason}"));
    let place: S3Uri = uri.parse().map_err(|reason: &str| failed(reason.to_owned()))?;
    let file = place.prefix.rsplit('/').next().unwrap_or_default();
    if !file.to_ascii_lowercase().ends_with(".onnx") || file.len() > 200 {
        return Err(failed("must name an .onnx file: s3://bucket/key.onnx.".to_owned()));
    }
    let path = cache::folder(uri).map_err(failed)?.join(file);
    // A runtime of its own, on a thread of its own: this may be called from inside another's.
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let fetch = Fetch { place, bounds, received: AtomicU64::new(0) };
        runtime.block_on(async { fetch.run(client(s3::config().await), &path, wanted).await })
    };
    std::thread::scope(|scope| scope.spawn(work).join().unwrap_or_else(|_| Err("the download failed.".to_owned())))
        .map_err(failed)?;
    catalog::find_path(&path).map_err(|error| failed(format!("{error}.")))
}

struct Fetch {
    place: S3Uri,
    bounds: Bounds,
    /// Bytes of the model so far.
    received: AtomicU64,
}

impl Fetch {
    async fn run(self, client: Client, path: &Path, wanted: Option<&str>) -> Result<(), String> {
        let work = async {
            let (model, cards) = tokio::join!(self.model(&client, path, wanted), self.card(&client, path));
            model.and(cards)
        };
        let slow = async {
            tokio::time::sleep(NOTICE).await;
            tracing::warn!(
                received = self.received.load(Ordering::Relaxed),
                "still fetching the model s3://{}/{} after {} s; Lambda ends an initialisation after 10 s, and repeats it in the first \
                 invocation",
                self.place.bucket,
                self.place.prefix,
                NOTICE.as_secs()
            );
            std::future::pending().await
        };
        let bounded = timeout(self.bounds.time, async {
            tokio::select! { done = work => done, never = slow => never }
        });
        bounded.await.unwrap_or_else(|_| {
            let (time, received) = (self.bounds.time, self.received.load(Ordering::Relaxed));
            Err(format!(
                "not fetched within {time:?} ({received} bytes came). Check the network, or use a smaller model."
            ))
        })
    }

    async fn model(&self, client: &Client, path: &Path, wanted: Option<&str>) -> Result<(), String> {
        if wanted.is_some() && catalog::sha256_file(path).ok().as_deref() == wanted {
            tracing::info!(path = %path.display(), "the model is here already");
            return Ok(());
        }
        let (file, found) =
            self.object(client, &self.place.prefix, path, self.bounds.bytes).await.map_err(Fault::reason)?;
        match wanted.filter(|wanted| *wanted != found) {
            Some(wanted) => Err(mismatch("it", &found, wanted)),
            None => keep(file, path),
        }
    }

    /// `NAME.toml` beside the model, else `model.toml`; a model without either is one whose card is inferred.
    async fn card(&self, client: &Client, path: &Path) -> Result<(), String> {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("model");
        let stem = stem.strip_suffix(".prepared").unwrap_or(stem);
        let folder = self.place.prefix.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let mut names = vec![format!("{stem}.toml"), "model.toml".to_owned()];
        names.dedup();
        for name in names {
            let local = path.with_file_name(&name);
            match self.object(client, &format!("{folder}{name}"), &local, LARGEST_CARD).await {
                Ok((file, _)) => return keep(file, &local),
                // One from last time does not count any more.
                Err(Fault::Absent(_)) => drop(std::fs::remove_file(&local)),
                Err(fault) => return Err(format!("the card beside it, {name}: {}", fault.reason())),
            }
        }
        Ok(())
    }

    /// An object as a file beside `path`, and its digest.
    async fn object(
        &self,
        client: &Client,
        key: &str,
        path: &Path,
        most: u64,
    ) -> Result<(NamedTempFile, String), Fault> {
        let mut tries = 1;
        loop {
            match self.once(client, key, path, most).await {
                Err(Fault::Broken(reason)) if tries < TRIES => tracing::warn!(key, reason, "fetching it again"),
                done => return done,
            }
            tries += 1;
        }
    }

    async fn once(&self, client: &Client, key: &str, path: &Path, most: u64) -> Result<(NamedTempFile, String), Fault> {
        let region = client.config().region().map_or("", |region| region.as_ref());
        let request = client.get_object().bucket(&self.place.bucket).key(key);
        let mut object = Box::pin(request.send()).await.map_err(|error| fault::of_get(&error, region))?;
        let length = object.content_length().and_then(|length| u64::try_from(length).ok());
        let too_large =
            |bytes: u64| Fault::Other(format!("{bytes} bytes are over the limit of {most}. Use a smaller model."));
        if let Some(length) = length.filter(|length| *length > most) {
            return Err(too_large(length));
        }
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
        let unwritable = |error: std::io::Error| Fault::Other(cache::cannot_write(&folder, &error));
        let mut file = cache::unfinished(&folder).map_err(unwritable)?;
        let (mut hasher, mut received) = (Sha256::new(), 0);
        loop {
            let chunk = match timeout(self.bounds.stall, object.body.next()).await {
                Ok(None) => break,
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(error))) => return Err(Fault::Broken(format!("the download broke off: {error}."))),
                Err(_) => {
                    return Err(Fault::Broken(format!("no data came for {:?}. Check the network.", self.bounds.stall)));
                }
            };
            received += chunk.len() as u64;
            if received > most {
                return Err(too_large(received));
            }
            hasher.update(&chunk);
            file.write_all(&chunk).map_err(unwritable)?;
            if most != LARGEST_CARD {
                self.received.store(received, Ordering::Relaxed);
            }
        }
        if length.is_some_and(|length| length != received) {
            return Err(Fault::Broken(format!("the download ended early, after {received} bytes.")));
        }
        Ok((file, hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }
}

/// Puts a file into its place, all of it at once.
fn keep(file: NamedTempFile, path: &Path) -> Result<(), String> {
    file.persist(path).map(drop).map_err(|error| cache::cannot_write(path, &error.error))
}

fn client(config: aws_sdk_s3::config::Builder) -> Client {
    let timeouts =
        TimeoutConfig::builder().connect_timeout(Duration::from_secs(2)).read_timeout(Duration::from_secs(5)).build();
    let config = config
        .retry_config(RetryConfig::standard().with_max_attempts(TRIES).with_max_backoff(Duration::from_secs(1)))
        .timeout_config(timeouts)
        // `Bounds::stall` watches bodies.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    Client::from_conf(config.build())
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};

    use super::*;

    #[tokio::test]
    async fn who_never_answers_is_not_waited_for() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "tests"))
            .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
            .force_path_style(true)
            .http_client(s3::http_client());
        let folder = tempfile::tempdir().unwrap();
        let bounds = Bounds { time: Duration::from_millis(200), ..Bounds::default() };
        let fetch = Fetch { place: "s3://models/best.onnx".parse().unwrap(), bounds, received: AtomicU64::new(0) };
        let error = fetch.run(client(config), &folder.path().join("best.onnx"), None).await.unwrap_err();
        assert!(error.contains("200ms") && error.contains("network"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_an_onnx_file_is_a_model() {
        for uri in ["s3://", "s3://models", "s3://models/", "s3://models/best.pt", "s3:///best.onnx"] {
            let error = fetch(uri, None, Bounds::default()).unwrap_err().to_string();
            assert!(error.contains(uri) && error.contains("s3://bucket/"), "{error}");
        }
    }
}
