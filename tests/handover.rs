//! Promise: in a full arena, what one thread has free in pools that it partly uses serves the requests of others, be
//! their owner asleep or running; and so does what the asking thread itself has gathered.

mod common;

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use arenal::{Arena, Config};
use common::{MIB, bounded, layout, verify};

const SIZES: [usize; 7] = [64, 200, 512, 1024, 4096, 16 << 10, 64 << 10];

struct Block(NonNull<u8>);
// SAFETY: an address, freed by one thread alone.
unsafe impl Send for Block {}

/// All chunks of the size that the arena gives.
fn fill(arena: &Arena, size: usize) -> Vec<Block> {
    std::iter::from_fn(|| arena.allocate(layout(size, 8)).ok().map(Block)).collect()
}

fn free(arena: &Arena, size: usize, blocks: impl IntoIterator<Item = Block>) {
    for Block(block) in blocks {
        // SAFETY: allocated with this layout, and freed once.
        unsafe { arena.deallocate(block, layout(size, 8)) };
    }
}

/// Every hundredth block, and the others.
fn parted(blocks: Vec<Block>) -> (Vec<Block>, Vec<Block>) {
    let (kept, freed): (Vec<_>, Vec<_>) = blocks.into_iter().enumerate().partition(|(at, _)| at % 100 == 0);
    let blocks = |parts: Vec<(usize, Block)>| parts.into_iter().map(|(_, block)| block).collect();
    (blocks(kept), blocks(freed))
}

#[test]
fn what_a_sleeper_freed_serves_others() {
    for size in SIZES {
        let arena = bounded(16 * MIB);
        std::thread::scope(|scope| {
            let (tells, told) = mpsc::channel();
            let (ends, end) = mpsc::channel::<()>();
            let arena = &arena;
            scope.spawn(move || {
                let (kept, freed) = parted(fill(arena, size));
                let count = freed.len();
                free(arena, size, freed);
                tells.send(count).unwrap();
                end.recv().unwrap();
                // The pools have gone over to others; what is left comes home all the same.
                free(arena, size, kept);
            });
            let count = told.recv().unwrap();
            let mut mine = Vec::new();
            // The sleeper may not have fallen asleep yet.
            for _ in 0..100 {
                mine.extend(fill(arena, size));
                if mine.len() >= count {
                    break;
                }
                std::thread::yield_now();
            }
            assert_eq!(mine.len(), count, "chunks of {size}");
            ends.send(()).unwrap();
            free(arena, size, mine);
        });
        assert_eq!(arena.info().allocated, 0);
        verify(&arena);
        assert!(arena.allocate(layout(4 * MIB, 8)).is_ok(), "after chunks of {size} all memory is free");
    }
}

#[test]
fn what_a_runner_freed_serves_others() {
    for size in SIZES {
        let arena = bounded(16 * MIB);
        let (tells, told) = mpsc::channel();
        let runs = AtomicBool::new(true);
        std::thread::scope(|scope| {
            let (arena, runs) = (&arena, &runs);
            scope.spawn(move || {
                let (kept, freed) = parted(fill(arena, size));
                let count = freed.len();
                free(arena, size, freed);
                tells.send(count).unwrap();
                while runs.load(Ordering::Relaxed) {
                    free(arena, 32, fill_some(arena, 32, 5000));
                }
                free(arena, size, kept);
            });
            let count = told.recv().unwrap();
            let mut mine = Vec::new();
            for _ in 0..1000 {
                mine.extend(fill(arena, size));
                // The other's current pools stay its own.
                if mine.len() >= count / 2 {
                    break;
                }
                std::thread::yield_now();
            }
            runs.store(false, Ordering::Relaxed);
            assert!(mine.len() >= count / 2, "{} of {count} chunks of {size}", mine.len());
            free(arena, size, mine);
        });
        assert_eq!(arena.info().allocated, 0);
        verify(&arena);
    }
}

fn fill_some(arena: &Arena, size: usize, most: usize) -> Vec<Block> {
    std::iter::from_fn(|| arena.allocate(layout(size, 8)).ok().map(Block)).take(most).collect()
}

#[test]
fn few_of_anothers_chunks_serve_who_freed_them() {
    for size in SIZES {
        for count in [1, 2, 5, 31, 60] {
            let arena = bounded(8 * MIB);
            std::thread::scope(|scope| {
                let (tells, told) = mpsc::channel();
                let (ends, end) = mpsc::channel::<()>();
                let arena = &arena;
                scope.spawn(move || {
                    tells.send(fill(arena, size)).unwrap();
                    end.recv().unwrap();
                });
                let mut blocks = told.recv().unwrap();
                let kept = blocks.split_off(count);
                free(arena, size, blocks);
                let mut mine = Vec::new();
                for _ in 0..100 {
                    mine.extend(fill(arena, size));
                    if mine.len() >= count {
                        break;
                    }
                    std::thread::yield_now();
                }
                assert_eq!(mine.len(), count, "chunks of {size}");
                ends.send(()).unwrap();
                free(arena, size, kept.into_iter().chain(mine));
            });
            assert_eq!(arena.info().allocated, 0);
        }
    }
}

/// A slab of which only some sizes are the arena's has no lists of its own, but outboxes.
#[test]
fn so_do_chunks_of_a_divided_slab() {
    let arena = Arena::with_config(Config::new(4 * MIB).system_above(1000));
    let mut blocks = fill(&arena, 1000);
    let kept = blocks.split_off(10);
    free(&arena, 1000, blocks);
    let again = fill(&arena, 1000);
    assert_eq!(again.len(), 10);
    free(&arena, 1000, kept.into_iter().chain(again));
}
