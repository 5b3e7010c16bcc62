//! Promise: large blocks that are free make place for larger ones, also where small blocks were allocated in between.

mod common;

use arenal::Arena;
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
