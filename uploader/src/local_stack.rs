//! The bulk path on one machine: somebody else's S3 and SQS (moto), and what stands between SQS and a function in AWS,
//! Lambda's event source mapping.
//!
//! `moto` runs the server → `resources` makes buckets, queues and the notification → `event_source` polls the `queue`,
//! makes an `event` of each batch, has `invocation` carry it to the function, and deletes what its `reply` acknowledges.

mod event;
mod event_source;
mod invocation;
mod moto;
mod queue;
mod reply;
mod resources;

use std::time::Duration;

use anyhow::Result;

pub(crate) use event_source::{EventSource, Mapping};

use self::moto::Moto;
use self::queue::Queue;
use self::resources::Resources;

/// moto takes any credentials; clients want some.
pub(crate) const ACCESS_KEY: &str = "test";
pub(crate) const SECRET_KEY: &str = "test";
const REGION: &str = "us-east-1";

/// Messages that were received this often without being deleted go to the dead-letter queue, as deployed.
pub(crate) const MOST_RECEIVES: u32 = 5;

/// S3 and SQS of this machine. Dropped, it ends them, and what they hold is gone.
pub(crate) struct LocalStack {
    moto: Moto,
    resources: Resources,
}

impl LocalStack {
    /// Starts the server and connects bucket and queue; messages that are not acknowledged come back after
    /// `visibility`.
    pub(crate) async fn start(visibility: Duration) -> Result<Self> {
        let mut moto = Moto::start()?;
        moto.ready().await?;
        let resources = Resources::create(&moto.endpoint(), visibility).await?;
        Ok(Self { moto, resources })
    }

    /// The address of S3 and SQS.
    pub(crate) fn endpoint(&self) -> String {
        self.moto.endpoint()
    }

    /// Where photos are dropped.
    pub(crate) fn input(&self) -> String {
        resources::input_uri()
    }

    /// Where results land.
    pub(crate) fn results(&self) -> String {
        resources::results_uri()
    }

    /// The queue that tells of photos, and the one that keeps what nobody could process.
    pub(crate) fn queue_urls(&self) -> [&str; 2] {
        [&self.resources.queue_url, &self.resources.dead_letters_url]
    }

    /// The queue that tells of photos.
    pub(crate) fn queue(&self) -> Queue {
        Queue::new(self.resources.sqs.clone(), self.resources.queue_url.clone())
    }

    /// What `detect-bulk` needs in its environment to work here, and only here.
    pub(crate) fn variables(&self) -> Vec<(&'static str, Option<String>)> {
        let endpoint = Some(self.endpoint());
        vec![
            ("RESULTS_URI", Some(self.results())),
            ("INPUT_URI", Some(self.input())),
            ("AWS_ENDPOINT_URL", endpoint.clone()),
            ("AWS_ENDPOINT_URL_S3", endpoint),
            ("AWS_ACCESS_KEY_ID", Some(ACCESS_KEY.to_owned())),
            ("AWS_SECRET_ACCESS_KEY", Some(SECRET_KEY.to_owned())),
            ("AWS_SESSION_TOKEN", None),
            ("AWS_PROFILE", None),
            ("AWS_REGION", Some(REGION.to_owned())),
            ("AWS_EC2_METADATA_DISABLED", Some("true".to_owned())),
        ]
    }

    /// Comes to an end, with the reason, when the server does.
    pub(crate) async fn lost(&mut self) -> anyhow::Error {
        self.moto.lost().await
    }
}
