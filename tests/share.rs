//! Promise: one thread can use at least 90 % of the capacity in chunks of any one slab, a thousand times over.

mod common;

use arenal::Arena;
use common::{Chain, KIB, MIB, Rng, bounded, layout, spread};

fn table(capacity: usize) {
    let arena = bounded(capacity);
    let slabs = spread(&arena, 13);
    assert!(slabs.len() >= 10, "too few slabs to show: {slabs:?}");
    let mut lines = Vec::new();
    for &slab in &slabs {
        let chain = Chain::fill(&arena, slab);
        lines.push((slab, chain.count, chain.share(&arena)));
        let info = arena.info();
        assert_eq!(info.allocated, chain.bytes());
        assert!(info.allocated <= info.heap && info.heap <= info.capacity, "{info:?}");
        chain.free(&arena);
        assert_eq!(arena.info().allocated, 0);
    }
    // Sizes between the largest slab and a sixteenth of the capacity are one chunk each, of whatever the arena cuts.
    let last = arena.slabs().max().expect("slabs");
    for size in [256 * KIB, MIB, 4 * MIB, 16 * MIB] {
        if size > last && size <= capacity / 16 {
            let chain = Chain::of_layout(&arena, layout(size, 8));
            lines.push((size, chain.count, chain.share(&arena)));
            chain.free(&arena);
        }
    }
    println!("usable share of {} MiB at the first refusal", arena.capacity() / MIB);
    for (size, count, share) in &lines {
        println!("{size:>10} B × {count:>9} = {:>6.2} %", share * 100.0);
    }
    for (size, _, share) in lines {
        assert!((0.9..=1.0).contains(&share), "chunks of {size} reach {:.2} %", share * 100.0);
    }
    common::verify(&arena);
}

#[test]
fn of_64_mib() {
    table(64 * MIB);
}

#[test]
fn of_256_mib() {
    table(256 * MIB);
}

/// Nothing is touched, so a full 4 GiB costs little where large chunks are carved without links in them.
#[test]
fn of_4_gib_untouched() {
    let arena = bounded(4 << 30);
    let slab = arena.slabs().filter(|&slab| slab <= 64 * KIB).max().expect("slabs");
    let mut chunks = Vec::new();
    while let Ok(ptr) = arena.allocate_slab(slab) {
        chunks.push(ptr);
    }
    let share = (chunks.len() * slab) as f64 / arena.capacity() as f64;
    println!("4096 MiB: {slab} B × {} = {:.2} %", chunks.len(), share * 100.0);
    assert!((0.9..=1.0).contains(&share), "chunks of {slab} reach {:.2} %", share * 100.0);
    for ptr in chunks {
        // SAFETY: live, and freed once.
        unsafe { arena.free(ptr) };
    }
    assert_eq!(arena.info().allocated, 0);
}

/// As many large blocks as are not longer than the capacity together.
#[test]
fn large_blocks_that_fit_exactly() {
    for (capacity, size) in [(16, 8), (48, 16), (64, 64), (64, 3), (64, 32), (600, 200), (1000, 200)] {
        let arena = bounded(capacity * MIB);
        let blocks: Vec<_> = std::iter::from_fn(|| arena.allocate(layout(size * MIB, 8)).ok()).collect();
        assert_eq!(blocks.len(), capacity / size, "of {size} MiB in {capacity} MiB");
        // SAFETY: live, and freed once.
        blocks.into_iter().for_each(|block| unsafe { arena.free(block) });
    }
}

#[test]
fn a_thousand_refills_by_other_slabs() {
    let arena = bounded(16 * MIB);
    let slabs = spread(&arena, 40);
    let mut rng = Rng::new(9);
    for round in 0..common::scaled(1000) {
        let slab = slabs[rng.below(slabs.len())];
        let chain = Chain::fill(&arena, slab);
        chain.assert_share(&arena, &format!("refill {round}"));
        match round % 3 {
            0 => chain.free(&arena),
            1 => chain.reversed().free(&arena),
            _ => std::thread::scope(|scope| scope.spawn(|| chain.free(&arena)).join().expect("all intact")),
        }
        assert_eq!(arena.info().allocated, 0, "after refill {round} by {slab}");
    }
    common::verify(&arena);
}

/// The smallest arena holds the promise too, for slabs small against it.
#[test]
fn the_smallest_arena() {
    let arena = bounded(Arena::MIN_CAPACITY);
    let slabs: Vec<usize> = arena.slabs().filter(|&slab| slab <= arena.capacity() / 64).collect();
    for round in 0..2 {
        for &slab in slabs.iter().step_by(if cfg!(debug_assertions) { 11 } else { 3 }) {
            let chain = Chain::fill(&arena, slab);
            chain.assert_share(&arena, &format!("round {round}"));
            chain.free(&arena);
        }
    }
}

/// Memory that a few leftovers pin stays pinned, but no more than their pools.
#[test]
fn leftovers_cost_their_pools_only() {
    let arena = bounded(64 * MIB);
    let leftovers: Vec<Chain> =
        arena.slabs().filter(|&slab| slab <= 1024).map(|slab| Chain::up_to(&arena, slab, slab)).collect();
    for slab in [64, 4096, 32 * KIB] {
        let chain = Chain::fill(&arena, slab);
        let share = chain.share(&arena);
        assert!(share >= 0.8, "with {} leftovers, {slab} reaches {share:.3}", leftovers.len());
        chain.free(&arena);
    }
    leftovers.into_iter().for_each(|chain| chain.free(&arena));
    assert_eq!(arena.info().allocated, 0);
}
