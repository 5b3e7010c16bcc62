//! One or two buffers of a length: programs that keep them take little more than their bytes, and those that replace
//! them all the time do not take and give back a pool each time.

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
    let lengths = || arena.slabs().filter(|slab| ((32 << 10) + 1..=128 << 10).contains(slab));
    assert_eq!(lengths().count(), 16);
    for number in 1..=2 {
        lengths().for_each(|slab| _ = arena.allocate_slab(slab).unwrap());
        let (held, allocated) = lengths()
            .map(|slab| usage(&arena, slab))
            .fold((0, 0), |(held, allocated), usage| (held + usage.heap, allocated + usage.allocated));
        assert_eq!(allocated, number * lengths().sum::<usize>());
        assert!(held <= allocated / 8 * 9, "{held} bytes are held for {allocated}");
    }
}

/// Turns a ring of so many blocks: the next one is allocated before the oldest is freed. At last its slab has room for
/// one more than are live, always in the same pools.
fn turn(arena: &Arena, slab: usize, length: usize) {
    const TURNS: usize = 1000;
    let mut ring: VecDeque<_> = (0..length).map(|_| arena.allocate_slab(slab).unwrap()).collect();
    let free_oldest = |ring: &mut VecDeque<_>| {
        let oldest = ring.pop_front().expect("the ring is not empty");
        // SAFETY: of this slab, and freed once.
        unsafe { arena.deallocate(oldest, layout(slab, 8)) };
    };
    let mut before = None;
    for at in 0..TURNS {
        ring.push_back(arena.allocate_slab(slab).unwrap());
        free_oldest(&mut ring);
        if at >= TURNS / 2 {
            let usage = usage(arena, slab);
            assert_eq!(*before.get_or_insert(usage), usage, "a ring of {length}, turn {at}");
            let room = (length + 1) * slab..=8 * length * slab;
            assert!(room.contains(&usage.heap), "a ring of {length}: {usage:?}");
        }
    }
    common::verify(arena);
    (0..length).for_each(|_| free_oldest(&mut ring));
}

#[test]
fn rings_of_few_have_room_for_the_next() {
    for slab in [40 << 10, 64 << 10, 96 << 10, 128 << 10] {
        (1..=3).for_each(|length| turn(&Arena::new(1 << 30), slab, length));
    }
}

#[test]
fn a_released_arena_begins_anew() {
    let slab = 40 << 10;
    let arena = Arena::new(1 << 30);
    turn(&arena, slab, 1);
    // SAFETY: all was freed, and no other thread is inside the arena.
    unsafe { arena.release() };
    (0..2).for_each(|_| _ = arena.allocate_slab(slab).unwrap());
    let usage = usage(&arena, slab);
    assert_eq!((usage.pools, usage.heap < 3 * slab), (2, true), "{usage:?}");
}
