//! Promise: sizes above an arena's threshold are the system's, whatever its threads trade among themselves.

mod common;

use std::alloc::Layout;

use arenal::{Arena, Config};
use common::trade::{block, trades};
use common::{MIB, Rng, layout, verify};

/// Its threads' own lists are those that the inlined half knows.
static PRIMARY: Arena = Arena::with_config(Config::new(256 * MIB).system_above(1000));

/// Small sizes, all of their slabs', and those of a slab of which the system has some: `verify` sees that its list
/// stays empty.
fn told_apart(arena: &Arena, most: usize, trading: bool, draw: fn(&mut Rng) -> Layout) {
    assert!(trades(arena, 3000, |rng| layout(100 + rng.below(93), 8)) || !trading);
    trades(arena, 300, draw);
    let [own, systems] = [most, most + 1].map(|size| block(arena, layout(size, 8)));
    assert!(arena.contains(own.ptr()) && !arena.contains(systems.ptr()));
    own.free(arena);
    systems.free(arena);
    verify(arena);
    assert_eq!(arena.info().allocated, 0);
}

#[test]
fn what_is_partly_the_systems_is_not_traded() {
    // SAFETY: the layout is not empty, and the block is freed once.
    unsafe {
        let first = std::alloc::GlobalAlloc::alloc(&PRIMARY, Layout::new::<u64>());
        std::alloc::GlobalAlloc::dealloc(&PRIMARY, first, Layout::new::<u64>());
    }
    let half = |rng: &mut Rng| layout(if rng.below(2) == 0 { 100 + rng.below(93) } else { 970 + rng.below(31) }, 8);
    told_apart(&PRIMARY, 1000, true, half);
    told_apart(&Arena::with_config(Config::new(64 * MIB).system_above(1000)), 1000, true, half);
    let small = Arena::with_config(Config::new(64 * MIB).system_above(200));
    told_apart(&small, 200, false, |rng| layout(100 + rng.below(101), 8));
}
