//! Whether a pool of a heap may be empty, or have chunks to give, though nothing tells of it.
//!
//! A pool says by itself when its owner's frees have emptied it, and when other threads' returns have. Where both have
//! part in it, the pool may say nothing: so who returns chunks and does not announce the pool leaves a doubt. Before a
//! request fails, all pools of the heaps in doubt are looked at, and of no others: a full arena of gigabytes has tens
//! of thousands.

use crate::sync::{AtomicU32, Ordering, fence};

/// All-zero bytes: no doubt. On a cache line of its own, which is written when doubt comes up and when it is taken.
#[repr(C, align(64))]
pub(crate) struct Doubt(AtomicU32);

impl Doubt {
    #[cfg(all(test, loom))]
    pub(super) fn new() -> Doubt {
        Doubt(AtomicU32::new(0))
    }

    /// After what is doubtful was done, by a sequentially consistent read-modify-write or under the heap's lock. Most
    /// find that the doubt is there, and write nothing.
    pub(crate) fn raise(&self) {
        self.raise_if(|| true);
    }

    /// As [`Doubt::raise`], if there is no doubt yet and it is `due`.
    #[inline]
    pub(crate) fn raise_if(&self, due: impl FnOnce() -> bool) {
        // Loom knows the one order of all threads for fences alone.
        #[cfg(loom)]
        fence(Ordering::SeqCst);
        // SeqCst: who finds the doubt there did its part before it was taken, in the one order of all threads, and so
        // who takes it sees that part.
        if self.0.load(Ordering::SeqCst) == 0 && due() {
            // Release: who takes the doubt sees what it is about.
            self.0.store(1, Ordering::Release);
        }
    }

    /// Whether there is doubt. The caller, who looks at all pools next, takes it away.
    pub(crate) fn take(&self) -> bool {
        // Relaxed: what was returned before the caller's request began is known to be doubtful by then.
        if self.0.load(Ordering::Relaxed) == 0 {
            return false;
        }
        // SeqCst, and a fence before what the caller looks at: see `raise`. Acquire is in it.
        self.0.swap(0, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        true
    }

    /// Whether there is doubt; for walkers.
    #[cfg(not(loom))]
    pub(crate) fn is_there(&self) -> bool {
        // Relaxed: nobody is inside the arena.
        self.0.load(Ordering::Relaxed) != 0
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::explored;
    use loom::sync::Arc;

    struct Heap {
        doubt: Doubt,
        returned: AtomicU32,
    }

    /// A thread returns a chunk while another looks for what is doubtful: it finds the chunk, or the doubt stays.
    #[test]
    fn nothing_is_taken_for_certain() {
        for was_there in [false, true] {
            explored("loom_doubt", move || {
                let heap = Arc::new(Heap { doubt: Doubt::new(), returned: AtomicU32::new(0) });
                if was_there {
                    heap.doubt.raise();
                }
                let other = Arc::clone(&heap);
                let thread = loom::thread::spawn(move || {
                    other.returned.fetch_add(1, Ordering::SeqCst);
                    other.doubt.raise();
                });
                let seen = heap.doubt.take() && heap.returned.load(Ordering::Acquire) == 1;
                thread.join().unwrap();
                assert!(seen || heap.doubt.take());
            });
        }
    }
}
