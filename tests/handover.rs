//! Promise: in a full arena, what one thread has free in pools that it partly uses serves the requests of others, be
//! their owner asleep or running; and so does what the asking thread itself has gathered.

mod common;

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use arenal::{Arena, Config};
use common::{MIB, bounded, layout, verify};

const SIZES: [usize; 7] = [64, 200, 512, 1024, 4096, 16 << 10, 64 << 10];

struct Block(NonNull<u8>);
// SAFETY: an address, freed by one thread alone.
unsafe impl Send for Block {}

/// So many chunks of the size, if the arena gives them.
fn take(arena: &Arena, size: usize, most: usize) -> Vec<Block> {
    std::iter::from_fn(|| arena.allocate(layout(size, 8)).ok().map(Block)).take(most).collect()
}

fn fill(arena: &Arena, size: usize) -> Vec<Block> {
    take(arena, size, usize::MAX)
}

/// Fills the arena until `count` chunks are there: a sleeper may not have fallen asleep at once, and a runner be
/// without a processor.
fn obtain(arena: &Arena, size: usize, count: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    for _ in 0..5000 {
        blocks.extend(fill(arena, size));
        if blocks.len() >= count {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    blocks
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
            let other = scope.spawn(move || {
                let (kept, freed) = parted(fill(arena, size));
                let count = freed.len();
                free(arena, size, freed);
                tells.send(count).unwrap();
                end.recv().unwrap();
                // The pools have gone over to others; what is left comes home all the same.
                free(arena, size, kept);
            });
            let count = told.recv().unwrap();
            let mine = obtain(arena, size, count);
            assert_eq!(mine.len(), count, "chunks of {size}");
            ends.send(()).unwrap();
            free(arena, size, mine);
            // The scope itself does not wait for the exit hooks.
            other.join().expect("no panic");
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
            let other = scope.spawn(move || {
                // Of its own, so that it never looks for memory: in a system call it might be taken for asleep.
                let small = take(arena, 32, 20_000);
                let (held, spare): (Vec<_>, Vec<_>) = small.into_iter().enumerate().partition(|(at, _)| at % 2 == 0);
                free(arena, 32, spare.into_iter().map(|(_, block)| block));
                let (kept, freed) = parted(fill(arena, size));
                let count = freed.len();
                free(arena, size, freed);
                tells.send(count).unwrap();
                let mut spare = Vec::with_capacity(9000);
                while runs.load(Ordering::Relaxed) {
                    spare.extend((0..9000).map(|_| Block(arena.allocate(layout(32, 8)).unwrap())));
                    free(arena, 32, spare.drain(..));
                }
                free(arena, size, kept);
                free(arena, 32, held.into_iter().map(|(_, block)| block));
            });
            let count = told.recv().unwrap();
            // The other's current pools stay its own.
            let mine = obtain(arena, size, count / 2);
            runs.store(false, Ordering::Relaxed);
            assert!(mine.len() >= count / 2, "{} of {count} chunks of {size}", mine.len());
            free(arena, size, mine);
            other.join().expect("no panic");
        });
        assert_eq!(arena.info().allocated, 0);
        verify(&arena);
    }
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
                let other = scope.spawn(move || {
                    tells.send(fill(arena, size)).unwrap();
                    end.recv().unwrap();
                });
                let mut blocks = told.recv().unwrap();
                let kept = blocks.split_off(count);
                free(arena, size, blocks);
                let mine = obtain(arena, size, count);
                assert_eq!(mine.len(), count, "chunks of {size}");
                ends.send(()).unwrap();
                free(arena, size, kept.into_iter().chain(mine));
                other.join().expect("no panic");
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

/// The last chunk of a pool comes back while its owner, who cannot be seen to sleep, is asked for the pool, again and
/// again.
#[test]
fn what_comes_back_while_its_owner_is_looked_at_is_found() {
    extern "C" fn nothing(_: i32) {}
    common::in_child("what_comes_back_while_its_owner_is_looked_at_is_found", || {
        let handler: extern "C" fn(i32) = nothing;
        // SAFETY: the handler does nothing.
        unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
        for trial in 0..30 {
            come_back_while_asked(Duration::from_micros(1000 + 137 * trial));
        }
    });
}

fn come_back_while_asked(after: Duration) {
    let arena = bounded(20 * MIB);
    let returned = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (arena, returned) = (&arena, &returned);
        let (tells, told) = mpsc::channel();
        let (ends, end) = mpsc::channel::<()>();
        let owner = scope.spawn(move || {
            // Who blocks a signal that has a handler may be in it.
            // SAFETY: a valid set, which all-zero bytes are when it is empty.
            unsafe {
                let mut set: libc::sigset_t = std::mem::zeroed();
                libc::sigaddset(&raw mut set, libc::SIGUSR1);
                libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            }
            tells.send(Block(common::last_of_a_pool(arena))).unwrap();
            end.recv().unwrap_err();
        });
        let last = told.recv().unwrap();
        common::take_the_rest(arena);
        let asker = scope.spawn(move || {
            let mut left = 5;
            while left > 0 && take(arena, common::LAST, 1).is_empty() {
                left -= u32::from(returned.load(Ordering::Acquire));
            }
            left > 0
        });
        let freer = scope.spawn(move || {
            std::thread::sleep(after);
            free(arena, common::LAST, [last]);
        });
        freer.join().expect("no panic");
        returned.store(true, Ordering::Release);
        assert!(asker.join().expect("no panic"), "the pool is empty, and nobody knows: {}", arena.info());
        drop(ends);
        owner.join().expect("no panic");
    });
    verify(&arena);
}
