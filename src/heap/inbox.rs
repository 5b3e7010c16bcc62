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
    use loom::sync::Arc;

    #[test]
    fn every_pool_arrives_once() {
        loom::model(|| {
            let shared = Arc::new((Inbox::new(), [(); 2].map(|()| AtomicU32::new(0))));
            let threads: Vec<_> = (0..2)
                .map(|unit| {
                    let shared = Arc::clone(&shared);
                    loom::thread::spawn(move || shared.0.push(unit, &shared.1[unit]))
                })
                .collect();
            let mut seen = [0; 2];
            let next = |unit: usize| shared.1[unit].load(Ordering::Relaxed);
            shared.0.take(next).for_each(|unit| seen[unit] += 1);
            for thread in threads {
                thread.join().unwrap();
            }
            shared.0.take(next).for_each(|unit| seen[unit] += 1);
            assert_eq!(seen, [1, 1]);
        });
    }
}
