//! Promise: what a thread has no use for can be had when it is over for the program, though it may still run: after a
//! `std::thread::scope`.
//!
//! How long it runs then is the system's business, so that most rounds are asked for, not all.

mod common;

use common::{KIB, MIB, bounded, layout};

const ROUNDS: usize = 200;
const MOST: usize = ROUNDS / 10;

/// Threads that allocate and free, in a scope of their own.
fn in_scope(arena: &arenal::Arena, threads: usize) {
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let blocks: Vec<_> = (0..250 / threads).map(|_| arena.allocate(layout(8 * KIB, 8))).collect();
                for block in blocks {
                    // SAFETY: allocated with this layout, and freed once.
                    unsafe { arena.deallocate(block.expect("memory"), layout(8 * KIB, 8)) };
                }
            });
        }
    });
}

#[test]
fn it_is_trimmed() {
    let arena = bounded(64 * MIB);
    for threads in [1, 4] {
        let held = (0..ROUNDS).filter(|_| {
            in_scope(&arena, threads);
            arena.trim();
            arena.info().heap > 0
        });
        let held = held.count();
        assert!(held <= MOST, "pools were left in {held} rounds of {ROUNDS} with {threads} threads");
    }
}

#[test]
fn it_serves_requests() {
    let whole = layout(4 * MIB, 8);
    for threads in [1, 4] {
        let arena = bounded(4 * MIB);
        let refused = (0..ROUNDS).filter(|_| {
            in_scope(&arena, threads);
            let block = arena.allocate(whole);
            // SAFETY: allocated with this layout, and freed once.
            block.map(|block| unsafe { arena.deallocate(block, whole) }).is_err()
        });
        let refused = refused.count();
        assert!(refused <= MOST, "{refused} requests of {ROUNDS} were refused with {threads} threads");
    }
}
