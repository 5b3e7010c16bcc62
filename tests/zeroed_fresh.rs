//! Promise: `alloc_zeroed` skips the memset on memory known to be fresh: it costs no resident memory.

mod common;

use std::ptr::NonNull;

use arenal::{Arena, Config, HugePages};
use common::{KIB, MIB, layout};

fn arena() -> Arena {
    let config = Config::new(1 << 30).system_above(1 << 30).system_limit(0);
    Arena::with_config(config.huge_pages(HugePages::Never))
}

/// Zeroed blocks of `size`, `total` bytes in all, and by how much they made the process grow.
fn growth(arena: &Arena, size: usize, total: usize) -> (Vec<NonNull<u8>>, usize) {
    let before = common::rss();
    let blocks = (0..total / size).map(|_| arena.allocate_zeroed(layout(size, 8)).expect("memory")).collect();
    (blocks, common::rss().saturating_sub(before))
}

#[test]
fn fresh_spans_are_not_touched() {
    let _alone = common::serial();
    for size in [MIB, 16 * MIB, 200 * MIB] {
        let arena = arena();
        let (blocks, grown) = growth(&arena, size, 200 * MIB);
        assert!(grown < 20 * MIB, "{} zeroed spans of {size} made {grown} bytes resident", blocks.len());
        for ptr in blocks {
            // SAFETY: a live block of that size.
            let bytes = unsafe { std::slice::from_raw_parts(ptr.as_ptr(), size) };
            common::assert_zero(&bytes[..4 * KIB]);
            common::assert_zero(&bytes[size - 4 * KIB..]);
        }
    }
}

#[test]
fn fresh_large_chunks_are_not_touched() {
    let _alone = common::serial();
    let arena = arena();
    let (blocks, grown) = growth(&arena, 32 * KIB, 128 * MIB);
    assert!(grown < 32 * MIB, "{} zeroed chunks made {grown} bytes resident", blocks.len());
}

/// The other half of the promise: memory that was used is cleared, and only then.
#[test]
fn used_spans_are_cleared() {
    let _alone = common::serial();
    let arena = arena();
    let ptr = arena.allocate(layout(64 * MIB, 8)).expect("memory");
    // SAFETY: a live block of that size, freed once.
    unsafe {
        ptr.write_bytes(0xFF, 64 * MIB);
        arena.free(ptr);
    }
    let ptr = arena.allocate_zeroed(layout(100 * MIB, 8)).expect("memory");
    // SAFETY: a live block of that size, zeroed by the arena.
    common::assert_zero(unsafe { std::slice::from_raw_parts(ptr.as_ptr(), 100 * MIB) });
}

/// A table that is cleared again and again and hardly written to takes what is written, not what it could hold.
#[test]
fn sparse_spans_stay_sparse() {
    let _alone = common::serial();
    const SIZE: usize = 200 * MIB;
    let arena = arena();
    let before = common::rss();
    for round in 0..4 {
        let ptr = arena.allocate_zeroed(layout(SIZE, 8)).expect("memory");
        let grown = common::rss().saturating_sub(before);
        assert!(grown < 20 * MIB, "round {round}: {grown} bytes resident");
        for at in (round * KIB..SIZE).step_by(3 * MIB) {
            // SAFETY: inside a live block of that size, freed once, below.
            unsafe {
                // Written to in the round before.
                assert_eq!(ptr.add(at.saturating_sub(KIB)).read(), 0, "round {round}, before byte {at}");
                ptr.add(at).write(0xFF);
            }
        }
        // SAFETY: see above.
        unsafe { arena.free(ptr) };
    }
}

/// Parts that were written to in full beside parts that were hardly, or not at all, written to: all are cleared.
#[test]
fn motley_spans_are_cleared() {
    let _alone = common::serial();
    const PAGE: usize = 4 * KIB;
    let arena = arena();
    let mut rng = common::Rng::new(9);
    for round in 0..common::scaled(20) {
        let size = 48 * MIB - rng.below(1000) * KIB;
        let ptr = arena.allocate_zeroed(layout(size, 8)).expect("memory");
        // SAFETY: a live block of that size, zeroed by the arena.
        let bytes = unsafe { std::slice::from_raw_parts_mut(ptr.as_ptr(), size) };
        let mut at = 0;
        while at < size {
            let end = (at + rng.size(2 * MIB)).min(size);
            let density = rng.below(5);
            for page in bytes[at..end].chunks_mut(PAGE) {
                if rng.below(4) < density {
                    page[rng.below(page.len())] = round as u8 | 1;
                }
            }
            at = end;
        }
        // SAFETY: live, and freed once; the next block as above.
        unsafe {
            arena.free(ptr);
            let ptr = arena.allocate_zeroed(layout(size, 8)).expect("memory");
            common::assert_zero(std::slice::from_raw_parts(ptr.as_ptr(), size));
            arena.free(ptr);
        }
        // What was read is there, too, until it is given back.
        assert!(arena.trim() > 0);
    }
}
