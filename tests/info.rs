//! Promise: `info` and `utilization` tell the truth, and `trim` and `release` give memory back.

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;

use arenal::{Arena, Config, HugePages, SlabUsage};
use common::{Block, Chain, KIB, MIB, Rng, bounded, layout};

/// What holds at any quiet moment.
fn check(arena: &Arena) {
    let info = arena.info();
    assert_eq!(info.capacity, arena.capacity());
    assert!(info.allocated <= info.heap && info.heap <= info.capacity, "{info:?}");
    let rows: Vec<SlabUsage> = arena.utilization().collect();
    assert!(rows.iter().map(|row| row.heap).sum::<usize>() <= info.heap, "{rows:?} exceed {info:?}");
    assert!(rows.iter().map(|row| row.allocated).sum::<usize>() <= info.allocated, "{rows:?} exceed {info:?}");
    assert!(rows.windows(2).all(|pair| pair[0].slab < pair[1].slab), "not ascending, or twice: {rows:?}");
    for row in rows {
        assert!(row.allocated <= row.heap && row.pools > 0 && row.heap > 0, "{row:?}");
        assert!((0.0..=1.0).contains(&row.ratio()), "{row:?}: {}", row.ratio());
        assert!((row.ratio() - row.allocated as f64 / row.heap as f64).abs() < 1e-9, "{row:?}: {}", row.ratio());
        assert!(row.allocated.is_multiple_of(row.slab), "{row:?} has parts of chunks");
    }
    common::verify(arena);
}

#[test]
fn an_unused_arena_is_empty() {
    let arena = bounded(64 * MIB);
    let info = arena.info();
    assert_eq!((info.capacity, info.heap, info.allocated, info.system), (64 * MIB, 0, 0, 0));
    assert_eq!(arena.utilization().count(), 0);
    assert_eq!(arena.trim(), 0);
    // SAFETY: there is no chunk.
    unsafe { arena.release() };
    assert!(!arena.contains(std::ptr::without_provenance(4096)));
    check(&arena);
}

#[test]
fn every_chunk_counts() {
    let arena = bounded(64 * MIB);
    let (mut rng, mut blocks, mut sum) = (Rng::new(1), Vec::new(), 0);
    for _ in 0..2000 {
        let block = Block::new(&arena, layout(rng.size(20 * KIB), 8), rng.word()).expect("memory");
        sum += block.usable(&arena);
        assert_eq!(arena.info().allocated, sum, "after {block:?}");
        blocks.push(block);
        if rng.below(3) == 0 {
            let block = blocks.swap_remove(rng.below(blocks.len()));
            sum -= block.usable(&arena);
            block.free(&arena);
            assert_eq!(arena.info().allocated, sum, "after a free");
        }
    }
    check(&arena);
    for slab in [16, 128, 1024] {
        let slab = arena.slab_for(layout(slab, 8)).expect("the arena's");
        let expected: usize = blocks.iter().map(|block| block.usable(&arena)).filter(|&usable| usable == slab).sum();
        let row = arena.utilization().find(|row| row.slab == slab);
        assert_eq!(row.map_or(0, |row| row.allocated), expected, "the row of slab {slab}: {row:?}");
    }
    blocks.into_iter().for_each(|block| block.free(&arena));
    check(&arena);
    assert_eq!(arena.info().allocated, 0);
}

#[test]
fn a_full_arena_is_all_in_its_slabs() {
    let arena = bounded(32 * MIB);
    for slab in [8, 64, 1024, 8 * KIB] {
        let chain = Chain::fill(&arena, slab);
        check(&arena);
        let info = arena.info();
        assert_eq!(info.allocated, chain.bytes());
        assert_eq!(arena.utilization().map(|row| row.allocated).sum::<usize>(), info.allocated);
        assert_eq!(arena.utilization().map(|row| row.heap).sum::<usize>(), info.heap, "full of {slab}");
        chain.free(&arena);
    }
}

/// Also where the last blocks leave room, and huge pages reach into it.
#[test]
fn what_no_slab_has_is_not_pool_memory() {
    for huge in [HugePages::Auto, HugePages::Always, HugePages::Never] {
        for size in [50_000, 200_000, 3 * MIB / 2, 3 * MIB] {
            let arena = Arena::with_config(Config::new(64 * MIB).huge_pages(huge));
            // Who does not write to his blocks gets none.
            let written = Block::new(&arena, layout(18 * MIB, 8), 1).expect("memory");
            let chain = Chain::of_layout(&arena, layout(size, 8));
            check(&arena);
            assert_eq!(
                arena.utilization().map(|row| row.heap).sum::<usize>(),
                arena.info().heap,
                "{huge:?}, full of {size}"
            );
            chain.free(&arena);
            written.free(&arena);
            arena.trim();
            assert_eq!(arena.info().heap, 0);
        }
    }
}

/// Pool memory stays with the arena until it is asked for it.
#[test]
fn pools_are_kept_until_trim() {
    let arena = bounded(32 * MIB);
    let chain = Chain::fill(&arena, 64);
    let full = arena.info().heap;
    chain.free(&arena);
    assert_eq!(arena.info().heap, full, "an empty pool is kept");
    let given_back = arena.trim();
    assert_eq!(arena.info().heap, full - given_back);
    assert!(given_back >= full / 10 * 9, "all pools are empty, but only {given_back} of {full} came back");
    assert_eq!(arena.trim(), 0, "there is nothing left to give");
    check(&arena);
    for slab in [4096, 64] {
        let chain = Chain::fill(&arena, slab);
        chain.assert_share(&arena, "after a trim");
        check(&arena);
        chain.free(&arena);
    }
}

#[test]
fn trim_lowers_resident_memory_and_spares_what_is_live() {
    common::in_child("trim_lowers_resident_memory_and_spares_what_is_live", || {
        let arena = bounded(256 * MIB);
        for slab in [64, 4096, 32 * KIB] {
            let live = Chain::up_to(&arena, slab, MIB);
            let chain = Chain::fill(&arena, slab);
            let mut large = Vec::new();
            chain.free(&arena);
            large.push(Block::new(&arena, layout(8 * MIB, 8), 1).expect("memory"));
            let (before, heap) = (common::rss(), arena.info().heap);
            let given_back = arena.trim();
            let (after, left) = (common::rss(), arena.info().heap);
            assert_eq!(heap - left, given_back, "heap falls by what trim says");
            assert!(given_back >= 150 * MIB, "slab {slab}: only {given_back} given back");
            // Chunks above an OS page are touched only where the chain wrote, but in every OS page of them or so.
            if slab <= 4096 {
                assert!(before - after >= given_back / 10 * 8, "slab {slab}: {before} fell to {after} only");
            }
            check(&arena);
            live.free(&arena);
            large.into_iter().for_each(|block| block.free(&arena));
        }
    });
}

#[test]
fn trim_beside_working_threads() {
    let arena = bounded(64 * MIB);
    common::threads(3, |i| {
        let mut rng = Rng::new(i as u64);
        let mut live: Vec<Block> = Vec::new();
        for round in 0..common::scaled(20_000) {
            if i == 0 && round % 20 == 0 {
                assert!(arena.trim() <= arena.capacity());
            }
            let size = if rng.below(100) == 0 { MIB } else { 4 * KIB };
            live.push(Block::new(&arena, layout(rng.size(size), 8), rng.word()).expect("memory"));
            if live.len() > 100 {
                live.drain(..rng.below(90)).for_each(|block| block.free(&arena));
            }
        }
        live.into_iter().for_each(|block| block.free(&arena));
    });
    check(&arena);
    assert_eq!(arena.info().allocated, 0);
}

#[test]
fn release_empties_and_the_arena_goes_on() {
    common::in_child("release_empties_and_the_arena_goes_on", || {
        let arena = bounded(128 * MIB);
        for round in 0..5 {
            let chain = Chain::fill(&arena, 64 << round);
            chain.assert_share(&arena, &format!("round {round}"));
            drop(common::threads(2, |i| Block::new(&arena, layout(8 + i, 8), 0)));
            let before = common::rss();
            chain.leak();
            // SAFETY: the leaked chunks are not used any more, and no thread is inside.
            unsafe { arena.release() };
            let (info, after) = (arena.info(), common::rss());
            assert_eq!((info.heap, info.allocated), (0, 0), "round {round}");
            assert_eq!(arena.utilization().count(), 0);
            assert!(before - after >= 90 * MIB, "round {round}: resident memory fell from {before} to {after} only");
            check(&arena);
        }
        let block = Block::new(&arena, layout(1000, 8), 1).expect("memory");
        block.free(&arena);
        check(&arena);
    });
}

/// A thread whose caches predate the release starts afresh.
#[test]
fn release_while_other_threads_idle() {
    let arena = bounded(64 * MIB);
    let barrier = std::sync::Barrier::new(3);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|i| {
                let (arena, barrier) = (&arena, &barrier);
                scope.spawn(move || {
                    for round in 0..50 {
                        let size = 16 << ((round + i) % 8);
                        let leaked: Vec<Block> =
                            (0..200).map(|seed| Block::new(arena, layout(size, 8), seed).expect("memory")).collect();
                        leaked.iter().for_each(Block::check);
                        barrier.wait(); // nobody uses a chunk from here on
                        barrier.wait(); // released
                    }
                    let block = Block::new(arena, layout(16, 8), 1).expect("memory");
                    block.free(arena);
                })
            })
            .collect();
        for round in 0..50 {
            barrier.wait();
            // SAFETY: between the barriers no thread is inside the arena or uses a chunk of it.
            unsafe { arena.release() };
            let info = arena.info();
            assert_eq!((info.heap, info.allocated), (0, 0), "round {round}");
            barrier.wait();
        }
        workers.into_iter().for_each(|worker| worker.join().expect("no panic"));
    });
    assert_eq!(arena.info().allocated, 0);
    check(&arena);
}

/// Forgetting a block costs no memory, however large and untouched it is.
#[test]
fn release_touches_nothing() {
    common::in_child("release_touches_nothing", || {
        let arena = Arena::new(Arena::MAX_CAPACITY);
        arena.allocate(layout(Arena::MAX_CAPACITY / 2, 8)).expect("address space");
        arena.allocate(layout(100, 8)).expect("memory");
        let before = common::rss();
        // SAFETY: the blocks are not used any more.
        unsafe { arena.release() };
        let more = common::rss().saturating_sub(before);
        assert!(more < 8 * MIB, "{more} bytes more after a release");
        assert_eq!(arena.info().heap, 0);
        check(&arena);
    });
}

/// Pages that are locked in memory are given back, too.
#[test]
fn locked_memory_is_given_back() {
    common::in_child("locked_memory_is_given_back", || {
        // SAFETY: no requirements.
        if unsafe { libc::mlockall(libc::MCL_FUTURE) } != 0 {
            return println!("this process may not lock memory");
        }
        let arena = Arena::with_config(Config::new(8 * MIB).huge_pages(HugePages::Never));
        for _ in 0..2 {
            Block::new(&arena, layout(MIB, 8), 1).expect("memory").free(&arena);
            let held = arena.info().heap;
            assert!(held >= MIB);
            assert_eq!(arena.trim(), held);
            assert_eq!(arena.info().heap, 0);
        }
        Block::new(&arena, layout(MIB, 8), 1).expect("memory");
        // SAFETY: the block is not used any more.
        unsafe { arena.release() };
        assert_eq!(arena.info().heap, 0);
        check(&arena);
    });
}

/// While threads work: their blocks hold whatever they like, among it what looks like a link to memory that the arena
/// has only reserved. The second thread allocates what it freed of the first one's; the third frees it.
#[test]
fn figures_of_working_threads_are_safe_to_ask_for() {
    let arena = bounded(64 * MIB);
    let far = arena.allocate(layout(8, 8)).expect("memory").as_ptr().addr() + 48 * MIB;
    assert!(arena.contains(std::ptr::without_provenance(far)));
    let stop = AtomicBool::new(false);
    let take = |count| (0..count).map(|_| Block::new(&arena, layout(64, 8), 0).expect("memory")).collect::<Vec<_>>();
    let give = |blocks: Vec<Block>| blocks.into_iter().for_each(|block| block.free(&arena));
    std::thread::scope(|scope| {
        let (sender, second) = sync_channel(4);
        let (passes_on, third) = sync_channel(4);
        let first = scope.spawn(|| {
            let sender = sender;
            while !stop.load(Ordering::Relaxed) {
                sender.send(take(100)).expect("somebody frees them");
            }
        });
        let second = scope.spawn(|| {
            let passes_on = passes_on;
            for blocks in second {
                give(blocks);
                let mine: Vec<_> = (0..90).map(|_| arena.allocate(layout(64, 8)).expect("memory")).collect();
                for block in &mine {
                    // SAFETY: a live block of 64 bytes.
                    unsafe { block.cast::<usize>().write_volatile(far) };
                }
                passes_on.send(mine.into_iter().map(|block| Block::adopt(block, layout(64, 8), 0)).collect()).unwrap();
            }
        });
        let third = scope.spawn(|| third.into_iter().for_each(give));
        for _ in 0..common::scaled(20_000) {
            std::hint::black_box(arena.info());
        }
        stop.store(true, Ordering::Relaxed);
        // The scope itself does not wait for the exit hooks.
        [first, second, third].into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
    assert_eq!(arena.info().allocated, 8);
    common::verify(&arena);
}
