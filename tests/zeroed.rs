//! Promise: zeroed memory is zero, fresh or used before, whatever gave it back in between.

mod common;

use arenal::Arena;
use common::{Block, Chain, KIB, MIB, Rng, bounded, in_fork, layout};

const SIZES: [usize; 22] = [
    1,
    7,
    8,
    16,
    24,
    64,
    100,
    128,
    200,
    1000,
    1024,
    4000,
    4096,
    5000,
    8 * KIB,
    16 * KIB,
    32 * KIB,
    40 * KIB,
    64 * KIB,
    300 * KIB,
    MIB,
    5 * MIB,
];

/// Asks for zeroed blocks of every size, through both entries; `Block::zeroed` checks and then dirties them.
fn all_zero(arena: &Arena, count: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    for size in SIZES {
        for seed in 0..count as u64 {
            for align in [1, 64, 4096] {
                if align <= 64 || size >= 1000 {
                    blocks.push(Block::zeroed(arena, layout(size, align), seed).expect("memory"));
                }
            }
        }
    }
    blocks
}

/// Makes most of the arena's memory dirty and free again.
fn soil(arena: &Arena) {
    let mut rng = Rng::new(arena.info().heap as u64);
    for slab in [64, 1024, 8 * KIB, 32 * KIB] {
        let mut blocks = Vec::new();
        while let Ok(ptr) = arena.allocate_slab(slab) {
            // SAFETY: a chunk of that size, just handed out.
            unsafe { ptr.write_bytes(0xA5, slab) };
            blocks.push(ptr);
        }
        rng.shuffle(&mut blocks);
        for ptr in blocks {
            // SAFETY: live, and freed once.
            unsafe { arena.free(ptr) };
        }
    }
    let mut large = Block::new(arena, layout(8 * MIB, 8), 5).expect("memory");
    assert!(large.resize(arena, 12 * MIB));
    large.free(arena);
}

fn release_all(blocks: Vec<Block>, arena: &Arena) {
    blocks.into_iter().for_each(|block| block.free(arena));
    assert_eq!(arena.info().allocated, 0);
}

#[test]
fn fresh_and_used_memory() {
    let arena = bounded(96 * MIB);
    for _ in 0..3 {
        let blocks = all_zero(&arena, 2);
        release_all(blocks, &arena);
    }
    soil(&arena);
    for _ in 0..2 {
        let blocks = all_zero(&arena, 2);
        release_all(blocks, &arena);
    }
}

#[test]
fn after_trim() {
    let arena = bounded(64 * MIB);
    for _ in 0..2 {
        soil(&arena);
        let pinned: Vec<Chain> = [64, 512, 4096].map(|slab| Chain::up_to(&arena, slab, 10 * slab)).into();
        assert!(arena.trim() > 0, "there was something to give back");
        release_all_beside(&arena, all_zero(&arena, 1), pinned);
    }
}

fn release_all_beside(arena: &Arena, blocks: Vec<Block>, pinned: Vec<Chain>) {
    blocks.into_iter().for_each(|block| block.free(arena));
    pinned.into_iter().for_each(|chain| chain.free(arena));
    assert_eq!(arena.info().allocated, 0);
}

#[test]
fn after_release() {
    let arena = bounded(64 * MIB);
    for _ in 0..3 {
        soil(&arena);
        let leaked = all_zero(&arena, 1);
        // SAFETY: none of the leaked blocks is used any more.
        unsafe { arena.release() };
        drop(leaked);
        let blocks = all_zero(&arena, 1);
        release_all(blocks, &arena);
    }
}

#[test]
fn in_a_forked_child_and_its_parent() {
    common::in_child("in_a_forked_child_and_its_parent", || {
        let arena = bounded(64 * MIB);
        soil(&arena);
        in_fork(|| {
            release_all(all_zero(&arena, 1), &arena);
            soil(&arena);
            arena.trim();
            release_all(all_zero(&arena, 1), &arena);
        });
        release_all(all_zero(&arena, 1), &arena);
        // A large fresh span, half of it written by the parent after the fork.
        let fresh = bounded(256 * MIB);
        Chain::up_to(&fresh, 64, MIB).free(&fresh);
        in_fork(|| Block::zeroed(&fresh, layout(32 * MIB, 8), 1).expect("memory").free(&fresh));
        Block::zeroed(&fresh, layout(32 * MIB, 8), 1).expect("memory").free(&fresh);
        Block::zeroed(&fresh, layout(64 * MIB, 8), 1).expect("memory").free(&fresh);
    });
}

/// Growth and shrinkage leave written bytes in what they give up, in place or by moving.
#[test]
fn what_realloc_gave_up() {
    let arena = bounded(128 * MIB);
    let mut rng = Rng::new(4);
    for round in 0..common::scaled(300) {
        let mut blocks: Vec<Block> =
            (0..8).map(|_| Block::new(&arena, layout(rng.size(4 * MIB), 8), rng.word()).expect("memory")).collect();
        for block in &mut blocks {
            let size = rng.size(4 * MIB);
            assert!(block.resize(&arena, size), "round {round}: to {size}");
        }
        for _ in 0..8 {
            let size = rng.size(4 * MIB);
            blocks.push(Block::zeroed(&arena, layout(size, 8), rng.word()).expect("memory"));
        }
        rng.shuffle(&mut blocks);
        blocks.into_iter().for_each(|block| block.free(&arena));
    }
}

/// Chunks at the border between used and untouched parts of pools and of the arena.
#[test]
fn random_churn_on_several_threads() {
    let arena = bounded(128 * MIB);
    common::threads(3, |i| {
        let mut rng = Rng::new(50 + i as u64);
        let mut live: Vec<Block> = Vec::new();
        for _ in 0..common::scaled(20_000) {
            let max = if rng.below(100) == 0 { MIB } else { 16 * KIB };
            let (layout, seed) = (layout(rng.size(max), 8 << rng.below(4)), rng.word());
            let block = match rng.below(2) {
                0 => Block::zeroed(&arena, layout, seed),
                _ => Block::new(&arena, layout, seed),
            };
            live.push(block.expect("memory"));
            if live.len() > 300 {
                for _ in 0..rng.below(200) {
                    live.swap_remove(rng.below(live.len())).free(&arena);
                }
            }
            if rng.below(2000) == 0 {
                arena.trim();
            }
        }
        live.into_iter().for_each(|block| block.free(&arena));
    });
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}
