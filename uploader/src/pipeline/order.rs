//! Answers arrive in any order; results leave in the order of the photos.

use std::collections::BTreeMap;

/// Holds back what came too early.
#[derive(Debug)]
pub(crate) struct InOrder<T> {
    next: usize,
    early: BTreeMap<usize, T>,
}

impl<T> Default for InOrder<T> {
    fn default() -> Self {
        Self { next: 0, early: BTreeMap::new() }
    }
}

impl<T> InOrder<T> {
    pub(crate) fn put(&mut self, index: usize, item: T) {
        self.early.insert(index, item);
    }

    /// The item whose turn it is, once it is there.
    pub(crate) fn next(&mut self) -> Option<T> {
        let item = self.early.remove(&self.next)?;
        self.next += 1;
        Some(item)
    }

    /// What is there, with gaps where something never came.
    pub(crate) fn into_rest(self) -> impl Iterator<Item = T> {
        self.early.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_early_waits() {
        let mut order = InOrder::default();
        order.put(1, "b");
        assert_eq!(order.next(), None);
        order.put(0, "a");
        assert_eq!((order.next(), order.next(), order.next()), (Some("a"), Some("b"), None));
        order.put(4, "e");
        order.put(3, "d");
        assert_eq!(order.into_rest().collect::<Vec<_>>(), ["d", "e"]);
    }
}
