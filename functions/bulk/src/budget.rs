//! The bytes of photos that may be in memory, or on their way, at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Semaphores count to less than 4 GiB on some machines, so bytes are counted in KiB.
const UNIT: u64 = 1024;

/// A number of bytes, of which parts are lent. Whoever waits holds nothing, and the first who waits is served first:
/// large photos are not starved by small ones, and nothing deadlocks.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
    total: u32,
}

/// Bytes lent from a [`Budget`], until it is dropped.
#[derive(Debug)]
pub(crate) struct Held(Option<OwnedSemaphorePermit>);

impl Budget {
    pub(crate) fn new(bytes: u64) -> Self {
        let total = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, u32::MAX >> 4);
        Self { units: Arc::new(Semaphore::new(total as usize)), total }
    }

    fn units(&self, bytes: u64) -> u32 {
        // What is larger than the whole gets the whole: it is then alone.
        u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.total)
    }

    /// Lends `bytes`, waiting for them.
    pub(crate) async fn hold(&self, bytes: u64) -> Held {
        Held(Arc::clone(&self.units).acquire_many_owned(self.units(bytes)).await.ok())
    }

    /// Exchanges what was lent for `bytes`.
    pub(crate) async fn exchange(&self, held: Held, bytes: u64) -> Held {
        let wanted = self.units(bytes) as usize;
        let Held(Some(mut permit)) = held else { return held };
        let has = permit.num_permits();
        if wanted <= has {
            drop(permit.split(has - wanted));
            return Held(Some(permit));
        }
        drop(permit);
        self.hold(bytes).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_are_lent_and_come_back() {
        let budget = Budget::new(10 * UNIT);
        let first = budget.hold(4 * UNIT).await;
        let second = budget.exchange(budget.hold(1).await, 6 * UNIT).await;
        assert_eq!(budget.units.available_permits(), 0);
        drop(first);
        let second = budget.exchange(second, 2 * UNIT).await;
        assert_eq!(budget.units.available_permits(), 8);
        drop(second);
        // More than there is takes all.
        let all = budget.hold(u64::MAX).await;
        assert_eq!(budget.units.available_permits(), 0);
        drop(all);
        assert_eq!(budget.units.available_permits(), 10);
    }
}
