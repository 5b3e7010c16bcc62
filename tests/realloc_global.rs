//! Promise: `realloc` of a program's allocator keeps what it must between all small sizes, and touches nothing else,
//! wherever the old chunk's pool stands.

mod common;

use std::alloc::{alloc, dealloc, realloc};

use arenal::Arena;
use common::{Bytes, MIB, Rng, layout, scaled};

#[global_allocator]
static ARENA: Arena = Arena::new(256 * MIB);

/// A block of the program's allocator.
struct Owned {
    bytes: Bytes,
    align: usize,
}

impl Owned {
    fn new(size: usize, align: usize, seed: usize) -> Owned {
        // SAFETY: the size is not zero.
        let at = unsafe { alloc(layout(size, align)) };
        assert!(!at.is_null() && (at as usize).is_multiple_of(align));
        Owned { bytes: Bytes::adopt(at, size, seed), align }
    }

    fn resize(&mut self, size: usize) {
        self.bytes.check();
        // SAFETY: allocated with this layout, and known by its new address only from now on.
        let at = unsafe { realloc(self.bytes.at, layout(self.bytes.size, self.align), size) };
        assert!(!at.is_null() && (at as usize).is_multiple_of(self.align));
        self.bytes.moved(at, size);
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.bytes.check();
        // SAFETY: allocated with this layout, and not used afterwards.
        unsafe { dealloc(self.bytes.at, layout(self.bytes.size, self.align)) };
    }
}

/// One after the other: nobody else may be in the program's arena while it is verified.
#[test]
fn moved_blocks_keep_their_bytes() {
    all_small_sizes_to_all_others();
    at_random_in_many_pools();
    common::verify(&ARENA);
}

fn all_small_sizes_to_all_others() {
    let mut others: Vec<usize> = (1..=160).chain((168..=1100).step_by(53)).collect();
    others.extend([1024, 1025, 4096, 5000]);
    for align in [1, 8, 16] {
        for size in 1..=140 {
            // Neighbours on both sides notice a copy that is too long.
            let mut blocks: Vec<Owned> = (0..8).map(|seed| Owned::new(size, align, seed)).collect();
            for &other in &others {
                for block in [1, 4, 6] {
                    blocks[block].resize(other);
                    blocks[block].resize(size);
                }
            }
        }
    }
}

fn at_random_in_many_pools() {
    let before = ARENA.info().allocated;
    let mut rng = Rng::new(1);
    let draw = |rng: &mut Rng| {
        let limit = if rng.below(4) == 0 { 1200 } else { 140 };
        1 + rng.below(limit)
    };
    let mut blocks: Vec<Owned> = (0..20_000).map(|seed| Owned::new(draw(&mut rng), 8, seed)).collect();
    for _ in 0..scaled(400_000) {
        let (block, size) = (rng.below(blocks.len()), draw(&mut rng));
        blocks[block].resize(size);
    }
    drop(blocks);
    assert_eq!(ARENA.info().allocated, before, "moved blocks were not freed");
}
