//! Promise: a thread that replaces blocks of many sizes at random allocates first what it freed last, of whatever pool
//! it is, and one that trades blocks with others, whoever's it is; what it holds ready serves others when memory runs
//! out, and all of it can be given back.

mod common;

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, mpsc};
use std::time::Duration;

use arenal::Arena;
use common::trade::{block, trades};
use common::{Block, MIB, Rng, bounded, layout, verify};

static ARENA: Arena = Arena::new(1 << 30);

/// Tests that use [`ARENA`] do so one after the other.
static ALONE: Mutex<()> = Mutex::new(());

/// An arena beside [`ARENA`], which is the first to be used as a program's own, and so has the threads' own lists.
fn second(capacity: usize) -> Arena {
    static FIRST: Once = Once::new();
    // By a thread that is gone soon, so that it holds nothing of the arena.
    let first = || {
        // SAFETY: the layout is not empty, and the block is freed once.
        let once = || unsafe { ARENA.dealloc(ARENA.alloc(Layout::new::<u64>()), Layout::new::<u64>()) };
        std::thread::spawn(once).join().expect("no panic");
    };
    FIRST.call_once(first);
    bounded(capacity)
}

/// 1 to 32 KiB, some aligned.
fn draw(rng: &mut Rng) -> Layout {
    let align = if rng.below(20) == 0 { 256 } else { 8 };
    layout(1024 + rng.below(31 << 10), align)
}

/// So many blocks, most of which have been replaced many times.
fn scattered(arena: &Arena, count: usize, rng: &mut Rng) -> Vec<Block> {
    let mut blocks: Vec<_> = (0..count).map(|_| block(arena, draw(rng))).collect();
    scatter(arena, &mut blocks, 60_000, rng);
    blocks
}

fn scatter(arena: &Arena, blocks: &mut [Block], times: usize, rng: &mut Rng) {
    for _ in 0..times {
        let at = rng.below(blocks.len());
        let new = block(arena, draw(rng));
        std::mem::replace(&mut blocks[at], new).free(arena);
    }
}

/// Whether blocks that lie all over the place are handed out again as soon as they are freed.
fn has_magazines(arena: &Arena, blocks: &mut [Block], rng: &mut Rng) -> bool {
    (0..200).all(|_| {
        let at = rng.below(blocks.len());
        let size = layout(2048, 8);
        let new = block(arena, size);
        let old = std::mem::replace(&mut blocks[at], new);
        let (address, layout) = (old.ptr(), old.layout());
        old.free(arena);
        let again = block(arena, layout);
        let same = again.ptr() == address;
        std::mem::replace(&mut blocks[at], again).free(arena);
        same
    })
}

#[test]
fn what_was_freed_last_serves_first_whatever_its_pool() {
    let _alone = ALONE.lock();
    for arena in [&ARENA, &second(256 * MIB)] {
        let mut rng = Rng::new(1);
        let mut blocks = scattered(arena, 1000, &mut rng);
        // From time to time a thread does without, to see what that is worth.
        let found = (0..20).any(|_| {
            scatter(arena, &mut blocks, 5000, &mut rng);
            has_magazines(arena, &mut blocks, &mut rng)
        });
        assert!(found);
        verify(arena);
        // More than a magazine, so that one is set aside.
        let many: Vec<_> = (0..100).map(|_| block(arena, layout(4096, 8))).collect();
        many.into_iter().for_each(|block| block.free(arena));
        let held = arena.info().allocated;
        let sizes = blocks.iter().map(|block| arena.slab_for(block.layout()).expect("of the arena's"));
        assert_eq!(held, sizes.sum::<usize>());
        // In order: pools serve again.
        for _ in 0..100 {
            let run: Vec<_> = (0..1000).map(|_| block(arena, layout(1500, 8))).collect();
            run.into_iter().for_each(|block| block.free(arena));
        }
        verify(arena);
        blocks.into_iter().for_each(|block| block.free(arena));
        assert_eq!(arena.info().allocated, 0);
        arena.trim();
        assert_eq!(arena.info().heap, 0, "all of it can be given back");
    }
}

#[test]
fn who_trades_hands_out_what_others_allocated() {
    let _alone = ALONE.lock();
    for arena in [&ARENA, &second(256 * MIB)] {
        assert!(trades(arena, 3000, |rng| layout(16 + rng.below(400), 8)));
        verify(arena);
        assert_eq!(arena.info().allocated, 0);
        arena.trim();
        assert_eq!(arena.info().heap, 0, "all of it can be given back");
    }
}

/// Fills the arena with chunks of the slab until nearly all that others have free of it is found.
fn obtain(arena: &Arena, size: usize) -> Vec<Block> {
    let mut mine = Vec::new();
    for _ in 0..5000 {
        while let Some(block) = Block::new(arena, layout(size, 8), 1) {
            mine.push(block);
        }
        let usage = arena.utilization().find(|usage| usage.slab == size).expect("there are pools");
        if usage.ratio() == 1.0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    mine
}

#[test]
fn what_a_thread_holds_ready_serves_others() {
    for sleeps in [true, false] {
        let arena = second(64 * MIB);
        let (tells, told) = mpsc::channel();
        let runs = AtomicBool::new(true);
        std::thread::scope(|scope| {
            let (arena, runs) = (&arena, &runs);
            let (ends, end) = mpsc::channel::<()>();
            let other = scope.spawn(move || {
                let mut rng = Rng::new(3);
                // More than a magazine, so that one is set aside.
                let many: Vec<_> = (0..100).map(|_| block(arena, layout(4096, 8))).collect();
                let mut blocks = scattered(arena, 1000, &mut rng);
                let kept = blocks.split_off(900);
                blocks.into_iter().for_each(|block| block.free(arena));
                many.into_iter().for_each(|block| block.free(arena));
                tells.send(()).unwrap();
                if sleeps {
                    end.recv().unwrap();
                }
                // More than a pool holds, so that it takes its heap's lock.
                while runs.load(Ordering::Relaxed) {
                    let run: Vec<_> = (0..200).map_while(|_| Block::new(arena, layout(1500, 8), 1)).collect();
                    run.into_iter().for_each(|block| block.free(arena));
                }
                kept.into_iter().for_each(|block| block.free(arena));
            });
            told.recv().unwrap();
            let mine = obtain(arena, 4096);
            let usage = arena.utilization().find(|usage| usage.slab == 4096).expect("there are pools");
            runs.store(false, Ordering::Relaxed);
            let _ = ends.send(());
            assert!(usage.ratio() == 1.0, "{usage:?}");
            mine.into_iter().for_each(|block| block.free(arena));
            other.join().expect("no panic");
        });
        assert_eq!(arena.info().allocated, 0);
        verify(&arena);
    }
}

#[test]
fn blocks_that_others_free_come_back() {
    let arena = second(32 * MIB);
    let mut rng = Rng::new(4);
    let mut blocks = scattered(&arena, 500, &mut rng);
    for _ in 0..20 {
        let given = blocks.split_off(250);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| given.into_iter().for_each(|block| block.free(&arena)));
            scatter(&arena, &mut blocks, 3000, &mut rng);
            other.join().expect("no panic");
        });
        blocks.extend((0..250).map(|_| block(&arena, draw(&mut rng))));
        scatter(&arena, &mut blocks, 3000, &mut rng);
    }
    verify(&arena);
    blocks.into_iter().for_each(|block| block.free(&arena));
    let all: Vec<_> = std::iter::from_fn(|| Block::new(&arena, layout(2048, 8), 1)).collect();
    assert!(all.len() * 2048 >= 31 * MIB, "{:?}", arena.info());
    all.into_iter().for_each(|block| block.free(&arena));
    assert_eq!(arena.info().allocated, 0);
    verify(&arena);
}

/// Chunks that come back to a current pool announce it. Used up again, it stands among those with chunks to give.
#[test]
fn a_pool_with_nothing_to_give_is_passed_over() {
    let arena = second(64 * MIB);
    let chunk = || block(&arena, layout(4096, 8));
    let mut blocks: Vec<_> = (0..1024).map(|_| Some(chunk())).collect();
    for pool in blocks.chunks_mut(32).skip(4).step_by(2) {
        pool[..10].iter_mut().for_each(|block| block.take().expect("live").free(&arena));
    }
    for _ in 0..12 {
        let given: Vec<_> = (0..8).map(|_| chunk()).collect();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| given.into_iter().for_each(|block| block.free(&arena)));
            other.join().expect("no panic");
        });
        blocks.extend((0..10).map(|_| Some(chunk())));
    }
    let mut rng = Rng::new(5);
    let size = |rng: &mut Rng| layout(if rng.below(2) == 0 { 1024 } else { 5000 } + rng.below(2000), 8);
    let mut others: Vec<_> = (0..1000).map(|_| block(&arena, size(&mut rng))).collect();
    for _ in 0..200_000 {
        let (at, new) = (rng.below(others.len()), block(&arena, size(&mut rng)));
        std::mem::replace(&mut others[at], new).free(&arena);
    }
    blocks.extend((0..400).map(|_| Some(chunk())));
    blocks.into_iter().flatten().chain(others).for_each(|block| block.free(&arena));
    verify(&arena);
}
