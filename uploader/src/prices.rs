//! What AWS asks for photos: the one price list of this program, and the sums over it.
//!
//! On-demand list prices in US dollars for us-east-1, without the free tier, taxes or data transfer out. When they
//! change, they change here, together with [`AS_OF`].

/// When the prices were last looked at.
pub(crate) const AS_OF: &str = "2026-11-24";
/// Where they hold.
pub(crate) const REGION: &str = "us-east-1";

const LAMBDA_GB_SECOND_X86_64: f64 = 0.000_016_666_7;
const LAMBDA_GB_SECOND_ARM64: f64 = 0.000_013_333_4;
const LAMBDA_REQUEST: f64 = 0.20 / 1e6;
const S3_PUT: f64 = 0.005 / 1e3;
const S3_GET: f64 = 0.000_4 / 1e3;
const SQS_REQUEST: f64 = 0.40 / 1e6;

/// The processors that Lambda rents out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Architecture {
    /// Intel and AMD.
    #[value(name = "x86_64")]
    #[serde(rename = "x86_64")]
    X86_64,
    /// Graviton.
    Arm64,
}

impl Architecture {
    /// As AWS writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    fn gb_second(self) -> f64 {
        match self {
            Self::X86_64 => LAMBDA_GB_SECOND_X86_64,
            Self::Arm64 => LAMBDA_GB_SECOND_ARM64,
        }
    }
}

/// A thousand photos through the Function URL: one request each, which bills `billed_ms` with `memory_mb`.
pub(crate) fn url_per_thousand(architecture: Architecture, memory_mb: u32, billed_ms: f64) -> f64 {
    1e3 * (LAMBDA_REQUEST + compute(architecture, memory_mb, billed_ms))
}

/// A thousand photos through S3, each of which bills `billed_ms` with `memory_mb`, in batches of `batch` photos: the
/// upload, its event through the queue (sent, received and deleted, ten to a request for the latter two), the
/// function's GET, its share of an invocation and of the PUT of the results, and the collector's GET of them.
pub(crate) fn bulk_per_thousand(architecture: Architecture, memory_mb: u32, billed_ms: f64, batch: f64) -> f64 {
    let per_batch = LAMBDA_REQUEST + S3_PUT + S3_GET;
    let queue = SQS_REQUEST * (1.0 + 2.0 / batch.clamp(1.0, 10.0));
    1e3 * (S3_PUT + queue + S3_GET + per_batch / batch.max(1.0) + compute(architecture, memory_mb, billed_ms))
}

/// A thousand photos on a machine that costs `per_hour` whether or not it works, at `per_second` photos.
pub(crate) fn machine_per_thousand(per_hour: f64, per_second: f64) -> f64 {
    per_hour / 3600.0 / per_second * 1e3
}

fn compute(architecture: Architecture, memory_mb: u32, billed_ms: f64) -> f64 {
    f64::from(memory_mb) / 1024.0 * billed_ms / 1e3 * architecture.gb_second()
}

/// Photos of a bucket that go through the queue: what each step of it asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Existing {
    pub(crate) photos: f64,
    /// Requests that finding them takes.
    pub(crate) list_requests: f64,
    /// Photos in a message.
    pub(crate) per_message: f64,
    /// The function's time per photo.
    pub(crate) billed_ms: f64,
    pub(crate) memory_mb: u32,
    pub(crate) architecture: Architecture,
}

/// Requests that list objects.
const S3_LIST: f64 = 0.005 / 1e3;
/// A job of S3 Batch Operations, and each of its objects.
const BATCH_JOB: f64 = 0.25;
const BATCH_OBJECT: f64 = 1.00 / 1e6;
/// Messages in an invocation, as the template's BulkBatchSize has it.
const MESSAGES_PER_INVOCATION: f64 = 100.0;
/// Bytes of a photo's record in a message, and those that SQS counts as a request.
const RECORD: f64 = 360.0;
const SQS_CHUNK: f64 = 65_536.0;

impl Existing {
    /// What each step costs: ten messages are sent, received and deleted in a request; an invocation stores one object.
    pub(crate) fn parts(&self) -> [(&'static str, f64); 5] {
        let requests = (self.photos / self.per_message / 10.0).ceil();
        let chunks = (RECORD * self.per_message * 10.0 / SQS_CHUNK).ceil();
        let invocations = (self.photos / self.per_message / MESSAGES_PER_INVOCATION).ceil();
        let work = self.photos * compute(self.architecture, self.memory_mb, self.billed_ms);
        [
            ("list", self.list_requests * S3_LIST),
            ("queue", requests * (2.0 * chunks + 1.0) * SQS_REQUEST),
            ("GET", self.photos * S3_GET),
            ("compute", work + invocations * LAMBDA_REQUEST),
            ("results", invocations * S3_PUT),
        ]
    }

    /// A million photos like these, and the same with S3 Batch Operations, which invokes the function once for each, so that
    /// each has an object of results of its own.
    pub(crate) fn per_million(&self) -> (f64, f64) {
        let million = Self { photos: 1e6, list_requests: 1e3, ..self.clone() };
        let queue = million.parts().iter().map(|(_, dollars)| dollars).sum();
        let each = BATCH_OBJECT
            + LAMBDA_REQUEST
            + S3_GET
            + S3_PUT
            + compute(self.architecture, self.memory_mb, self.billed_ms);
        (queue, BATCH_JOB + 1e6 * each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn a_thousand_photos_at_one_gigabyte_and_100_ms() {
        assert!(close(url_per_thousand(Architecture::X86_64, 1024, 100.0), 0.000_2 + 0.001_666_67));
        assert!(
            url_per_thousand(Architecture::Arm64, 1024, 100.0) < url_per_thousand(Architecture::X86_64, 1024, 100.0)
        );
    }

    #[test]
    fn larger_batches_cost_less() {
        let cost = |batch| bulk_per_thousand(Architecture::X86_64, 1769, 10.0, batch);
        assert!(cost(1.0) > cost(10.0) && cost(10.0) > cost(100.0));
        assert!(cost(100.0) > 0.005, "every photo is uploaded by itself");
    }

    #[test]
    fn an_idle_machine_costs_the_same() {
        assert!(close(machine_per_thousand(3.6, 1.0), 1.0));
    }

    #[test]
    fn a_million_photos_of_a_bucket() {
        let work = Existing {
            photos: 1e6,
            list_requests: 1000.0,
            per_message: 10.0,
            billed_ms: 38.0,
            memory_mb: 1769,
            architecture: Architecture::X86_64,
        };
        // By hand: 1000 lists; 10 000 requests each to send, receive and delete; a million GETs; 1769 MB for 38 000 s and
        // 1000 invocations; as many PUTs.
        let gb_seconds = 1769.0 / 1024.0 * 38_000.0;
        let expected = [0.005, 0.012, 0.4, gb_seconds * 0.000_016_666_7 + 0.000_2, 0.005];
        for ((name, dollars), expected) in work.parts().iter().zip(expected) {
            assert!((dollars - expected).abs() < 1e-6, "{name}: {dollars}, not {expected}");
        }
        let (queue, batch) = work.per_million();
        assert!((queue - expected.iter().sum::<f64>()).abs() < 1e-6);
        // The job, its objects, invocations, GETs and PUTs, and the same compute.
        assert!((batch - (0.25 + 1.0 + 0.2 + 0.4 + 5.0 + gb_seconds * 0.000_016_666_7)).abs() < 1e-6);
    }
}
