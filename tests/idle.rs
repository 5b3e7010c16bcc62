//! Promise: memory parked with idle or dead threads is recovered before a request fails.

mod common;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use arenal::Arena;
use common::{Block, Chain, KIB, MIB, Rng, Worker, bounded, layout};

/// One chunk of each of 100 slabs, all of them freed.
fn touch(arena: &Arena) {
    let blocks: Vec<Block> = arena
        .slabs()
        .take(100)
        .enumerate()
        .map(|(i, slab)| {
            let block = Block::new(arena, layout(slab, 8), i as u64);
            block.unwrap_or_else(|| panic!("no chunk of {slab}: memory of idle threads is not recovered"))
        })
        .collect();
    blocks.into_iter().for_each(|block| block.free(arena));
}

fn take_all(arena: &Arena, what: &str) {
    for slab in [64, 16, 1024, 208, 8 * KIB, 32 * KIB, 8] {
        let chain = Chain::fill(arena, slab);
        chain.assert_share(arena, what);
        chain.free(arena);
    }
    let chain = Chain::of_layout(arena, layout(MIB, 8));
    chain.assert_share(arena, what);
    chain.free(arena);
}

fn beside_threads(count: usize, idle: bool) {
    let arena = Arc::new(bounded(64 * MIB));
    let mut workers = Vec::new();
    for _ in 0..count {
        let worker = Worker::new(&arena);
        worker.run(touch);
        if idle {
            workers.push(worker);
        } else {
            worker.end();
        }
    }
    take_all(&arena, &format!("beside {count} {} threads", if idle { "idle" } else { "dead" }));
    // The idle threads lost their caches without noticing; they go on, and give way once more.
    workers.iter().for_each(|worker| worker.run(touch));
    take_all(&arena, "the second time");
    workers.into_iter().for_each(Worker::end);
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}

#[test]
fn eight_idle_threads() {
    beside_threads(8, true);
}

#[test]
fn sixty_four_idle_threads() {
    beside_threads(64, true);
}

#[test]
fn sixty_four_dead_threads() {
    beside_threads(64, false);
}

/// Pools of their own would be 64 times 31 of 16 KiB each. Of chunks that do not fill cache lines they get their own.
#[test]
fn many_threads_that_use_little_share_pools() {
    let arena = Arc::new(bounded(256 * MIB));
    let workers: Vec<Worker> = (0..64).map(|_| Worker::new(&arena)).collect();
    let (sender, receiver) = channel();
    for (number, worker) in workers.iter().enumerate() {
        let sender = sender.clone();
        worker.run(move |arena| {
            for slab in arena.slabs().filter(|slab| (128..=4 * KIB).contains(slab) && slab % 64 == 0) {
                // Hardened, a chunk has a few bytes behind the block.
                let block = Block::new(arena, layout(slab - 8, 8), number as u64).expect("memory");
                sender.send(block).expect("the test keeps the receiver");
            }
        });
    }
    let held = arena.info().heap;
    assert!(held < 8 * MIB, "64 threads with a chunk each of the shared slabs hold {held} bytes");
    for block in receiver.try_iter() {
        block.check();
        block.free(&arena);
    }
    workers.into_iter().for_each(Worker::end);
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}

/// What a thread frees of a shared pool is there for the next one, however long the first idles.
#[test]
fn what_many_threads_use_in_turn_is_there_once() {
    let arena = Arc::new(bounded(512 * MIB));
    let use_all = |count: usize| {
        let workers: Vec<Worker> = (0..count).map(|_| Worker::new(&arena)).collect();
        for worker in &workers {
            worker.run(|arena| {
                for slab in arena.slabs().filter(|slab| (128..=128 * KIB).contains(slab) && slab % 64 == 0) {
                    // Two at a time, both freed; hardened, a chunk has a few bytes behind the block.
                    let [one, two] = [1, 2].map(|word| Block::new(arena, layout(slab - 8, 8), word).expect("memory"));
                    one.free(arena);
                    two.free(arena);
                }
            });
        }
        workers
    };
    let first = use_all(12);
    let before = arena.info().heap;
    let more = use_all(48);
    let held = arena.info().heap - before;
    assert!(held < MIB, "48 more threads, one after the other, hold {held} bytes more");
    first.into_iter().chain(more).for_each(Worker::end);
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}

/// Each idle thread keeps one chunk: it costs one pool at most, and the chunk stays intact.
#[test]
fn idle_threads_with_one_live_chunk() {
    let arena = Arc::new(bounded(256 * MIB));
    let (sender, receiver) = channel();
    let workers: Vec<Worker> = (0..32).map(|_| Worker::new(&arena)).collect();
    for (i, worker) in workers.iter().enumerate() {
        let sender = sender.clone();
        worker.run(move |arena| {
            touch(arena);
            let kept = Block::new(arena, layout(100, 8), i as u64).expect("memory");
            sender.send(kept).expect("the test keeps the receiver");
        });
    }
    let kept: Vec<Block> = receiver.try_iter().collect();
    assert_eq!(kept.len(), 32);
    for slab in [100, 64, 4096] {
        let slab = arena.slab_for(layout(slab, 8)).expect("the arena serves it");
        let chain = Chain::fill(&arena, slab);
        chain.assert_share(&arena, "beside idle threads with a chunk each");
        kept.iter().for_each(Block::check);
        chain.free(&arena);
    }
    kept.into_iter().for_each(|block| block.free(&arena));
    workers.into_iter().for_each(Worker::end);
    assert_eq!(arena.info().allocated, 0);
}

/// The owners idle while somebody else frees everything they allocated.
fn freed_remotely(slab: usize, freer_idles: bool) {
    let arena = Arc::new(bounded(64 * MIB));
    let owners: Vec<Worker> = (0..8).map(|_| Worker::new(&arena)).collect();
    let freer = Worker::new(&arena);
    let (sender, receiver) = channel();
    for round in 0..3 {
        for owner in &owners {
            let sender = sender.clone();
            owner.run(move |arena| {
                let part = arena.capacity() / 9;
                let chain = Chain::up_to(arena, slab, part);
                assert!(chain.bytes() + slab > part, "round {round}: refused at {} of {part}", chain.bytes());
                sender.send(chain).expect("the test keeps the receiver");
            });
        }
        for chain in receiver.try_iter().collect::<Vec<Chain>>() {
            if freer_idles {
                freer.run(move |arena| chain.free(arena));
            } else {
                chain.free(&arena);
            }
        }
        assert_eq!(arena.info().allocated, 0, "all was freed, by a thread that idles: {freer_idles}");
        for other in [2048, slab, 48] {
            let chain = Chain::fill(&arena, other);
            chain.assert_share(&arena, &format!("round {round}, after remote frees of {slab}"));
            chain.free(&arena);
        }
    }
    owners.into_iter().for_each(Worker::end);
    freer.end();
    common::verify(&arena);
}

#[test]
fn small_chunks_freed_to_idle_owners() {
    freed_remotely(64, false);
}

#[test]
fn large_chunks_freed_to_idle_owners() {
    freed_remotely(32 * KIB, false);
}

#[test]
fn chunks_freed_by_a_thread_that_idles_too() {
    freed_remotely(64, true);
    freed_remotely(4 * KIB, true);
    freed_remotely(32 * KIB, true);
}

/// One thread fills the arena and dies; another frees it all and idles; the third needs it.
#[test]
fn freed_after_the_owners_death() {
    let arena = Arc::new(bounded(64 * MIB));
    for slab in [16, 512, 16 * KIB] {
        let chain = common::threads(1, |_| Chain::fill(&arena, slab)).remove(0);
        chain.assert_share(&arena, "a thread about to die");
        let freer = Worker::new(&arena);
        freer.run(move |arena| chain.free(arena));
        assert_eq!(arena.info().allocated, 0);
        take_all(&arena, "after the owner's death");
        freer.end();
    }
    common::verify(&arena);
}

/// Two threads take turns at the whole arena; neither starves, however often it changes hands.
#[test]
fn the_arena_changes_hands() {
    let arena = Arc::new(bounded(16 * MIB));
    let workers = [Worker::new(&arena), Worker::new(&arena)];
    for turn in 0..common::scaled(100) {
        workers[turn % 2].run(move |arena| {
            let slab = [48, 1024, 8192][turn % 3];
            let chain = Chain::fill(arena, slab);
            chain.assert_share(arena, &format!("turn {turn}"));
            chain.free(arena);
        });
    }
    workers.into_iter().for_each(Worker::end);
    assert_eq!(arena.info().allocated, 0);
}

/// What the caller gathered of another heap's chunks empties that heap's pools only on its way home, which is the trim
/// itself: it must look at them afterwards.
#[test]
fn one_trim_finds_everything() {
    let arena = Arc::new(bounded(64 * MIB));
    let owner = Worker::new(&arena);
    let (sender, receiver) = channel();
    // The owner's heap is the arena's first, and looked at before the test's.
    owner.run(move |arena| {
        let blocks = (0..4000).map(|i| Block::new(arena, layout(64, 8), i).expect("memory"));
        let (kept, freed): (Vec<_>, Vec<_>) = blocks.enumerate().partition(|(i, _)| i % 100 == 0);
        freed.into_iter().for_each(|(_, block)| block.free(arena));
        sender.send(kept).expect("the test waits");
    });
    receiver.recv().expect("some blocks").into_iter().for_each(|(_, block)| block.free(&arena));
    assert_eq!(arena.info().allocated, 0);
    arena.trim();
    assert_eq!(arena.info().heap, 0, "empty pools of another heap were left");
    owner.end();
}

/// A thread allocates, others free all of it, and it sleeps: its lists are empty, and yet no chunk of its pools is in
/// use.
fn all_freed_by_others(capacity: usize, wanted: impl Fn(usize) -> usize + Send + 'static) {
    let arena = Arc::new(bounded(capacity));
    let owner = Worker::new(&arena);
    for round in 0..2 {
        let (sender, receiver) = channel();
        let wanted = &wanted;
        let counts: Vec<(usize, usize)> =
            arena.slabs().filter(|&slab| slab <= 128 * KIB).map(|slab| (slab, wanted(slab))).collect();
        owner.run(move |arena| {
            for (slab, count) in counts {
                // As many as there are. Hardened, a chunk has a few bytes behind the block.
                let blocks = (0..count).map_while(|_| Block::new(arena, layout(slab - 1, 1), 0));
                sender.send(blocks.collect::<Vec<_>>()).expect("the test waits");
            }
        });
        receiver.iter().flatten().for_each(|block| block.free(&arena));
        assert_eq!(arena.info().allocated, 0);
        let most = capacity / 10 * 9;
        let whole = Block::new(&arena, layout(most, 8), 2);
        whole.unwrap_or_else(|| panic!("round {round}: no {most} bytes though nothing is used: {arena}")).free(&arena);
        arena.trim();
        assert_eq!(arena.info().heap, 0, "round {round}: {:?}", arena.utilization().collect::<Vec<_>>());
    }
    owner.end();
    common::verify(&arena);
}

#[test]
fn one_chunk_of_each_slab_freed_by_others() {
    all_freed_by_others(4 * MIB, |slab| (slab >= 4 * KIB) as usize);
}

#[test]
fn twenty_chunks_of_each_slab_freed_by_others() {
    all_freed_by_others(64 * MIB, |_| 20);
}

#[test]
fn a_page_of_each_slab_freed_by_others() {
    all_freed_by_others(4 * MIB, |slab| 4 * KIB / slab);
    all_freed_by_others(4 * MIB, |slab| (4 * KIB / slab).saturating_sub(1));
}

#[test]
fn many_chunks_of_one_slab_freed_by_others() {
    all_freed_by_others(8 * MIB, |slab| if slab == 64 { 20_000 } else { 0 });
}

/// A thread that looks for parked memory swaps an idle one's lists for a mark; woken in the middle, that one goes on
/// with what it finds. Nothing is missing from the figures, and once it sleeps again nothing from what can be had.
#[test]
fn what_a_thief_put_aside_is_counted_and_found() {
    const KEPT: usize = 7;
    let arena = bounded(64 * MIB);
    std::thread::scope(|scope| {
        let (sends, freed) = channel::<Vec<Block>>();
        let (tells, done) = channel();
        let arena = &arena;
        let thread = scope.spawn(move || {
            let mut rng = Rng::new(5);
            for blocks in freed {
                for block in blocks {
                    block.free(arena);
                    std::thread::sleep(Duration::from_nanos(rng.below(60_000) as u64));
                }
                tells.send(()).expect("the test waits");
            }
        });
        let mut trims = Rng::new(7);
        for round in 0..common::scaled(200) {
            let mut blocks: Vec<Block> =
                (0..100).map(|seed| Block::new(arena, layout(64, 8), seed).expect("memory")).collect();
            let kept = blocks.split_off(blocks.len() - KEPT);
            sends.send(blocks).expect("the thread waits");
            // Not to the end: a later look would find what this one put aside.
            (0..trims.below(20)).for_each(|_| _ = arena.trim());
            done.recv().expect("the thread frees");
            let usable: usize = kept.iter().map(|block| block.usable(arena)).sum();
            assert_eq!(arena.info().allocated, usable, "in round {round}");
            kept.into_iter().for_each(|block| block.free(arena));
            let found = (0..500).any(|_| {
                std::thread::yield_now();
                arena.trim();
                arena.info().heap == 0
            });
            assert!(found, "in round {round}: {}", arena.info());
        }
        drop(sends);
        // The scope itself does not wait for the exit hooks.
        thread.join().expect("no panic");
    });
    assert_eq!(arena.info().allocated, 0);
}

/// What one sleeper has freed is all that another one's pools miss, whichever of them is looked at first.
#[test]
fn one_look_finds_what_a_sleeper_freed_of_another_ones() {
    for allocator_is_first in [true, false] {
        for trims in [true, false] {
            let arena = Arc::new(bounded(4 * MIB));
            let workers = [Worker::new(&arena), Worker::new(&arena)];
            for worker in &workers {
                worker.run(|arena| Block::new(arena, layout(8, 8), 1).expect("memory").free(arena));
            }
            let [allocator, freer] = if allocator_is_first { [0, 1] } else { [1, 0] };
            let (sender, receiver) = channel();
            workers[allocator].run(move |arena| {
                let blocks = arena.slabs().filter(|&slab| slab <= 8 * KIB).map(|slab| {
                    // Hardened, a chunk has a few bytes behind the block.
                    Block::new(arena, layout(slab - 1, 1), 1).expect("memory")
                });
                sender.send(blocks.collect::<Vec<_>>()).expect("the test waits");
            });
            let blocks = receiver.recv().expect("blocks");
            workers[freer].run(move |arena| blocks.into_iter().for_each(|block| block.free(arena)));
            assert_eq!(arena.info().allocated, 0);
            if trims {
                arena.trim();
                assert_eq!(arena.info().heap, 0, "{:?}", arena.utilization().collect::<Vec<_>>());
            } else {
                Block::new(&arena, layout(3 * MIB + MIB / 2, 8), 2).expect("all is free").free(&arena);
            }
            workers.into_iter().for_each(Worker::end);
        }
    }
}
