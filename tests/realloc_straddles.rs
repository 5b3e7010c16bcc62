//! Promise: a block that lies across several mappings of the kernel's moves intact.
mod common;
use common::{Block, MIB, bounded, layout};

/// The border behind 16 MiB, where the advice on huge pages changes (if what lies below was written to, and the kernel
/// has one at hand).
#[test]
fn a_block_across_the_huge_page_border_moves() {
    let arena = bounded(512 * MIB);
    let below = Block::new(&arena, layout(17 * MIB, 8), 3).expect("memory");
    let mut block = Block::new(&arena, layout(40 * MIB, 8), 1).expect("memory");
    let beside = Block::new(&arena, layout(MIB, 8), 2).expect("memory");
    assert!(block.resize(&arena, 60 * MIB));
    block.free(&arena);
    beside.free(&arena);
    below.free(&arena);
    common::verify(&arena);
}

/// No border of the arena's own: pages moved before lie in mappings of their own.
#[test]
fn a_block_across_moved_pages_moves() {
    let arena = bounded(256 * MIB);
    let pin = |seed| Block::new(&arena, layout(MIB, 8), seed).expect("memory");
    let mut pins = vec![pin(1)];
    let mut block = Block::new(&arena, layout(2 * MIB, 8), 3).expect("memory");
    pins.push(pin(2));
    for size in [4, 6, 9, 14, 20, 30] {
        assert!(block.resize(&arena, size * MIB)); // moves, then grows in place half of the time
        assert!(block.resize(&arena, (size + 1) * MIB));
        pins.push(pin(size as u64));
    }
    block.free(&arena);
    pins.into_iter().for_each(|pin| pin.free(&arena));
    common::verify(&arena);
}
