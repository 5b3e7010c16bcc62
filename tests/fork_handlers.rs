//! Promise: a program's own fork handlers may allocate and free, in whatever order they and the arena's were
//! registered, be it from an arena that nobody has used before.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arenal::Arena;
use common::{Block, KIB, MIB, in_fork, layout};

static ARENA: Arena = Arena::new(64 * MIB);
static RUNS: AtomicUsize = AtomicUsize::new(0);

/// Chunks of slabs that are in use already and of others, and what needs a span.
unsafe extern "C" fn allocates() {
    let first = RUNS.fetch_add(1, Ordering::Relaxed);
    let sizes = [64, 200, 3000, 16 + first * 8, 200 * KIB];
    let blocks = sizes.map(|size| Block::new(&ARENA, layout(size, 8), size as u64).expect("memory"));
    blocks.into_iter().for_each(|block| block.free(&ARENA));
}

#[test]
fn handlers_registered_before_and_after_the_arenas() {
    common::in_child("handlers_registered_before_and_after_the_arenas", || {
        let register = || {
            // SAFETY: the handlers live as long as the program.
            let refused = unsafe { libc::pthread_atfork(Some(allocates), Some(allocates), Some(allocates)) };
            assert_eq!(refused, 0);
        };
        register();
        let block = Block::new(&ARENA, layout(64, 8), 1).expect("memory");
        register();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let busy = scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let blocks: Vec<Block> =
                        (0..100).map(|seed| Block::new(&ARENA, layout(100, 8), seed).expect("memory")).collect();
                    blocks.into_iter().for_each(|block| block.free(&ARENA));
                }
            });
            for _ in 0..20 {
                in_fork(|| {
                    block.check();
                    // SAFETY: no requirements.
                    unsafe { allocates() };
                    common::threads(2, |_| Block::new(&ARENA, layout(3000, 8), 2).expect("memory").free(&ARENA));
                });
            }
            stop.store(true, Ordering::Relaxed);
            // The scope itself does not wait for the exit hooks.
            busy.join().expect("no panic");
        });
        assert_eq!(RUNS.load(Ordering::Relaxed), 20 * 4);
        block.free(&ARENA);
        assert_eq!(ARENA.info().allocated, 0);
        common::verify(&ARENA);
    });
}

static SECOND: Arena = Arena::new(64 * MIB);
static USED: AtomicBool = AtomicBool::new(false);
static SERVED: AtomicBool = AtomicBool::new(false);
static TOO_EARLY: AtomicBool = AtomicBool::new(false);

/// The first use of the second arena, which other threads find then.
unsafe extern "C" fn begins_another() {
    Block::new(&SECOND, layout(64, 8), 1).expect("memory").free(&SECOND);
    USED.store(true, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(100));
    TOO_EARLY.store(SERVED.load(Ordering::SeqCst), Ordering::SeqCst);
}

/// Nobody else is inside of it when the fork comes, or the child would find it half changed.
#[test]
fn an_arena_that_a_handler_uses_first() {
    common::in_child("an_arena_that_a_handler_uses_first", || {
        // SAFETY: the handler lives as long as the program.
        assert_eq!(unsafe { libc::pthread_atfork(Some(begins_another), None, None) }, 0);
        // Its own handlers run before that one.
        let block = Block::new(&ARENA, layout(64, 8), 1).expect("memory");
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                while !USED.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                Block::new(&SECOND, layout(MIB, 8), 2).expect("memory").free(&SECOND);
                SERVED.store(true, Ordering::SeqCst);
            });
            in_fork(|| {
                assert!(!TOO_EARLY.load(Ordering::SeqCst));
                common::threads(2, |_| Block::new(&SECOND, layout(3000, 8), 2).expect("memory").free(&SECOND));
                common::verify(&SECOND);
            });
            other.join().expect("no panic");
        });
        block.free(&ARENA);
        common::verify(&SECOND);
    });
}

/// Another thread forks while the first arena of the process comes.
#[test]
fn a_fork_while_the_first_arena_comes() {
    common::in_child("a_fork_while_the_first_arena_comes", || {
        for trial in 0..common::scaled(200) {
            in_fork(|| {
                let begins = AtomicBool::new(false);
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        let arena = Arena::new(64 * MIB);
                        begins.store(true, Ordering::SeqCst);
                        Block::new(&arena, layout(64, 8), 1).expect("memory").free(&arena);
                    });
                    while !begins.load(Ordering::SeqCst) {
                        std::hint::spin_loop();
                    }
                    (0..trial * 7919 % 20_000).for_each(|_| std::hint::spin_loop());
                    in_fork(|| {
                        // SAFETY: no requirements.
                        unsafe { libc::alarm(2) };
                        let arena = Arena::new(64 * MIB);
                        Block::new(&arena, layout(64, 8), 1).expect("memory").free(&arena);
                    });
                });
            });
        }
    });
}
