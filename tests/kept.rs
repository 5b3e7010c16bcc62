//! Promise: the spans of freed large blocks that a thread keeps for its next ones are free memory: no request, of whatever
//! size and thread, makes the arena grow or fails for them, and no figure counts them.

mod common;

use std::sync::mpsc;

use arenal::Arena;
use common::{Block, KIB, MIB, bounded, layout, verify};

// Its lists and heaps are not those of the other arenas.
#[global_allocator]
static PROGRAM: Arena = Arena::new(1024 * MIB);

/// An arena in which the thread has a heap.
fn attached() -> Arena {
    let arena = bounded(1024 * MIB);
    block(&arena, 8).free(&arena);
    arena
}

fn block(arena: &Arena, size: usize) -> Block {
    Block::new(arena, layout(size, 8), size as u64).expect("memory")
}

/// Frees one block of each size in a thread that lives while `work` is done.
fn beside_a_keeper(arena: &Arena, sizes: &[usize], work: impl FnOnce()) {
    let (freed, has_freed) = mpsc::channel();
    let (done, is_done) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // The small one gives the thread a heap.
            let blocks: Vec<Block> = sizes.iter().chain(&[8]).map(|&size| block(arena, size)).collect();
            blocks.into_iter().for_each(|block| block.free(arena));
            freed.send(()).expect("a receiver");
            is_done.recv().expect_err("nothing is sent");
        });
        has_freed.recv().expect("a sender");
        work();
        drop(done);
    });
}

/// What the arena grows by, while a block of each size is allocated.
fn growth(arena: &Arena, sizes: &[usize]) -> usize {
    let before = arena.info().heap;
    let blocks: Vec<Block> = sizes.iter().map(|&size| block(arena, size)).collect();
    let after = arena.info().heap;
    blocks.into_iter().for_each(|block| block.free(arena));
    after - before
}

#[test]
fn a_block_of_the_same_length_comes_again() {
    let arena = attached();
    let two = [block(&arena, 300_000), block(&arena, 900_000)];
    let addresses = two.each_ref().map(|block| block.ptr());
    two.into_iter().for_each(|block| block.free(&arena));
    // In the space the first would be cut from the two together, and then the other has no place.
    let again = [block(&arena, 900_000), block(&arena, 300_000)];
    assert_eq!(again.each_ref().map(|block| block.ptr()), [addresses[1], addresses[0]]);
    again.into_iter().for_each(|block| block.free(&arena));
    verify(&arena);
}

#[test]
fn what_is_kept_is_free() {
    let arena = bounded(1024 * MIB);
    let held = block(&arena, MIB);
    let large = || arena.utilization().filter(|usage| usage.slab > 128 * KIB).count();
    beside_a_keeper(&arena, &[300_000, 2 * MIB], || {
        assert_eq!((arena.info().allocated, large()), (MIB, 1));
        verify(&arena);
    });
    held.free(&arena);
}

#[test]
fn the_thread_itself_has_it_in_another_length() {
    let arena = attached();
    let (first, second) = (block(&arena, MIB), block(&arena, MIB));
    first.free(&arena);
    second.free(&arena);
    assert_eq!(growth(&arena, &[2 * MIB]), 0, "two neighbours are kept");
    assert_eq!(growth(&arena, &[900 * KIB, 800 * KIB]), 0);
    verify(&arena);
}

#[test]
fn other_threads_have_it() {
    let arena = attached();
    beside_a_keeper(&arena, &[MIB, MIB], || {
        assert_eq!(growth(&arena, &[2 * MIB]), 0, "as one block");
    });
    beside_a_keeper(&arena, &[MIB, MIB], || {
        assert_eq!(growth(&arena, &[8 * KIB; 200]), 0, "as pools");
    });
    verify(&arena);
}

#[test]
fn a_block_grows_over_what_another_thread_keeps() {
    let arena = bounded(1024 * MIB);
    let mut grows = block(&arena, MIB);
    let address = grows.ptr();
    beside_a_keeper(&arena, &[MIB], || {
        let before = arena.info().heap;
        assert!(grows.resize(&arena, 2 * MIB));
        assert_eq!((grows.ptr(), arena.info().heap), (address, before));
    });
    grows.free(&arena);
    verify(&arena);
}

#[test]
fn a_full_arena_finds_it() {
    let arena = bounded(64 * MIB);
    let fill = || std::iter::from_fn(|| Block::new(&arena, layout(240 * KIB, 8), 1)).collect::<Vec<_>>();
    let blocks = fill();
    let count = blocks.len();
    blocks.into_iter().for_each(|block| block.free(&arena));
    beside_a_keeper(&arena, &[240 * KIB, 200 * KIB], || {
        let blocks = fill();
        // One has no place beside the pool of a small block.
        assert!(blocks.len() + 1 >= count, "{} of {count}", blocks.len());
        blocks.into_iter().for_each(|block| block.free(&arena));
    });
    verify(&arena);
}

#[test]
fn trim_gives_it_back() {
    let arena = bounded(1024 * MIB);
    beside_a_keeper(&arena, &[MIB, 3 * MIB], || {
        assert!(arena.trim() >= 4 * MIB);
        // The pool of a small block may stay with the thread.
        assert!(arena.info().heap < 128 * KIB);
    });
}
