//! Whether a pool may be empty, or have chunks to give, though nothing tells of it.
//!
//! A pool says by itself when its owner's frees have emptied it, and when other threads' returns have. Where both have
//! part in it, or it goes from heap to heap meanwhile, the pool may say nothing: so who returns chunks and does not
//! announce the pool leaves a doubt, a bit of the pool's first unit. Before a request fails, the pools in doubt are
//! looked at, and no others: a full arena of gigabytes has tens of thousands. A doubt may be in vain: of a pool that
//! has told since, or that is gone.

#[cfg(not(loom))]
use crate::span::map::Map;
use crate::sync::{AtomicU64, Ordering, fence};

/// Doubts in a word.
#[cfg(not(loom))]
const BITS: usize = u64::BITS as usize;

/// There is doubt of the pool at `unit`. After what is doubtful was done, by a sequentially consistent
/// read-modify-write or under the lock of the pool's heap. Most find that the doubt is there, and write nothing.
#[cfg(not(loom))]
#[inline]
pub(crate) fn raise(map: &Map, unit: usize) {
    raise_in(&map.doubts()[unit / BITS], 1 << (unit % BITS));
}

/// Whether there is doubt; for walkers.
#[cfg(not(loom))]
pub(crate) fn is_there(map: &Map, unit: usize) -> bool {
    // Relaxed: nobody is inside the arena.
    map.doubts()[unit / BITS].load(Ordering::Relaxed) >> (unit % BITS) & 1 != 0
}

/// There is doubt of all pools among the first `units`.
#[cfg(not(loom))]
pub(crate) fn raise_all(map: &Map, units: usize) {
    for word in &map.doubts()[..units.div_ceil(BITS)] {
        // Relaxed: nobody else is inside the arena.
        word.store(u64::MAX, Ordering::Relaxed);
    }
}

/// Takes away the doubts of the first `units`, and has `look` see each one's; it may raise them again. O(`units` / 64),
/// and the looks.
#[cfg(not(loom))]
pub(crate) fn take_each(map: &Map, units: usize, mut look: impl FnMut(usize)) {
    for (index, word) in map.doubts()[..units.div_ceil(BITS)].iter().enumerate() {
        let mut bits = take_from(word);
        while bits != 0 {
            look(index * BITS + bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
    }
}

fn raise_in(word: &AtomicU64, bit: u64) {
    // Loom knows the one order of all threads for fences alone.
    #[cfg(loom)]
    fence(Ordering::SeqCst);
    // SeqCst: who finds the doubt there did its part before it was taken, in the one order of all threads, and so who
    // takes it sees that part.
    if word.load(Ordering::SeqCst) & bit == 0 {
        // Release: who takes the doubt sees what it is about.
        word.fetch_or(bit, Ordering::Release);
    }
}

fn take_from(word: &AtomicU64) -> u64 {
    // Relaxed: what was returned before the caller's request began is known to be doubtful by then.
    if word.load(Ordering::Relaxed) == 0 {
        return 0;
    }
    // SeqCst, and a fence before what the caller looks at: see `raise_in`. Acquire is in it.
    let bits = word.swap(0, Ordering::SeqCst);
    fence(Ordering::SeqCst);
    bits
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::{AtomicU32, explored};
    use loom::sync::Arc;

    struct Heap {
        doubts: AtomicU64,
        returned: AtomicU32,
    }

    /// A thread returns a chunk while another looks for what is doubtful: it finds the chunk, or the doubt stays.
    #[test]
    fn nothing_is_taken_for_certain() {
        for before in [0, 1, 2] {
            explored("loom_doubt", move || {
                let heap = Arc::new(Heap { doubts: AtomicU64::new(before), returned: AtomicU32::new(0) });
                let other = Arc::clone(&heap);
                let thread = loom::thread::spawn(move || {
                    other.returned.fetch_add(1, Ordering::SeqCst);
                    raise_in(&other.doubts, 1);
                });
                let seen = take_from(&heap.doubts) & 1 != 0 && heap.returned.load(Ordering::Acquire) == 1;
                thread.join().unwrap();
                assert!(seen || take_from(&heap.doubts) & 1 != 0);
            });
        }
    }
}
