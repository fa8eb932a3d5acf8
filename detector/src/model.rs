//! Errors of models: finding them, loading them, running them.

mod not_onnx;

use crate::card::CardError;
pub(crate) use not_onnx::explained;

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No model of that name or path.
    #[error("model {model:?} not found{}. {advice}", if looked.is_empty() { String::new() } else { format!(" in {looked}") })]
    NotFound {
        /// What was asked for.
        model: String,
        /// Where it was looked for.
        looked: String,
        /// What to do.
        advice: String,
    },
    /// A card that is no card.
    #[error(transparent)]
    Card(#[from] CardError),
    /// ONNX Runtime's library is missing or does not fit.
    #[error("ONNX Runtime: {0}")]
    Runtime(String),
    /// ONNX Runtime refuses the graph.
    #[error("cannot load {path}: {reason}")]
    Graph {
        /// The graph's file.
        path: String,
        /// ONNX Runtime's complaint.
        reason: String,
    },
    /// The card and the graph do not belong together.
    #[error("the card {card:?} does not fit the graph {path}: {reason}")]
    Misfit {
        /// The card's name.
        card: String,
        /// The graph's file.
        path: String,
        /// Where they differ.
        reason: String,
    },
    /// A graph without a card that nothing is known of.
    #[error("{path} has no card, and none can be inferred: {reason}")]
    NoCard {
        /// The graph's file.
        path: String,
        /// What could not be told, and what to do.
        reason: String,
        /// The cards that may fit, each as a `model.toml`.
        cards: Vec<String>,
    },
    /// ONNX Runtime failed in a run.
    #[error("inference failed: {0}")]
    Run(String),
}
