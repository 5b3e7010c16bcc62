//! Promise to the C interface: a short chunk that is moved keeps its bytes, and nothing else changes, wherever the old
//! chunk's pool stands.

mod common;

use std::ptr::NonNull;

use arenal::Arena;
use common::{Bytes, MIB, Rng, in_fork, layout, scaled};

#[global_allocator]
static ARENA: Arena = Arena::new(256 * MIB);

/// Alignment of C's blocks.
const ALIGN: usize = 16;

/// A block as C knows it: by its address.
struct Owned(Bytes);

impl Owned {
    fn new(size: usize, seed: usize) -> Owned {
        let at = ARENA.allocate(layout(size, ALIGN)).expect("memory");
        Owned(Bytes::adopt(at.as_ptr(), size, seed))
    }

    /// Whether it was moved, or stays because one slab serves both sizes.
    fn resize(&mut self, size: usize) -> bool {
        // SAFETY: a live block; known by its new address only from now on.
        let moved = unsafe { ARENA.chunk_size(self.0.at).and_then(|held| ARENA.move_short(self.0.at, held, size)) };
        let Some(at) = moved else { return false };
        assert!(at.addr().get().is_multiple_of(ALIGN));
        self.0.moved(at.as_ptr(), size);
        true
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.0.check();
        // SAFETY: a live block, not used afterwards.
        unsafe { ARENA.free(NonNull::new(self.0.at).expect("a block")) };
    }
}

/// In the child of a fork, which has one thread: the test harness's other one uses the program's arena, too.
#[test]
fn short_chunks_are_moved() {
    in_fork(move_many);
}

fn move_many() {
    let blocks = 20_000;
    let mut rng = Rng::new(4);
    let mut live: Vec<Owned> = Vec::with_capacity(blocks);
    let before = ARENA.info().allocated;
    live.extend((0..blocks).map(|seed| Owned::new(rng.size(128), seed)));
    let (mut moved, mut refused) = (0, 0);
    for _ in 0..scaled(500_000) {
        let at = rng.below(blocks);
        let size = if rng.below(50) == 0 { rng.size(1024) } else { rng.size(128) };
        if live[at].resize(size) {
            moved += 1;
        } else {
            refused += 1;
            let seed = live[at].0.seed();
            live[at] = Owned::new(size.min(128), seed);
        }
    }
    // Debug builds and hardened ones leave all of it to the ways that check.
    let checked = cfg!(debug_assertions) || cfg!(feature = "hardened");
    assert!(if checked { moved == 0 } else { moved > 20 * refused }, "{moved} moved, {refused} refused");
    live.iter().for_each(|block| block.0.check());
    live.clear();
    assert_eq!(ARENA.info().allocated, before, "moved chunks that were not freed, or twice");
    common::verify(&ARENA);
}
