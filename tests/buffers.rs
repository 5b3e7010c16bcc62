//! A few buffers of a length: programs that keep them take little more than their bytes, and such as replace them all
//! the time do not take and give back a pool each time.

mod common;

use arenal::{Arena, SlabUsage};
use common::layout;
use std::collections::VecDeque;

fn usage(arena: &Arena, slab: usize) -> SlabUsage {
    arena.utilization().find(|usage| usage.slab == slab).expect("a slab in use")
}

#[test]
fn few_of_each_length_take_little_more_than_their_bytes() {
    let arena = Arena::new(1 << 30);
    let lengths = || arena.slabs().filter(|slab| (18 << 10..=128 << 10).contains(slab));
    assert!(lengths().count() > 20);
    for number in 1..=3 {
        lengths().for_each(|slab| _ = arena.allocate_slab(slab).unwrap());
        let (held, allocated) = lengths()
            .map(|slab| usage(&arena, slab))
            .fold((0, 0), |(held, allocated), usage| (held + usage.heap, allocated + usage.allocated));
        assert_eq!(allocated, number * lengths().sum::<usize>());
        assert!(held <= allocated / 4 * 5, "{held} bytes are held for {allocated}");
    }
}

/// Rings of so many blocks of each slab, all of which turn so many times: the next block of each is allocated before the
/// oldest is freed.
fn turned(slabs: &[usize], length: usize, turns: usize) -> Arena {
    let arena = Arena::new(1 << 30);
    let mut ring: VecDeque<_> = VecDeque::new();
    for turn in 0..length + turns {
        ring.extend(slabs.iter().map(|&slab| (arena.allocate_slab(slab).unwrap(), slab)));
        for _ in slabs.iter().filter(|_| turn >= length) {
            let (oldest, slab) = ring.pop_front().expect("the ring is never empty");
            // SAFETY: of this slab, and freed once.
            unsafe { arena.deallocate(oldest, layout(slab, 8)) };
        }
    }
    common::verify(&arena);
    arena
}

fn assert_few_pools(arena: &Arena, slab: usize, length: usize) {
    let usage = usage(arena, slab);
    assert_eq!(usage.allocated, length * slab);
    assert!(usage.pools <= 2 && usage.heap <= 3 * usage.allocated, "a ring of {length}: {usage:?}");
}

#[test]
fn rings_of_few_have_one_pool_or_two() {
    for slab in [20 << 10, 40 << 10, 96 << 10] {
        (1..=6).for_each(|length| assert_few_pools(&turned(&[slab], length, 50), slab, length));
    }
}

/// No pool is replaced before another slab's is taken.
#[test]
fn so_have_rings_by_turns() {
    let slabs = [20 << 10, 40 << 10, 96 << 10];
    for length in 1..=4 {
        let arena = turned(&slabs, length, 500);
        slabs.iter().for_each(|&slab| assert_few_pools(&arena, slab, length));
    }
}
