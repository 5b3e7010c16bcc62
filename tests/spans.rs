//! Promise: large blocks that are free make place for larger ones, also where small blocks were allocated in between.

mod common;

use arenal::{Arena, Config};
use common::{Block, KIB, MIB, bounded, layout};

fn block(arena: &Arena, size: usize) -> Option<Block> {
    Block::new(arena, layout(size, 8), size as u64)
}

#[test]
fn free_neighbours_serve_a_larger_block() {
    let arena = bounded(64 * MIB);
    let mut small = Vec::new();
    let mut large = Vec::new();
    for _ in 0..4 {
        large.extend(block(&arena, 5 * MIB));
        // Half of the room, in pools of several slabs.
        small.extend((0..7).filter_map(|slab| block(&arena, 100 << slab)));
    }
    assert_eq!((large.len(), small.len()), (4, 28));
    let before = arena.info().heap;
    large.into_iter().for_each(|block| block.free(&arena));
    let larger = block(&arena, 20 * MIB).expect("memory");
    // Room that was left between them, and that no pool has used, is new.
    let fresh = arena.info().heap - before;
    assert!(fresh <= MIB, "{fresh} bytes from the OS beside 20 MiB that are free in one piece");
    small.into_iter().chain([larger]).for_each(|block| block.free(&arena));
    common::verify(&arena);
}

/// What is left free below is neither lost for small blocks nor denied to a large one.
#[test]
fn room_for_pools_is_no_loss() {
    let arena = bounded(16 * MIB);
    let whole = block(&arena, 16 * MIB).expect("all of an empty arena");
    whole.free(&arena);
    let mut blocks: Vec<Block> = std::iter::from_fn(|| block(&arena, 3 * MIB)).collect();
    assert_eq!(blocks.len(), 5, "of 3 MiB in 16");
    blocks.extend(std::iter::from_fn(|| block(&arena, 16 * KIB)));
    assert_eq!(arena.info().heap, arena.capacity());
    common::verify(&arena);
    blocks.into_iter().for_each(|block| block.free(&arena));
    common::verify(&arena);
}

/// Pages are moved, where that is cheaper than copying, but the process has a limited number of mappings.
#[test]
fn growing_blocks_use_few_mappings() {
    let arena = Arena::with_config(Config::new(1 << 40).system_above(1 << 40));
    let grow = |count: usize| {
        let before = common::mappings();
        let blocks: Vec<_> = (0..count)
            .map(|_| {
                let mut large = block(&arena, 2 * MIB).expect("memory");
                // It cannot grow in place.
                let neighbour = block(&arena, 144 * KIB).expect("memory");
                assert!(large.resize(&arena, 3 * MIB));
                (large, neighbour)
            })
            .collect();
        blocks
            .into_iter()
            .for_each(|(large, neighbour)| [large, neighbour].into_iter().for_each(|block| block.free(&arena)));
        common::mappings().saturating_sub(before)
    };
    let near = grow(30);
    // The first part of the arena is taken.
    let filler = arena.allocate(layout(9 << 30, 8)).expect("untouched memory");
    let far = grow(30);
    assert!(far <= 8 && near <= 80, "{near} mappings more, and {far} behind 9 GiB");
    // SAFETY: allocated above with this layout, and freed once.
    unsafe { arena.deallocate(filler, layout(9 << 30, 8)) };
}
