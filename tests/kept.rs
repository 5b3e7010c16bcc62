//! Promise: the spans of freed large blocks that a thread keeps for its next ones are free memory: they serve any
//! request of any thread before the arena grows or fails, and no figure counts them.

mod common;

use std::alloc::{alloc, dealloc};
use std::ptr::NonNull;

use arenal::{Arena, Config, Exhausted};
use common::keeper::{beside_a_keeper, block};
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
fn so_it_does_in_the_program_s_arena() {
    let pair = |sizes: [usize; 2]| {
        // SAFETY: the sizes are not zero.
        sizes.map(|size| unsafe { alloc(layout(size, 8)) })
    };
    let free = |blocks: [*mut u8; 2], sizes: [usize; 2]| {
        // SAFETY: allocated with these layouts, and freed once.
        blocks.into_iter().zip(sizes).for_each(|(block, size)| unsafe { dealloc(block, layout(size, 8)) });
    };
    // Other tests' threads may need the memory in between.
    let came_again = (0..100).filter(|_| {
        let first = pair([300_000, 900_000]);
        free(first, [300_000, 900_000]);
        let second = pair([900_000, 300_000]);
        free(second, [900_000, 300_000]);
        first == [second[1], second[0]]
    });
    let count = came_again.count();
    assert!(count >= 50, "{count} of 100 times");
}

/// On both sides of the longest chunk, of where lengths get coarser, and of the longest span that is kept.
#[test]
fn lengths_of_the_program_s_arena_are_told_apart() {
    for edge in [128 * KIB, 256 * KIB, 4 * MIB] {
        for (kept, asked) in [(edge, edge + 1), (edge + 1, edge), (edge - 1, edge), (edge, edge)] {
            for size in [kept, asked] {
                // SAFETY: the size is not zero; the block is as long, and freed once with the same layout.
                unsafe {
                    let block = alloc(layout(size, 8));
                    assert!(PROGRAM.usable_size(NonNull::new(block).expect("memory")) >= size);
                    block.write_bytes(1, size);
                    dealloc(block, layout(size, 8));
                }
            }
        }
    }
}

#[test]
fn it_is_zero_where_that_is_asked_for() {
    let arena = attached();
    for size in [300_000, MIB, 4 * MIB] {
        block(&arena, size).free(&arena);
        let zeroed = Block::zeroed(&arena, layout(size, 8), 2).expect("memory");
        zeroed.free(&arena);
    }
    verify(&arena);
}

#[test]
fn it_is_aligned() {
    let arena = attached();
    let blocks = [block(&arena, MIB), block(&arena, MIB)];
    blocks.into_iter().for_each(|block| block.free(&arena));
    // A pool of small chunks lies at the first multiple.
    let aligned = [(); 2].map(|()| Block::new(&arena, layout(MIB, MIB), 3).expect("memory"));
    aligned.into_iter().for_each(|block| block.free(&arena));
    verify(&arena);
}

/// A span that is kept is still in use to the arena, and so is all below it.
#[test]
fn long_ones_are_not_kept() {
    let arena = attached();
    let overhead = arena.info().overhead;
    block(&arena, 5 * MIB).free(&arena);
    assert_eq!(arena.info().overhead, overhead, "more than a 256th of the arena");
    block(&arena, 3 * MIB).free(&arena);
    assert!(arena.info().overhead > overhead, "less than that");
}

#[test]
fn not_many_are_kept() {
    let arena = attached();
    let blocks: Vec<Block> = (0..8).map(|_| block(&arena, 300_000)).collect();
    let overhead = arena.info().overhead;
    // The last ones first, so that what goes back lies at the end.
    for block in blocks.into_iter().rev() {
        block.free(&arena);
        verify(&arena);
    }
    assert!(arena.info().overhead < overhead);
}

#[test]
fn a_departed_thread_s_is_had_and_released() {
    let arena = attached();
    beside_a_keeper(&arena, &[MIB, MIB], || {});
    assert_eq!(growth(&arena, &[2 * MIB]), 0);
    beside_a_keeper(&arena, &[MIB, MIB], || {});
    // SAFETY: no block is in use.
    unsafe { arena.release() };
    verify(&arena);
    beside_a_keeper(&arena, &[MIB, MIB], || verify(&arena));
    assert_eq!(arena.info().allocated, 0);
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

#[test]
fn an_arena_that_overflows_finds_it_first() {
    let config = Config::new(64 * MIB).system_above(64 * MIB).on_exhausted(Exhausted::System);
    let arena = Arena::with_config(config);
    let inside = || {
        let blocks: Vec<Block> = (0..300).map(|_| block(&arena, 240 * KIB)).collect();
        let count = blocks.iter().filter(|block| block.inside(&arena)).count();
        blocks.into_iter().for_each(|block| block.free(&arena));
        count
    };
    let count = inside();
    beside_a_keeper(&arena, &[240 * KIB, 200 * KIB], || {
        let beside = inside();
        assert!(beside + 1 >= count, "{beside} of {count}");
    });
}
