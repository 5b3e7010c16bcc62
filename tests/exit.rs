//! Promise: a thread may exit before or after its chunks are freed, also while others are freeing them.

mod common;

use std::sync::Barrier;
use std::sync::mpsc::channel;

use common::{Block, Chain, KIB, MIB, Rng, bounded, layout};

fn blocks(arena: &arenal::Arena, rng: &mut Rng, count: usize) -> Vec<Block> {
    (0..count).map(|_| Block::new(arena, layout(rng.size(4 * KIB), 8), rng.word()).expect("memory")).collect()
}

#[test]
fn chunks_outlive_their_thread() {
    let arena = bounded(64 * MIB);
    let mut rng = Rng::new(1);
    for _ in 0..common::scaled(200) {
        let mut left: Vec<Block> =
            common::threads(3, |i| blocks(&arena, &mut Rng::new(i as u64), 500)).into_iter().flatten().collect();
        let usable: usize = left.iter().map(|block| block.usable(&arena)).sum();
        assert_eq!(arena.info().allocated, usable, "the dead threads' chunks count");
        rng.shuffle(&mut left);
        let own = blocks(&arena, &mut rng, 500);
        left.into_iter().chain(own).for_each(|block| block.free(&arena));
        assert_eq!(arena.info().allocated, 0);
    }
    common::verify(&arena);
}

/// The owner exits at the very moment when others free what it allocated.
#[test]
fn remote_frees_race_the_owners_exit() {
    let arena = bounded(64 * MIB);
    for round in 0..common::scaled(1500) {
        let barrier = Barrier::new(3);
        let (sender, receiver) = channel();
        std::thread::scope(|scope| {
            let owner = scope.spawn(|| {
                let sender = sender;
                let mut rng = Rng::new(round as u64);
                for _ in 0..2 {
                    sender.send(blocks(&arena, &mut rng, 100)).expect("the test keeps the receiver");
                }
                let own = blocks(&arena, &mut rng, 50);
                barrier.wait();
                own.into_iter().for_each(|block| block.free(&arena));
            });
            let parts: Vec<Vec<Block>> = (0..2).map(|_| receiver.recv().expect("two parts")).collect();
            let freers: Vec<_> = parts
                .into_iter()
                .map(|part| {
                    let (barrier, arena) = (&barrier, &arena);
                    scope.spawn(move || {
                        barrier.wait();
                        part.into_iter().for_each(|block| block.free(arena));
                    })
                })
                .collect();
            owner.join().expect("no panic");
            freers.into_iter().for_each(|freer| freer.join().expect("every block intact"));
        });
        assert_eq!(arena.info().allocated, 0, "round {round}");
    }
    // Three short threads at a time never need more than a few pools each.
    assert!(arena.info().heap <= 32 * MIB, "{}", arena.info());
    common::verify(&arena);
}

/// A thread that only frees what others allocated, and exits with its batches half full.
#[test]
fn a_freer_exits_with_a_half_full_batch() {
    let arena = bounded(16 * MIB);
    for count in 1..common::scaled(300) {
        let mine = blocks(&arena, &mut Rng::new(count as u64), count);
        std::thread::scope(|scope| {
            let freer = scope.spawn(|| mine.into_iter().for_each(|block| block.free(&arena)));
            freer.join().expect("every block intact");
        });
        assert_eq!(arena.info().allocated, 0, "{count} frees by a thread that exited");
    }
    Chain::fill(&arena, 64).assert_share(&arena, "after the freers' exits");
}

/// New threads go on with the memory that departed ones left, instead of taking more.
#[test]
fn generations_of_threads_share_their_memory() {
    let arena = bounded(64 * MIB);
    let mut peak = 0;
    for generation in 0..common::scaled(500) {
        common::threads(2, |i| {
            let live = blocks(&arena, &mut Rng::new(i as u64), 300);
            live.into_iter().for_each(|block| block.free(&arena));
        });
        let heap = arena.info().heap;
        if generation == 19 {
            peak = heap;
        }
        assert!(generation < 20 || heap <= peak + 4 * MIB, "generation {generation}: {peak} grew to {heap}");
    }
    common::verify(&arena);
}

/// Threads that leave live chunks behind do not make their pools useless: others allocate from them.
#[test]
fn partly_used_pools_of_the_dead_are_used() {
    let arena = bounded(16 * MIB);
    let mut left = Vec::new();
    let mut warm = 0;
    // Each thread leaves one chunk, of a slab whose pools threads do not share: sixteen thousand are a megabyte, not a
    // gigabyte.
    for _ in 0..common::scaled(16_000) {
        left.push(common::threads(1, |i| Block::new(&arena, layout(72, 8), i as u64)).remove(0).expect("memory"));
        if left.len() == 20 {
            warm = arena.info().overhead;
        }
    }
    // One heap after the other takes the last one's place, instead of a place beside it.
    assert!(arena.info().overhead <= warm + 160 * KIB, "metadata grew from {warm}: {}", arena.info());
    assert!(arena.info().heap <= 8 * MIB, "{}", arena.info());
    left.into_iter().for_each(|block| block.free(&arena));
    assert_eq!(arena.info().allocated, 0);
    common::verify(&arena);
}

/// The end of a scope is not the end of its threads: one may be leaving its heap, and sending others' chunks home.
#[test]
fn release_beside_threads_that_end() {
    let arena = bounded(64 * MIB);
    let sizes: Vec<usize> = arena.slabs().filter(|slab| (512..=4 * KIB).contains(slab)).collect();
    for round in 0..common::scaled(3000) as u64 {
        let blocks: Vec<Block> = sizes
            .iter()
            .flat_map(|&size| (0..40).map(move |_| size))
            .map(|size| Block::new(&arena, layout(size, 8), round).expect("memory"))
            .collect();
        std::thread::scope(|scope| {
            scope.spawn(|| blocks.into_iter().for_each(|block| block.free(&arena)));
        });
        // The thread's last instants, one after the other.
        (0..round % 400 * 4).for_each(|_| std::hint::spin_loop());
        // SAFETY: no chunk is in use.
        unsafe { arena.release() };
        let info = arena.info();
        assert!(info.heap == 0 && info.allocated == 0, "round {round}: {info:?}");
    }
    let chain = Chain::fill(&arena, 64 * KIB);
    chain.assert_share(&arena, "after the last release");
    chain.free(&arena);
    common::verify(&arena);
}
