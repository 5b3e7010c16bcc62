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
