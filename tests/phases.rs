//! A thread whose sizes change: what one slab no longer needs serves the next.

mod common;

use arenal::Arena;
use common::layout;

/// Bytes alive in a phase.
const PHASE: usize = 4 << 20;

#[test]
fn emptied_pools_serve_other_slabs() {
    let arena = Arena::new(1 << 30);
    let slabs = || arena.slabs().filter(|slab| (1 << 10..=64 << 10).contains(slab));
    assert!(slabs().count() > 40);
    for slab in slabs() {
        let layout = layout(slab, 8);
        let blocks: Vec<_> = (0..PHASE / slab).map(|_| arena.allocate(layout).unwrap()).collect();
        for block in blocks {
            // SAFETY: allocated above with the layout, and freed once.
            unsafe { arena.deallocate(block, layout) };
        }
    }
    common::verify(&arena);
    let held = arena.info().heap;
    assert!(held <= 2 * PHASE, "{held} bytes are held for phases of {PHASE}");
}
