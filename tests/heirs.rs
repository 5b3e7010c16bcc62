//! What a departed thread leaves behind serves the others.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::thread;

use arenal::Arena;

const LAYOUT: Layout = Layout::new::<[u64; 32]>();
const CHUNKS: usize = 10_000;

struct Chunks(Vec<NonNull<u8>>);
// SAFETY: the chunks are handed over, never shared.
unsafe impl Send for Chunks {}

fn allocate(arena: &Arena, count: usize) -> Chunks {
    Chunks((0..count).map(|_| arena.allocate(LAYOUT).expect("room")).collect())
}

fn free(arena: &Arena, chunk: NonNull<u8>) {
    // SAFETY: each test frees each chunk once.
    unsafe { arena.deallocate(chunk, LAYOUT) }
}

/// Chunks of a thread that is gone. The caller has a heap before, or it would be given the departed one.
fn orphans(arena: &Arena) -> Chunks {
    free(arena, allocate(arena, 1).0[0]);
    thread::scope(|scope| scope.spawn(|| allocate(arena, CHUNKS)).join().unwrap())
}

fn pools(arena: &Arena) -> usize {
    arena.utilization().filter(|usage| usage.slab == LAYOUT.size()).map(|usage| usage.pools).sum()
}

#[test]
fn emptied_pools_of_a_departed_heap_go_back_at_once() {
    let arena = Arena::new(64 << 20);
    let orphans = orphans(&arena);
    let full = pools(&arena);
    assert!(full > 30, "{full} pools for {CHUNKS} chunks");
    orphans.0.into_iter().for_each(|chunk| free(&arena, chunk));
    // What the thread still gathers keeps a few.
    let left = pools(&arena);
    assert!(left <= 4, "{left} of {full} pools are left");
    arena.verify();
}

/// Of each pool the thread itself freed most before it ended, so that fewer came back than are worth a look.
#[test]
fn pools_of_a_departed_heap_that_was_nearly_empty_go_back_at_once() {
    let arena = Arena::new(64 << 20);
    free(&arena, allocate(&arena, 1).0[0]);
    let nearly_all_freed = || {
        let (kept, freed): (Vec<_>, Vec<_>) =
            allocate(&arena, 4 * CHUNKS).0.into_iter().enumerate().partition(|(at, _)| at % 50 == 0);
        freed.into_iter().for_each(|(_, chunk)| free(&arena, chunk));
        Chunks(kept.into_iter().map(|(_, chunk)| chunk).collect())
    };
    let kept = thread::scope(|scope| scope.spawn(nearly_all_freed).join().unwrap());
    let full = pools(&arena);
    assert!(full > 120, "{full} pools");
    kept.0.into_iter().for_each(|chunk| free(&arena, chunk));
    // What the thread still gathers keeps a few.
    let left = pools(&arena);
    assert!(left <= full / 8, "{left} of {full} pools are left");
    arena.verify();
}

#[test]
fn a_growing_thread_takes_what_a_departed_one_left() {
    let arena = Arena::new(64 << 20);
    let orphans = orphans(&arena);
    let full = pools(&arena);
    let mut kept = Vec::new();
    for (at, chunk) in orphans.0.into_iter().enumerate() {
        if at % 2 == 0 { free(&arena, chunk) } else { kept.push(chunk) }
    }
    let mine = allocate(&arena, CHUNKS / 2 - 500);
    let now = pools(&arena);
    assert!(now <= full + 4, "{now} pools, {full} before half of the chunks were freed");
    arena.verify();
    mine.0.into_iter().chain(kept).for_each(|chunk| free(&arena, chunk));
    arena.verify();
    assert_eq!(arena.info().allocated, 0);
}

/// Pools change hands while other threads free their chunks and announce them.
#[test]
fn pools_change_hands_while_their_chunks_come_back() {
    let arena = Arena::new(256 << 20);
    thread::scope(|scope| {
        let churn = || {
            scope.spawn(|| {
                for round in 0..30 {
                    let arena = &arena;
                    let orphans = orphans(arena);
                    let (first, second): (Vec<_>, Vec<_>) =
                        orphans.0.into_iter().enumerate().partition(|(at, _)| (at + round) % 3 == 0);
                    let second = Chunks(second.into_iter().map(|(_, chunk)| chunk).collect());
                    let other = scope.spawn(move || {
                        let second = second;
                        second.0.into_iter().for_each(|chunk| free(arena, chunk));
                    });
                    let mine = allocate(arena, CHUNKS / 4);
                    first.into_iter().for_each(|(_, chunk)| free(arena, chunk));
                    mine.0.into_iter().for_each(|chunk| free(arena, chunk));
                    other.join().unwrap();
                }
            })
        };
        // Joined one by one: the scope itself does not wait for the exit hooks.
        [(); 3].map(|()| churn()).into_iter().for_each(|thread| thread.join().unwrap());
    });
    arena.verify();
    assert_eq!(arena.info().allocated, 0);
}
