//! A thread's frees go to its lists as long as a processor foresees which do, and to the pools' own lists otherwise.

mod common;

use std::alloc::{GlobalAlloc, Layout};

use arenal::Arena;
use common::{Rng, layout};

static ARENA: Arena = Arena::new(1 << 30);
/// Of a slab with several pools.
const PROBE: Layout = Layout::new::<[u64; 25]>();
/// Of a slab that nothing else uses.
const UNUSED: Layout = Layout::new::<[u64; 256]>();

fn allocate(layout: Layout) -> *mut u8 {
    // SAFETY: the layout is not empty.
    let block = unsafe { ARENA.alloc(layout) };
    assert!(!block.is_null());
    block
}

/// Whether the chunk that was freed last is handed out first.
fn hands_out_warm_chunks() -> bool {
    let again = (0..8).filter(|_| {
        let first = allocate(PROBE);
        // SAFETY: live, and freed once, as all below.
        unsafe { ARENA.dealloc(first, PROBE) };
        let second = allocate(PROBE);
        // SAFETY: as above.
        unsafe { ARENA.dealloc(second, PROBE) };
        first == second
    });
    again.count() > 4
}

/// Replaces blocks of many sizes at random.
fn replace(blocks: &mut [(*mut u8, Layout)], times: usize, rng: &mut Rng) {
    for _ in 0..times {
        let layout = layout(1 + rng.below(1024), 8);
        let at = rng.below(blocks.len());
        let (old, size) = std::mem::replace(&mut blocks[at], (allocate(layout), layout));
        // SAFETY: as above.
        unsafe { ARENA.dealloc(old, size) };
    }
}

/// Frees what was allocated last, time and again: all into one pool.
fn pairs(times: usize) {
    for _ in 0..times {
        // SAFETY: as above.
        unsafe { ARENA.dealloc(allocate(PROBE), PROBE) };
    }
}

/// Fills and frees in order.
fn run(layout: Layout, count: usize, times: usize) {
    for _ in 0..times {
        let blocks: Vec<_> = (0..count).map(|_| allocate(layout)).collect();
        // SAFETY: as above.
        blocks.into_iter().for_each(|block| unsafe { ARENA.dealloc(block, layout) });
    }
}

#[test]
fn frees_go_to_the_lists_unless_they_are_all_over_the_place() {
    let mut rng = Rng::new(1);
    let mut blocks: Vec<_> = (0..20_000).map(|_| (allocate(PROBE), PROBE)).collect();
    assert!(hands_out_warm_chunks(), "at first");
    run(PROBE, 10_000, 4);
    assert!(hands_out_warm_chunks(), "after runs");
    replace(&mut blocks, 500_000, &mut rng);
    assert!(!hands_out_warm_chunks(), "after random replacement");
    pairs(200_000);
    assert!(hands_out_warm_chunks(), "after pairs");
    replace(&mut blocks, 500_000, &mut rng);
    assert!(!hands_out_warm_chunks(), "after random replacement again");
    // Their pools are emptied, and no list hands their chunks out again.
    run(UNUSED, 1_000, 100);
    assert!(hands_out_warm_chunks(), "after runs again");
    // SAFETY: as above.
    blocks.into_iter().for_each(|(block, layout)| unsafe { ARENA.dealloc(block, layout) });
    common::verify(&ARENA);
}
