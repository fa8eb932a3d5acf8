//! Why there are no figures.

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// The truth gives shares of photos whose size is not known.
    #[error("the size of {0} is not known, and the truth gives its boxes as shares of it")]
    UnknownSize(String),
    /// The evaluator refuses.
    #[error("cannot evaluate: {0}")]
    Refused(String),
}

impl From<hotcoco::Error> for EvaluationError {
    fn from(error: hotcoco::Error) -> Self {
        Self::Refused(error.to_string())
    }
}
