//! How a run ended.

use std::process::ExitCode;

use crate::interruption::Signal;

/// How a run ended, as an exit code tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// All good.
    Good,
    /// Some photos failed, or a model did not arrive.
    Failures,
    /// Wrong use or configuration.
    Misuse,
    /// A `--fail-if` came true.
    NotGoodEnough,
    /// Ctrl-C, or a request to end.
    Interrupted(Signal),
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(match ending {
            Ending::Good => 0,
            Ending::Failures => 1,
            Ending::Misuse => 2,
            Ending::NotGoodEnough => 3,
            Ending::Interrupted(signal) => signal.exit_code(),
        })
    }
}
