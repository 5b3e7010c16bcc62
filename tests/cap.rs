//! Promise: pool memory never exceeds the capacity under any number of threads, and a refusal loses nothing.

mod common;

use std::alloc::GlobalAlloc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use arenal::{AllocError, Arena};
use common::{Block, Chain, KIB, MIB, Rng, bounded, layout};

/// Until the arena has refused a thread so many requests in a row.
fn fill_mixed(arena: &Arena, rng: &mut Rng, limit: usize, refusals: usize) -> Vec<Block> {
    let (mut blocks, mut refused) = (Vec::new(), 0);
    while refused < refusals {
        match Block::new(arena, layout(rng.size(limit), 8), rng.word()) {
            Some(block) => {
                blocks.push(block);
                refused = 0;
            }
            None => refused += 1,
        }
    }
    blocks
}

fn threads_fill(capacity: usize, count: usize) {
    let arena = bounded(capacity);
    // Each looks through all heaps, which takes long where there are many, and unoptimised code longer.
    let refusals = common::scaled(if count > 2 { 10 } else { 50 });
    let running = AtomicBool::new(true);
    let barrier = Barrier::new(count);
    let stolen: Mutex<Vec<Block>> = Mutex::new(Vec::new());
    let peak = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let sampler = scope.spawn(|| {
            while running.load(Ordering::Acquire) {
                let info = arena.info();
                peak.fetch_max(info.heap, Ordering::Relaxed);
                assert!(info.heap <= info.capacity, "{info:?} with {count} threads");
                std::thread::sleep(Duration::from_micros(300));
            }
        });
        let live: Vec<Block> = common::threads(count, |i| {
            let mut rng = Rng::new(i as u64);
            let mut blocks = fill_mixed(&arena, &mut rng, 32 * KIB, refusals);
            barrier.wait(); // the arena is full
            blocks.iter().for_each(Block::check);
            rng.shuffle(&mut blocks);
            let half = blocks.len() / 2;
            stolen.lock().expect("no panic").extend(blocks.drain(half..));
            barrier.wait(); // half of everybody's blocks lie in the middle: each frees a part
            for _ in 0..half {
                let Some(block) = stolen.lock().expect("no panic").pop() else {
                    break;
                };
                block.free(&arena);
            }
            blocks.extend(fill_mixed(&arena, &mut rng, 8 * KIB, refusals));
            blocks
        })
        .into_iter()
        .flatten()
        .chain(std::mem::take(&mut *stolen.lock().expect("no panic")))
        .collect();
        running.store(false, Ordering::Release);
        sampler.join().expect("the cap held at every sample");

        let info = arena.info();
        let usable: usize = live.iter().map(|block| block.usable(&arena)).sum();
        assert_eq!(info.allocated, usable, "{info:?}");
        assert!(live.iter().all(|block| block.inside(&arena)));
        assert!(usable <= info.heap && info.heap <= info.capacity, "{info:?}");
        // Mixed sizes from few threads in a roomy arena: most of it must be reachable.
        assert!(count > 2 || capacity < 64 * MIB || usable >= info.capacity / 2, "{usable} of {capacity}");
        let mut spans: Vec<(usize, usize)> =
            live.iter().map(|block| (block.ptr().addr(), block.usable(&arena))).collect();
        spans.sort_unstable();
        assert!(spans.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "two live chunks overlap");
        live.into_iter().for_each(|block| block.free(&arena));
    });
    let info = arena.info();
    assert!(info.allocated == 0 && info.system == 0, "{info:?}");
    assert!(info.heap <= info.capacity && peak.into_inner() <= info.capacity, "{info:?}");
    common::verify(&arena);
}

#[test]
fn the_cap_holds_at_any_number_of_threads() {
    for capacity in [Arena::MIN_CAPACITY, 16 * MIB, 64 * MIB] {
        let many = if capacity > Arena::MIN_CAPACITY { 16 } else { 32 };
        for count in [1, 2, 8, many] {
            threads_fill(capacity, count);
        }
    }
}

/// Everybody asks for large chunks at the same moment, with room for only some of them.
#[test]
fn a_rush_at_the_cap_charges_no_chunk_twice() {
    let arena = bounded(Arena::MIN_CAPACITY);
    let slab = arena.slabs().filter(|&slab| slab <= arena.capacity() / 64).max().expect("slabs");
    let barrier = Barrier::new(16);
    for round in 0..common::scaled(30) {
        let chains = common::threads(16, |_| {
            barrier.wait();
            Chain::fill(&arena, slab)
        });
        let bytes: usize = chains.iter().map(Chain::bytes).sum();
        let info = arena.info();
        assert!(bytes <= info.heap && info.heap <= info.capacity, "round {round}: {bytes} bytes in {info:?}");
        assert_eq!(bytes, info.allocated);
        assert!(bytes >= info.capacity / 10 * 8, "round {round}: sixteen threads reach {bytes} of {info:?}");
        chains.into_iter().for_each(|chain| chain.free(&arena));
    }
    common::verify(&arena);
}

#[test]
fn every_entry_says_out_of_memory_its_own_way() {
    let arena = bounded(16 * MIB);
    let mut kept = Block::new(&arena, layout(1000, 8), 3).expect("memory");
    let chain = Chain::fill(&arena, 1024);
    chain.assert_share(&arena, "one thread");
    let rest = Chain::of_layout(&arena, layout(8, 8));
    for size in [8, 1000, 1024, 100 * KIB, 4 * MIB] {
        let layout = layout(size, 8);
        assert_eq!(arena.allocate(layout), Err(AllocError), "{size}");
        assert_eq!(arena.allocate_zeroed(layout), Err(AllocError), "{size}");
        // SAFETY: the size is not zero.
        unsafe {
            assert!(GlobalAlloc::alloc(&arena, layout).is_null(), "{size}");
            assert!(GlobalAlloc::alloc_zeroed(&arena, layout).is_null(), "{size}");
        }
    }
    assert_eq!(arena.allocate_slab(1024), Err(AllocError));
    // Growing to another slab or to a span must fail, and leave the block as it is.
    for size in [2000, 100 * KIB, 4 * MIB, 17 * MIB] {
        assert!(!kept.resize(&arena, size), "grown to {size} in a full arena");
        kept.check();
    }
    let slab = arena.slab_for(layout(1000, 8)).expect("the arena serves it");
    assert!(kept.resize(&arena, slab), "growth within the chunk's slab needs no memory");
    let before = arena.info();
    assert!(before.heap <= before.capacity);
    rest.free(&arena);
    chain.free(&arena);
    assert!(kept.resize(&arena, 4 * MIB), "there is room again");
    kept.free(&arena);
    assert_eq!(arena.info().allocated, 0);
}

/// A program that lives at the cap: refused again and again, it still gets every chunk that becomes free.
#[test]
fn refusals_lose_nothing() {
    let arena = bounded(16 * MIB);
    let slab = 4096;
    let mut chain = Vec::new();
    while let Ok(ptr) = arena.allocate_slab(slab) {
        chain.push(ptr);
    }
    let full = chain.len();
    let mut rng = Rng::new(5);
    rng.shuffle(&mut chain);
    for round in 0..common::scaled(2000) {
        assert!(arena.allocate_slab(slab).is_err(), "round {round}: more than ever before");
        let ptr = chain.swap_remove(rng.below(chain.len()));
        // SAFETY: live, and freed once.
        unsafe { arena.free(ptr) };
        chain.push(arena.allocate_slab(slab).expect("the chunk just freed"));
    }
    assert_eq!(chain.len(), full);
    for ptr in chain {
        // SAFETY: live, and freed once.
        unsafe { arena.free(ptr) };
    }
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}

/// Requests too large for the arena are refused while it is empty too, and cost nothing.
#[test]
fn more_than_the_capacity_is_refused() {
    let arena = bounded(16 * MIB);
    for size in [17 * MIB, 1 << 30, 1 << 40, isize::MAX as usize - 7] {
        assert_eq!(arena.allocate(layout(size, 8)), Err(AllocError));
    }
    assert!(arena.info().heap <= 16 * MIB);
    Chain::fill(&arena, 4096).assert_share(&arena, "after the refusals");
}

/// Where all is in use, what was freed serves the next request, wherever it lies and whoever freed it.
#[test]
fn a_full_arena_gives_what_was_just_freed() {
    // Blocks of one seed are allocated in one way, and so from one slab under the feature `hardened`, too.
    const SEED: u64 = 2;
    let arena = bounded(16 * MIB);
    for size in [48, 512, 5000] {
        let mut rng = Rng::new(size as u64);
        let mut blocks: Vec<Block> = std::iter::from_fn(|| Block::new(&arena, layout(size, 8), SEED)).collect();
        for round in 0..common::scaled(2000) {
            let few: Vec<Block> = (0..1 + round % 7).map(|_| blocks.swap_remove(rng.below(blocks.len()))).collect();
            let count = few.len();
            if round % 3 == 0 {
                std::thread::scope(|scope| {
                    let freer = scope.spawn(|| few.into_iter().for_each(|block| block.free(&arena)));
                    // It has ended then, and sent all home.
                    freer.join().expect("no panic");
                });
            } else {
                few.into_iter().for_each(|block| block.free(&arena));
            }
            blocks.extend((0..count).map(|_| {
                let block = Block::new(&arena, layout(size, 8), SEED);
                block.unwrap_or_else(|| panic!("one of {size} bytes is free, in round {round}"))
            }));
        }
        assert!(Block::new(&arena, layout(size, 8), SEED).is_none());
        common::verify(&arena);
        blocks.into_iter().for_each(|block| block.free(&arena));
        assert_eq!(arena.info().allocated, 0);
    }
}

/// However many slabs share a small arena, most of it is allocated before it refuses a request.
#[test]
fn many_slabs_share_a_small_arena() {
    for (capacity, percent) in [(8 * MIB, 75), (16 * MIB, 79), (64 * MIB, 87)] {
        let arena = bounded(capacity);
        let mut rng = Rng::new(capacity as u64);
        let blocks = fill_mixed(&arena, &mut rng, 64 * KIB, 1);
        let bytes: usize = blocks.iter().map(|block| block.layout().size()).sum();
        assert!(bytes * 100 >= capacity * percent, "{bytes} bytes of {:?}", arena.info());
        blocks.into_iter().for_each(|block| block.free(&arena));
    }
}
