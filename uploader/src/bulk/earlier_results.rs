//! Which results were there before a run: they are not its own. Told by S3's own clock, and kept in the journal, so that a
//! run that goes on counts the results of its first part.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use wire::S3Uri;

use super::s3_error::S3Error;
use super::store::{Object, Store};

/// The newest results that were there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct EarlierResults {
    /// When the newest was stored, in seconds since 1970; nothing was there where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<f64>,
    /// The keys of those that were stored at that very time: S3 tells whole seconds, and more may come in the same one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    keys: BTreeSet<String>,
}

impl EarlierResults {
    /// What is there now.
    pub(crate) async fn now(store: &Store, results: &S3Uri) -> Result<Self, S3Error> {
        let mut before = Self::default();
        store.list(&results.bucket, &results.folder(), |object| before.add(&object)).await?;
        Ok(before)
    }

    fn add(&mut self, object: &Object) {
        let Some(stored) = object.stored else { return };
        if self.until.is_none_or(|until| stored > until) {
            self.until = Some(stored);
            self.keys.clear();
        }
        if self.until == Some(stored) {
            self.keys.insert(object.key.clone());
        }
    }

    /// Whether an object was there.
    pub(crate) fn has(&self, object: &Object) -> bool {
        match (self.until, object.stored) {
            (Some(until), Some(stored)) => stored < until || stored == until && self.keys.contains(&object.key),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, stored: f64) -> Object {
        Object { key: key.to_owned(), size: 1, etag: None, stored: Some(stored) }
    }

    #[test]
    fn results_of_the_same_second_are_told_apart_by_their_keys() {
        let mut before = EarlierResults::default();
        assert!(!before.has(&object("a", 1.0)));
        [object("a", 5.0), object("b", 7.0), object("c", 7.0), object("d", 6.0)].iter().for_each(|o| before.add(o));
        let before: EarlierResults = serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
        for (key, stored, has) in
            [("a", 5.0, true), ("b", 7.0, true), ("e", 7.0, false), ("b", 8.0, false), ("x", 6.0, true)]
        {
            assert_eq!(before.has(&object(key, stored)), has, "{key} {stored}");
        }
    }
}
