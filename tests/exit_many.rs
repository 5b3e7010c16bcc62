//! Promise: 100,000 short threads leave no growth in pools, mappings or resident memory.

mod common;

use std::sync::Mutex;

use arenal::Arena;
use common::{Block, KIB, MIB, Rng, layout};

#[global_allocator]
static ARENA: Arena = Arena::new(256 << 20);

/// Allocates some, frees its own, a predecessor's, and leaves a few for its successors.
fn short_life(seed: u64, left: &Mutex<Vec<Block>>) {
    let mut rng = Rng::new(seed);
    let mut own: Vec<Block> =
        (0..12).map(|_| Block::new(&ARENA, layout(rng.size(KIB), 8), rng.word()).expect("memory")).collect();
    let found = {
        let mut left = left.lock().expect("no panic");
        left.extend(own.drain(..2));
        let keep = left.len().min(20);
        left.split_off(keep)
    };
    found.into_iter().chain(own).for_each(|block| block.free(&ARENA));
}

fn generations(count: usize, left: &Mutex<Vec<Block>>) {
    const WAVE: usize = 20;
    for wave in 0..count / WAVE {
        common::threads(WAVE, |i| short_life((wave * WAVE + i) as u64, left));
    }
}

#[test]
fn no_growth() {
    let left = Mutex::new(Vec::new());
    generations(4000, &left);
    let warm = (ARENA.info(), common::mappings(), common::rss());
    generations(common::scaled(100_000), &left);
    let after = (ARENA.info(), common::mappings(), common::rss());
    println!("warm:  {}, {} mappings, {} bytes resident", warm.0, warm.1, warm.2);
    println!("after: {}, {} mappings, {} bytes resident", after.0, after.1, after.2);
    assert!(after.0.heap <= warm.0.heap + 4 * MIB, "pools grew: {} then {}", warm.0, after.0);
    assert!(after.0.overhead <= warm.0.overhead + 256 * KIB, "metadata grew: {} then {}", warm.0, after.0);
    assert!(after.0.allocated <= warm.0.allocated + MIB, "chunks leak: {} then {}", warm.0, after.0);
    assert!(after.1 <= warm.1 + 50, "mappings grew: {} then {}", warm.1, after.1);
    assert!(after.2 <= warm.2 + 16 * MIB, "resident memory grew: {} then {}", warm.2, after.2);
    for block in left.into_inner().expect("no panic") {
        block.free(&ARENA);
    }
}
