//! A heap's inbox: pools that other threads returned enough chunks to.
//!
//! A stack of units linked through the pools, only ever emptied whole. A pool stands in it at most once: the
//! `announced` bit of its remote word says whether it does.

use crate::sync::{AtomicU32, Ordering};

/// All-zero bytes are an empty inbox. On a cache line of its own: other threads write it.
#[repr(C, align(64))]
pub(crate) struct Inbox(AtomicU32);

impl Inbox {
    #[cfg(all(test, loom))]
    fn new() -> Inbox {
        Inbox(AtomicU32::new(0))
    }

    /// Adds a unit, linking it through `link`.
    pub(crate) fn push(&self, unit: usize, link: &AtomicU32) {
        // Relaxed: only compared and linked to.
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            link.store(head, Ordering::Relaxed);
            // Release: publishes the link.
            match self.0.compare_exchange_weak(head, unit as u32 + 1, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => head = seen,
            }
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // Relaxed: a hint; a missed entry is found at the next look.
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Empties the inbox; the units follow through `next`, which reads the link of a unit before that is yielded.
    pub(crate) fn take(&self, mut next: impl FnMut(usize) -> u32) -> impl Iterator<Item = usize> {
        // Acquire: sees the links.
        let mut at = if self.is_empty() { 0 } else { self.0.swap(0, Ordering::Acquire) };
        core::iter::from_fn(move || {
            let unit = (at as usize).checked_sub(1)?;
            at = next(unit);
            Some(unit)
        })
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::explored;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;

    const POOLS: usize = 3;

    /// Pools with their links, and plain memory that the announcing thread wrote and the owner goes on to use.
    struct Shared {
        inbox: Inbox,
        links: [AtomicU32; POOLS],
        plain: [UnsafeCell<u32>; POOLS],
    }
    // SAFETY: the plain memory travels with its pool, as the models check.
    unsafe impl Sync for Shared {}

    impl Shared {
        fn new() -> Arc<Shared> {
            Arc::new(Shared {
                inbox: Inbox::new(),
                links: [(); POOLS].map(|()| AtomicU32::new(0)),
                plain: [(); POOLS].map(|()| UnsafeCell::new(0)),
            })
        }

        fn announce(&self, unit: usize) {
            // SAFETY: the pool is this thread's to announce.
            self.plain[unit].with_mut(|word| unsafe { *word += 1 });
            self.inbox.push(unit, &self.links[unit]);
        }

        /// As the owner does: everything in the inbox is its own from then on.
        fn hear(&self, seen: &mut [u32; POOLS]) {
            for unit in self.inbox.take(|unit| self.links[unit].load(Ordering::Relaxed)) {
                // SAFETY: the pool came out of the inbox, where it stood once.
                seen[unit] += self.plain[unit].with_mut(|word| unsafe { core::mem::take(&mut *word) });
            }
        }
    }

    /// Threads announce pools while the owner reads its inbox: each arrives once, with what was written before.
    #[test]
    fn every_pool_arrives_once_with_its_memory() {
        explored("loom_inbox_announce", || {
            let shared = Shared::new();
            let threads: Vec<_> = (0..2)
                .map(|unit| {
                    let shared = Arc::clone(&shared);
                    loom::thread::spawn(move || shared.announce(unit))
                })
                .collect();
            let mut seen = [0; POOLS];
            shared.hear(&mut seen);
            shared.hear(&mut seen);
            for thread in threads {
                thread.join().unwrap();
            }
            shared.hear(&mut seen);
            assert_eq!(seen, [1, 1, 0]);
        });
    }

    /// A pool that was heard is announced again, on top of others or on its own: links are not mixed up.
    #[test]
    fn a_pool_may_come_again() {
        explored("loom_inbox_again", || {
            let shared = Shared::new();
            shared.announce(2);
            let other = Arc::clone(&shared);
            let thread = loom::thread::spawn(move || other.announce(0));
            let mut seen = [0; POOLS];
            shared.hear(&mut seen);
            shared.announce(2);
            shared.hear(&mut seen);
            thread.join().unwrap();
            shared.hear(&mut seen);
            assert_eq!(seen, [1, 0, 2]);
        });
    }
}
