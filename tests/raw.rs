//! Promise to the C interface: a short chunk that is moved keeps its bytes, and nothing else changes, wherever the old
//! chunk's pool stands.

mod common;

use std::ptr::NonNull;

use arenal::Arena;
use common::{MIB, Rng, layout, scaled};

#[global_allocator]
static ARENA: Arena = Arena::new(256 * MIB);

/// Alignment of C's blocks.
const ALIGN: usize = 16;

/// A block as C knows it: by its address.
struct Bytes {
    at: NonNull<u8>,
    size: usize,
    seed: usize,
}

impl Bytes {
    fn new(size: usize, seed: usize) -> Bytes {
        let at = ARENA.allocate(layout(size, ALIGN)).expect("memory");
        let mut block = Bytes { at, size, seed };
        block.fill(0);
        block
    }

    fn byte(&self, place: usize) -> u8 {
        (((place + self.seed) * 167) >> 3) as u8
    }

    fn fill(&mut self, from: usize) {
        // SAFETY: the block is ours, and so long.
        (from..self.size).for_each(|place| unsafe { self.at.add(place).write(self.byte(place)) });
    }

    fn check(&self, bytes: usize) {
        for place in 0..bytes {
            // SAFETY: the block is ours, longer, and has been written to so far.
            assert_eq!(unsafe { self.at.add(place).read() }, self.byte(place), "byte {place} of {}", self.size);
        }
    }

    /// Whether it was moved, or stays because one slab serves both sizes.
    fn resize(&mut self, size: usize) -> bool {
        // SAFETY: a live block; known by its new address only from now on.
        let moved = unsafe {
            ARENA.chunk_size(self.at.as_ptr()).and_then(|held| ARENA.move_short(self.at.as_ptr(), held, size))
        };
        let Some(at) = moved else { return false };
        assert!(at.addr().get().is_multiple_of(ALIGN));
        let kept = self.size.min(size);
        (self.at, self.size) = (at, size);
        self.check(kept);
        self.fill(kept);
        true
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.check(self.size);
        // SAFETY: a live block, not used afterwards.
        unsafe { ARENA.free(self.at) };
    }
}

/// One thread, and one test: nobody else may be in the program's arena while it is looked at.
#[test]
fn short_chunks_are_moved() {
    let blocks = 20_000;
    let mut rng = Rng::new(4);
    let mut live: Vec<Bytes> = Vec::with_capacity(blocks);
    let before = ARENA.info().allocated;
    live.extend((0..blocks).map(|seed| Bytes::new(rng.size(128), seed)));
    let (mut moved, mut refused) = (0, 0);
    for _ in 0..scaled(500_000) {
        let at = rng.below(blocks);
        let size = if rng.below(50) == 0 { rng.size(1024) } else { rng.size(128) };
        if live[at].resize(size) {
            moved += 1;
        } else {
            refused += 1;
            let seed = live[at].seed;
            live[at] = Bytes::new(size.min(128), seed);
        }
    }
    // Debug builds and hardened ones leave all of it to the ways that check.
    let checked = cfg!(debug_assertions) || cfg!(feature = "hardened");
    assert!(if checked { moved == 0 } else { moved > 20 * refused }, "{moved} moved, {refused} refused");
    live.iter().for_each(|block| block.check(block.size));
    live.clear();
    assert_eq!(ARENA.info().allocated, before, "moved chunks that were not freed, or twice");
    common::verify(&ARENA);
}
