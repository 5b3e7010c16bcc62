//! How much a slab's pools come and go: what makes the next ones longer.
//!
//! Pools of a few buffers are short (see [`Class::pool_units`](crate::class::Class::pool_units)). A program that replaces its
//! buffers all the time would empty one and take another for each of them, which costs ten times what it costs in a pool
//! that has room for the next.

use crate::sync::Cell32;

/// So many pools that are emptied, or one that takes the place of another, make a doubling.
const DOUBLING: u32 = 64;
/// Doublings at most by pools that are emptied: pools then grow as those of small chunks do.
const USUAL: u32 = 3;
/// Doublings at most. (A ring of eight buffers has them in one pool then: 3.5 ns for each, not 30.)
const MOST: u32 = 5;

/// Pools that came and went, in parts of a doubling. All-zero bytes: none did. Under the lock of the heap.
pub(crate) struct Churn(Cell32);

impl Churn {
    /// Counts a pool that was emptied and is given back.
    pub(crate) fn emptied(&self) {
        let count = self.0.get();
        if count < USUAL * DOUBLING {
            self.0.set(count + 1);
        }
    }

    /// Counts a pool that is taken. `replaced`: the one that the heap gave back last was of this slab, and it has taken
    /// none since.
    pub(crate) fn taken(&self, replaced: bool) {
        let count = self.0.get();
        if replaced {
            self.0.set((count + DOUBLING).min(MOST * DOUBLING));
        } else if count > USUAL * DOUBLING {
            self.0.set(count - DOUBLING);
        }
    }

    /// By how many doublings the next pool is longer than if pools stayed.
    pub(crate) fn doublings(&self) -> u32 {
        self.0.get() / DOUBLING
    }

    pub(crate) fn clear(&self) {
        self.0.set(0);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    /// How many doublings follow so many pools that each were emptied, or replaced as well.
    fn after(churn: &Churn, pools: u32, replaced: bool) -> u32 {
        for _ in 0..pools {
            churn.emptied();
            churn.taken(replaced);
        }
        churn.doublings()
    }

    #[test]
    fn what_is_replaced_counts_at_once_and_the_rest_slowly() {
        let churn = Churn(Cell32::new(0));
        assert_eq!(after(&churn, DOUBLING - 1, false), 0);
        assert_eq!(after(&churn, 1, false), 1);
        assert_eq!(after(&churn, 100 * DOUBLING, false), USUAL);
        assert_eq!(after(&churn, 100, true), MOST);
        assert_eq!(after(&churn, 1, false), MOST - 1, "others are taken");
        assert_eq!(after(&churn, 100, false), USUAL);
        churn.clear();
        assert_eq!(churn.doublings(), 0);
        assert_eq!([1, 1, 1].map(|pools| after(&churn, pools, true)), [1, 2, 3]);
    }
}
