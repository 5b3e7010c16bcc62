//! Promise: reserving is cheap at any capacity, and `capacity()` says what is in force.

mod common;

use arenal::Arena;
use common::{Block, KIB, MIB, layout};

static UNUSED: Arena = Arena::new(1 << 38);

#[test]
fn a_tebibyte_costs_address_space_only() {
    common::in_child("a_tebibyte_costs_address_space_only", || {
        let before = (common::rss(), common::mappings());
        let arena = Arena::new(Arena::MAX_CAPACITY);
        let mut blocks: Vec<Block> =
            (0..1000).map(|i| Block::new(&arena, layout(1 + i * 7, 8), i as u64).expect("memory")).collect();
        blocks.push(Block::new(&arena, layout(MIB, 8), 1).expect("memory"));
        let after = (common::rss(), common::mappings());
        assert!(after.0 - before.0 < 48 * MIB, "a few blocks made {} bytes resident", after.0 - before.0);
        assert!(after.1 - before.1 < 50, "{} mappings more", after.1 - before.1);
        assert!(arena.info().heap < 32 * MIB, "{}", arena.info());
        blocks.into_iter().for_each(|block| block.free(&arena));
        assert_eq!(arena.info().allocated, 0);
        let (space, room) = (common::address_space(), arena.capacity());
        drop(arena);
        assert!(space - common::address_space() >= room, "the address space was not given back");
    });
}

#[test]
fn an_unused_arena_costs_nothing() {
    let space = common::address_space();
    assert_eq!(UNUSED.info().heap, 0);
    assert!(!UNUSED.contains((&raw const UNUSED).cast()));
    let arenas: Vec<Arena> = (0..1000).map(|_| Arena::new(Arena::MAX_CAPACITY)).collect();
    for arena in &arenas {
        assert!(!arena.contains((&raw const UNUSED).cast()) && arena.trim() == 0 && arena.utilization().count() == 0);
        // SAFETY: there is no chunk.
        unsafe { arena.release() };
    }
    // A thousand reservations of a tebibyte would not fit; none is made before the first allocation.
    assert!(common::address_space() < space + (1 << 45));
    drop(arenas);
}

#[test]
fn odd_capacities_lose_less_than_four_mebibytes() {
    for asked in [
        Arena::MIN_CAPACITY,
        Arena::MIN_CAPACITY + 1,
        8 * MIB - 1,
        10_000_000,
        64 * MIB + 4097,
        100 * MIB + 64 * KIB - 8,
        (1 << 30) + 12_345,
        (1 << 36) + MIB + 1,
    ] {
        let arena = Arena::new(asked);
        Block::new(&arena, layout(100, 8), 1).expect("memory").free(&arena);
        let capacity = arena.capacity();
        assert!(capacity <= asked && asked - capacity < 4 * MIB, "{capacity} of {asked}");
        assert_eq!(arena.info().capacity, capacity);
    }
    for even in [16 * MIB, 64 * MIB, 1 << 30, 1 << 40] {
        assert_eq!(Arena::new(even).capacity(), even);
    }
}
