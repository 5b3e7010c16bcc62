//! An arena of which nothing is left but a pool with one chunk in use.

use std::ptr::NonNull;

use arenal::Arena;

use super::{KIB, MIB, layout};

/// The slab of [`last_of_a_pool`].
pub const LAST: usize = 8 * KIB;

/// The only chunk in use of a pool of 256 KiB, in an arena of 20 MiB that was not used before: smaller ones have
/// shorter pools. The caller's current pool has one in use, too.
pub fn last_of_a_pool(arena: &Arena) -> NonNull<u8> {
    assert!(arena.capacity() >= 20 * MIB);
    // The slab's pools lie one behind the other: 1, 2, 4, 8, 16 and 16 units, and one of the next.
    let mut chunks: Vec<_> = (0..95).map(|_| arena.allocate(layout(LAST, 8)).expect("memory")).collect();
    chunks.sort();
    chunks.pop();
    let kept = chunks.swap_remove(70);
    for chunk in chunks {
        // SAFETY: allocated with this layout, and freed once.
        unsafe { arena.deallocate(chunk, layout(LAST, 8)) };
    }
    kept
}

/// Takes whatever the arena still gives, but chunks of [`LAST`].
pub fn take_the_rest(arena: &Arena) {
    for size in [160, 129, 112, 64, 32, 16] {
        while arena.allocate(layout(size * KIB, 8)).is_ok() {}
    }
}
