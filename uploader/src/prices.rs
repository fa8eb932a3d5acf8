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
const LOGS_BYTE: f64 = 0.50 / 1e9;
const XRAY_TRACE: f64 = 5.0 / 1e6;

/// Photos in an invocation where none was seen: the template's default.
pub(crate) const BATCH: f64 = 100.0;

// What the functions log, in bytes; tests/test_metrics.py holds these against what they write. CloudWatch Logs counts 26 more for
// each line, and Lambda adds a line for the start and one for the report of an invocation.
const LOG_REQUEST: f64 = 1000.0;
const LOG_BATCH: f64 = 1050.0;
const LOG_BATCH_PHOTO: f64 = 30.0;
const LOG_PLATFORM: f64 = 450.0;
const LOG_OVERHEAD: f64 = 3.0 * 26.0;

// The start of an environment is billed: the image, the model, the first connections. One serves many photos.
const INIT_MS: f64 = 1000.0;
const INITS: f64 = 1.0 / 1000.0;

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

/// What a thousand photos cost, in dollars by what for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bill {
    items: Vec<(&'static str, f64)>,
    /// Invocations for a photo.
    invocations: f64,
}

impl Bill {
    fn new(invocations: f64, items: &[(&'static str, f64)]) -> Self {
        Self { items: items.iter().map(|(name, each)| (*name, 1e3 * each)).collect(), invocations }
    }

    /// With X-Ray recording the trace of so many of the invocations, 0 to 1.
    pub(crate) fn traced(mut self, share: f64) -> Self {
        if share > 0.0 {
            self.items.push(("traces", 1e3 * self.invocations * share * XRAY_TRACE));
        }
        self
    }

    /// All of it.
    pub(crate) fn total(&self) -> f64 {
        self.items.iter().map(|(_, dollars)| dollars).sum()
    }
}

/// The items, the largest first; what is too small to be written with four digits is one of them.
impl std::fmt::Display for Bill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        type Items = Vec<(&'static str, f64)>;
        let (mut large, small): (Items, Items) = self.items.iter().partition(|(_, dollars)| *dollars >= 0.000_05);
        large.sort_by(|a, b| b.1.total_cmp(&a.1));
        let rest: f64 = small.iter().map(|(_, dollars)| dollars).sum();
        let rest = (rest >= 0.000_05).then_some(("other", rest));
        let parts: Vec<String> =
            large.into_iter().chain(rest).map(|(name, dollars)| format!("{name} ${dollars:.4}")).collect();
        f.write_str(&parts.join(", "))
    }
}

/// A thousand photos through the Function URL: one request each, which bills `billed_ms` with `memory_mb`.
pub(crate) fn url_per_thousand(architecture: Architecture, memory_mb: u32, billed_ms: f64) -> Bill {
    let log = LOG_REQUEST + LOG_PLATFORM + LOG_OVERHEAD;
    Bill::new(
        1.0,
        &[
            ("requests", LAMBDA_REQUEST),
            ("compute", compute(architecture, memory_mb, billed_ms)),
            ("init", INITS * compute(architecture, memory_mb, INIT_MS)),
            ("logs", log * LOGS_BYTE),
        ],
    )
}

/// A thousand photos through S3, each of which bills `billed_ms` with `memory_mb`, in batches of `batch` photos: the
/// upload, its event through the queue (sent, received and deleted, ten to a request for the latter two), the
/// function's GET, its share of an invocation and of the PUT of the results, and the collector's GET of them.
pub(crate) fn bulk_per_thousand(architecture: Architecture, memory_mb: u32, billed_ms: f64, batch: f64) -> Bill {
    let share = 1.0 / batch.max(1.0);
    let log = LOG_BATCH_PHOTO + (LOG_BATCH + LOG_PLATFORM + LOG_OVERHEAD) * share;
    Bill::new(
        share,
        &[
            ("photo PUTs", S3_PUT),
            ("queue", SQS_REQUEST * (1.0 + 2.0 / batch.clamp(1.0, 10.0))),
            ("photo GETs", S3_GET),
            ("requests", LAMBDA_REQUEST * share),
            ("compute", compute(architecture, memory_mb, billed_ms)),
            ("init", INITS * compute(architecture, memory_mb, INIT_MS)),
            ("result PUTs", S3_PUT * share),
            ("result GETs", S3_GET * share),
            ("logs", log * LOGS_BYTE),
        ],
    )
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
    pub(crate) fn parts(&self) -> [(&'static str, f64); 7] {
        let requests = (self.photos / self.per_message / 10.0).ceil();
        let chunks = (RECORD * self.per_message * 10.0 / SQS_CHUNK).ceil();
        let invocations = (self.photos * self.invocations()).ceil();
        let log = invocations * (LOG_BATCH + LOG_PLATFORM + LOG_OVERHEAD) + self.photos * LOG_BATCH_PHOTO;
        let work = self.photos * compute(self.architecture, self.memory_mb, self.billed_ms);
        [
            ("list", self.list_requests * S3_LIST),
            ("queue", requests * (2.0 * chunks + 1.0) * SQS_REQUEST),
            ("GET", self.photos * S3_GET),
            ("compute", work + invocations * LAMBDA_REQUEST),
            ("init", self.photos * INITS * compute(self.architecture, self.memory_mb, INIT_MS)),
            ("results", invocations * S3_PUT),
            ("logs", log * LOGS_BYTE),
        ]
    }

    /// Invocations for a photo.
    fn invocations(&self) -> f64 {
        1.0 / self.per_message / MESSAGES_PER_INVOCATION
    }

    /// A thousand photos like these.
    pub(crate) fn per_thousand(&self) -> Bill {
        let million = Self { photos: 1e6, list_requests: 1e3, ..self.clone() };
        Bill::new(self.invocations(), &million.parts().map(|(name, dollars)| (name, dollars / 1e6)))
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
            + compute(self.architecture, self.memory_mb, self.billed_ms)
            + INITS * compute(self.architecture, self.memory_mb, INIT_MS)
            + (LOG_BATCH + LOG_BATCH_PHOTO + LOG_PLATFORM + LOG_OVERHEAD) * LOGS_BYTE;
        (queue, BATCH_JOB + 1e6 * each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    /// By hand: 1769 MB are 1.7275390625 GB, so 30 ms are 0.051826171875 GB-seconds.
    const GB_SECONDS: f64 = 0.051_826_171_875;
    const COMPUTE: f64 = GB_SECONDS * 0.000_016_666_7 * 1000.0;
    /// One second in a thousand photos.
    const INIT: f64 = 1.727_539_062_5 * 0.000_016_666_7;

    fn item(bill: &Bill, name: &str) -> f64 {
        bill.items.iter().find(|(item, _)| *item == name).map(|(_, dollars)| *dollars).unwrap()
    }

    #[test]
    fn a_thousand_photos_through_the_url_by_hand() {
        let bill = url_per_thousand(Architecture::X86_64, 1769, 30.0);
        // 1000 + 450 + 78 bytes of log a request, at half a dollar a gigabyte.
        let logs = 1528.0 * 1000.0 * 0.5 / 1e9;
        for (name, dollars) in [("requests", 0.000_2), ("compute", COMPUTE), ("init", INIT), ("logs", logs)] {
            assert!(close(item(&bill, name), dollars), "{name}: {bill:?}");
        }
        assert!(close(bill.total(), 0.000_2 + COMPUTE + INIT + logs));
        assert_eq!(format!("{:.4}", bill.total()), "0.0019");
        assert_eq!(bill.to_string(), "compute $0.0009, logs $0.0008, requests $0.0002");
        let arm64 = url_per_thousand(Architecture::Arm64, 1769, 30.0);
        assert!(close(bill.total() - arm64.total(), (GB_SECONDS * 1000.0 + 1.727_539_062_5) * 0.000_003_333_3));
        // Every request traced: five dollars a million.
        assert!(close(bill.clone().traced(1.0).total() - bill.total(), 0.005));
    }

    #[test]
    fn a_thousand_photos_through_s3_by_hand() {
        let bill = bulk_per_thousand(Architecture::X86_64, 1769, 30.0, 100.0);
        let logs = (30.0 * 1000.0 + 10.0 * 1578.0) * 0.5 / 1e9;
        for (name, dollars) in [
            ("photo PUTs", 0.005),
            ("photo GETs", 0.000_4),
            // 1000 events sent, and received and deleted by tens.
            ("queue", 1200.0 * 0.4 / 1e6),
            // Ten batches.
            ("requests", 10.0 * 0.2 / 1e6),
            ("result PUTs", 10.0 * 0.005 / 1e3),
            ("result GETs", 10.0 * 0.000_4 / 1e3),
            ("compute", COMPUTE),
            ("init", INIT),
            ("logs", logs),
        ] {
            assert!(close(item(&bill, name), dollars), "{name}: {bill:?}");
        }
        assert_eq!(bill.items.len(), 9);
        assert_eq!(format!("{:.4}", bill.total()), "0.0069");
        assert!(close(bill.clone().traced(0.5).total() - bill.total(), 5.0 * 5.0 / 1e6));
        let cost = |batch| bulk_per_thousand(Architecture::X86_64, 1769, 10.0, batch).total();
        assert!(cost(1.0) > cost(10.0) && cost(10.0) > cost(100.0));
    }

    #[test]
    fn the_page_has_these_sums() {
        let page = include_str!("../../docs/limits.md");
        let url = url_per_thousand(Architecture::X86_64, 1769, 30.0);
        let bulk = bulk_per_thousand(Architecture::X86_64, 1769, 30.0, BATCH);
        let cell = |bill: &Bill, name: &str| {
            let found = bill.items.iter().find(|(item, _)| *item == name);
            found.map_or_else(|| "-".to_owned(), |(_, dollars)| format!("{dollars:.6}"))
        };
        let mut rows: Vec<String> = bulk
            .items
            .iter()
            .map(|(name, _)| format!("| {name} | {} | {} |", cell(&url, name), cell(&bulk, name)))
            .collect();
        rows.push(format!("| together | {:.6} | {:.6} |", url.total(), bulk.total()));
        for row in rows {
            assert!(page.contains(&row), "docs/limits.md lacks {row}");
        }
        assert!(page.contains(AS_OF));
        // The summary of a run, as `uploader bulk` writes it.
        let bill = bulk_per_thousand(Architecture::X86_64, 1769, 37.9, 10.0);
        let line = format!("cost per 1000       ${:.4} ({bill}; estimated: 37.9 ms", bill.total());
        assert!(include_str!("../../docs/s3.md").contains(&line), "docs/s3.md lacks {line}");
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
        // 1000 invocations; a start of one second in 1000 photos; as many PUTs as invocations; 30 bytes of log a photo and 1578
        // an invocation.
        let gb_seconds = 1769.0 / 1024.0 * 38_000.0;
        let (init, logs) = (1000.0 * INIT, (30.0 * 1e6 + 1578.0 * 1e3) * 0.5 / 1e9);
        let expected = [0.005, 0.012, 0.4, gb_seconds * 0.000_016_666_7 + 0.000_2, init, 0.005, logs];
        for ((name, dollars), expected) in work.parts().iter().zip(expected) {
            assert!((dollars - expected).abs() < 1e-6, "{name}: {dollars}, not {expected}");
        }
        let (queue, batch) = work.per_million();
        assert!((queue - expected.iter().sum::<f64>()).abs() < 1e-6);
        // The job, its objects, invocations, GETs and PUTs, the same compute and starts, and a log for each photo.
        let logs = 1608.0 * 1e6 * 0.5 / 1e9;
        assert!((batch - (0.25 + 1.0 + 0.2 + 0.4 + 5.0 + gb_seconds * 0.000_016_666_7 + init + logs)).abs() < 1e-6);
        assert!((work.per_thousand().total() - queue / 1e3).abs() < 1e-9);
    }
}
