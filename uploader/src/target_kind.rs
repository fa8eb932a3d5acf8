//! The kinds of places to which photos are sent.

use serde::Serialize;

/// What kind of place a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The function here, over plain HTTP.
    Local,
    /// The function here, under Lambda's emulator.
    Emulator,
    /// A container here.
    Docker,
    /// Behind a URL, wherever that leads.
    Url,
}
