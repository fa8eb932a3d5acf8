//! What a thousand photos cost.

use serde::Serialize;

use crate::prices::{self, Architecture};
use crate::target_kind::Kind;

/// What cost is reckoned with.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Rates {
    pub(crate) list_of: &'static str,
    pub(crate) region: &'static str,
    pub(crate) architecture: Architecture,
    /// The memory of functions that have none of their own.
    pub(crate) memory_mb: u32,
    /// The share of invocations whose trace is recorded.
    pub(crate) traced: f64,
    /// A machine like this one.
    pub(crate) machine_per_hour: Option<f64>,
}

impl Rates {
    pub(crate) fn new(architecture: Architecture, memory_mb: u32, traced: f64, machine_per_hour: Option<f64>) -> Self {
        Self { list_of: prices::AS_OF, region: prices::REGION, architecture, memory_mb, traced, machine_per_hour }
    }
}

/// Dollars for a thousand photos.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Cost {
    /// The function's memory.
    pub(crate) memory_mb: u32,
    /// The function's own time per photo, each rounded up to the millisecond.
    pub(crate) billed_ms: f64,
    /// Through a Function URL. For targets on this machine: what their speed would cost in Lambda.
    pub(crate) url: f64,
    /// Through S3 and SQS, likewise.
    pub(crate) bulk: f64,
    /// On a machine that does nothing else, at its best pace; only for targets on this machine.
    pub(crate) machine: Option<f64>,
    /// Photos per hour from which that machine is cheaper than the Function URL.
    pub(crate) machine_pays_from: Option<f64>,
}

impl Cost {
    pub(crate) fn new(kind: Kind, rates: &Rates, memory_mb: u32, billed_ms: f64, photos_per_second: f64) -> Self {
        let url = prices::url_per_thousand(rates.architecture, memory_mb, billed_ms).traced(rates.traced).total();
        let bulk = prices::bulk_per_thousand(rates.architecture, memory_mb, billed_ms, prices::BATCH);
        let here = rates.machine_per_hour.filter(|_| kind != Kind::Url && photos_per_second > 0.0);
        Self {
            memory_mb,
            billed_ms,
            url,
            bulk: bulk.traced(rates.traced).total(),
            machine: here.map(|per_hour| prices::machine_per_thousand(per_hour, photos_per_second)),
            machine_pays_from: here.map(|per_hour| per_hour / url * 1e3),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_here_costs_a_machine() {
        let rates = Rates::new(Architecture::X86_64, 1769, 0.0, Some(0.17));
        let cost = |kind| Cost::new(kind, &rates, 1769, 20.0, 50.0);
        assert!(cost(Kind::Url).machine.is_none());
        let here = cost(Kind::Local);
        assert!((here.machine.unwrap() - 0.17 / 3600.0 / 50.0 * 1e3).abs() < 1e-9);
        assert!((here.machine_pays_from.unwrap() / 1e3 * here.url - 0.17).abs() < 1e-9);
        assert!(here.bulk > here.url);
        // By hand, as in prices.rs: 30 ms of 1769 MB, and what goes with it.
        let rates = Rates::new(Architecture::X86_64, 1769, 0.0, None);
        let cost = Cost::new(Kind::Url, &rates, 1769, 30.0, 50.0);
        assert_eq!(
            (format!("{:.6}", cost.url), format!("{:.6}", cost.bulk)),
            ("0.001857".to_owned(), "0.006851".to_owned())
        );
    }
}
