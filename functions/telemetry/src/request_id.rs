//! The id of a request, from the caller to the result.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// The longest id that is taken from a caller, in characters.
const LONGEST: usize = 128;

/// An id that is safe in headers, logs and results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl FromStr for RequestId {
    type Err = ();

    /// An id as callers send it; whatever else they send is none.
    fn from_str(text: &str) -> Result<Self, ()> {
        let known = |c: u8| c.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&c);
        let sane = (1..=LONGEST).contains(&text.len()) && text.bytes().all(known);
        if sane { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

impl Display for RequestId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_ids_are_taken() {
        for id in ["1", "Root=1-67891233-abcdef012345678912345678", &"x".repeat(LONGEST)] {
            assert_eq!(id.parse::<RequestId>().map(|id| id.to_string()), Ok(id.to_owned()));
        }
        for id in ["", "a b", "a\nb", "\"", "ü", "{}", &"x".repeat(LONGEST + 1)] {
            assert!(id.parse::<RequestId>().is_err(), "{id:?}");
        }
        assert_ne!(RequestId::new(), RequestId::new());
        assert!(RequestId::new().as_str().parse::<RequestId>().is_ok());
    }
}
