//! Parts that a build may be without.

/// What to do where this program was built without a part of itself.
#[cfg(not(all(feature = "aws", feature = "charts", feature = "evaluate", feature = "tables")))]
pub(crate) const NOT_BUILT_IN: &str = "this uploader was built without it, as `make demo` does; run `make build`";
