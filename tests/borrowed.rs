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
fn a_few_stay_gathered_and_many_become_the_list() {
    const SIZE: usize = 256;
    const ENOUGH: usize = 8;
    const CARVED: usize = 4 * KIB / SIZE;
    let arena = bounded(16 * MIB);
    let mut theirs = blocks(&arena, SIZE, ENOUGH);
    let places: HashSet<usize> = addresses(&theirs).into_iter().collect();
    let of_theirs = |own: &[Block]| addresses(own).iter().filter(|at| places.contains(at)).count();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // An OS page's worth: the list is used up, the pool is not.
            let mut own = blocks(&arena, SIZE, CARVED);
            let last = theirs.pop().expect("eight");
            theirs.into_iter().for_each(|block| block.free(&arena));
            own.extend(blocks(&arena, SIZE, CARVED));
            assert_eq!(of_theirs(&own), 0, "a few are not worth displacing the current pool");
            last.free(&arena);
            own.extend(blocks(&arena, SIZE, ENOUGH));
            assert_eq!(of_theirs(&own), ENOUGH);
            own.into_iter().for_each(|block| block.free(&arena));
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
