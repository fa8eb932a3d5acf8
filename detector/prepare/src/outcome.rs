//! What became of a step.

/// What became of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// So many places were changed.
    Done(usize),
    /// Nothing to do, or not possible, and why.
    LeftAlone(String),
}
