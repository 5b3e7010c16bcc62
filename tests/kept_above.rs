//! Promise: an arena with a threshold serves no longer blocks than that, whatever spans its threads keep.

mod common;

use std::alloc::{Layout, alloc, dealloc};

use arenal::{Arena, Config};
use common::{KIB, MIB, layout};

#[global_allocator]
static PROGRAM: Arena = Arena::with_config(Config::new(1024 * MIB).system_above(300_000));

/// Whether the block lies in the arena, at a multiple of its alignment.
fn inside(layout: Layout) -> bool {
    // SAFETY: the size is not zero; the block is as long, and freed once with the same layout.
    unsafe {
        let block = alloc(layout);
        assert!((block as usize).is_multiple_of(layout.align()));
        block.write_bytes(1, layout.size());
        let inside = PROGRAM.contains(block);
        dealloc(block, layout);
        inside
    }
}

#[test]
fn a_kept_span_serves_up_to_the_threshold() {
    assert!(inside(layout(300_000, 8)), "and kept after that");
    assert!(!inside(layout(300_001, 8)), "of the same slab");
    assert!(inside(layout(300_000, 8)));
}

#[test]
fn a_kept_span_serves_at_its_alignment() {
    for align in [8, 4 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 256 * KIB] {
        assert!(inside(layout(200_000, 8)), "and kept after that");
        assert!(inside(layout(200_000, align)), "{align}");
    }
}
