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
}
