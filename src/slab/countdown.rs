//! A pool's countdown: local frees until the pool is worth a look.
//!
//! One writer at a time, the owner; a recovering thread reads it to learn whether anybody still holds a chunk.

use crate::sync::{AtomicU32, Ordering};

/// Of so many chunks in all, how many must be back for a full pool to be worth a look: an eighth, 64 at most, but four,
/// or a quarter of very few: a look costs more than a few chunks do.
pub(super) fn wake(capacity: u32) -> u32 {
    (capacity / 4).min(4).max(capacity / 8).clamp(1, 64)
}

/// All-zero bytes are one that has run out.
#[repr(transparent)]
pub(crate) struct Countdown(AtomicU32);

impl Countdown {
    #[cfg(all(test, loom))]
    fn new(left: u32) -> Countdown {
        Countdown(AtomicU32::new(left))
    }

    /// By the owner, after its last use of a chunk; whether it has run out.
    #[inline(always)]
    pub(crate) fn count_down(&self) -> bool {
        // Relaxed: one writer.
        let left = self.0.load(Ordering::Relaxed).wrapping_sub(1);
        // Release: who sees the last chunk counted may give the pool away; the owner's stores come before.
        self.0.store(left, Ordering::Release);
        left == 0
    }

    /// By anybody.
    pub(crate) fn left(&self) -> u32 {
        // Acquire: pairs with `count_down`.
        self.0.load(Ordering::Acquire)
    }

    /// By the owner, who is the only one who counts it down.
    pub(crate) fn has_run_out(&self) -> bool {
        // Relaxed: one writer.
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Under the heap's lock, with the owner in it or gone.
    pub(crate) fn set(&self, left: u32) {
        // Relaxed: ordered by the lock.
        self.0.store(left, Ordering::Relaxed)
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;

    /// Two chunks' memory, and the pool's countdown.
    struct Pool {
        left: Countdown,
        memory: [UnsafeCell<u32>; 2],
    }
    // SAFETY: the memory is its owner's until counted down, then whoever's who sees that.
    unsafe impl Sync for Pool {}
    // SAFETY: as above.
    unsafe impl Send for Pool {}

    /// Whoever sees that no chunk is left in use may have the pool's memory.
    #[test]
    fn an_empty_pool_changes_hands() {
        crate::sync::explored("loom_countdown", || {
            let pool = Arc::new(Pool { left: Countdown::new(2), memory: [UnsafeCell::new(0), UnsafeCell::new(0)] });
            let owner = Arc::clone(&pool);
            let owner = loom::thread::spawn(move || {
                let mut ran_out = false;
                for memory in &owner.memory {
                    // SAFETY: the chunk is this thread's until counted.
                    memory.with_mut(|memory| unsafe { *memory += 1 });
                    assert!(!ran_out);
                    ran_out = owner.left.count_down();
                }
                assert!(ran_out);
            });
            while pool.left.left() != 0 {
                crate::sync::spin();
            }
            for memory in &pool.memory {
                // SAFETY: no chunk is in use any more.
                memory.with_mut(|memory| unsafe { *memory += 1 });
            }
            owner.join().unwrap();
        });
    }
}
