//! What a thread frees of other heaps' chunks: small ones it may hand out again, large ones go home.

mod common;

use std::collections::HashSet;
use std::sync::Barrier;

use arenal::Arena;
use common::{Block, KIB, MIB, bounded, layout};

fn blocks(arena: &Arena, size: usize, count: usize) -> Vec<Block> {
    (0..count).map(|seed| Block::new(arena, layout(size, 8), seed as u64).expect("the arena is large enough")).collect()
}

fn addresses(blocks: &[Block]) -> Vec<usize> {
    blocks.iter().map(|block| block.ptr() as usize).collect()
}

#[test]
fn a_few_are_handed_out_and_the_pool_stays_current() {
    const SIZE: usize = 256;
    let arena = bounded(16 * MIB);
    let theirs = blocks(&arena, SIZE, 2);
    let places = addresses(&theirs);
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // An OS page's worth: the list is used up, the pool is not.
            let mut own = blocks(&arena, SIZE, 4 * KIB / SIZE);
            theirs.into_iter().for_each(|block| block.free(&arena));
            let lent = blocks(&arena, SIZE, 1);
            assert!(places.contains(&addresses(&lent)[0]));
            let warm = own.pop().expect("it has some");
            let at = warm.ptr();
            warm.free(&arena);
            // Had the two become the list, the pool would have it, and the other of them would be the next.
            let next = blocks(&arena, SIZE, 1);
            assert_eq!(next[0].ptr(), at, "a chunk of the current pool goes to the thread's list");
            [own, lent, next].into_iter().flatten().for_each(|block| block.free(&arena));
        });
        // The scope itself does not wait for the exit hooks.
        thread.join().expect("no panic");
    });
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}

#[test]
fn small_ones_are_handed_out_large_ones_go_home() {
    for (size, lent) in [(64, true), (256, true), (448, true), (512, false), (1024, false), (8 * KIB, false)] {
        let arena = bounded(64 * MIB);
        let theirs = blocks(&arena, size, 200);
        let places: HashSet<usize> = addresses(&theirs).into_iter().collect();
        let (freed, looked) = (Barrier::new(2), Barrier::new(2));
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                theirs.into_iter().for_each(|block| block.free(&arena));
                let own = blocks(&arena, size, 200);
                let again = addresses(&own).iter().any(|at| places.contains(at));
                freed.wait();
                looked.wait();
                own.into_iter().for_each(|block| block.free(&arena));
                assert_eq!(again, lent, "slab {size}");
            });
            // What went home is handed out there again, but for what the outbox holds of the thread that lives.
            freed.wait();
            let again = blocks(&arena, size, 200);
            let home = addresses(&again).iter().filter(|at| places.contains(at)).count();
            looked.wait();
            assert!(lent || home >= 100, "slab {size}: {home} of 200 came home");
            again.into_iter().for_each(|block| block.free(&arena));
            thread.join().expect("no panic");
        });
        assert_eq!(arena.info().allocated, 0);
        common::verify(&arena);
    }
}
