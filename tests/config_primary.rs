//! Promise: a slab that is the arena's in part stays divided while memory is recovered for it.

use std::alloc::{GlobalAlloc, Layout};

use arenal::{Arena, Config};

/// The first arena of its process to be used as a global allocator: threads' own lists are its.
static PRIMARY: Arena = Arena::with_config(Config::new(Arena::MIN_CAPACITY).system_above(1000));

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("a layout")
}

#[test]
fn system_above_divides_a_full_arena() {
    // SAFETY: the layout is not empty, here and below.
    let take = |size| unsafe { PRIMARY.alloc(layout(size)) };
    // SAFETY: blocks of `take`, each given back once with its size.
    let give = |block, size| unsafe { PRIMARY.dealloc(block, layout(size)) };
    // Pools of another slab, emptied and parked with this thread.
    let parked: Vec<*mut u8> = (0..2000).map(|_| take(64)).collect();
    parked.into_iter().for_each(|block| give(block, 64));
    let mut held = Vec::new();
    loop {
        let block = take(1000);
        if block.is_null() {
            break;
        }
        held.push(block);
        let outside = take(1001);
        assert!(!outside.is_null() && !PRIMARY.contains(outside), "after {} chunks", held.len());
        give(outside, 1001);
    }
    assert!(held.len() * 1024 > Arena::MIN_CAPACITY - 2000 * 64, "what was parked did not serve: {}", held.len());
    held.into_iter().for_each(|block| give(block, 1000));
}
