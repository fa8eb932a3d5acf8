//! What a run will cost, and how long it will take.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::run::Counts;
use crate::args::{ExistingArgs, WaitArgs};
use crate::prices::{self, Architecture, Existing};

/// The estimate of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Estimate {
    work: Existing,
    ms_per_photo: f64,
    at_once: u16,
}

impl Estimate {
    pub(crate) fn new(args: &ExistingArgs, wait: &WaitArgs, counts: &Counts) -> Self {
        let work = Existing {
            photos: counts.queued as f64,
            list_requests: counts.list_requests as f64,
            per_message: f64::from(args.per_message),
            billed_ms: args.ms_per_photo,
            memory_mb: wait.memory,
            architecture: wait.architecture,
        };
        Self { work, ms_per_photo: args.ms_per_photo, at_once: args.function_concurrency }
    }

    fn time(&self) -> String {
        let seconds = self.work.photos * self.ms_per_photo / 1e3 / f64::from(self.at_once);
        let time = Duration::try_from_secs_f64(seconds.round().max(1.0)).unwrap_or(Duration::MAX);
        // Nobody needs the seconds of an hour.
        let time = if time.as_secs() > 3600 { Duration::from_secs(time.as_secs() / 60 * 60) } else { time };
        humantime::format_duration(time).to_string()
    }
}

impl Display for Estimate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Existing { memory_mb, architecture, .. } = self.work;
        let (ms, at_once) = (self.ms_per_photo, self.at_once);
        writeln!(f, "{:<19} about {} ({ms} ms per photo, concurrency {at_once})", "time", self.time())?;
        let parts = self.work.parts();
        let sum: f64 = parts.iter().map(|(_, dollars)| dollars).sum();
        let parts: Vec<String> = parts.iter().map(|(name, dollars)| format!("{name} ${dollars:.4}")).collect();
        let rates = format!(
            "{memory_mb} MB on {}; list prices of {}, {}",
            Architecture::name(architecture),
            prices::REGION,
            prices::AS_OF
        );
        writeln!(f, "{:<19} ${sum:.4}: {} ({rates})", "cost", parts.join(", "))?;
        let (queue, batch) = self.work.per_million();
        write!(f, "{:<19} ${queue:.2} this way, ${batch:.2} with S3 Batch Operations", "cost per million")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_photos_take_an_hour() {
        let args =
            ExistingArgs { ms_per_photo: 38.0, function_concurrency: 10, per_message: 10, ..ExistingArgs::default() };
        let wait = WaitArgs { timeout: Duration::ZERO, memory: 1769, architecture: Architecture::X86_64, traced: 0.0 };
        let counts = Counts { queued: 1_000_000, list_requests: 1000, ..Counts::default() };
        let text = Estimate::new(&args, &wait, &counts).to_string();
        for part in ["about 1h 3m (38 ms per photo, concurrency 10)", "$1.5609", "GET $0.4000", "S3 Batch Operations"] {
            assert!(text.contains(part), "{part} is missing in {text}");
        }
        let few = Estimate::new(&args, &wait, &Counts { queued: 3, ..Counts::default() }).to_string();
        assert!(few.contains("about 1s"), "{few}");
    }
}
