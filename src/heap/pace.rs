//! How often a full arena looks for parked memory: before each request fails, but more and more seldom in vain where
//! requests overflow to the system instead, for a look goes through all heaps.

use crate::sync::{AtomicU32, Ordering};

/// log2 of the requests that one look serves at most.
const MOST: u32 = 8;

/// Whether a request may go on without a look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Without one it would fail: it always looks.
    Sure,
    /// The system may serve it: looks are spaced out.
    Paced,
}

/// See the module. Words that several threads write without order: a look more or less does no harm.
pub(crate) struct Pace {
    /// Requests that found the arena full.
    requests: AtomicU32,
    /// Looks in a row that found nothing.
    vain: AtomicU32,
}

impl Pace {
    pub(crate) fn new() -> Pace {
        Pace { requests: AtomicU32::new(0), vain: AtomicU32::new(0) }
    }

    /// Whether a request is to go on without a look.
    pub(crate) fn skips(&self, look: Look) -> bool {
        // Relaxed, here and below: see the struct.
        let spacing = 1 << self.vain.load(Ordering::Relaxed).min(MOST);
        look == Look::Paced && !self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(spacing)
    }

    /// Memory has come back.
    pub(crate) fn hurry(&self) {
        if self.vain.load(Ordering::Relaxed) != 0 {
            self.vain.store(0, Ordering::Relaxed);
        }
    }

    /// What came of a look.
    pub(crate) fn looked(&self, found: bool) {
        let vain = if found { 0 } else { (self.vain.load(Ordering::Relaxed) + 1).min(MOST) };
        self.vain.store(vain, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use crate::arena::Arena;
    use crate::config::{Config, Exhausted};
    use core::alloc::Layout;

    /// Looks that a thousand requests took after the arena was found full.
    fn looks(size: usize) -> u32 {
        let arena = Arena::with_config(Config::new(4 << 20).on_exhausted(Exhausted::System));
        let layout = Layout::from_size_align(size, 8).expect("valid");
        let mut blocks = Vec::new();
        let mut until = |is_enough: &dyn Fn(usize) -> bool| {
            while !is_enough(blocks.len()) {
                blocks.push(arena.allocate(layout).expect("the arena's, or the system's"));
            }
            (blocks.len(), arena.known().expect("used").recoveries.get())
        };
        let (full, before) = until(&|_| arena.info().system > 0);
        let (_, after) = until(&|count| count == full + 1000);
        for block in blocks {
            // SAFETY: allocated with this layout, and freed once.
            unsafe { arena.deallocate(block, layout) };
        }
        after - before
    }

    #[test]
    fn looks_in_vain_are_spaced_out() {
        for size in [4 << 10, 200 << 10] {
            let looks = looks(size);
            assert!((1..20).contains(&looks), "{looks} for requests of {size} bytes");
        }
    }
}
