//! Promise: arenas are independent, movable, and leave nothing behind, whoever outlives whom.

mod common;

use std::alloc::GlobalAlloc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use arenal::Arena;
use common::{Block, Chain, KIB, MIB, Rng, bounded, layout};

#[test]
fn neither_touches_the_other() {
    let (one, two) = (bounded(16 * MIB), bounded(32 * MIB));
    let full = Chain::fill(&one, 64);
    full.assert_share(&one, "the first");
    assert_eq!(two.info().heap, 0, "filling one takes nothing of the other");
    assert!(one.allocate(layout(64, 8)).is_err());
    let other = Chain::fill(&two, 64);
    other.assert_share(&two, "the second");
    assert!(other.bytes() > 16 * MIB && one.info().heap <= 16 * MIB && two.info().heap <= 32 * MIB);
    full.free(&one);
    assert!(two.allocate(layout(64, 8)).is_err(), "memory freed in one does not serve the other");
    other.free(&two);
    common::verify(&one);
    common::verify(&two);
}

#[test]
fn each_knows_its_own() {
    let arenas: Vec<Arena> = (0..50).map(|_| bounded(8 * MIB)).collect();
    let mut blocks = common::threads(4, |i| {
        let mut rng = Rng::new(i as u64);
        let mut blocks = Vec::new();
        for round in 0..2000 {
            let at = (round * 7 + i) % arenas.len(); // from one arena to the next all the time
            let block = Block::new(&arenas[at], layout(rng.size(8 * KIB), 8), rng.word()).expect("memory");
            blocks.push((at, block));
        }
        blocks
    })
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    for (at, block) in &blocks {
        for (other, arena) in arenas.iter().enumerate() {
            assert_eq!(block.inside(arena), other == *at, "{block:?} of arena {at}, asked of {other}");
        }
    }
    Rng::new(9).shuffle(&mut blocks);
    blocks.into_iter().for_each(|(at, block)| block.free(&arenas[at]));
    for arena in &arenas {
        assert_eq!(arena.info().allocated, 0);
        common::verify(arena);
    }
}

/// A thread that goes from arena to arena parks nothing in those that it was in before.
#[test]
fn a_thread_in_many_arenas_parks_nothing() {
    let arenas: Vec<Arena> = (0..40).map(|_| bounded(Arena::MIN_CAPACITY)).collect();
    let visit = |round| {
        for arena in &arenas {
            // Of 200 bytes, which fill no cache lines, each heap has pools of its own.
            for size in [64, 200, 16 * KIB] {
                Block::new(arena, layout(size, 8), round).expect("memory").free(arena);
            }
        }
    };
    let overheads = || arenas.iter().map(|arena| arena.info().overhead).collect::<Vec<_>>();
    let (early, late) = common::threads(1, |_| {
        (0..2).for_each(visit);
        let early = overheads();
        (2..60).for_each(visit);
        (early, overheads())
    })
    .remove(0);
    // It comes back to the heap that it left, and to no new one.
    assert!(early.iter().zip(&late).all(|(early, late)| late - early < 8 * KIB), "{early:?}, then {late:?}");
    for arena in &arenas {
        let chain = Chain::fill(arena, 64);
        chain.assert_share(arena, "after 60 visits");
        chain.free(arena);
        common::verify(arena);
    }
}

#[test]
fn arenas_swap_places() {
    let (mut one, mut two) = (bounded(8 * MIB), bounded(16 * MIB));
    let (a, b) = (Block::new(&one, layout(100, 8), 1), Block::new(&two, layout(100, 8), 2));
    let (a, b) = (a.expect("memory"), b.expect("memory"));
    for _ in 0..3 {
        std::mem::swap(&mut one, &mut two);
        let (with_a, with_b) = if a.inside(&one) { (&one, &two) } else { (&two, &one) };
        assert!(a.inside(with_a) && b.inside(with_b) && !b.inside(with_a));
        assert_eq!((with_a.capacity(), with_b.capacity()), (8 * MIB, 16 * MIB));
        Block::new(with_a, layout(100, 8), 3).expect("memory").free(with_a);
    }
    std::mem::swap(&mut one, &mut two); // four swaps: as they began
    a.free(&one);
    b.free(&two);
    assert_eq!(one.info().allocated + two.info().allocated, 0);
}

#[test]
fn arenas_move_between_threads() {
    let mut arena = bounded(16 * MIB);
    let mut blocks: Vec<Block> = Vec::new();
    for round in 0..20 {
        (arena, blocks) = std::thread::spawn(move || {
            let kept = blocks.split_off(blocks.len() / 2);
            blocks.into_iter().for_each(|block| block.free(&arena));
            let mut blocks = kept;
            blocks.extend((0..300).map(|seed| Block::new(&arena, layout(10 + round, 8), seed).expect("memory")));
            (arena, blocks)
        })
        .join()
        .expect("no panic");
    }
    blocks.into_iter().for_each(|block| block.free(&arena));
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}

#[test]
fn ten_thousand_arenas_leave_nothing() {
    common::in_child("ten_thousand_arenas_leave_nothing", || {
        let life = |i: usize| {
            let arena = bounded(Arena::MIN_CAPACITY + (i % 3) * 4 * MIB);
            let mut rng = Rng::new(i as u64);
            let mut blocks: Vec<Block> = (0..10)
                .map(|_| Block::new(&arena, layout(rng.size(4 * KIB), 8), rng.word()).expect("memory"))
                .collect();
            assert!(arena.info().heap <= arena.capacity());
            blocks.drain(..5).for_each(|block| block.free(&arena));
            if i.is_multiple_of(100) {
                common::threads(1, |_| Block::new(&arena, layout(99, 8), 1).expect("memory").free(&arena));
            }
            // Half of the blocks die with the arena.
        };
        (0..500).for_each(life);
        let before = (common::mappings(), common::rss(), common::address_space());
        (0..common::scaled(10_000)).for_each(life);
        let after = (common::mappings(), common::rss(), common::address_space());
        assert!(after.0 <= before.0 + 10, "mappings: {} grew to {}", before.0, after.0);
        assert!(after.1 <= before.1 + 8 * MIB, "resident memory: {} grew to {}", before.1, after.1);
        assert!(after.2 <= before.2 + 64 * MIB, "address space: {} grew to {}", before.2, after.2);
    });
}

/// A thread used an arena that is gone; new ones at the same address owe it nothing.
#[test]
fn a_thread_outlives_its_arena() {
    let (sender, jobs) = channel::<Arc<Arena>>();
    let (done, next) = channel();
    let survivor = std::thread::spawn(move || {
        let mut used = 0;
        for arena in jobs {
            let mut rng = Rng::new(used);
            let blocks: Vec<Block> = (0..100)
                .map(|_| Block::new(&arena, layout(rng.size(2 * KIB) | 1, 8), rng.word()).expect("memory"))
                .collect();
            let live: usize = blocks.iter().map(|block| block.usable(&arena)).sum();
            assert_eq!(arena.info().allocated, live, "arena {used} began empty");
            assert!(blocks.iter().all(|block| block.inside(&arena)));
            blocks.into_iter().skip(50).for_each(|block| block.free(&arena));
            drop(arena);
            used += 1;
            done.send(()).expect("the test waits");
        }
        used
    });
    let mut others = Vec::new();
    for round in 0..common::scaled(1000) {
        let arena = Arc::new(bounded(8 * MIB));
        sender.send(Arc::clone(&arena)).expect("the survivor lives");
        next.recv().expect("the survivor's job succeeds");
        let arena = Arc::into_inner(arena).expect("the survivor let go of it");
        let chain = Chain::up_to(&arena, 64, 100 * KIB);
        if round % 10 == 0 {
            chain.leak();
        } else {
            chain.free(&arena);
        }
        drop(arena);
        // One that the survivor never sees, most likely where the last one was.
        let unseen = bounded(8 * MIB);
        let block = Block::new(&unseen, layout(60, 8), round as u64).expect("memory");
        assert_eq!(unseen.info().allocated, 64);
        if round % 100 == 99 {
            others.push((unseen, block));
        }
    }
    drop(sender);
    assert!(survivor.join().expect("no panic") > 0);
    // The survivor's exit handed nothing to arenas it never used.
    for (arena, block) in others {
        assert_eq!(arena.info().allocated, 64);
        block.free(&arena);
        let chain = Chain::fill(&arena, 64);
        chain.assert_share(&arena, "after the survivor's exit");
        chain.free(&arena);
        common::verify(&arena);
    }
}

/// The arena is dropped at the very moment when threads that used it exit, or by one of them.
#[test]
fn dropped_while_threads_exit() {
    for round in 0..common::scaled(1500) {
        let arena = Arc::new(bounded(8 * MIB));
        let barrier = Arc::new(Barrier::new(3));
        let threads: Vec<_> = (0..2)
            .map(|i| {
                let (arena, barrier) = (Arc::clone(&arena), Arc::clone(&barrier));
                std::thread::spawn(move || {
                    let blocks: Vec<Block> = (0..50)
                        .map(|seed| Block::new(&arena, layout(8 + seed as usize * 20 + i, 8), seed).expect("memory"))
                        .collect();
                    blocks.into_iter().step_by(2).for_each(|block| block.free(&arena));
                    barrier.wait();
                    drop(arena); // and exit
                })
            })
            .collect();
        barrier.wait();
        if round % 2 == 0 {
            drop(arena);
        } else {
            drop(Arc::into_inner(arena)); // often not the last owner: then an exiting thread is
        }
        let fresh = bounded(8 * MIB); // takes the address while the exits are under way
        let block = Block::new(&fresh, layout(60, 8), round as u64).expect("memory");
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(fresh.info().allocated, 64, "an exiting thread wrote into another arena");
        block.free(&fresh);
        common::verify(&fresh);
    }
}

/// The same for the arena whose lists the threads keep in their own storage, which ends with them: detached threads,
/// with stacks that are unmapped at once. A process has one such arena.
#[test]
fn the_primary_arena_is_dropped_while_threads_exit() {
    const THREADS: usize = 100;
    static READY: AtomicUsize = AtomicUsize::new(0);
    static GO: AtomicBool = AtomicBool::new(false);
    common::in_child("the_primary_arena_is_dropped_while_threads_exit", || {
        for round in 0..common::scaled(100) {
            common::in_fork(|| {
                let arena = Box::into_raw(Box::new(Arena::new(MIB << 10)));
                // SAFETY: the arena lives until the threads use it no more.
                let shared: &'static Arena = unsafe { &*arena };
                for _ in 0..THREADS {
                    let use_and_exit = move || {
                        // SAFETY: the layout is not empty; freed once.
                        unsafe { shared.dealloc(shared.alloc(layout(64, 8)), layout(64, 8)) };
                        READY.fetch_add(1, Ordering::SeqCst);
                        while !GO.load(Ordering::Acquire) {
                            std::thread::sleep(Duration::from_micros(50));
                        }
                    };
                    drop(std::thread::Builder::new().stack_size(64 * MIB).spawn(use_and_exit).expect("a thread"));
                }
                while READY.load(Ordering::SeqCst) < THREADS {
                    std::thread::yield_now();
                }
                GO.store(true, Ordering::Release);
                std::thread::sleep(Duration::from_micros(40 + round as u64 * 37 % 400));
                // SAFETY: made above, dropped once, and used by nobody any more.
                drop(unsafe { Box::from_raw(arena) });
                std::thread::sleep(Duration::from_millis(20));
            });
        }
    });
}

/// Threads make, use, share and drop arenas of their own all at once.
#[test]
fn arenas_on_many_threads() {
    common::threads(4, |i| {
        for round in 0..common::scaled(300) {
            let arena = bounded(Arena::MIN_CAPACITY);
            let chain = Chain::up_to(&arena, 64, 64 * KIB);
            std::thread::scope(|scope| scope.spawn(|| chain.free(&arena)).join().expect("all intact"));
            let block = Block::new(&arena, layout(1000 + i, 8), round as u64).expect("memory");
            assert_eq!(arena.info().allocated, block.usable(&arena));
            block.free(&arena);
        }
    });
}
